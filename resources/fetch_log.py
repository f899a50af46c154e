"""How the last fetch of each partition ended: the memory that retries, gaps and status pages share.

SQLite in `<home>/state`, one row per asset and partition. A retry of a failed run skips what the
run group already finished; `equities_gaps` tells a failed fetch from a vendor's hole by it. Beside it
stand the repairs that were asked for, and how far back each exchange keeps a contract's history.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
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
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS repair_times (
  asset TEXT NOT NULL, partition TEXT NOT NULL, at TEXT NOT NULL, tries INTEGER NOT NULL,
  PRIMARY KEY (asset, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS floors (
  exchange TEXT NOT NULL, native_symbol TEXT NOT NULL, floor_at TEXT NOT NULL,
  PRIMARY KEY (exchange, native_symbol)
) WITHOUT ROWID"""
_BUSY_S = 30.0


class FetchLog:
    """The last outcome per asset and partition. Safe to share between processes and threads."""

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

    def repair_asked_at(self, asset: str, partitions: Iterable[str], at: datetime) -> None:
        """Note that these partitions are fetched again from `at` on because of a gap."""
        told = clock.instant(at).isoformat()
        with self._open() as db:
            db.executemany(
                "INSERT INTO repair_times VALUES (?, ?, ?, 1) ON CONFLICT (asset, partition) DO UPDATE SET "
                "at = excluded.at, tries = tries + 1",
                [(asset, key, told) for key in partitions],
            )

    def repair_tries(self, asset: str) -> dict[str, tuple[datetime, int]]:
        """Partition -> the last time it was fetched again, and how often it was."""
        with self._open() as db:
            found = db.execute(
                "SELECT partition, at, tries FROM repair_times WHERE asset = ? ORDER BY partition", (asset,)
            )
            return {partition: (clock.instant(at), tries) for partition, at, tries in found}

    def repaired(self, asset: str, partitions: Iterable[str]) -> None:
        """Forget the repairs of partitions that have no open gap any more."""
        keys = [(asset, key) for key in partitions]
        with self._open() as db:
            db.executemany("DELETE FROM repairs WHERE asset = ? AND partition = ?", keys)
            db.executemany("DELETE FROM repair_times WHERE asset = ? AND partition = ?", keys)

    def note_floors(self, exchange: str, floors: Mapping[str, datetime]) -> None:
        """Note before which instant the exchange keeps nothing of each contract; the newest note counts."""
        told = [(exchange, native_symbol, clock.instant(at).isoformat()) for native_symbol, at in floors.items()]
        with self._open() as db:
            db.executemany("INSERT OR REPLACE INTO floors VALUES (?, ?, ?)", told)

    def floors(self) -> pl.DataFrame:
        """Columns exchange, native_symbol, history_floor (UTC); one row per contract with a floor, sorted."""
        with self._open() as db:
            found = db.execute("SELECT * FROM floors ORDER BY exchange, native_symbol").fetchall()
        return pl.DataFrame(
            [(exchange, native, clock.instant(at)) for exchange, native, at in found],
            schema={"exchange": pl.String, "native_symbol": pl.String, "history_floor": UTC_MICROS},
            orient="row",
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = self._connected()
        try:
            with db:
                yield db
        finally:
            db.close()

    def _connected(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        give_up = time.monotonic() + _BUSY_S
        while True:
            db = sqlite3.connect(self._path, timeout=_BUSY_S)
            try:
                # switching to WAL does not wait for other openers, whatever the busy timeout
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_SCHEMA)
            except sqlite3.OperationalError as busy:
                db.close()
                if "locked" not in str(busy) or time.monotonic() > give_up:
                    raise
                time.sleep(0.02)
            else:
                return db
