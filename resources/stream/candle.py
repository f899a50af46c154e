"""What passes between the parts of a collector."""

from datetime import datetime, timedelta
from typing import NamedTuple

MINUTE = timedelta(minutes=1)


class Candle(NamedTuple):
    """One minute of one symbol, closed or still forming."""

    symbol: str
    #: open instant
    ts: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trade_count: int
    taker_buy_base: float
    taker_buy_quote: float
    source: str
    ingested_at: datetime


class Update(NamedTuple):
    """A candle as a venue pushed it. Only a final one may be stored."""

    candle: Candle
    is_final: bool
    #: the venue's own instant of the message
    at: datetime


class Farewell(NamedTuple):
    """The venue is about to cut the connection."""

    said: str
