"""What the readers of a domain share: instants of a request, and what to run where a table holds nothing."""

from collections.abc import Mapping
from datetime import date, datetime

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.errors import InvalidRequest, NotMaterialised
from market_assets.values import store_in_force
from resources.stores.protocol import PartitionStore

#: a date (as an end: the whole day), a tz-aware instant, or ISO text of either
Moment = date | datetime | str

#: between the parts of a partition key
SEPARATOR = "|"


def instant(moment: Moment | None, name: str) -> datetime | None:
    """The instant; of a date its midnight. Raises InvalidRequest for a naive one, naming the argument."""
    if moment is None:
        return None
    try:
        return clock.instant(moment)
    except (ValueError, TypeError) as wrong:
        raise InvalidRequest(f"{name}: {wrong}") from None


def filled(store: PartitionStore | None, *contracts: Contract, examples: Mapping[str, str]) -> PartitionStore:
    """The store to ask. Raises NotMaterialised for the first of `contracts` that holds nothing.

    `examples` has a key of each partition dimension, for the command that the message names.
    """
    asked = store or store_in_force()
    for contract in contracts:
        if not asked.partitions(contract):
            key = SEPARATOR.join(examples[dimension] for dimension in contract.dimensions)
            raise NotMaterialised(
                f"{contract.name} holds no data yet. Materialise it in the Dagster UI, or run: dagster asset "
                f"materialize -m market_assets.definitions --select {contract.name}"
                + (f" --partition '{key}'" if key else "")
            )
    return asked
