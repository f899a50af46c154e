"""Which funding partitions should hold a day, and when."""

from datetime import date

from market_assets.core.due import Due, after
from market_assets.core.partitions import key_of
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

_OF_EXCHANGES = (
    "funding_rates",
    "funding_snapshot",
    "funding_completeness",
    "funding_statistics",
    "funding_hourly_rates",
)
_OF_DAYS = ("funding_spreads", "funding_spread_statistics", "funding_opportunities")
#: yesterday's settlements are asked for at 00:40, and what follows is computed
_GRACE_H = 3.0


def due(_store: PartitionStore, found: Settings, day: date) -> dict[str, Due]:
    """Table -> its partitions of a UTC day since `funding.start_date`, of the exchanges in use."""
    if day < found.funding.start_date:
        return {}
    pairs = {key_of(day, name) for name in found.funding.enabled}
    return {
        **{table: after(day, _GRACE_H, pairs) for table in _OF_EXCHANGES},
        **{table: after(day, _GRACE_H, {day.isoformat()}) for table in _OF_DAYS},
    }
