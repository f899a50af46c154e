"""Runs of Dagster that ended long ago, with their events: succeeded ones after `retention.events_days`, failed and
cancelled ones after `retention.failed_runs_days`.

Dagster removes whole runs (`delete_run`): the record, its tags and its events, materialisations among them; the
results of checks stay in a table of their own. On SQLite the run's file keeps its size (140 kB, seen with 1.13.27), so
it is removed as well. So a run goes only where nothing of it is the latest of its kind (see `latest`). A call looks
at so many runs at most, and the next goes on where it ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import dagster as dg
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES, RunsFilter
from dagster._core.storage.event_log import EventLogStorage, SqliteEventLogStorage
from dagster._core.storage.tags import BACKFILL_ID_TAG, PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

from resources.check_ledger import CheckLedger
from resources.retention.job import Job, Tally
from resources.retention.latest import Latest, newest_run
from resources.run_ledger import RunLedger

#: runs that one call looks at: some 20 ms each
MOST_RUNS = 5_000
_AT_ONCE = 500
_CURSOR = "market_assets/retention/events"
_BACKFILLING = [status for status in BulkActionStatus if status not in BULK_ACTION_TERMINAL_STATUSES]
_FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def thin(job: Job, tally: Tally) -> None:
    """Delete runs past their time of which nothing is the latest."""
    instance = job.instance
    if instance is None:
        tally.notes.append("there is no Dagster instance here")
        return
    storage, kept = instance.event_log_storage, job.settings.retention
    tally.counts_bytes = isinstance(storage, SqliteEventLogStorage)
    tally.kept_since = job.ago(kept.events_days)
    limits = {dg.DagsterRunStatus.SUCCESS: tally.kept_since} | dict.fromkeys(_FAILED, job.ago(kept.failed_runs_days))
    due, latest, last = _due(instance, limits), Latest(instance), ""
    needed = _Needed.of(instance, job.settings.home)
    for runs in (due[at : at + _AT_ONCE] for at in range(0, len(due), _AT_ONCE)):
        gone = latest.superseded([run.run_id for run in runs if not needed.needs(run)])
        for run in runs:
            tally.count(removed=run.run_id in gone, size=_size(storage, run.run_id))
            if run.run_id not in gone:
                last = run.run_id
            elif not job.dry_run:
                instance.delete_run(run.run_id)
                for file in _files(storage, run.run_id):
                    file.unlink(missing_ok=True)
    n_kept = tally.total.examined - tally.total.removed
    if n_kept:
        tally.notes.append(f"{n_kept:,} runs stay: something of them is the latest of its kind, or needed still")
    if len(due) == MOST_RUNS:
        tally.notes.append(f"one call looks at {MOST_RUNS:,} runs at most: the next goes on from there")
    if not job.dry_run:
        instance.daemon_cursor_storage.set_cursor_values({_CURSOR: last if len(due) == MOST_RUNS else ""})


def _due(instance: dg.DagsterInstance, limits: Mapping[dg.DagsterRunStatus, datetime]) -> list[dg.DagsterRun]:
    """Runs past their time, oldest first, from after the last that the call before left in place."""
    wanted = RunsFilter(statuses=list(limits), updated_before=max(limits.values()))
    cursor: str | None = instance.daemon_cursor_storage.get_cursor_values({_CURSOR}).get(_CURSOR) or None
    if cursor is not None and instance.get_run_by_id(cursor) is None:
        cursor = None  # somebody else has deleted it
    due: list[dg.DagsterRun] = []
    while True:
        page = instance.get_run_records(wanted, limit=_AT_ONCE, cursor=cursor, ascending=True)
        due += [one.dagster_run for one in page if one.update_timestamp < limits[one.dagster_run.status]]
        if len(page) < _AT_ONCE or len(due) >= MOST_RUNS:
            return due[:MOST_RUNS]
        cursor = page[-1].dagster_run.run_id


@dataclass(frozen=True)
class _Needed:
    """Runs that something under way looks back at, and the newest of all."""

    run_ids: frozenset[str]
    backfills: frozenset[str]

    @classmethod
    def of(cls, instance: dg.DagsterInstance, home: Path) -> Self:
        """What is needed of this instance now, also by those who tell what fails."""
        unfinished = instance.get_runs(RunsFilter(statuses=NOT_FINISHED_STATUSES))
        origins = {run.tags.get(tag) for run in unfinished for tag in (PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG)}
        # SQLite gives the number of the newest event anew once it is gone, and who reads on by numbers would miss one
        newest = {newest_run(instance), *(run.run_id for run in instance.get_runs(limit=1))}
        ledgers = (("checks", CheckLedger), ("runs", RunLedger))
        failing = [ledger(home).failing()["run_id"] for name, ledger in ledgers if _path(home, name).exists()]
        backfills = instance.get_backfills(filters=BulkActionsFilter(statuses=_BACKFILLING))
        return cls(
            frozenset(run_id for run_id in (origins | newest).union(*failing) if run_id),
            frozenset(one.backfill_id for one in backfills),
        )

    def needs(self, run: dg.DagsterRun) -> bool:
        """Whether a run must stay."""
        return run.run_id in self.run_ids or run.tags.get(BACKFILL_ID_TAG) in self.backfills


def _path(home: Path, ledger: str) -> Path:
    return home / "state" / f"{ledger}.sqlite"


def _files(storage: EventLogStorage, run_id: str) -> list[Path]:
    """The files of a run's events, where it has files of its own."""
    if not isinstance(storage, SqliteEventLogStorage):
        return []
    file = Path(storage.path_for_shard(run_id))
    return [one for one in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))) if one.exists()]


def _size(storage: EventLogStorage, run_id: str) -> int:
    return sum(file.stat().st_size for file in _files(storage, run_id))
