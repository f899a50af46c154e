"""Sources of minute bars that say what a test tells them to, and the settings and chain to ask them by."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl

from market_assets.bars.instruments import Bound, InstrumentRow
from market_assets.core import trading_hours
from market_assets.settings import Settings, load
from resources.http.budget import WindowUse
from resources.http.state import VendorState
from resources.minute_answers import Answers
from resources.minute_chain import MinuteChain
from resources.source_calls import SourceCalls
from resources.vendors.minute import FetchedMinutes, Quote
from tests.market_assets.bars.minute_rows import MINUTE, stated

#: a Friday noon; the last final minute is 11:58
NOW = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
#: a coin that all four sources have
COIN = "BTCUSD"


@dataclass
class Scripted:
    """One source: serves `price` every minute its market is open, unless told otherwise."""

    name: str
    calendar: str = "always"
    price: float = 100.0
    #: what a request raises instead; a function of the window may raise or not
    fails: Exception | Callable[[datetime, datetime], Exception | None] | None = None
    #: which minutes it has
    has: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame
    enabled: bool = True
    delay_s: float = 0.0
    quote_batch: int = 1
    most_minutes: int = 7 * 1440
    uses: list[WindowUse] = field(default_factory=list)
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    @property
    def source(self) -> str:
        return self.name

    def minutes(self, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        self.asked.append((bound.symbol, first, until))
        failed = self.fails(first, until) if callable(self.fails) else self.fails
        if failed is not None:
            raise failed
        n = (until - first) // MINUTE
        frame = stated(first, [self.price] * n, ingested_at=NOW).filter(
            pl.col("ts").is_in(trading_hours.minutes(self.calendar, first, until).implode())
        )
        return FetchedMinutes(self.has(frame), requests=1, credits=1, latency_ms=20.0)

    def quotes(self, bounds: Sequence[Bound]) -> list[Quote]:
        return []

    def quote_cost(self, n: int) -> int:
        return n

    def budget(self) -> list[WindowUse]:
        return self.uses

    def close(self) -> None:
        pass


def first_share(share: float) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Only the first so many of the minutes."""
    return lambda frame: frame.head(round(share * frame.height))


@dataclass
class Desk:
    """Four sources that agree, a home, and an instant."""

    home: Path
    at: datetime = NOW
    calendar: str = "always"
    bars: Mapping[str, Any] = field(default_factory=dict)
    sources: dict[str, Scripted] = field(init=False)

    def __post_init__(self) -> None:
        names = ("yahoo", "alphavantage", "twelvedata", "polygon")
        self.sources = {name: Scripted(name, self.calendar) for name in names}

    @functools.cached_property
    def settings(self) -> Settings:
        return load(home=self.home, bars=dict(self.bars))

    @property
    def calls(self) -> SourceCalls:
        return SourceCalls(self.home)

    @property
    def answers(self) -> Answers:
        return Answers(self.minute_source, VendorState.of(self.home), lambda: self.at)

    @property
    def chain(self) -> MinuteChain:
        return MinuteChain(self.settings, self.answers, self.calls, self.at, lambda: self.at)

    def minute_source(self, name: str) -> Scripted:
        return self.sources[name]

    @property
    def vendors(self) -> Any:
        """What the registry of vendors gives, as far as minutes go."""
        return SimpleNamespace(minute_source=self.minute_source)

    def asked(self) -> dict[str, int]:
        """Requests to each source that was asked at all."""
        return {name: len(source.asked) for name, source in self.sources.items() if source.asked}


def index_that_may_switch() -> InstrumentRow:
    """NAS100 of the sources that name it, allowed to be served by its future."""
    return InstrumentRow(
        symbol="NAS100",
        kind="index",
        calendar="XNYS",
        yahoo="^NDX",
        polygon="I:NDX",
        allow_kind_switch=True,
        alt_symbols=("NAS100_FUT",),
    )
