"""The loop of a collector: it listens, asks for what is missing, stores, and shows.

At the start whatever is not stored of the running day and the day before is asked for by REST. What is closed
is stored every few seconds, and at once when every symbol's candle of a minute is there.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from market_assets.core import clock
from resources.stream.background import in_background
from resources.stream.candle import Candle
from resources.stream.feed import Feed, Pace
from resources.stream.filling import Filling
from resources.stream.hot import Features, HotCache
from resources.stream.intake import Intake
from resources.stream.landing import Landing, LandingFailed
from resources.stream.socket import Socket
from resources.stream.status import Status

log = logging.getLogger(__name__)

#: of the 5 s that a shutdown may take; closing the socket takes at most one
_LAST_FLUSH_S = 3.5


class Collector:
    """Runs until it is told to stop, and stores what it has before it ends."""

    def __init__(
        self, feed: Feed, landing: Landing, hot: HotCache, pace: Pace, *, now: Callable[[], datetime] = clock.now
    ) -> None:
        self.feed, self._landing, self._hot, self._pace, self._now = feed, landing, hot, pace, now
        self.intake = Intake(feed, landing, now)
        self.filling = Filling(feed, self.intake, pace, now)
        self.socket = Socket(
            f"{feed.name} stream",
            feed.url,
            self.intake.receive,
            pace.patience,
            connected=self.filling.afresh,
            now=now,
        )
        self._running = True
        self._started_at = now()
        self._waits_since = 0.0
        self._flushed = 0
        self._flush_s: float | None = None
        self._last_flush_at: datetime | None = None
        self._flush_error: str | None = None
        self._hot_error: str | None = None
        self._flush_task: asyncio.Task[None] | None = None
        self._fill_task: asyncio.Task[None] | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Collect until `stopping` is set; everything closed by then is stored when this returns."""
        await in_background(self.intake.begin, "stream-begin")
        tasks: list[asyncio.Task[object]] = [
            asyncio.create_task(self.socket.run()),
            asyncio.create_task(self._tick()),
            asyncio.create_task(stopping.wait()),
        ]
        done: set[asyncio.Task[object]] = set()
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(tasks)
        for task in done:
            task.result()

    def status(self) -> Status:
        """How things stand."""
        facts = self.socket.facts
        return Status(
            running=self._running,
            pid=os.getpid(),
            started_at=self._started_at,
            at=self._now(),
            symbols=self.feed.symbols,
            vendors=self.feed.vendors,
            connected_since=facts.connected_since,
            last_message_at=facts.last_message_at,
            connects=facts.connects,
            disconnects=facts.disconnects,
            reconnects=max(0, facts.connects - 1),
            refusals=facts.refusals,
            last_error=facts.last_error,
            malformed=self.intake.malformed,
            late_bars=self.intake.late,
            filled_bars=self.filling.filled,
            given_up_bars=self.filling.given_up,
            fill_error=self.filling.error,
            unflushed_bars=len(self._landing),
            oldest_unflushed_at=self._landing.oldest_at,
            flushed_rows=self._flushed,
            last_flush_at=self._last_flush_at,
            flush_s=self._flush_s,
            flush_error=self._flush_error,
            dropped_bars=self._landing.dropped,
            collect_p50_ms=self.intake.latency_ms(0.50),
            collect_p95_ms=self.intake.latency_ms(0.95),
        )

    async def _tick(self) -> None:
        while True:
            if _is_over(self._fill_task):
                asked = list(self.filling.due(is_connected=self.socket.is_connected))
                self._fill_task = asyncio.create_task(self.filling.ask(asked)) if asked else None
            if _is_over(self._flush_task):
                self._flush_task = asyncio.create_task(self._flush()) if self._must_flush() else None
            await self._publish()
            await asyncio.sleep(self._pace.publish_s)

    def _must_flush(self) -> bool:
        if not len(self._landing):
            self._waits_since = time.monotonic()
            return False
        # a disk that failed is tried at the slow pace
        is_complete = self.intake.is_complete and self._flush_error is None
        return is_complete or time.monotonic() >= self._waits_since + self._pace.flush_s

    async def _flush(self) -> None:
        """Store what waits. A failure is told once, and tried again after `flush_s`."""
        self.intake.is_complete = False
        began = self._waits_since = time.monotonic()
        try:
            rows = await in_background(self._landing.flush, "stream-flush")
        except LandingFailed as failed:
            if self._flush_error is None:
                log.error("%s: %s", self.feed.name, failed)
            self._flush_error = str(failed)
            return
        if self._flush_error is not None:
            log.info("%s: candles are stored again", self.feed.name)
        self._flush_error = None
        if rows:
            self._flushed += rows
            self._last_flush_at, self._flush_s = self._now(), time.monotonic() - began
        self.intake.tidy()

    async def _publish(self) -> None:
        """Show what is new to other processes."""
        if self._hot.is_lost():
            await self.intake.all_over()
        closed, forming = self.intake.news()
        features: list[Features] = []
        if closed and self._running:
            features = await in_background(partial(self._features, closed, self.intake.settled()), "stream-features")
        try:
            self._hot.write(closed=closed, forming=forming, features=features, status=self.status())
        except (sqlite3.Error, OSError) as failed:
            if self._hot_error is None:
                told = "the hot cache cannot be written, so pages show nothing live"
                log.warning("%s: %s: %s", self.feed.name, told, failed)
            self._hot_error = str(failed)
            self.intake.untold(closed, forming)
        else:
            self._hot_error = None

    def _features(self, closed: Sequence[Candle], settled: Mapping[str, datetime]) -> list[Features]:
        return list(self.feed.features(closed, settled))

    async def _end(self, tasks: Sequence[asyncio.Task[object]]) -> None:
        ended = [*tasks, *([self._fill_task] if self._fill_task is not None else [])]
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        try:
            async with asyncio.timeout(_LAST_FLUSH_S):
                if self._flush_task is not None:
                    await asyncio.gather(self._flush_task, return_exceptions=True)
                await self._flush()
        except TimeoutError:
            self._flush_error = f"not done within {_LAST_FLUSH_S:g} s"
        if len(self._landing):
            told = "candles were not stored before the end; the graph's own passes fetch them"
            log.error("%s: %d %s", self.feed.name, len(self._landing), told)
        self._running = False
        await self._publish()
        self._hot.close()


def _is_over(task: asyncio.Task[None] | None) -> bool:
    """Whether a background task can be followed by another. Raises what ended it: no fault of ours passes unseen."""
    if task is None:
        return True
    if task.done():
        task.result()
    return task.done()
