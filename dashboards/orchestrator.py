"""What Dagster knows: daemons, runs, ticks, backfills, failed checks. Beside `backfills` nothing here imports Dagster.

The instance is opened on first use, and only where its home holds a `dagster.yaml`. Without one
there is nothing to report: callers show "unknown", never an invented value.
"""

import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, PartitionsDefinition

    from dashboards.backfills import Unfinished

_MEMORY_S = 5.0

_Answer = TypeVar("_Answer")


class OrchestratorUnavailable(MarketAssetsError):
    """Dagster's instance is not configured here, or its storage does not answer."""


@dataclass(frozen=True)
class Daemon:
    """One daemon thread. `healthy` is None where the instance does not need it."""

    name: str
    healthy: bool | None
    last_heartbeat: datetime | None


@dataclass(frozen=True)
class Run:
    """One run."""

    run_id: str
    #: what it materialises; the job's name where it names no assets
    subject: str
    status: str
    created_at: datetime
    duration_s: float | None


@dataclass(frozen=True)
class Automation:
    """One schedule or sensor that has been started or stopped, with its last tick."""

    name: str
    kind: str
    status: str
    last_tick_at: datetime | None
    last_tick: str | None


@dataclass(frozen=True)
class CheckState:
    """The latest evaluation of one check on one partition (None where it is not partitioned)."""

    asset: str
    check: str
    partition: str | None
    passed: bool
    severity: str
    description: str | None
    evaluated_at: datetime
    run_id: str


@dataclass(frozen=True)
class Backfill:
    """One backfill; counts of partitions are None where Dagster has not stated them."""

    id: str
    status: str
    assets: tuple[str, ...]
    partitions_total: int | None
    done: int | None
    failed: int | None
    started_at: datetime

    @property
    def running(self) -> bool:
        """Whether it has partitions left to do."""
        return self.status in ("REQUESTED", "CANCELING", "FAILING")


class Orchestrator:
    """Reads Dagster's instance. Every method raises OrchestratorUnavailable where it cannot."""

    def __init__(self, home: Path, heartbeat_s: float) -> None:
        self._home, self._heartbeat_s = home, heartbeat_s
        self._lock = threading.RLock()
        self._remembered: dict[str, tuple[float, Any]] = {}

    @classmethod
    def of(cls, settings: Settings) -> "Orchestrator":
        """The instance of `DAGSTER_HOME`, which is `<home>/dagster` unless it is set."""
        home = Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster")
        return cls(home, settings.alerts.heartbeat_s)

    @property
    def configured(self) -> bool:
        """Whether there is an instance to ask."""
        return (self._home / "dagster.yaml").exists()

    @functools.cached_property
    def _instance(self) -> "DagsterInstance":
        from dagster import DagsterInstance

        return DagsterInstance.from_config(str(self._home))

    def opened(self) -> "DagsterInstance | None":
        """The instance itself, for what runs a round of alerts; None where there is none."""
        if not self.configured:
            return None
        with self._lock, _translated():
            return self._instance

    def ask(self, name: str, question: Callable[["DagsterInstance"], _Answer]) -> _Answer:
        """Answer from memory while it is younger than a few seconds: pages refresh, storage is shared."""
        self._require()
        with self._lock:
            asked_at, answer = self._remembered.get(name, (float("-inf"), None))
            if time.monotonic() - asked_at > _MEMORY_S:
                with _translated():
                    answer = question(self._instance)
                self._remembered[name] = (time.monotonic(), answer)
            return answer  # type: ignore[no-any-return]

    def _require(self) -> None:
        if not self.configured:
            raise OrchestratorUnavailable(
                f"Dagster's state needs a dagster.yaml in DAGSTER_HOME, there is none in {self._home}. "
                "Start the app with the same MARKET_ASSETS_HOME and DAGSTER_HOME as Dagster."
            )

    def daemons(self) -> list[Daemon]:
        """Every daemon the instance knows, by name."""
        return self.ask("daemons", lambda instance: _daemons(instance, self._heartbeat_s))

    def scheduler_running(self) -> bool:
        """Whether the scheduler's heartbeat is recent."""
        return any(daemon.name == "SCHEDULER" and daemon.healthy is True for daemon in self.daemons())

    def runs(self) -> list[Run]:
        """The newest 20 runs, newest first."""
        return self.ask("runs", _runs)

    def automation(self) -> list[Automation]:
        """Schedules and sensors with a state, by kind and name."""
        return self.ask("automation", _automation)

    def checks(self) -> list[CheckState]:
        """The latest evaluation of every check and partition, by asset, check and partition."""
        return self.ask("checks", _checks)

    def failed_checks(self) -> list[CheckState]:
        """The checks whose latest evaluation failed."""
        return [check for check in self.checks() if not check.passed]

    def backfills(self) -> list[Backfill]:
        """The newest 20 backfills, newest first."""
        return self.ask("backfills", _backfills)

    def launch(self, asset: str, cut: Callable[[], "PartitionsDefinition"], keys: Sequence[str], title: str) -> str:
        """Hand Dagster a backfill of these partitions of an asset, which is cut so; returns its id."""
        self._require()
        from dashboards import backfills

        with self._lock, _translated():
            self._remembered.pop("backfills", None)
            return backfills.launch(self._instance, asset, cut(), keys, title)

    def unfinished(self, asset: str, backfill_id: str | None = None) -> "Unfinished | None":
        """What a backfill has left undone, of the newest where no id is given; see `backfills`. Raises UnknownName."""
        self._require()
        from dashboards import backfills

        with self._lock, _translated():
            return backfills.unfinished(self._instance, asset, backfill_id)


@contextmanager
def _translated() -> Iterator[None]:
    from dagster import DagsterError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (DagsterError, SQLAlchemyError, OSError) as failure:
        raise OrchestratorUnavailable(
            f"Dagster's storage must answer; it failed with {type(failure).__name__}. "
            "Look at the storage section of dagster.yaml."
        ) from failure


def _instant(stamp: float | None) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if stamp is not None else None


def _daemons(instance: "DagsterInstance", heartbeat_s: float) -> list[Daemon]:
    from dagster._daemon.controller import get_daemon_statuses

    statuses = get_daemon_statuses(
        instance,
        instance.get_required_daemon_types(),
        ignore_errors=True,
        heartbeat_interval_seconds=0,
        heartbeat_tolerance_seconds=heartbeat_s,
    )
    return [
        Daemon(name, status.healthy, _instant(status.last_heartbeat.timestamp if status.last_heartbeat else None))
        for name, status in sorted(statuses.items())
    ]


def _runs(instance: "DagsterInstance") -> list[Run]:
    return [
        Run(
            run_id=record.dagster_run.run_id,
            subject=", ".join(sorted(key.to_user_string() for key in record.dagster_run.asset_selection or ()))
            or record.dagster_run.job_name,
            status=record.dagster_run.status.value,
            created_at=record.create_timestamp.astimezone(UTC),
            duration_s=record.end_time - record.start_time if record.end_time and record.start_time else None,
        )
        for record in instance.get_run_records(limit=20)
    ]


def _automation(instance: "DagsterInstance") -> list[Automation]:
    states = list(instance.all_instigator_state())
    newest = instance.get_batch_ticks([state.selector_id for state in states], limit=1) if states else {}
    found = []
    for state in states:
        ticks = newest.get(state.selector_id, [])
        found.append(
            Automation(
                name=state.instigator_name,
                kind=state.instigator_type.value.lower(),
                # declared in code is stored only for what runs unless somebody stops it
                status="RUNNING" if state.status.value == "DECLARED_IN_CODE" else state.status.value,
                last_tick_at=_instant(ticks[0].timestamp) if ticks else None,
                last_tick=ticks[0].status.value if ticks else None,
            )
        )
    return sorted(found, key=lambda automation: (automation.kind, automation.name))


def _checks(instance: "DagsterInstance") -> list[CheckState]:
    """Ask the index directly: Dagster's own calls need the check keys, which only the definitions know."""
    import sqlalchemy as sql
    from dagster import AssetCheckKey, AssetKey
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
    from dagster._core.storage.event_log import SqlEventLogStorage
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Executions

    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise OrchestratorUnavailable(
            f"check states need an SQL event log (SQLite or Postgres), not {type(storage).__name__}"
        )
    latest = (
        sql.select(sql.func.max(Executions.c.id))
        .where(Executions.c.execution_status.in_(["SUCCEEDED", "FAILED"]))
        .group_by(Executions.c.asset_key, Executions.c.check_name, Executions.c.partition)
    )
    with storage.index_connection() as connection:
        rows = connection.execute(sql.select(Executions).where(Executions.c.id.in_(latest))).mappings().all()
    found = []
    for row in rows:
        asset = AssetKey.from_db_string(row["asset_key"])
        if asset is None:
            continue
        record = AssetCheckExecutionRecord.from_db_row(dict(row), key=AssetCheckKey(asset, row["check_name"]))
        evaluation = record.evaluation
        if evaluation is None:
            continue
        found.append(
            CheckState(
                asset=asset.to_user_string(),
                check=row["check_name"],
                partition=row["partition"],
                passed=evaluation.passed,
                severity=evaluation.severity.value,
                description=evaluation.description,
                evaluated_at=datetime.fromtimestamp(record.create_timestamp, UTC),
                run_id=record.run_id,
            )
        )
    return sorted(found, key=lambda check: (check.asset, check.check, check.partition or ""))


def _backfills(instance: "DagsterInstance") -> list[Backfill]:
    found = []
    for backfill in instance.get_backfills(limit=20):
        data = backfill.asset_backfill_data
        found.append(
            Backfill(
                id=backfill.backfill_id,
                status=backfill.status.value,
                assets=tuple(key.to_user_string() for key in backfill.asset_selection or ()),
                partitions_total=data.target_subset.num_partitions_and_non_partitioned_assets if data else None,
                done=data.materialized_subset.num_partitions_and_non_partitioned_assets if data else None,
                failed=data.failed_and_downstream_subset.num_partitions_and_non_partitioned_assets if data else None,
                started_at=datetime.fromtimestamp(backfill.backfill_timestamp, UTC),
            )
        )
    return found
