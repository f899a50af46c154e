"""Minute candles in arrays, and the coins that have them: what backends hand to Binance's kline routes and stream."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from resources.sandbox.arrays import Timed

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

#: the two markets that have minutes
USDM, SPOT = "binance_usdm", "binance_spot"
MINUTE_MS = 60_000
DAY_MINUTES = 1440
DAY_MS = DAY_MINUTES * MINUTE_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUOTE_DECIMALS = 5


@dataclass(frozen=True, kw_only=True)
class Coin:
    """One symbol of one market, and when it could be traded."""

    market: str
    symbol: str
    base: str
    quote: str
    listed_at: datetime
    #: first instant without trading; None where no end is known
    closed_at: datetime | None = None
    #: of a price and of a volume
    price_decimals: int = 2
    volume_decimals: int = 3

    def trades(self, at: datetime) -> bool:
        """Whether it can be traded at an instant."""
        return self.listed_at <= at and (self.closed_at is None or at < self.closed_at)


@dataclass(frozen=True)
class Minutes(Timed):
    """Candles of one symbol in parallel arrays, oldest first.

    `time_ms` is the open instant (epoch milliseconds). A minute without trades is a row of volume 0; one that
    the venue does not have is no row. NaN is a value that is not stated.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    quote_volume: Floats
    trades: Integers
    taker_base: Floats
    taker_quote: Floats

    def coarser(self, step_ms: int) -> Self:
        """Candles of so many milliseconds on their grid, from however many minutes there are of each."""
        if not len(self) or step_ms == MINUTE_MS:
            return self
        opens = self.time_ms // step_ms * step_ms
        starts = np.flatnonzero(np.diff(opens, prepend=-1))
        ends = np.append(starts[1:], len(self)) - 1
        sums = ("volume", "quote_volume", "trades", "taker_base", "taker_quote")
        return type(self)(
            time_ms=opens[starts],
            open=self.open[starts],
            high=np.maximum.reduceat(self.high, starts),
            low=np.minimum.reduceat(self.low, starts),
            close=self.close[ends],
            **{name: np.add.reduceat(getattr(self, name), starts) for name in sums},
        )

    def unfinished(self, at: datetime) -> bool:
        """Whether the last row is a minute still running at an instant."""
        return len(self) > 0 and int(self.time_ms[-1]) + MINUTE_MS > milliseconds(at)

    def begun(self, at: datetime, coin: Coin) -> Self:
        """The minutes that began by an instant; the last one as far as it has come if it is still running."""
        at_ms = milliseconds(at)
        rows = self.window(None, at_ms + 1)
        return rows.take(slice(-1)).append(rows.newest(1)._part(at_ms, coin)) if rows.unfinished(at) else rows

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        none, no_whole = np.empty(0), np.empty(0, np.int64)
        return cls(no_whole, none, none, none, none, none, none, no_whole, none, none)

    def _part(self, at_ms: int, coin: Coin) -> Self:
        """Of one running minute what lies between its open and its price at an instant."""
        share = (at_ms - int(self.time_ms[0])) / MINUTE_MS
        now = np.round(self.open + share * (self.close - self.open), coin.price_decimals)
        above = self.high - np.maximum(self.open, self.close)
        below = np.minimum(self.open, self.close) - self.low
        base, quote = ("volume", "taker_base"), ("quote_volume", "taker_quote")
        decimals = {**dict.fromkeys(base, coin.volume_decimals), **dict.fromkeys(quote, _QUOTE_DECIMALS)}
        grown = {name: _floored(share * getattr(self, name), places) for name, places in decimals.items()}
        return self.with_columns(
            high=np.minimum(np.round(np.maximum(self.open, now) + share * above, coin.price_decimals), self.high),
            low=np.maximum(np.round(np.minimum(self.open, now) - share * below, coin.price_decimals), self.low),
            close=now,
            trades=(share * self.trades).astype(np.int64),
            **grown,
        )


def milliseconds(at: datetime) -> int:
    """An instant in whole milliseconds of the epoch, rounded down."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _floored(values: Floats, decimals: int) -> Floats:
    scale = 10.0**decimals
    return np.floor(values * scale) / scale
