"""One second of the collector: take what came in, build, close, compute, and say what there is to show."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.filters import ExecutionFilters
from market_assets.core.incremental.bank import Bank
from resources.stream.bars.builder import Builder, Chosen
from resources.stream.bars.filling import Filling
from resources.stream.bars.live_values import LiveValues
from resources.stream.bars.records import TIMEFRAME, Forming, LiveBar
from resources.stream.bars.ring import Ring
from resources.stream.bars.status import SymbolStatus
from resources.stream.bars.watched import Watched
from resources.stream.candle import MINUTE
from resources.stream.hot import Features
from resources.vendors.minute import Quote

#: returns that the volatility of a bar is taken from
_RETURNS = 20
#: bars by REST wait so long for those of other symbols
_TOGETHER = timedelta(seconds=10)


class SourceFacts(NamedTuple):
    """What a cycle has to know of a source."""

    #: seconds between two of its quotes; None while it is not asked
    effective_s: float | None
    latency_ms: float | None


class Second(NamedTuple):
    """What one cycle brought."""

    #: bars that closed now, by time
    closed: list[LiveBar]
    #: bars that REST brought, with their rows
    filled: list[tuple[int, LiveBar]]
    #: those whose values changed
    changed: list[Features]
    forming: list[Forming]
    features: list[Features]
    symbols: tuple[SymbolStatus, ...]


class Cycle:
    """The state between two seconds. Only the loop touches it; quotes come in from any thread."""

    def __init__(
        self,
        bars: BarsSettings,
        watched: Watched,
        builder: Builder,
        ring: Ring,
        values: LiveValues,
        filling: Filling,
    ) -> None:
        self._bars, self._watched, self.builder, self.ring, self.values = bars, watched, builder, ring, values
        self.filling = filling
        self._inbox: deque[Sequence[Quote]] = deque()
        self._at = builder.start
        rows = range(len(watched.symbols))
        #: minutes before it were asked for by REST, or are not this process's to ask for
        self._covered = [builder.start for _ in rows]
        #: rows with bars by REST that their values do not know yet, and since when there are any
        self._unmade: set[int] = set()
        self._unmade_since = self._at
        self._told: list[Mapping[str, Any] | None] = [None for _ in rows]
        self._seen: list[tuple[datetime, float] | None] = [None for _ in rows]
        self._sigma: list[float | None] = [None for _ in rows]
        self._filters = [ExecutionFilters(bars.filters, self._now) for _ in rows]
        self._min_lots = [bars.instrument(symbol).min_lot for symbol in watched.symbols]

    def offer(self, quotes: Sequence[Quote]) -> None:
        """Quotes that came in; any thread."""
        self._inbox.append(quotes)

    def step(self, now: datetime, sources: Mapping[str, SourceFacts], *, ends: bool = False) -> Second:
        """The second of `now`. At the end of all, minutes that are over are closed without their delay."""
        self._at = now
        while self._inbox:
            self.builder.take(self._inbox.popleft(), now)
        intervals = {name: facts.effective_s for name, facts in sources.items()}
        filled = self._filled()
        closed = self._closed(self.builder.close(now, at_once=ends), intervals)
        self.values.take_over()
        for row in {row for row, _ in filled} | {self._watched.row[bar.symbol] for bar in closed}:
            self._sigma[row] = _sigma(self.ring, row)
        return self._shown(filled, closed, now, intervals, sources)

    def _filled(self) -> list[tuple[int, LiveBar]]:
        found = self.filling.take()
        if found and not self._unmade:
            self._unmade_since = self._at
        self._unmade |= {row for row, _ in found}
        # one replay of many symbols costs little more than that of one
        if self._unmade and (self.filling.is_waiting or self._at - self._unmade_since >= _TOGETHER):
            self.values.remake(self._unmade)
            self._unmade = set()
        return [(row, bar) for row, bars in found for bar in bars]

    def _closed(self, bars: Sequence[LiveBar], intervals: Mapping[str, float | None]) -> list[LiveBar]:
        """The bars that are newer than what is known, applied; of an outage before them the minutes are asked for."""
        taken: list[LiveBar] = []
        step: list[tuple[int, LiveBar]] = []
        for bar in bars:
            row = self._watched.row[bar.symbol]
            self._ask_before(row, bar.ts, intervals)
            if not self.ring.append(row, bar):
                continue
            if step and step[-1][1].ts != bar.ts:
                self.values.update(step)
                step = []
            step.append((row, bar))
            taken.append(bar)
        self.values.update(step)
        return taken

    def _ask_before(self, row: int, ts: datetime, intervals: Mapping[str, float | None]) -> None:
        last = self.ring.last(row)
        first = self._covered[row] if last is None else max(self._covered[row], last.ts + MINUTE)
        paces = [pace for bound in self._watched.chains[row] if (pace := intervals.get(bound.source)) is not None]
        stream = self._bars.stream
        # slowly polled symbols lack minutes all the time: that is no outage
        if (ts - first).total_seconds() >= max(stream.error_s, 6 * min(paces, default=0.0)):
            self.filling.ask(row, first, ts)
            self._covered[row] = ts

    def _shown(
        self,
        filled: list[tuple[int, LiveBar]],
        closed: list[LiveBar],
        now: datetime,
        intervals: dict[str, float | None],
        sources: Mapping[str, SourceFacts],
    ) -> Second:
        rows = range(len(self._watched.symbols))
        chosen = [self.builder.choose(row, now, intervals) for row in rows]
        forming = {row: one for row in rows if (one := self.builder.forming(row, chosen[row], now)) is not None}
        peeked = self.values.peek([(row, one.bar) for row, one in forming.items()])
        values = {row: peeked[place] for place, row in enumerate(forming)}
        features: list[Features] = []
        changed: list[Features] = []
        for row in rows:
            last = forming[row].bar if row in forming else self.ring.last(row)
            found = chosen[row]
            if found is None and last is None:
                continue
            body = self._body(row, found, last, values.get(row, self.values.closed[row]), intervals, now)
            body["is_forming"] = row in forming
            body["reasons"] = self._reasons(row, found, sources)
            ts = last.ts if last is not None else now.replace(second=0, microsecond=0)
            features.append(Features(self._watched.symbols[row], TIMEFRAME, ts, body))
            if body != self._told[row]:
                self._told[row] = body
                changed.append(features[-1])
        symbols = tuple(self._symbol(row, chosen[row], intervals, now) for row in rows)
        return Second(closed, filled, changed, list(forming.values()), features, symbols)

    def _body(
        self,
        row: int,
        chosen: Chosen | None,
        last: LiveBar | None,
        values: Any,
        intervals: Mapping[str, float | None],
        now: datetime,
    ) -> dict[str, Any]:
        """Everything that is told of a symbol; null where nobody said."""
        is_open = self._watched.is_open(row, now)
        quote = chosen.quote if chosen is not None else None
        return {
            "price": quote.price if quote is not None else None,
            "at": quote.at if quote is not None else None,
            "received_at": quote.received_at if quote is not None else None,
            "bid": quote.bid if quote is not None else None,
            "ask": quote.ask if quote is not None else None,
            "source": quote.source if quote is not None else None,
            "level": chosen.level if chosen is not None else None,
            "kind": chosen.bound.kind if chosen is not None else None,
            "is_stale": is_open and (chosen is None or chosen.is_stale),
            "market_open": is_open,
            "effective_interval_s": intervals.get(quote.source) if quote is not None else None,
            "bars": self.values.bars(row),
            "is_warm": self.values.is_warm(row),
            "open": last.open if last is not None else None,
            "high": last.high if last is not None else None,
            "low": last.low if last is not None else None,
            "volume": last.volume if last is not None else None,
            **_named(values.tolist()),
        }

    def _reasons(self, row: int, chosen: Chosen | None, sources: Mapping[str, SourceFacts]) -> list[str]:
        """What speaks against acting on a signal now, by the execution filters and the smallest lot."""
        own = self._filters[row]
        if chosen is not None and self._seen[row] != (chosen.quote.at, chosen.quote.price):
            quote = chosen.quote
            self._seen[row] = (quote.at, quote.price)
            latency_ms = sources[quote.source].latency_ms if quote.source in sources else None
            own.observe(self._at, quote.bid, quote.ask, quote.price, latency_ms, self._sigma[row])
        return own.reasons(self._min_lots[row])

    def _symbol(
        self, row: int, chosen: Chosen | None, intervals: Mapping[str, float | None], now: datetime
    ) -> SymbolStatus:
        is_open = self._watched.is_open(row, now)
        newest = self.builder.newest(row) if is_open else None
        return SymbolStatus(
            symbol=self._watched.symbols[row],
            market_open=is_open,
            source=chosen.quote.source if chosen is not None else None,
            level=chosen.level if chosen is not None else None,
            at=chosen.quote.at if chosen is not None else None,
            freshness_s=max(0.0, (now - newest.at).total_seconds()) if newest is not None else None,
            is_stale=is_open and (chosen is None or chosen.is_stale),
            effective_interval_s=intervals.get(chosen.quote.source) if chosen is not None else None,
            bars=self.values.bars(row),
            is_warm=self.values.is_warm(row),
        )

    def _now(self) -> datetime:
        return self._at


def _named(values: Sequence[float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in zip(Bank.COLUMNS, values, strict=True)}


def _sigma(ring: Ring, row: int) -> float | None:
    """Standard deviation of the last 20 log returns; None before there are as many."""
    closes = ring.closes(row, _RETURNS + 1)
    if len(closes) <= _RETURNS:
        return None
    return float(np.std(np.diff(np.log(closes)), ddof=1))
