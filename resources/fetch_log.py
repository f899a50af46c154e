"""How the last fetch of each partition ended: the memory that retries, gaps and status pages share.

SQLite in `<home>/state`, one row per asset and partition. A retry of a failed run skips what the
run group already finished; `equities_gaps` tells a failed fetch from a vendor's hole by it.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fetches (
  asset TEXT NOT NULL, partition TEXT NOT NULL, run_group TEXT NOT NULL,
  finished_at TEXT NOT NULL, succeeded_at TEXT, outcome TEXT NOT NULL, error TEXT,
  PRIMARY KEY (asset, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS repairs (
  asset TEXT NOT NULL, partition TEXT NOT NULL, day TEXT NOT NULL, PRIMARY KEY (asset, partition, day)
) WITHOUT ROWID"""
_BUSY_S = 30.0


class FetchLog:
    """The last outcome per asset and partition. Safe to share between processes."""

    def __init__(self, home: Path) -> None:
        self._path = home / "state" / "fetches.sqlite"

    def succeeded(self, asset: str, partitions: Iterable[str], run_group: str) -> None:
        """Note that these partitions were fetched and stored."""
        at = clock.now().isoformat()
        with self._open() as db:
            db.executemany(
                "INSERT INTO fetches VALUES (?, ?, ?, ?, ?, 'ok', NULL) ON CONFLICT (asset, partition) DO UPDATE SET "
                "run_group = excluded.run_group, finished_at = excluded.finished_at, "
                "succeeded_at = excluded.succeeded_at, outcome = 'ok', error = NULL",
                [(asset, partition, run_group, at, at) for partition in partitions],
            )

    def failed(self, asset: str, partitions: Iterable[str], run_group: str, outcome: str, error: str) -> None:
        """Note why these partitions could not be fetched; the last success stays on record."""
        at = clock.now().isoformat()
        with self._open() as db:
            db.executemany(
                "INSERT INTO fetches VALUES (?, ?, ?, ?, NULL, ?, ?) ON CONFLICT (asset, partition) DO UPDATE SET "
                "run_group = excluded.run_group, finished_at = excluded.finished_at, "
                "outcome = excluded.outcome, error = excluded.error",
                [(asset, partition, run_group, at, outcome, error) for partition in partitions],
            )

    def finished_by(self, asset: str, run_group: str) -> set[str]:
        """The partitions that this run, or the run it retries, has stored already."""
        with self._open() as db:
            found = db.execute(
                "SELECT partition FROM fetches WHERE asset = ? AND run_group = ? AND error IS NULL",
                (asset, run_group),
            )
            return {row[0] for row in found}

    def outcomes(self, asset: str) -> pl.DataFrame:
        """Columns partition, finished_at, succeeded_at (UTC), outcome, error; one row per partition, sorted."""
        with self._open() as db:
            found = db.execute(
                "SELECT partition, finished_at, succeeded_at, outcome, error FROM fetches "
                "WHERE asset = ? ORDER BY partition",
                (asset,),
            ).fetchall()
        return pl.DataFrame(
            [(p, clock.instant(f), clock.instant(s) if s else None, o, e) for p, f, s, o, e in found],
            schema={
                "partition": pl.String,
                "finished_at": UTC_MICROS,
                "succeeded_at": UTC_MICROS,
                "outcome": pl.String,
                "error": pl.String,
            },
            orient="row",
        )

    def repair_asked(self, asset: str, partitions: Iterable[str], day: date) -> None:
        """Note that these partitions are fetched again on `day` because of a gap."""
        with self._open() as db:
            db.executemany(
                "INSERT OR IGNORE INTO repairs VALUES (?, ?, ?)", [(asset, key, day.isoformat()) for key in partitions]
            )

    def repair_days(self, asset: str) -> dict[str, list[date]]:
        """Partition -> the days on which it was fetched again, oldest first."""
        with self._open() as db:
            found = db.execute("SELECT partition, day FROM repairs WHERE asset = ? ORDER BY day", (asset,)).fetchall()
        days: dict[str, list[date]] = {}
        for partition, day in found:
            days.setdefault(partition, []).append(date.fromisoformat(day))
        return days

    def repaired(self, asset: str, partitions: Iterable[str]) -> None:
        """Forget the repairs of partitions that have no open gap any more."""
        with self._open() as db:
            db.executemany(
                "DELETE FROM repairs WHERE asset = ? AND partition = ?", [(asset, key) for key in partitions]
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=_BUSY_S)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA)
            with db:
                yield db
        finally:
            db.close()
