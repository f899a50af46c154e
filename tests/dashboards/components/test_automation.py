"""Dagster's storage, daemons, schedules and sensors, on a real instance."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus
from dagster_shared.error import SerializableErrorInfo

from dashboards.components.automation import automation, instance, scheduler
from dashboards.health import assess
from dashboards.services import Services
from market_assets.core import clock
from market_assets.settings import Settings, load
from resources import stop_marker
from resources.alerting import declared
from resources.alerting.findings_dagster import Ticking, ticks
from tests.dashboards import dagster_home
from tests.resources.alerting.dagster_states import state, tick

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICKING = Ticking({"hourly": "UTC", "nightly": "UTC"}, frozenset({"follow", "alerts"}))


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dg.DagsterInstance]]:
    """An instance of which every test of this module sees what those before it did."""
    folder = tmp_path_factory.mktemp("dagster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder))
        with dagster_home.instance() as made:
            yield folder, made


@pytest.fixture
def found(home: Path, dagster: tuple[Path, dg.DagsterInstance], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home whose Dagster nothing has happened in."""
    folder, made = dagster
    made.schedule_storage.wipe()
    made.wipe_daemon_heartbeats()
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return load()


def test_without_dagster_there_is_nothing_to_judge(home: Path):
    """No dagster.yaml: not configured. Nothing is imported of Dagster to say so."""
    services = Services.of(load())
    assert instance(services)["status"] == automation(services)["status"] == "not_configured"
    assert (scheduler(services)["status"], scheduler(services)["running"]) == ("unknown", None)


def test_heartbeats_may_be_as_old_as_alerts_allow(
    found: Settings, dagster: tuple[Path, dg.DagsterInstance], monkeypatch: pytest.MonkeyPatch
):
    """120 s unless `alerts.heartbeat_s` says otherwise."""
    dagster_home.heartbeat(dagster[1], age_s=180)
    dead = scheduler(Services.of(found))
    assert (dead["status"], dead["running"]) == ("degraded", False)
    assert "no heartbeat for 120 s of: asset, backfill" in dead["detail"]
    monkeypatch.setenv("MARKET_ASSETS_ALERTS__HEARTBEAT_S", "300")
    assert scheduler(Services.of(load()))["status"] == "healthy"


def test_its_storage_answers_in_a_measured_time(found: Settings):
    """The kind of storage is that of dagster.yaml."""
    told = instance(Services.of(found))
    assert (told["status"], told["kind"]) == ("healthy", "sqlite")
    assert told["query_time_ms"] > 0


def test_what_is_late_or_failed_is_what_alerts_find(found: Settings, dagster: tuple[Path, dg.DagsterInstance]):
    """One schedule is five minutes of its period late, one sensor failed; a removed and a stopped one are not told."""
    made = dagster[1]
    state(made, "hourly", cron="* * * * *", began=NOON - 6 * MINUTE)
    state(made, "nightly", cron="0 3 * * *", began=NOON, status=InstigatorStatus.STOPPED)
    state(made, "removed", began=NOON - 60 * MINUTE)
    failing = state(made, "follow", began=NOON)
    tick(
        made, failing, NOON, TickStatus.FAILURE, SerializableErrorInfo("ValueError: no such table\n", [], "ValueError")
    )
    state(made, "alerts", began=NOON)
    with clock.frozen(NOON):
        before = automation(Services.of(found))
        declared.write(found.home, TICKING)
        after = automation(Services.of(found))
    assert (before["status"], before["n_on"]) == ("idle", None)
    assert (after["status"], after["n_on"], after["n_off"]) == ("degraded", 3, 1)
    assert (after["n_late"], after["n_failed"]) == (1, 1)
    assert after["detail"] == "late: schedule:hourly; sensor:follow: Its last tick failed: no such table"
    alerted = ticks(made, TICKING, found.alerts, NOON)
    assert {(one["subject"], one["check"]) for one in after["findings"]} == {(o.subject, o.check) for o in alerted}
    stop_marker.write(found, "rest", "ops", [])
    assert automation(Services.of(found))["status"] == "idle"


def test_schedules_and_sensors_that_tick_are_healthy(found: Settings, dagster: tuple[Path, dg.DagsterInstance]):
    """Of four that are declared two are on."""
    declared.write(found.home, TICKING)
    for name in ("follow", "alerts"):
        state(dagster[1], name, began=NOON)
    with clock.frozen(NOON):
        told = automation(Services.of(found))
    assert (told["status"], told["detail"], told["findings"]) == ("healthy", None, [])
    assert told["note"] == "2 of 4 schedules and sensors are on"


def test_a_storage_that_is_broken_is_told(home: Path, monkeypatch: pytest.MonkeyPatch):
    """The instance is degraded; what needs it is unknown, with the reason, and the rest is judged."""
    with dagster_home.instance():
        pass
    declared.write(home, TICKING)
    runs = home / "dagster" / "history" / "runs.db"
    runs.write_bytes(b"this is not a database, and says so in more than a hundred bytes" * 4)
    for beside in runs.parent.glob("runs.db-*"):
        beside.unlink()
    body = assess(Services.of(load()))
    parts = body["components"]
    assert parts["instance"]["status"] == "degraded"
    assert "Dagster's storage must answer" in parts["instance"]["detail"]
    assert (parts["scheduler"]["status"], body["scheduler_running"]) == ("unknown", None)
    assert parts["storage"]["status"] == "healthy"
