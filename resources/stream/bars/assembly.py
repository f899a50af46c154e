"""The collector of the bars domain by the settings: its sources, its memory, and what it starts with."""

import functools
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl

from market_assets.bars.schemas import BarsMinute
from market_assets.bars.settings import BarsSettings
from market_assets.core import partitions
from market_assets.settings import Settings
from resources.bars_fetch import minutes_landing
from resources.http.breaker import Breaker
from resources.http.state import VendorState
from resources.source_calls import SourceCalls
from resources.stores import open_store
from resources.stream.bars.builder import Builder
from resources.stream.bars.collector import BarsCollector, Tempo
from resources.stream.bars.cycle import Cycle
from resources.stream.bars.filling import Filling
from resources.stream.bars.flushing import BarsLanding, Flushing
from resources.stream.bars.live_values import LiveValues
from resources.stream.bars.pollers import Poller, PollerRules
from resources.stream.bars.records import DOMAIN, LIVE_BARS, LiveBar
from resources.stream.bars.redis_hot import RedisHot, connect
from resources.stream.bars.ring import Ring
from resources.stream.bars.showing import Showing
from resources.stream.bars.watched import Watched
from resources.stream.candle import MINUTE
from resources.stream.hot import HotView, HotWriter, hot_path
from resources.vendors.minute import MinuteSource
from resources.vendors.registry import Vendors

_MINUTES = BarsMinute.contract()
_DAY = timedelta(days=1)
#: minutes of a symbol that may wait in memory while nothing can be stored
_MOST = 3 * 1440
#: the oldest bars of a symbol in the file are removed once in so many writes
_TRIM_EVERY = 64
_MARK = "-sandbox"


def bars_collector(
    settings: Settings,
    vendors: Vendors,
    *,
    tempo: Tempo | None = None,
    source: Callable[[str], MinuteSource] | None = None,
) -> BarsCollector:
    """A collector of every symbol. Raises RedisMissing where Redis is wanted and cannot be spoken to."""
    bars, stream, tempo = settings.bars, settings.bars.stream, tempo or Tempo()
    watched, stopping, now = Watched(bars), threading.Event(), tempo.now
    asked = source or vendors.minute_source
    ring = Ring(watched.symbols, stream.cache_bars)
    values = LiveValues(watched, ring, functools.partial(_may_have_volume, bars), bars.indicators.warm_bars)
    builder = Builder(
        watched,
        now(),
        close_delay_s=stream.close_delay_s,
        mark=settings.source_name(""),
        warn_s=stream.warn_s,
    )
    landing = BarsLanding(minutes_landing(settings), most=_MOST * len(watched.symbols))

    def keep(row: int, found: list[LiveBar]) -> list[LiveBar]:
        """Put bars by REST in their places; those that the graph still takes are handed over."""
        new = ring.insert(row, found)
        for bar in new:
            if (now().date() - bar.ts.date()).days <= 1:
                landing.add(bar)
        return new

    filling = Filling(
        watched, asked, keep, marked=settings.source_name, now=now, grace_s=bars.close_grace_s, stopping=stopping
    )
    cycle = Cycle(bars, watched, builder, ring, values, filling)
    state = VendorState.of(settings.home)
    pollers = [
        Poller(
            asked(name),
            watched,
            PollerRules(stream.interval_s, stream.budget_share),
            cycle.offer,
            now=now,
            breaker=_breaker(name, state),
            stopping=stopping,
            sleep=lambda seconds: stopping.wait(seconds / tempo.speed),
        )
        for name in watched.sources
    ]
    url = settings.redis_url
    redis = None
    if url is not None:
        client = connect(url.get_secret_value())
        ttl_s = 2 * max(1.0, stream.interval_s)
        redis = RedisHot(client, watched.symbols, ring, keep=stream.cache_bars, ttl_s=ttl_s)
    return BarsCollector(
        cycle,
        pollers,
        Flushing(landing, SourceCalls(settings.home), now),
        Showing(HotWriter(hot_path(settings, DOMAIN), stream.cache_bars, LIVE_BARS, trim_every=_TRIM_EVERY), ring),
        stream,
        vendors=settings.vendors,
        stopping=stopping,
        begin=Beginning(settings, watched, cycle, landing, now),
        redis=redis,
        tempo=tempo,
    )


class Beginning:
    """What is known before the first second: bars of the graph, of the landing area, and of a process that died."""

    def __init__(
        self, settings: Settings, watched: Watched, cycle: Cycle, landing: BarsLanding, now: Callable[[], datetime]
    ) -> None:
        self._settings, self._watched, self._cycle, self._landing, self._now = settings, watched, cycle, landing, now

    def __call__(self) -> None:
        """Put it into memory, and ask for the tail by REST."""
        now = self._now()
        ring, rows = self._cycle.ring, range(len(self._watched.symbols))
        for row in rows:
            since = self._watched.since(row, self._settings.bars.stream.cache_bars, now)
            known = self._stored(self._watched.symbols[row], since, now)
            ring.insert(row, known)
            self._recover(row, now)
            last = ring.last(row)
            self._cycle.filling.ask(row, since if last is None else last.ts + MINUTE, self._cycle.builder.start)
        self._cycle.values.remake(rows, wait=True)

    def _stored(self, symbol: str, since: datetime, now: datetime) -> list[LiveBar]:
        days = [(since + n * _DAY).date() for n in range((now.date() - since.date()).days + 1)]
        keys = [f"{day}{partitions.SEPARATOR}{symbol}" for day in days]
        stored = open_store(self._settings).read(_MINUTES, keys)
        landed = minutes_landing(self._settings).read(symbol, days[-2:])
        # of a minute that both have, the graph's is the later judgement
        every = pl.concat([landed.select(LiveBar._fields), stored.select(LiveBar._fields)], how="vertical_relaxed")
        ours = every.filter(pl.col("source").str.ends_with(_MARK) == (self._settings.vendors == "sandbox"))
        return bars_of(ours.unique("ts", keep="last", maintain_order=True).sort("ts"))

    def _recover(self, row: int, now: datetime) -> None:
        """Bars that a process that died had closed, and not stored: the hot cache still has them."""
        reader = HotView(hot_path(self._settings, DOMAIN), LIVE_BARS)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        left = reader.closed(self._watched.symbols[row], 2 * 1440, midnight - _DAY - MINUTE)
        reader.close()
        marked = self._settings.vendors == "sandbox"
        lost = [bar for bar in left if bar.source.endswith(_MARK) == marked]
        for bar in self._cycle.ring.insert(row, lost):
            self._landing.add(bar)


def bars_of(rows: pl.DataFrame) -> list[LiveBar]:
    """Rows of `bars_minute` one by one."""
    return [LiveBar._make(row) for row in rows.select(LiveBar._fields).iter_rows()]


def _may_have_volume(bars: BarsSettings, symbol: str) -> bool:
    """Whether bars of a symbol may have a volume: its own, or those of an alternative that may serve in its place."""
    return any(bars.instrument(bound.symbol).measures_volume for bound in bars.chain(symbol))


def _breaker(name: str, state: VendorState) -> Callable[[], str]:
    breaker = Breaker(name, state)
    return lambda: breaker.status().state
