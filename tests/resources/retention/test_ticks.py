"""Which ticks of schedules and sensors go."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
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

from market_assets.settings import load
from resources.retention import ticks
from resources.retention.job import Job, Tally
from resources.stores import open_store

NOW = datetime(2026, 8, 1, tzinfo=UTC)
SUCCESS, FAILURE, SKIPPED = TickStatus.SUCCESS, TickStatus.FAILURE, TickStatus.SKIPPED


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as fresh:
        yield fresh


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
    told = TickData(
        of.instigator_origin_id, of.instigator_name, of.instigator_type, status, at, selector_id=of.selector_id
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


def test_skipped_ticks_go_after_two_days_and_the_others_by_the_setting(instance: dg.DagsterInstance) -> None:
    """Of every sensor, also of one that is off; one that has started is nobody's to remove."""
    one, other = sensor(instance, "one"), sensor(instance, "other")
    for days_ago, status in ((40, SUCCESS), (31, FAILURE), (31, TickStatus.STARTED), (29, SUCCESS)):
        tick(instance, one, days_ago, status)
    for days_ago, status in ((20, SKIPPED), (3, SKIPPED), (1, SKIPPED), (0, SUCCESS)):
        tick(instance, one, days_ago, status)
    tick(instance, other, 31, SUCCESS)
    tick(instance, other, 1, SKIPPED)
    would = thinned(instance, dry_run=True)
    assert (len(left(instance, one)), len(left(instance, other))) == (8, 2)
    assert thinned(instance) == would
    assert would.total.removed == 5
    assert left(instance, one) == [(0, SUCCESS), (1, SKIPPED), (29, SUCCESS), (31, TickStatus.STARTED)]
    assert left(instance, other) == [(1, SKIPPED)]


def test_the_last_tick_stays_however_old(instance: dg.DagsterInstance) -> None:
    """A schedule that is turned on again goes on from it, and not from when it was made."""
    one, other = sensor(instance, "one"), sensor(instance, "other")
    for days_ago in (500, 400):
        tick(instance, one, days_ago, SUCCESS)
        tick(instance, other, days_ago, SKIPPED)
    assert thinned(instance).total.removed == 2
    assert left(instance, one) == [(400, SUCCESS)]
    assert left(instance, other) == [(400, SKIPPED)]


def test_a_setting_below_two_days_holds_for_skipped_ones_too(instance: dg.DagsterInstance) -> None:
    """They are never kept longer than the others."""
    one = sensor(instance, "one")
    for days_ago, status in ((1.5, SKIPPED), (1.4, SUCCESS), (0.5, SKIPPED), (0, SUCCESS)):
        tick(instance, one, days_ago, status)
    thinned(instance, days=1)
    assert left(instance, one) == [(0.5, SKIPPED), (0, SUCCESS)][::-1]


def test_without_an_instance_there_are_none() -> None:
    """And that is said."""
    tally = thinned(None)
    assert (tally.total.examined, tally.notes) == (0, ["there is no Dagster instance here"])
