"""Which crypto partitions should hold a day, and when."""

from datetime import date

from market_assets.core.due import Due, after
from market_assets.core.partitions import key_of
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore
from resources.stream.symbols import listed

_OF_SYMBOLS = (
    "crypto_klines",
    "crypto_timeframes",
    "crypto_overlays",
    "crypto_feature_telemetry",
    "crypto_signals",
)
#: yesterday is asked for at 00:05; the archive alone has it some hours later
_GRACE_H, _ARCHIVE_H = 2.0, 12.0


def due(_store: PartitionStore, found: Settings, day: date) -> dict[str, Due]:
    """Table -> its partitions of a UTC day, of the symbols listed then."""
    crypto = found.crypto
    if day < crypto.start_date:
        return {}
    hours = _GRACE_H if crypto.live else _ARCHIVE_H
    pairs = {key_of(day, symbol) for symbol in listed(crypto, day)}
    told = {table: after(day, hours, pairs) for table in _OF_SYMBOLS}
    if day >= crypto.account_start:
        told["crypto_paper_trades"] = after(day, hours, {day.isoformat()})
    return told
