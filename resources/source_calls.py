"""How every attempt to get bars or quotes ended, by day and source: `<home>/state/source_calls.sqlite`.

`vendors.sqlite` counts requests; this file counts attempts as the fallback chain and the live collector see them, those
that sent nothing included, with the rows that were used.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import polars as pl

from market_assets.core.errors import UnknownName
from resources.http import redact
from resources.shared_file import SharedFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  day TEXT NOT NULL, source TEXT NOT NULL, outcome TEXT NOT NULL,
  calls INTEGER NOT NULL, rows INTEGER NOT NULL, credits INTEGER NOT NULL, PRIMARY KEY (day, source, outcome)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latencies (
  day TEXT NOT NULL, source TEXT NOT NULL, bucket INTEGER NOT NULL, calls INTEGER NOT NULL,
  PRIMARY KEY (day, source, bucket)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
  day TEXT NOT NULL, source TEXT NOT NULL, at TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (day, source)
) WITHOUT ROWID;
"""
OUTCOMES = (
    "ok",
    "partial",
    "empty",
    "invalid",
    "quota",
    "budget",
    "open",
    "disabled",
    "not_entitled",
    "error",
    "excluded",
)
#: columns of SourceCalls.day
CALLS = pl.Schema(
    {"source": pl.String(), "outcome": pl.String(), "calls": pl.Int64(), "rows": pl.Int64(), "credits": pl.Int64()}
)
_KEPT = timedelta(days=400)
#: each bucket of latencies ends 1 % above the one before
_STEP = math.log(1.01)
_SHORTEST_MS = 0.01
_SHARES = (0.50, 0.95, 0.99)


class Note(NamedTuple):
    """One attempt, or `n` of them that ended alike."""

    #: name of the source, unmarked: `yahoo`
    source: str
    #: one of OUTCOMES
    outcome: str
    at: datetime
    n: int = 1
    rows: int = 0
    #: what they counted as in the source's budget
    credits: int = 0
    #: of each of them; None where nothing was sent
    latency_ms: float | None = None
    #: what failed, for a person; secrets are removed
    error: str | None = None


class SourceCalls:
    """The file. Safe to use from many threads and processes."""

    def __init__(self, home: Path) -> None:
        self._file = _File(home / "state" / "source_calls.sqlite")

    @property
    def path(self) -> Path:
        """Where it is, once anything was noted."""
        return self._file.path

    def note(
        self,
        source: str,
        outcome: str,
        at: datetime,
        *,
        n: int = 1,
        rows: int = 0,
        credits: int = 0,
        latency_ms: float | None = None,
        error: str | None = None,
    ) -> None:
        """Count an attempt under the UTC day of `at`."""
        self.note_many([Note(source, outcome, at, n, rows, credits, latency_ms, error)])

    def note_many(self, notes: Sequence[Note]) -> None:
        """Count several at once, all or none; days more than 400 before the newest of them are forgotten.

        Raises UnknownName for an outcome that there is none of.
        """
        if not notes:
            return
        for note in notes:
            if note.outcome not in OUTCOMES:
                raise UnknownName("outcome", note.outcome, OUTCOMES)
        oldest = _day(max(note.at for note in notes).date() - _KEPT)
        with self._file.transaction() as db:
            db.executemany(
                "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (day, source, outcome) DO UPDATE SET "
                "calls = calls + excluded.calls, rows = rows + excluded.rows, credits = credits + excluded.credits",
                [(_day(note.at.date()), note.source, note.outcome, note.n, note.rows, note.credits) for note in notes],
            )
            db.executemany(
                "INSERT INTO latencies VALUES (?, ?, ?, ?) "
                "ON CONFLICT (day, source, bucket) DO UPDATE SET calls = calls + excluded.calls",
                [
                    (_day(note.at.date()), note.source, _bucket(note.latency_ms), note.n)
                    for note in notes
                    if note.latency_ms is not None
                ],
            )
            db.executemany(
                "INSERT INTO failures VALUES (?, ?, ?, ?) ON CONFLICT (day, source) DO UPDATE SET "
                "at = excluded.at, error = excluded.error WHERE excluded.at >= at",
                [
                    (_day(note.at.date()), note.source, note.at.isoformat(), redact.text(note.error))
                    for note in notes
                    if note.error is not None
                ],
            )
            db.execute("DELETE FROM calls WHERE day < ?", (oldest,))
            db.execute("DELETE FROM latencies WHERE day < ?", (oldest,))
            db.execute("DELETE FROM failures WHERE day < ?", (oldest,))

    def day(self, day: date) -> pl.DataFrame:
        """CALLS of a UTC day: one row per source and outcome, sorted by both."""
        found = self._file.rows(
            "SELECT source, outcome, calls, rows, credits FROM calls WHERE day = ? ORDER BY source, outcome", _day(day)
        )
        return pl.DataFrame(found, schema=CALLS, orient="row")

    def latencies(self, day: date) -> dict[str, tuple[float, float, float]]:
        """Source -> p50, p95 and p99 of a day's latencies in ms: the nearest rank, within half a percent."""
        histograms: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for source, bucket, calls in self._file.rows(
            "SELECT source, bucket, calls FROM latencies WHERE day = ? ORDER BY source, bucket", _day(day)
        ):
            histograms[source].append((bucket, calls))
        return {source: _percentiles(histogram) for source, histogram in histograms.items()}

    def last_error(self, source: str, day: date) -> str | None:
        """The newest failure of a source on a day; None without one."""
        found = self._file.rows("SELECT error FROM failures WHERE day = ? AND source = ?", _day(day), source)
        return found[0][0] if found else None

    def close(self) -> None:
        """Close this thread's connection. The next use opens another."""
        self._file.close()


class _File(SharedFile):
    """Its tables."""

    schema = _SCHEMA


def _day(day: date) -> str:
    return day.isoformat()


def _bucket(latency_ms: float) -> int:
    return round(math.log(max(latency_ms, _SHORTEST_MS)) / _STEP)


def _percentiles(histogram: Sequence[tuple[int, int]]) -> tuple[float, float, float]:
    total = sum(calls for _, calls in histogram)
    p50, p95, p99 = (_at_rank(histogram, math.ceil(share * total)) for share in _SHARES)
    return p50, p95, p99


def _at_rank(histogram: Sequence[tuple[int, int]], rank: int) -> float:
    """The latency of the call at that place, counted from 1, shortest first."""
    below = accumulate(calls for _, calls in histogram)
    bucket = next(bucket for (bucket, _), counted in zip(histogram, below, strict=True) if counted >= rank)
    return math.exp(bucket * _STEP)
