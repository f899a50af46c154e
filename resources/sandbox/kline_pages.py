"""Which candles a question for klines means: those of a window from its older end, or the newest before an instant."""

from dataclasses import dataclass
from datetime import datetime

from resources.sandbox.backend import Backend
from resources.sandbox.exchange_desk import instant
from resources.sandbox.minutes import DAY_MS, MINUTE_MS, Coin, Minutes, milliseconds

#: intervals as Binance spells them (`1m` is a minute, `1M` a month) -> minutes; those that divide a day
INTERVALS = {
    **{"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30},
    **{"1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720, "1d": 1440},
}

#: at most so long; a multiple of every interval
_LONGEST_STRIDE_MS = 64 * DAY_MS


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Candles of one coin, and how many of them at most."""

    coin: Coin
    step_ms: int
    rows: int
    #: first and last open instant, both included; None is no bound
    first_ms: int | None = None
    last_ms: int | None = None


def page(backend: Backend, asked: Asked, at: datetime) -> Minutes:
    """With a first instant the oldest candles from it on, without one the newest; oldest first either way."""
    step, coin = asked.step_ms, asked.coin
    ends = [milliseconds(at) + 1]
    ends += [] if asked.last_ms is None else [asked.last_ms + 1]
    ends += [] if coin.closed_at is None else [milliseconds(coin.closed_at)]
    listed = milliseconds(coin.listed_at) // step * step
    floor = max(listed, -(-(asked.first_ms or 0) // step) * step)
    ceiling = -(-min(ends) // step) * step
    older_first, span = asked.first_ms is not None, asked.rows * step
    found = Minutes.empty()
    while len(found) < asked.rows and floor < ceiling:
        first, until = (floor, min(floor + span, ceiling)) if older_first else (max(ceiling - span, floor), ceiling)
        minutes = backend.candles(coin.market, coin.symbol, instant(first), instant(until), at)
        rows = minutes.coarser(step)
        # a hole in what the venue has does not shorten a page: it goes on behind the hole, in longer strides
        if older_first:
            found, floor = found.append(rows), until
        else:
            found, ceiling = rows.append(found), first
        span = max(span, min(4 * span, _LONGEST_STRIDE_MS))
    return found.take(slice(asked.rows)) if older_first else found.newest(asked.rows)


def last_day(backend: Backend, coin: Coin, at: datetime) -> Minutes:
    """The 24 hours of minutes that end with the one running now."""
    until = milliseconds(at) // MINUTE_MS * MINUTE_MS + MINUTE_MS
    return backend.candles(coin.market, coin.symbol, instant(until - DAY_MS), instant(until), at)
