"""Which symbols are behind, by what is published of their candles. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from market_assets.crypto.settings import MINUTES

#: the timeframe that symbols are judged by: the shortest that is built
TIMEFRAME = "5m"
#: the table they are in
CANDLES = "crypto_timeframes"
#: age of the last closed candle, in its lengths, above which a symbol is late (spec: freshness)
LATE = 1.5
#: table -> minutes of the candles that its newest rows are of
_SHORTEST = {"crypto_klines": 1, CANDLES: MINUTES[TIMEFRAME], "crypto_overlays": MINUTES[TIMEFRAME]}


def tables(primary: str) -> dict[str, timedelta]:
    """Table by symbol and day -> length of the candles that its newest rows are of; decisions are of `primary`."""
    minutes = {**_SHORTEST, "crypto_signals": MINUTES[primary]}
    return {table: timedelta(minutes=n) for table, n in minutes.items()}


def behind(closed: Mapping[str, datetime], symbols: Sequence[str], now: datetime) -> list[str]:
    """What is wrong with each symbol whose last candle of TIMEFRAME closed too long ago; `closed`: of that one."""
    longest = LATE * timedelta(minutes=MINUTES[TIMEFRAME])
    told = []
    for symbol in symbols:
        if symbol not in closed:
            told.append(f"{symbol} has no {TIMEFRAME} candle")
        elif now - closed[symbol] > longest:
            age_min = (now - closed[symbol]).total_seconds() / 60
            told.append(f"{symbol}'s last {TIMEFRAME} candle closed {age_min:,.0f} min ago")
    return told
