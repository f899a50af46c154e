"""Every few seconds what has closed goes to the landing area, and what became of calls to their log."""

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from market_assets.core.errors import MarketAssetsError
from resources.segments import Segments
from resources.source_calls import Note, SourceCalls
from resources.stream.bars.records import LiveBar, columns
from resources.stream.landing import LandingArea, LandingFailed

log = logging.getLogger(__name__)


class BarsLanding(LandingArea[LiveBar]):
    """Bars, each symbol's in a folder of its own."""

    noun = "bars"

    def __init__(self, segments: Segments, most: int) -> None:
        super().__init__(segments, most, folder=lambda bar: bar.symbol, columns=lambda bars: dict(columns(bars)))


class Flushing:
    """What waits to be stored, and how storing went. `flush` runs in a thread, one at a time."""

    def __init__(self, landing: BarsLanding, calls: SourceCalls, now: Callable[[], datetime]) -> None:
        self.landing, self._calls, self._now = landing, calls, now
        self._notes: list[Note] = []
        self.rows = 0
        self.last_at: datetime | None = None
        self.took_s: float | None = None
        self.error: str | None = None

    def add(self, bars: Sequence[LiveBar]) -> None:
        """Have these bars stored with the next flush."""
        for bar in bars:
            self.landing.add(bar)

    def flush(self, notes: Sequence[Note]) -> None:
        """Store what waits. A failure is told once; what could not be stored is tried again."""
        self._notes += notes
        began = time.monotonic()
        try:
            rows = self.landing.flush()
            self._calls.note_many(self._notes)
        except (LandingFailed, MarketAssetsError, OSError, sqlite3.Error) as failed:
            if self.error is None:
                log.error("bars: %s", failed)
            self.error = str(failed)
            return
        finally:
            self._calls.close()
        if self.error is not None:
            log.info("bars: what closes is stored again")
        self.error, self._notes = None, []
        if rows:
            self.rows += rows
            self.last_at, self.took_s = self._now(), time.monotonic() - began
