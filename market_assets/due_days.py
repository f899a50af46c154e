"""What should be stored of a UTC day, over all domains."""

from collections.abc import Callable
from datetime import date

from market_assets.bars.due import due as bars_due
from market_assets.btc.due import due as btc_due
from market_assets.core.due import Due
from market_assets.crypto.due import due as crypto_due
from market_assets.equities.due import due as equities_due
from market_assets.funding.due import due as funding_due
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

_DOMAINS: tuple[Callable[[PartitionStore, Settings, date], dict[str, Due]], ...] = (
    equities_due,
    btc_due,
    funding_due,
    crypto_due,
    bars_due,
)


def due(store: PartitionStore, found: Settings, day: date) -> dict[str, Due]:
    """Table -> the partitions that should hold a day, and when; tables that no day is due of are left out."""
    return {table: told for domain in _DOMAINS for table, told in domain(store, found, day).items()}
