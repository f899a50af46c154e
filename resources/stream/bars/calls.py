"""What became of a poller's calls: counted for the status, and joined into few notes for the log of calls."""

import math
import threading
from dataclasses import dataclass
from datetime import datetime

from resources.source_calls import Note
from resources.stream.bars.measures import Histogram

#: calls whose latencies differ by less are one note
_STEP = math.log(1.05)


@dataclass
class _Sum:
    """Calls that ended alike."""

    at: datetime
    n: int = 0
    rows: int = 0
    credits: int = 0
    error: str | None = None


class Calls:
    """Counted by the threads of one poller."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._totals: dict[str, int] = {}
        self._sums: dict[tuple[str, int | None], _Sum] = {}
        self.latency = Histogram()

    def add(
        self,
        outcome: str,
        at: datetime,
        *,
        rows: int = 0,
        credits: int = 0,
        latency_ms: float | None = None,
        error: str | None = None,
    ) -> None:
        """Count one call."""
        bucket = None if latency_ms is None else round(math.log(max(latency_ms, 0.01)) / _STEP)
        with self._lock:
            self._totals[outcome] = self._totals.get(outcome, 0) + 1
            if latency_ms is not None:
                self.latency.add(latency_ms)
            found = self._sums.setdefault((outcome, bucket), _Sum(at))
            found.at, found.n, found.rows, found.credits = at, found.n + 1, found.rows + rows, found.credits + credits
            found.error = error or found.error

    def totals(self) -> dict[str, int]:
        """Outcome -> calls since the start."""
        with self._lock:
            return dict(self._totals)

    def notes(self) -> list[Note]:
        """The calls since this was last asked."""
        with self._lock:
            sums, self._sums = self._sums, {}
        return [
            Note(
                self._source,
                outcome,
                one.at,
                n=one.n,
                rows=one.rows,
                credits=one.credits,
                latency_ms=None if bucket is None else math.exp(bucket * _STEP),
                error=one.error,
            )
            for (outcome, bucket), one in sums.items()
        ]
