"""Which ticks of schedules and sensors go."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.error import SerializableErrorInfo

from market_assets.settings import load
from resources.retention import ticks
from resources.retention.job import Job, Tally
from resources.stores import open_store

NOW = datetime(2026, 8, 1, tzinfo=UTC)
SUCCESS, FAILURE, SKIPPED = TickStatus.SUCCESS, TickStatus.FAILURE, TickStatus.SKIPPED


def sensor(instance: dg.DagsterInstance, name: str) -> InstigatorState:
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="any"), location_name="any")
    state = InstigatorState(
        RemoteRepositoryOrigin(location, "__repository__").get_instigator_origin(name),
        InstigatorType.SENSOR,
        InstigatorStatus.STOPPED,
        SensorInstigatorData(min_interval=30),
    )
    return instance.add_instigator_state(state)


def tick(instance: dg.DagsterInstance, of: InstigatorState, days_ago: float, status: TickStatus) -> None:
    at = (NOW - timedelta(days=days_ago)).timestamp()
    error = SerializableErrorInfo("failed", [], None) if status == FAILURE else None
    told = TickData(
        of.instigator_origin_id,
        of.instigator_name,
        of.instigator_type,
        status,
        at,
        run_ids=[],
        error=error,
        selector_id=of.selector_id,
    )
    instance.create_tick(told)


def left(instance: dg.DagsterInstance, of: InstigatorState) -> list[tuple[float, TickStatus]]:
    """Days ago and status, newest first."""
    found = instance.get_ticks(of.instigator_origin_id, of.selector_id)
    return [((NOW.timestamp() - one.timestamp) / 86_400, one.status) for one in found]


def thinned(instance: dg.DagsterInstance | None, *, dry_run: bool = False, days: int = 30) -> Tally:
    found, tally = load(retention={"ticks_days": days}), Tally()
    ticks.thin(Job(found, open_store(found), instance, NOW, dry_run), tally)
    return tally


def test_skipped_ticks_go_after_two_days_and_the_others_by_the_setting(on_disk: dg.DagsterInstance) -> None:
    """Of every sensor, also of one that is off; one that has started is nobody's to remove."""
    one, other = sensor(on_disk, "one"), sensor(on_disk, "other")
    for days_ago, status in ((40, SUCCESS), (31, FAILURE), (31, TickStatus.STARTED), (29, SUCCESS)):
        tick(on_disk, one, days_ago, status)
    for days_ago, status in ((20, SKIPPED), (3, SKIPPED), (1, SKIPPED), (0, SUCCESS)):
        tick(on_disk, one, days_ago, status)
    tick(on_disk, other, 31, SUCCESS)
    tick(on_disk, other, 1, SKIPPED)
    would = thinned(on_disk, dry_run=True)
    assert (len(left(on_disk, one)), len(left(on_disk, other))) == (8, 2)
    assert thinned(on_disk) == would
    assert would.total.removed == 5
    assert left(on_disk, one) == [(0, SUCCESS), (1, SKIPPED), (29, SUCCESS), (31, TickStatus.STARTED)]
    assert left(on_disk, other) == [(1, SKIPPED)]


def test_the_last_tick_stays_however_old(on_disk: dg.DagsterInstance) -> None:
    """A schedule that is turned on again goes on from it, and not from when it was made."""
    one, other = sensor(on_disk, "one"), sensor(on_disk, "other")
    for days_ago in (500, 400):
        tick(on_disk, one, days_ago, SUCCESS)
        tick(on_disk, other, days_ago, SKIPPED)
    assert thinned(on_disk).total.removed == 2
    assert left(on_disk, one) == [(400, SUCCESS)]
    assert left(on_disk, other) == [(400, SKIPPED)]


def test_a_setting_below_two_days_holds_for_skipped_ones_too(on_disk: dg.DagsterInstance) -> None:
    """They are never kept longer than the others."""
    one = sensor(on_disk, "one")
    for days_ago, status in ((1.5, SKIPPED), (1.4, SUCCESS), (0.5, SKIPPED), (0, SUCCESS)):
        tick(on_disk, one, days_ago, status)
    thinned(on_disk, days=1)
    assert left(on_disk, one) == [(0.5, SKIPPED), (0, SUCCESS)][::-1]


def test_without_an_instance_there_are_none() -> None:
    """And that is said."""
    tally = thinned(None)
    assert (tally.total.examined, tally.notes) == (0, ["there is no Dagster instance here"])
