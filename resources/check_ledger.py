"""The latest verdict of every check on every partition: `<home>/state/checks.sqlite`.

Dagster keeps evaluations, and one covers the partitions of its run: which ones, its run's tags tell. A range is blamed
as a whole. A run over everything replaces all verdicts of its checks by one on WHOLE; so does one over every partition.
Verdicts of checks and partitions that are no more are dropped.
"""

import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.metadata import (
    BoolMetadataValue,
    FloatMetadataValue,
    IntMetadataValue,
    JsonMetadataValue,
    TextMetadataValue,
)
from dagster._core.storage.dagster_run import RunsFilter

from market_assets.core.contracts import UTC_MICROS, WHOLE
from resources import event_marks
from resources.event_marks import Mark
from resources.http import redact
from resources.http.state import instant
from resources.ledger import Ledger
from resources.run_scope import Scopes
from resources.shared_file import SharedFile

#: one row per asset, check and partition; `since` when it began to fail, null where it passes
VERDICTS = pl.Schema(
    {
        "asset": pl.String(),
        "check": pl.String(),
        "partition": pl.String(),
        "passed": pl.Boolean(),
        "severity": pl.String(),
        "description": pl.String(),
        "at": UTC_MICROS,
        "run_id": pl.String(),
        "since": UTC_MICROS,
    }
)
_KIND = dg.DagsterEventType.ASSET_CHECK_EVALUATION
#: evaluations that a first look reads, besides the last one of every check
_FIRST_LOOK = 2000
_PRUNE_EVERY_S = 600.0
#: of the evidence so many facts are told, each of so many characters
_FACTS, _LONGEST = 6, 80
#: the scope that `core.checks` states; the partitions are columns here
_SCOPE = "partitions"
#: what a check says of itself only to name where it is explained
_POINTER = "RUNBOOK:"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS evaluations (
  event_id INTEGER PRIMARY KEY, asset TEXT NOT NULL, check_name TEXT NOT NULL, passed INTEGER NOT NULL,
  severity TEXT NOT NULL, description TEXT NOT NULL, at REAL NOT NULL, run_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS evaluations_that_failed ON evaluations (event_id) WHERE passed = 0;
CREATE TABLE IF NOT EXISTS verdicts (
  asset TEXT NOT NULL, check_name TEXT NOT NULL, partition TEXT NOT NULL, event_id INTEGER NOT NULL, since REAL,
  PRIMARY KEY (asset, check_name, partition)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS verdicts_of_evaluation ON verdicts (event_id);
CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY CHECK (id = 1), read TEXT NOT NULL);
"""
_SELECT = (
    "SELECT v.asset, v.check_name, v.partition, e.passed, e.severity, e.description, e.at, e.run_id, v.since "
    "FROM verdicts v JOIN evaluations e ON e.event_id = v.event_id"
)
_PUT = (
    "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?) ON CONFLICT (asset, check_name, partition) DO UPDATE SET "
    "event_id = excluded.event_id, "
    "since = CASE WHEN excluded.since IS NULL THEN NULL ELSE coalesce(verdicts.since, excluded.since) END "
    "WHERE excluded.event_id > verdicts.event_id"
)
_NAMED = (
    " WHERE (?1 IS NULL OR v.asset IN (SELECT value FROM json_each(?1)))"
    " AND (?2 IS NULL OR v.partition IN (SELECT value FROM json_each(?2)))"
)
_ORDER = " ORDER BY v.asset, v.check_name, v.partition"


@dataclass(frozen=True)
class _Evaluation:
    """One evaluation and the partitions that it is about."""

    event_id: int
    asset: str
    check: str
    passed: bool
    severity: str
    description: str
    at: float
    run_id: str
    keys: Sequence[str]


class CheckLedger(Ledger):
    """The file. Safe to use from many processes; only one of them follows at a time."""

    def __init__(self, home: Path) -> None:
        super().__init__(_File(home / "state" / "checks.sqlite"))
        self._pruned_at = float("-inf")

    def follow(self, instance: dg.DagsterInstance, graph: BaseAssetGraph[Any]) -> int:
        """Read the evaluations that are new; how many there were.

        The first look, and one at an event log that was begun anew, reads the last evaluation of every check and the
        newest others, however long the log is.
        """
        scopes = Scopes(graph, instance)
        due = time.monotonic() - self._pruned_at > _PRUNE_EVERY_S
        mark = self._mark(self._file.rows("SELECT read FROM mark"))
        if not due and mark is not None and not event_marks.has_news(instance, [_KIND], mark):
            return 0
        with self._file.transaction() as db:
            # read again inside the lock: another process may have followed meanwhile
            mark = self._mark(db.execute("SELECT read FROM mark").fetchall())
            if mark is None or event_marks.is_begun_anew(instance, mark):
                mark = Mark(event_marks.newest_id(instance))
                db.execute("DELETE FROM verdicts")
                db.execute("DELETE FROM evaluations")
                last = event_marks.last_evaluations(instance)
                ids = sorted({*event_marks.newest(instance, [_KIND], _FIRST_LOOK), *last})
            else:
                ids = event_marks.unread(instance, [_KIND], mark)
            for one in _evaluations(instance, graph, scopes, ids):
                _apply(db, one, covers_all=scopes.is_all(one.asset, one.keys))
            if due:
                _prune(db, graph, scopes)
            db.execute("INSERT OR REPLACE INTO mark VALUES (1, ?)", (mark.after(ids).write(),))
        self._pruned_at = time.monotonic() if due else self._pruned_at
        return len(ids)

    def verdicts(
        self, assets: Collection[str] | None = None, partitions: Collection[str] | None = None
    ) -> pl.DataFrame:
        """VERDICTS of these assets and partitions (None: all), sorted; those on WHOLE are about every partition."""
        named = None if assets is None else json.dumps(sorted(assets))
        keys = None if partitions is None else json.dumps(sorted({*partitions, WHOLE}))
        return _frame(self._file.rows(f"{_SELECT}{_NAMED}{_ORDER}", named, keys))

    def failing(self) -> pl.DataFrame:
        """VERDICTS that failed, sorted."""
        return _frame(self._file.rows(f"{_SELECT} WHERE e.passed = 0{_ORDER}"))


class _File(SharedFile):
    """Its tables."""

    schema = _SCHEMA


def _frame(rows: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    told = [
        (asset, check, partition, bool(passed), severity, said, instant(at), run_id, since and instant(since))
        for asset, check, partition, passed, severity, said, at, run_id, since in rows
    ]
    return pl.DataFrame(told, schema=VERDICTS, orient="row")


def _evaluations(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph[Any],
    scopes: Scopes,
    ids: Sequence[int],
) -> list[_Evaluation]:
    events = event_marks.entries(instance, ids)
    runs = sorted({event.run_id for _, event in events if event.run_id})
    tags = {run.run_id: run.tags for run in instance.get_runs(RunsFilter(run_ids=runs))} if runs else {}
    found, known = [], graph.asset_check_keys
    for event_id, event in events:
        evaluation = event.get_dagster_event().asset_check_evaluation_data
        if evaluation.asset_check_key not in known:
            continue
        asset = evaluation.asset_key.to_user_string()
        covered = scopes.of_run(asset, tags.get(event.run_id, {}))
        own = evaluation.partition
        keys = covered if own is None else scopes.existing(asset, [own])
        stated = graph.get(evaluation.asset_check_key).description or ""
        found.append(
            _Evaluation(
                event_id=event_id,
                asset=asset,
                check=evaluation.check_name,
                passed=evaluation.passed,
                severity=evaluation.severity.value,
                description=_sentence(stated, evaluation.description or "", evaluation.metadata),
                at=event.timestamp,
                run_id=event.run_id,
                keys=keys,
            )
        )
    return found


def _sentence(stated: str, said: str, metadata: Mapping[str, dg.MetadataValue[Any]]) -> str:
    """What is checked and what was seen, as one sentence."""
    facts = [] if said.startswith(_POINTER) or not said else [said]
    facts += [f"{name} {shown}" for name, value in metadata.items() if (shown := _shown(name, value)) is not None]
    told = "; ".join(facts[:_FACTS])
    return redact.text(f"{stated.rstrip('.')} ({told})." if told else f"{stated.rstrip('.')}.")


def _shown(name: str, value: dg.MetadataValue[Any]) -> str | None:
    """A fact in few characters; None of a table, a plot, and of what is told elsewhere."""
    if name == _SCOPE or not isinstance(
        value, BoolMetadataValue | FloatMetadataValue | IntMetadataValue | JsonMetadataValue | TextMetadataValue
    ):
        return None
    plain = value.value
    text = f"{plain:.4g}" if isinstance(plain, float) else plain if isinstance(plain, str) else json.dumps(plain)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _apply(db: sqlite3.Connection, one: _Evaluation, *, covers_all: bool) -> None:
    """Put an evaluation in the place of older ones; what is newer stays, in whatever order they are read."""
    of_check = (one.asset, one.check)
    since = None if one.passed else one.at
    db.execute(
        "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (one.event_id, *of_check, one.passed, one.severity, one.description, one.at, one.run_id),
    )
    older = "FROM verdicts WHERE asset = ? AND check_name = ? AND event_id < ?"
    if one.keys == [WHOLE]:
        if since is not None:
            since = db.execute(f"SELECT min(since) {older}", (*of_check, one.event_id)).fetchone()[0] or since
        db.execute(f"DELETE {older} AND partition != ?", (*of_check, one.event_id, WHOLE))
    elif covers_all:
        db.execute(f"DELETE {older} AND partition = ?", (*of_check, one.event_id, WHOLE))
    db.executemany(_PUT, [(*of_check, key, one.event_id, since) for key in one.keys])


def _prune(db: sqlite3.Connection, graph: BaseAssetGraph[Any], scopes: Scopes) -> None:
    """Drop verdicts of checks and partitions that are no more, and evaluations that no verdict is of."""
    known = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}
    for asset, check in db.execute("SELECT DISTINCT asset, check_name FROM verdicts").fetchall():
        if (asset, check) not in known:
            db.execute("DELETE FROM verdicts WHERE asset = ? AND check_name = ?", (asset, check))
            continue
        found = db.execute("SELECT partition FROM verdicts WHERE asset = ? AND check_name = ?", (asset, check))
        stored = [row[0] for row in found]
        gone = set(stored) - set(scopes.existing(asset, stored))
        db.executemany(
            "DELETE FROM verdicts WHERE asset = ? AND check_name = ? AND partition = ?",
            [(asset, check, key) for key in gone],
        )
    db.execute(
        "DELETE FROM evaluations WHERE NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.event_id = evaluations.event_id)"
    )
