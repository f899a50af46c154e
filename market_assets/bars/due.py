"""Which bars partitions should hold a day, and when."""

from datetime import date, timedelta

from market_assets.core import clock, trading_hours
from market_assets.core.due import Due, after
from market_assets.core.partitions import key_of
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

_OF_SYMBOLS = ("bars_minute", "bars_indicators", "bars_scanner_features", "bars_signals", "bars_outcomes")
#: yesterday is asked for at 00:20, and what follows is computed
_GRACE_H = 3.0


def due(_store: PartitionStore, found: Settings, day: date) -> dict[str, Due]:
    """Table -> its partitions of a UTC day, of the symbols that can be asked for and whose market was open."""
    if day < found.bars.start_date:
        return {}
    pairs = {key_of(day, symbol) for symbol in found.bars.symbols if _traded(found, symbol, day)}
    return {
        **{table: after(day, _GRACE_H, pairs) for table in _OF_SYMBOLS},
        "bars_source_health": after(day, _GRACE_H, {day.isoformat()}),
    }


def _traded(found: Settings, symbol: str, day: date) -> bool:
    row = found.bars.instrument(symbol)
    exists = (row.valid_from is None or row.valid_from <= day) and (row.valid_to is None or day < row.valid_to)
    start = clock.instant(day)
    opened = trading_hours.open_minutes(row.calendar, start, start + timedelta(days=1)) > 0
    return exists and opened and found.askable(symbol)
