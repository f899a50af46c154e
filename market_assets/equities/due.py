"""Which equities partitions should hold a day, and when."""

from datetime import date

from market_assets.core import calendars
from market_assets.core.due import Due, after
from market_assets.equities.settings import CALENDAR_OF
from market_assets.equities.universe import universe
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

_OF_SYMBOLS = ("equities_daily_bars", "equities_scored_bars")
_OF_YEARS = ("equities_adjusted_bars", "equities_features", "equities_reconciliation")
#: the evening's run, the night's for what was late, and what follows
_GRACE_H = 5.0


def due(store: PartitionStore, found: Settings, day: date) -> dict[str, Due]:
    """Table -> its partitions of a UTC day, of the active symbols that have a session then."""
    traded = [
        symbol
        for symbol, line in universe(store, found.equities).items()
        if line.active
        and line.valid_from <= day
        and (line.valid_to is None or day <= line.valid_to)
        and calendars.is_session(CALENDAR_OF[line.asset_class], day)
    ]
    if not traded or day.year < found.equities.start_year:
        return {}
    pairs = {f"{symbol}|{day.year}" for symbol in traded}
    return {
        **{table: after(day, _GRACE_H, pairs) for table in _OF_SYMBOLS},
        **{table: after(day, _GRACE_H, {str(day.year)}) for table in _OF_YEARS},
    }
