"""Daemons that are silent, ticks that are late or fail, jobs that do not succeed: on a real instance."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.findings_dagster import Ticking, heartbeats, ticks
from resources.alerting.findings_jobs import business_hours, daily_job
from tests.resources.alerting.dagster_states import state, tick
from tests.resources.alerting.jobs import follow, idle
from tests.resources.ledger_graph import give_ticks

#: a Tuesday
NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


SCHEDULES = [
    dg.ScheduleDefinition(name="hourly", cron_schedule="5 * * * *", job=idle),
    dg.ScheduleDefinition(
        name="equities_after_close", cron_schedule="30 18 * * 1-5", job=idle, execution_timezone="America/New_York"
    ),
]
TICKING = Ticking.of(
    dg.Definitions(schedules=SCHEDULES, sensors=[follow], jobs=[idle]).get_repository_def(), "market_assets"
)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        give_ticks(made, tmp_path_factory.mktemp("ticks"))
        yield made


@pytest.fixture
def instance(storage: dg.DagsterInstance) -> dg.DagsterInstance:
    """An instance in which nothing has happened."""
    storage.schedule_storage.wipe()
    storage.wipe_daemon_heartbeats()
    storage.run_storage.wipe()
    return storage


def found(instance: dg.DagsterInstance, now: datetime) -> list[Finding]:
    return ticks(instance, TICKING, AlertSettings(), now)


def told(instance: dg.DagsterInstance, now: datetime) -> list[tuple[str, str, str]]:
    return [(one.subject, one.check, one.severity) for one in found(instance, now)]


def test_a_daemon_that_falls_silent_is_an_error(tmp_path: Path) -> None:
    """Two minutes without a sign are allowed. One that never lived is not dead."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        kinds = [kind for kind in instance.get_required_daemon_types() if kind in ("SENSOR", "BACKFILL", "MONITORING")]
        assert len(kinds) > 1 and heartbeats(instance, AlertSettings(), NOON) == []
        for n, kind in enumerate(kinds):
            instance.add_daemon_heartbeat(DaemonHeartbeat((NOON + n * MINUTE / 60).timestamp(), kind, "test", []))
        assert heartbeats(instance, AlertSettings(), NOON + 2 * MINUTE) == []
        first, *others = heartbeats(instance, AlertSettings(), NOON + 3 * MINUTE)
        assert (first.subject, first.check, first.severity) == (f"daemon:{kinds[0]}", "heartbeat", "ERROR")
        assert (first.since, first.upstream) == (NOON, frozenset())
        assert [one.upstream for one in others] == [
            frozenset(f"daemon:{before}" for before in kinds[:n]) for n in range(1, len(kinds))
        ]


@pytest.mark.parametrize(("minutes", "severity"), [(120, None), (121, "WARN"), (240, "WARN"), (241, "ERROR")])
def test_a_schedule_is_late_in_periods_of_its_cron(
    instance: dg.DagsterInstance, minutes: int, severity: str | None
) -> None:
    """The tick of 13:05 is late by two periods at 15:05; while the tick of that hour came, nothing is."""
    hourly = state(instance, "hourly", cron="5 * * * *")
    tick(instance, hourly, NOON + 5 * MINUTE)
    due = NOON + HOUR + 5 * MINUTE
    now = due + minutes * MINUTE
    assert told(instance, now) == ([("schedule:hourly", "tick_late", severity)] if severity else [])
    assert all((one.since, one.upstream) == (due, {"daemon:SCHEDULER"}) for one in found(instance, now))
    tick(instance, hourly, due)
    assert told(instance, due + 2 * HOUR) == []


def test_a_schedule_counts_from_when_it_was_turned_on(instance: dg.DagsterInstance) -> None:
    """What was due while it was off is not late, and neither is what has no tick yet."""
    hourly = state(instance, "hourly", cron="5 * * * *", began=NOON)
    tick(instance, hourly, NOON - 100 * HOUR)
    assert told(instance, NOON + HOUR) == []
    assert told(instance, NOON + 3 * HOUR) == [("schedule:hourly", "tick_late", "WARN")]


def test_a_schedule_keeps_the_hours_of_its_time_zone(instance: dg.DagsterInstance) -> None:
    """Friday's tick at 18:30 in New York is followed by Monday's at 22:30Z: over the weekend nothing is late."""
    state(instance, "equities_after_close", cron="30 18 * * 1-5", began=datetime(2026, 10, 2, 22, 30, tzinfo=UTC))
    assert told(instance, datetime(2026, 10, 5, 22, 29, tzinfo=UTC)) == []
    late = found(instance, datetime(2026, 10, 8, 22, 30, tzinfo=UTC))
    assert [(one.check, one.since) for one in late] == [("tick_late", datetime(2026, 10, 5, 22, 30, tzinfo=UTC))]


def test_a_sensor_is_late_in_intervals_of_a_minute_at_least(instance: dg.DagsterInstance) -> None:
    """One of 30 s that began a tick at noon is due a minute later, warns after two more and fails after four."""
    sensor = state(instance, "follow", every_s=30)
    assert told(instance, NOON) == []
    tick(instance, sensor, NOON, TickStatus.STARTED)
    assert told(instance, NOON + 3 * MINUTE) == []
    assert told(instance, NOON + 3.1 * MINUTE) == [("sensor:follow", "tick_late", "WARN")]
    assert told(instance, NOON + 5.1 * MINUTE) == [("sensor:follow", "tick_late", "ERROR")]


def test_a_tick_that_failed_is_told_until_one_succeeds(instance: dg.DagsterInstance) -> None:
    """The cause is what the code raised; a tick that has only begun says nothing yet."""
    sensor = state(instance, "follow")
    inner = SerializableErrorInfo("ValueError: no such table\n", [], "ValueError")
    wrapped = SerializableErrorInfo("SensorExecutionError: in follow\n", [], "SensorExecutionError", cause=inner)
    tick(instance, sensor, NOON, TickStatus.FAILURE, wrapped)
    tick(instance, sensor, NOON + MINUTE / 2, TickStatus.STARTED)
    (failed,) = found(instance, NOON + MINUTE)
    assert (failed.check, failed.severity, failed.cause, failed.since) == ("tick_failed", "ERROR", "ValueError", NOON)
    assert failed.said == "Its last tick failed: no such table"
    tick(instance, sensor, NOON + MINUTE, TickStatus.SUCCESS)
    assert told(instance, NOON + MINUTE) == []


def test_only_what_runs_and_is_declared_here_is_told(instance: dg.DagsterInstance) -> None:
    """Stopped ones, those of other locations and those that the code has no more are left out."""
    state(instance, "hourly", cron="5 * * * *", began=NOON, status=InstigatorStatus.STOPPED)
    state(instance, "follow", began=NOON, location="elsewhere")
    state(instance, "forgotten", began=NOON)
    assert told(instance, NOON + 100 * HOUR) == []


def test_the_daily_job_counts_in_days_of_sessions(instance: dg.DagsterInstance) -> None:
    """Since Friday evening 30 hours of sessions have passed on Tuesday morning; a success ends it."""
    friday = datetime(2026, 10, 2, 22, 30, tzinfo=UTC)
    assert business_hours(friday, datetime(2026, 10, 5, 0, tzinfo=UTC)) == 1.5
    state(instance, "equities_after_close", cron="30 18 * * 1-5", began=friday)
    assert daily_job(instance, TICKING, datetime(2026, 10, 6, 4, 30, tzinfo=UTC)) == []
    (late,) = daily_job(instance, TICKING, datetime(2026, 10, 6, 4, 31, tzinfo=UTC))
    assert (late.subject, late.check, late.severity) == ("schedule:equities_after_close", "last_success", "WARN")
    assert late.said.startswith("The job never succeeded since 2026-10-02 22:30Z")
    (later,) = daily_job(instance, TICKING, datetime(2026, 10, 7, 4, 31, tzinfo=UTC))
    assert later.severity == "ERROR"


def test_a_success_of_the_daily_job_counts(instance: dg.DagsterInstance) -> None:
    """A run that the schedule asked for and that succeeded is the last success; others are not."""
    long_ago = datetime(2026, 1, 2, tzinfo=UTC)
    state(instance, "equities_after_close", cron="30 18 * * 1-5", began=long_ago)
    assert idle.execute_in_process(instance=instance).success
    now = datetime.now(UTC)
    assert [one.since for one in daily_job(instance, TICKING, now)] == [long_ago]
    assert idle.execute_in_process(instance=instance, tags={"dagster/schedule_name": "equities_after_close"}).success
    assert daily_job(instance, TICKING, now + HOUR) == []
    (late,) = daily_job(instance, TICKING, now + timedelta(days=30))
    assert late.since > long_ago and late.said.startswith("The job last succeeded at")


def test_a_daily_job_that_is_off_is_not_told(instance: dg.DagsterInstance) -> None:
    """Without a key of its vendor the schedule is off, and nobody waits for it."""
    assert daily_job(instance, TICKING, NOON) == []
