"""A source of quotes and minutes whose prices follow from the instant, and that can be told to fail."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from market_assets.bars.instruments import Bound
from market_assets.bars.settings import BarsSettings
from resources.http.budget import WindowUse
from resources.http.errors import VendorError
from resources.stream.candle import MINUTE
from resources.vendors.minute import MINUTES, FetchedMinutes, Quote

#: a Friday at noon in London: every market but XNYS is open
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def price(symbol: str, at: datetime) -> float:
    """What an instrument costs at an instant: it tells symbol, minute and second."""
    minute, second = divmod(int((at - _EPOCH).total_seconds()), 60)
    return 100.0 + len(symbol) + minute % 1000 / 10 + second / 10_000


def quote(symbol: str, at: datetime, said: float | None = None, *, source: str = "yahoo", **more: float) -> Quote:
    return Quote(symbol, source, price(symbol, at) if said is None else said, at, at, **more)


@dataclass
class Limit:
    """A window of a budget, counted here."""

    name: str
    seconds: int
    limit: int
    used: int = 0
    start: int = -1

    def at(self, now: datetime) -> WindowUse:
        start = int(now.timestamp()) // self.seconds * self.seconds
        if start != self.start:
            self.start, self.used = start, 0
        return WindowUse(self.name, self.used, self.limit, datetime.fromtimestamp(start + self.seconds, UTC))


@dataclass
class ScriptedSource:
    """Satisfies `MinuteSource`. A request takes `slow_s` of real time."""

    name: str
    now: Callable[[], datetime]
    quote_batch: int = 20
    enabled: bool = True
    limits: list[Limit] = field(default_factory=list)
    per_symbol: bool = False
    error: VendorError | None = None
    slow_s: float = 0.0
    #: minutes that REST does not have
    holes: set[datetime] = field(default_factory=set)
    rest_error: VendorError | None = None
    asked: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)
    windows: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    overspent: int = 0
    delay_s: float = 0.0
    most_minutes: int = 10_000
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def source(self) -> str:
        return self.name

    def quote_cost(self, n: int) -> int:
        return n if self.per_symbol else 1

    def budget(self) -> list[WindowUse]:
        return [limit.at(self.now()) for limit in self.limits]

    def quotes(self, bounds: Sequence[Bound]) -> list[Quote]:
        at = self.now()
        with self._lock:
            self.asked.append((at, tuple(bound.symbol for bound in bounds)))
            for limit in self.limits:
                limit.at(at)
                limit.used += self.quote_cost(len(bounds))
                self.overspent += limit.used > limit.limit
        if self.slow_s:
            time.sleep(self.slow_s)
        if self.error is not None:
            raise self.error
        return [Quote(bound.symbol, self.name, price(bound.symbol, at), at, self.now()) for bound in bounds]

    def minutes(self, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        self.windows.append((bound.symbol, first, until))
        if self.rest_error is not None:
            raise self.rest_error
        there = [
            ts
            for n in range((until - first) // MINUTE)
            if (ts := first + n * MINUTE) not in self.holes and ts + MINUTE <= self.now()
        ]
        prices = [price(bound.symbol, ts) for ts in there]
        frame = pl.DataFrame(
            {
                "ts": there, "open": prices, "high": prices, "low": prices, "close": prices,
                "volume": [None] * len(there), "trade_count": [None] * len(there),
                "ingested_at": [self.now()] * len(there),
            },
            schema=MINUTES,
        )  # fmt: skip
        return FetchedMinutes(frame, requests=1)

    def close(self) -> None:
        pass


@dataclass
class SteppedClock:
    """A clock that only sleeping moves."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def settings_of(*symbols: str, **stated: object) -> BarsSettings:
    """Bars settings of some symbols."""
    return BarsSettings.model_validate({"symbols": symbols, **stated})
