"""The loop of the collector of bars: once a second, on the whole second.

Nothing in it waits for anyone: pollers, REST, Redis and the disk of the landing area have threads of their own.
"""

import asyncio
import gc
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import psutil  # type: ignore[import-untyped]

from market_assets.bars.settings import StreamSettings
from market_assets.core import clock
from resources.stream.background import in_background
from resources.stream.bars.cycle import Cycle, Second, SourceFacts
from resources.stream.bars.flushing import Flushing
from resources.stream.bars.measures import Histogram, Newest
from resources.stream.bars.pollers import Poller
from resources.stream.bars.redis_hot import RedisHot
from resources.stream.bars.showing import Showing
from resources.stream.bars.status import BarsStatus

log = logging.getLogger(__name__)

#: of the 5 s that a shutdown may take
_LAST_FLUSH_S, _LAST_REDIS_S = 3.5, 0.5
#: share of a second before the next one in which nothing else is begun
_QUIET_SHARE = 0.4
_GIVES_WAY_S = 0.001


@dataclass(frozen=True)
class Tempo:
    """Time as the collector sees it; a clock that runs fast has a speed."""

    now: Callable[[], datetime] = clock.now
    speed: float = 1.0


class BarsCollector:
    """Runs until it is told to stop, and stores what it has before it ends."""

    def __init__(
        self,
        cycle: Cycle,
        pollers: Sequence[Poller],
        flushing: Flushing,
        showing: Showing,
        rules: StreamSettings,
        *,
        vendors: str,
        stopping: threading.Event,
        begin: Callable[[], None] = lambda: None,
        redis: RedisHot | None = None,
        tempo: Tempo | None = None,
    ) -> None:
        self.cycle, self.pollers, self.flushing, self.showing, self._rules = (
            cycle,
            tuple(pollers),
            flushing,
            showing,
            rules,
        )
        self._vendors, self._begin, self._redis, self._tempo = vendors, begin, redis, tempo or Tempo()
        self._now = self._tempo.now
        self._stopping = stopping
        self._running = True
        self._started_at = self._now()
        self._second = Second([], [], [], [], [], ())
        self._cycles = 0
        self._missed = 0
        self._newest, self._cycle_ms = Newest(), Histogram()
        self._flush_task: asyncio.Task[None] | None = None
        self._flush_at = 0.0
        self._process = psutil.Process()

    async def run(self, stopping: asyncio.Event) -> None:
        """Collect until `stopping` is set; everything closed by then is stored when this returns."""
        await in_background(self._begin, "stream-begin")
        self.showing.all_over()
        for poller in self.pollers:
            log.info("%s", poller.announce())
            threading.Thread(target=poller.run, name=f"poll-{poller.source.name}", daemon=True).start()
        if self._redis is not None:
            self._redis.start()
        # what is there now stays there: looking through it again and again would only cost time
        gc.collect()
        gc.freeze()
        # a poller that reads a long answer gives way to the second sooner than after Python's 5 ms
        patience_s = sys.getswitchinterval()
        sys.setswitchinterval(_GIVES_WAY_S)
        ticking = asyncio.create_task(self._tick())
        waiting = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([ticking, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopping.set()
            await self._end([ticking, waiting])
            sys.setswitchinterval(patience_s)
            gc.unfreeze()
        if not ticking.cancelled():
            ticking.result()

    def status(self) -> BarsStatus:
        """How things stand."""
        sources = tuple(poller.status() for poller in self.pollers)
        answers = [one.last_answer_at for one in sources if one.last_answer_at is not None]
        p50, p95, p99 = self._newest.percentiles(0.50, 0.95, 0.99)
        builder, filling, landing = self.cycle.builder, self.cycle.filling, self.flushing.landing
        return BarsStatus(
            running=self._running,
            warming=self.cycle.values.is_warming,
            pid=os.getpid(),
            started_at=self._started_at,
            at=self._now(),
            vendors=self._vendors,
            interval_s=self._rules.interval_s,
            symbols=self._second.symbols,
            sources=sources,
            last_message_at=max(answers, default=None),
            cycles=self._cycles,
            missed_seconds=self._missed,
            cycle_p50_ms=p50,
            cycle_p95_ms=p95,
            cycle_p99_ms=p99,
            cycle_ms=self._cycle_ms.facts(),
            update_ms=self.cycle.values.update_ms.facts(),
            late_bars=builder.late,
            out_of_order_quotes=builder.out_of_order,
            future_quotes=builder.future,
            invalid_quotes=builder.invalid,
            filled_bars=filling.filled,
            given_up_bars=filling.given_up,
            fill_error=filling.error,
            unflushed_bars=len(landing),
            oldest_unflushed_at=landing.oldest_at,
            flushed_rows=self.flushing.rows,
            last_flush_at=self.flushing.last_at,
            flush_s=self.flushing.took_s,
            flush_error=self.flushing.error,
            dropped_bars=landing.dropped,
            redis=self._redis.state if self._redis is not None else None,
            redis_error=self._redis.error if self._redis is not None else None,
            redis_write_ms=self._redis.write_ms if self._redis is not None else None,
            hot_error=self.showing.error,
            rss_bytes=self._process.memory_info().rss,
        )

    async def _tick(self) -> None:
        interval_s, speed = self._rules.interval_s, self._tempo.speed
        due = _grid(self._now().timestamp(), interval_s)
        while True:
            wait_s = (due - self._now().timestamp()) / speed
            begins = time.monotonic() + wait_s
            await asyncio.sleep(max(0.0, wait_s))
            self.beat()
            took_ms = (time.monotonic() - begins) * 1000
            self._cycles += 1
            self._newest.add(took_ms)
            self._cycle_ms.add(took_ms)
            self._flush_when_due()
            following = _grid(self._now().timestamp(), interval_s)
            self._missed += max(0, round((following - due) / interval_s) - 1)
            due = max(following, due + interval_s)
            await self._catch_up(due - _QUIET_SHARE * interval_s)

    def beat(self, *, ends: bool = False) -> None:
        """One second: everything that is known then can be read when it returns."""
        now = self._now()
        facts = {one.source.name: SourceFacts(one.effective_s, one.latency_ms) for one in self.pollers}
        self._second = self.cycle.step(now, facts, ends=ends)
        self.flushing.add(self._second.closed)
        status = self.status()
        self.showing.show(self._second, status)
        if self._redis is not None:
            self._redis.offer(self._second.features, status)

    async def _catch_up(self, until_s: float) -> None:
        """Give the hot cache older bars that it lacks, while there is time before the next second."""
        while self.showing.is_behind and self._now().timestamp() < until_s:
            await in_background(self.showing.catch_up, "stream-catch-up")

    def _flush_when_due(self) -> None:
        if self._flush_task is not None:
            if not self._flush_task.done():
                return
            self._flush_task.result()
        if time.monotonic() >= self._flush_at:
            self._flush_at = time.monotonic() + self._rules.flush_s / self._tempo.speed
            self._flush_task = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        notes = [note for poller in self.pollers for note in poller.notes()]
        await in_background(partial(self.flushing.flush, notes), "stream-flush")

    async def _end(self, tasks: Sequence[asyncio.Task[object]]) -> None:
        for task in tasks:
            if not task.done():
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.beat(ends=True)
        try:
            async with asyncio.timeout(_LAST_FLUSH_S):
                if self._flush_task is not None:
                    await asyncio.gather(self._flush_task, return_exceptions=True)
                await self._flush()
        except TimeoutError:
            self.flushing.error = f"not done within {_LAST_FLUSH_S:g} s"
        if len(self.flushing.landing):
            told = "bars were not stored before the end; the graph's own passes fetch them"
            log.error("bars: %d %s", len(self.flushing.landing), told)
        self._running = False
        self._second = self._second._replace(closed=[], filled=[])
        status = self.status()
        self.showing.show(self._second, status)
        self.showing.close()
        if self._redis is not None:
            self._redis.offer(self._second.features, status)
            self._redis.stop(_LAST_REDIS_S)


def _grid(at_s: float, interval_s: float) -> float:
    """The next instant that is a multiple of the interval."""
    return (math.floor(at_s / interval_s) + 1) * interval_s
