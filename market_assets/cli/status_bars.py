"""What `market-assets status` tells of the bars domain. Reads only what is published, and what the collector says."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dashboards.bars import health
from dashboards.data import PublishedData
from dashboards.streams import StreamFacts
from market_assets.core import clock
from market_assets.settings import Settings
from resources.stream.bars.status import BarsStatus


@dataclass(frozen=True)
class BarLine:
    """One symbol in use."""

    symbol: str
    is_open: bool
    #: when its newest stored minute closed, and how much market time ago; None without any
    closed_at: datetime | None
    age_s: float | None
    #: market time since its newest quote; None where no collector runs, or the market is closed
    quote_age_s: float | None


@dataclass(frozen=True)
class PolledLine:
    """One source as the collector asks it."""

    source: str
    state: str
    #: symbols that it is asked for, and the seconds between two quotes of each; None while it is not asked
    n_symbols: int
    interval_s: float | None
    #: why it is not asked, or asked less often than wanted
    why: str | None


def symbols(settings: Settings, data: PublishedData, streams: Iterable[StreamFacts]) -> tuple[BarLine, ...]:
    """Every symbol in the order of the settings; none before the first minute is stored or a collector runs."""
    bars, now = settings.bars, clock.now()
    quotes = {symbol: age for one in _running(streams) for symbol, age in one.ages.items()}
    closed = health.closes(data.manifests(health.BARS))
    if not (closed or quotes):
        return ()
    ages = health.ages_s(bars, closed, now)
    return tuple(
        BarLine(name, health.is_open(bars, name, now), closed.get(name), ages.get(name), quotes.get(name))
        for name in bars.symbols
    )


def polled(streams: Iterable[StreamFacts]) -> tuple[PolledLine, ...]:
    """The sources of the collector while it runs, in its order."""
    return tuple(
        PolledLine(source.name, source.state, len(source.symbols), source.effective_interval_s, source.why)
        for one in _running(streams)
        if isinstance(one.status, BarsStatus)
        for source in one.status.sources
    )


def _running(streams: Iterable[StreamFacts]) -> list[StreamFacts]:
    return [one for one in streams if isinstance(one.status, BarsStatus) and one.is_meant_to_run]
