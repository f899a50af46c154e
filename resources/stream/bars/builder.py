"""Quotes become minute bars, by the sources' own instants. Pure: no clock, no I/O.

Every stream of quotes builds bars of its own, so that no bar mixes sources. When a minute closes, a symbol's bar is
that of the best source of its chain that had a quote in it. A minute without quotes makes no bar.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from market_assets.bars.instruments import Bound
from resources.stream.bars.records import Forming, LiveBar
from resources.stream.bars.watched import Stream, Watched, stream
from resources.stream.candle import MINUTE
from resources.vendors.minute import Quote

#: an instant this far ahead is a wrong clock
_AHEAD = timedelta(seconds=5)


class Chosen(NamedTuple):
    """The price that is served of a symbol."""

    quote: Quote
    level: int
    bound: Bound
    #: older than its source's pace excuses
    is_stale: bool


@dataclass
class _Minute:
    """A minute of one stream, while its quotes come in."""

    open: float
    high: float
    low: float
    close: float
    at: datetime
    #: None once part of it could not be measured
    volume: float | None


@dataclass
class _Stream:
    """One instrument at one source."""

    last: Quote | None = None
    #: open instant -> the minute, while it is not closed
    minutes: dict[datetime, _Minute] = field(default_factory=dict)


class Builder:
    """The forming bars of every stream, and the last quote of each."""

    def __init__(
        self, watched: Watched, now: datetime, *, close_delay_s: float = 0.0, mark: str = "", warn_s: float = 10.0
    ) -> None:
        self._watched, self._mark, self._warn_s = watched, mark, warn_s
        self._delay = timedelta(seconds=close_delay_s)
        self._streams: dict[Stream, _Stream] = {key: _Stream() for key in watched.places}
        #: minutes before it are closed; the one it began in was not seen whole
        self.first_open = self.start = _floor(now) + MINUTE
        self.late = 0
        self.out_of_order = 0
        self.future = 0
        self.invalid = 0

    def take(self, quotes: Iterable[Quote], now: datetime) -> None:
        """Apply the quotes that came in, in their order."""
        for quote in quotes:
            own = self._streams.get((quote.source, quote.symbol))
            if own is None or not (math.isfinite(quote.price) and quote.price > 0):
                self.invalid += 1
            elif quote.at > now + _AHEAD:
                self.future += 1
            elif own.last is not None and quote.at < own.last.at:
                self.out_of_order += 1
            elif own.last is None or quote.at > own.last.at or quote.price != own.last.price:
                self._apply(own, _sound(quote))
            else:
                # the same price of the same instant once more: what was traded meanwhile is counted with the next
                own.last = _sound(quote)._replace(day_volume=own.last.day_volume)

    def close(self, now: datetime, *, at_once: bool = False) -> list[LiveBar]:
        """The bars of the minutes that are over, by time and symbol; `at_once` without waiting for late quotes."""
        until = _floor(now if at_once else now - self._delay)
        closed: list[LiveBar] = []
        while self.first_open < until:
            minute = self.first_open
            closed += [
                bar
                for row in range(len(self._watched.symbols))
                if self._watched.is_open(row, minute) and (bar := self._bar(row, minute, now)) is not None
            ]
            for own in self._streams.values():
                own.minutes.pop(minute, None)
            self.first_open += MINUTE
            if not any(own.minutes for own in self._streams.values()):
                self.first_open = until
        return closed

    def forming(self, row: int, chosen: Chosen | None, now: datetime) -> Forming | None:
        """The bar of a symbol's newest running minute: of the source that serves its price, or else of the best."""
        chain = self._watched.chains[row]
        first = [chosen.level] if chosen is not None else []
        for minute in (_floor(now), _floor(now) - MINUTE):
            for level in (*first, *range(len(chain))):
                found = self._streams[stream(chain[level])].minutes.get(minute)
                if found is not None and minute >= self.first_open:
                    return Forming(self._made(row, level, minute, found, now), False, found.at)
        return None

    def choose(self, row: int, now: datetime, intervals: dict[str, float | None]) -> Chosen | None:
        """The best source's fresh quote; without any the newest there is, marked stale. None where none ever came.

        `intervals`: source -> seconds between two of its quotes now.
        """
        newest: Chosen | None = None
        for level, bound in enumerate(self._watched.chains[row]):
            quote = self._streams[stream(bound)].last
            if quote is None:
                continue
            if (now - quote.at).total_seconds() <= max(self._warn_s, 3 * (intervals.get(bound.source) or 0.0)):
                return Chosen(quote, level, bound, False)
            if newest is None or quote.at > newest.quote.at:
                newest = Chosen(quote, level, bound, True)
        return newest

    def newest(self, row: int) -> Quote | None:
        """The newest quote of a symbol at any of its sources."""
        quotes = [one for bound in self._watched.chains[row] if (one := self._streams[stream(bound)].last) is not None]
        return max(quotes, key=lambda quote: quote.at, default=None)

    def _apply(self, own: _Stream, quote: Quote) -> None:
        before, own.last = own.last, quote
        minute = _floor(quote.at)
        if minute < self.first_open:
            # the first one of a stream may be of any age, and what was before the start is nobody's
            self.late += before is not None and minute >= self.start
            return
        traded = _traded(before, quote, minute)
        found = own.minutes.get(minute)
        if found is None:
            price = quote.price
            own.minutes[minute] = _Minute(price, price, price, price, quote.at, traded)
            return
        found.high, found.low = max(found.high, quote.price), min(found.low, quote.price)
        found.close, found.at = quote.price, quote.at
        found.volume = None if found.volume is None or traded is None else found.volume + traded

    def _bar(self, row: int, minute: datetime, now: datetime) -> LiveBar | None:
        for level, bound in enumerate(self._watched.chains[row]):
            found = self._streams[stream(bound)].minutes.get(minute)
            if found is not None:
                return self._made(row, level, minute, found, now)
        return None

    def _made(self, row: int, level: int, minute: datetime, found: _Minute, now: datetime) -> LiveBar:
        bound = self._watched.chains[row][level]
        volume = found.volume if self._watched.measures_volume(bound) else None
        return LiveBar(
            symbol=self._watched.symbols[row],
            ts=minute,
            open=found.open,
            high=found.high,
            low=found.low,
            close=found.close,
            volume=volume,
            trade_count=None,
            instrument_kind=bound.kind,
            fallback_level=level,
            source=f"{bound.source}{self._mark}",
            ingested_at=now,
        )


def _traded(before: Quote | None, quote: Quote, minute: datetime) -> float | None:
    """What was traded between two quotes; None where that cannot be told.

    A count that fell to less than half began anew. One that merely fell is a rolling sum, and tells nothing. What was
    traded since a quote older than the minute before is not this minute's.
    """
    if before is None or before.day_volume is None or quote.day_volume is None or before.at < minute - MINUTE:
        return None
    if quote.day_volume >= before.day_volume:
        return quote.day_volume - before.day_volume
    return quote.day_volume if quote.day_volume < before.day_volume / 2 else None


def _sound(quote: Quote) -> Quote:
    """The quote without a bid, an ask or a volume that cannot be one."""
    bid, ask, volume = quote.bid, quote.ask, quote.day_volume
    if bid is not None and ask is not None and not (0 < bid <= ask < math.inf):
        quote = quote._replace(bid=None, ask=None)
    if volume is not None and not (0 <= volume < math.inf):
        quote = quote._replace(day_volume=None)
    return quote


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
