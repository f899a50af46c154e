"""What a restore must prove of single tables, besides that every row came back."""

from collections.abc import Callable, Mapping

from market_assets.crypto.proof import recomputed_metrics
from resources.stores.protocol import PartitionStore

#: table -> what tells how its restored rows differ from what was published
PROOFS: Mapping[str, Callable[[PartitionStore], list[str]]] = {"crypto_success_metrics": recomputed_metrics}
