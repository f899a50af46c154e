"""Which partitions of which assets failed to be made and have not been made since: `<home>/state/runs.sqlite`.

A partition is cleared by whatever run stores it later; a step of checks by any later evaluation of its table. Retries
of a run fail in the same partitions and are one failure that lasts. What failed longer than a week ago and was never
asked for again (a day of a backfill) is cleared by any other partition of the asset that was stored since.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.events.log import EventLogEntry

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS, WHOLE
from resources import event_marks
from resources.event_marks import Mark
from resources.http.state import instant
from resources.ledger import Ledger
from resources.run_failures import failed_steps, materialised_in
from resources.run_scope import Scopes
from resources.shared_file import SharedFile

#: one row per asset and partition; `since` when it began to fail, `is_check` where the step was that of its checks
FAILURES = pl.Schema(
    {
        "asset": pl.String(),
        "partition": pl.String(),
        "is_check": pl.Boolean(),
        "cause": pl.String(),
        "said": pl.String(),
        "at": UTC_MICROS,
        "since": UTC_MICROS,
        "run_id": pl.String(),
    }
)
_KIND = dg.DagsterEventType.PIPELINE_FAILURE
_STORED = dg.DagsterEventType.ASSET_MATERIALIZATION
#: failed runs that a first look reads: each has a log of its own, which takes its time
_FIRST_LOOK = 100
_LASTS = timedelta(days=7)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS failures (
  event_id INTEGER NOT NULL, asset TEXT NOT NULL, is_check INTEGER NOT NULL, cause TEXT NOT NULL, said TEXT NOT NULL,
  at REAL NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY (event_id, asset, is_check)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failed (
  asset TEXT NOT NULL, is_check INTEGER NOT NULL, partition TEXT NOT NULL, event_id INTEGER NOT NULL,
  since REAL NOT NULL, PRIMARY KEY (asset, is_check, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY CHECK (id = 1), read TEXT NOT NULL);
"""
_SELECT = (
    "SELECT d.asset, d.partition, d.is_check, f.cause, f.said, f.at, d.since, f.run_id FROM failed d "
    "JOIN failures f ON f.event_id = d.event_id AND f.asset = d.asset AND f.is_check = d.is_check "
    "ORDER BY d.asset, d.is_check, d.partition"
)
_PUT = (
    "INSERT INTO failed VALUES (?, ?, ?, ?, ?) ON CONFLICT (asset, is_check, partition) DO UPDATE SET "
    "event_id = excluded.event_id WHERE excluded.event_id > failed.event_id"
)
_CLEAR = "DELETE FROM failed WHERE asset = ? AND is_check = ? AND partition = ?"


class RunLedger(Ledger):
    """The file. Safe to use from many processes; only one of them follows at a time."""

    def __init__(self, home: Path) -> None:
        super().__init__(_File(home / "state" / "runs.sqlite"))

    def follow(self, instance: dg.DagsterInstance, graph: AssetGraph) -> int:
        """Read the runs that failed since, and clear what was made since; how many runs were read.

        The first look, and one at an event log that was begun anew, reads the newest failed runs alone.
        """
        mark = self._mark(self._file.rows("SELECT read FROM mark"))
        lasting = self._file.rows("SELECT 1 FROM failed LIMIT 1")
        if mark is not None and not lasting and not event_marks.has_news(instance, [_KIND], mark):
            return 0
        scopes = Scopes(graph, instance)
        with self._file.transaction() as db:
            # read again inside the lock: another process may have followed meanwhile
            mark = self._mark(db.execute("SELECT read FROM mark").fetchall())
            if mark is None or event_marks.is_begun_anew(instance, mark):
                mark = Mark(event_marks.newest_id(instance))
                db.execute("DELETE FROM failed")
                ids = event_marks.newest(instance, [_KIND], _FIRST_LOOK)
            else:
                ids = event_marks.unread(instance, [_KIND], mark)
            for event_id, event in event_marks.entries(instance, ids):
                for values, keys, since in _failures(instance, graph, scopes, event_id, event):
                    db.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)", values)
                    _, asset, is_check, *_ = values
                    db.executemany(_PUT, [(asset, is_check, key, event_id, since) for key in keys])
            rows = db.execute("SELECT asset, is_check, partition, event_id, since FROM failed").fetchall()
            db.executemany(_CLEAR, _cleared(instance, graph, scopes, rows))
            db.execute(
                "DELETE FROM failures WHERE NOT EXISTS (SELECT 1 FROM failed d WHERE d.event_id = failures.event_id "
                "AND d.asset = failures.asset AND d.is_check = failures.is_check)"
            )
            db.execute("INSERT OR REPLACE INTO mark VALUES (1, ?)", (mark.after(ids).write(),))
        return len(ids)

    def failing(self) -> pl.DataFrame:
        """FAILURES that last, sorted."""
        told = [
            (asset, partition, bool(is_check), cause, said, instant(at), instant(since), run_id)
            for asset, partition, is_check, cause, said, at, since, run_id in self._file.rows(_SELECT)
        ]
        return pl.DataFrame(told, schema=FAILURES, orient="row")


class _File(SharedFile):
    """Its tables."""

    schema = _SCHEMA


def _failures(
    instance: dg.DagsterInstance, graph: AssetGraph, scopes: Scopes, event_id: int, event: EventLogEntry
) -> Iterable[tuple[tuple[Any, ...], list[str], float]]:
    """Rows of `failures`, each with the partitions that were not made and the time of the failure."""
    run = instance.get_run_by_id(event.run_id)
    if run is None:
        return
    made = materialised_in(instance, event.run_id)
    for step in failed_steps(instance, graph, event.run_id, event):
        stored = set() if step.is_check else {key or WHOLE for key in made.get(step.asset, ())}
        keys = [key for key in scopes.of_run(step.asset, run.tags) if key not in stored]
        values = (event_id, step.asset, step.is_check, step.cause, step.said, event.timestamp, event.run_id)
        yield values, keys, event.timestamp


def _cleared(
    instance: dg.DagsterInstance, graph: AssetGraph, scopes: Scopes, rows: Sequence[tuple[Any, ...]]
) -> Iterable[tuple[str, int, str]]:
    """Those that were made since, are no more, or are too old to be told of while the asset is made elsewhere."""
    of_asset: dict[tuple[str, int], list[tuple[str, int, float]]] = {}
    for asset, is_check, partition, event_id, since in rows:
        of_asset.setdefault((asset, is_check), []).append((partition, event_id, since))
    oldest = (clock.wall() - _LASTS).timestamp()
    for (asset, is_check), own in of_asset.items():
        key = dg.AssetKey.from_user_string(asset)
        kept = set(scopes.existing(asset, [partition for partition, _, _ in own])) if graph.has(key) else set[str]()
        last = event_marks.last_evaluation_of(instance, key) if is_check else _last_stored(instance, key)
        latest = {} if is_check else _last_by_partition(instance, key, {partition for partition, _, _ in own})
        for partition, event_id, since in own:
            newest = last if is_check or partition == WHOLE else latest.get(partition, 0)
            if partition not in kept or newest > event_id or (since < oldest and last > event_id):
                yield asset, is_check, partition


def _last_stored(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    return max((record.storage_id for record in instance.fetch_materializations(key, limit=1).records), default=0)


def _last_by_partition(instance: dg.DagsterInstance, key: dg.AssetKey, keys: set[str]) -> dict[str, int]:
    wanted = keys - {WHOLE}
    storage = instance.event_log_storage
    return dict(storage.get_latest_storage_id_by_partition(key, _STORED, wanted)) if wanted else {}
