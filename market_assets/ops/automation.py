"""Schedules and sensors of our code location: which are running, off, and on again.

Dagster keeps a state for those that a daemon has seen or somebody has switched. One that runs by default and that no
daemon has seen yet has none, and starts with the daemon unless it is told not to: it is given a state here.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.selector import InstigatorSelector
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from market_assets.core import clock
from resources.stop_marker import TurnedOff

MODULE = "market_assets.definitions"
#: what our code location is called: by workspace.yaml, and by `dagster dev -m`
LOCATIONS = ("market_assets", MODULE)


def running(instance: dg.DagsterInstance, defs: dg.Definitions) -> list[InstigatorState]:
    """What runs, or will once a daemon does, by kind and name."""
    stored = [state for state in instance.all_instigator_state() if _location(state) in LOCATIONS]
    by_default = {state.instigator_name: state for state in _declared(defs)}
    found = [
        state
        for state in stored
        if state.status == InstigatorStatus.RUNNING
        or (state.status != InstigatorStatus.STOPPED and state.instigator_name in by_default)
    ]
    seen = {state.instigator_name for state in stored}
    found += [state for name, state in by_default.items() if name not in seen]
    return sorted(found, key=lambda state: (state.instigator_type.value, state.instigator_name))


def turn_off(instance: dg.DagsterInstance, states: Sequence[InstigatorState]) -> None:
    """Turn these off."""
    for state in states:
        stored = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
        if stored is None:
            instance.add_instigator_state(state.with_status(InstigatorStatus.STOPPED))
        else:
            instance.update_instigator_state(stored.with_status(InstigatorStatus.STOPPED))


def turn_on(instance: dg.DagsterInstance, remembered: TurnedOff) -> bool:
    """Turn on again what `stop` had turned off; False where it runs already, or is no more."""
    selector = InstigatorSelector(
        location_name=remembered.location, repository_name=remembered.repository, name=remembered.name
    )
    state = instance.get_instigator_state("", selector.get_id())
    if state is None or state.status != InstigatorStatus.STOPPED:
        return False
    instance.update_instigator_state(_restarted(state).with_status(InstigatorStatus(remembered.status)))
    return True


def remembered(state: InstigatorState) -> TurnedOff:
    """What is written down of something that runs."""
    repository = state.origin.repository_origin
    return TurnedOff(
        kind=state.instigator_type.value.lower(),
        name=state.instigator_name,
        location=_location(state),
        repository=repository.repository_name,
        status=state.status.value,
    )


def is_ours(run: DagsterRun) -> bool:
    """Whether a run is of our code location; one that a process runs by itself names none, and counts."""
    origin = run.remote_job_origin
    return origin is None or origin.repository_origin.code_location_origin.location_name in LOCATIONS


def _location(state: InstigatorState) -> str:
    return state.origin.repository_origin.code_location_origin.location_name


def _declared(defs: dg.Definitions) -> Iterator[InstigatorState]:
    """The states that Dagster would give what runs by default."""
    repository = defs.get_repository_def()
    target = LoadableTargetOrigin(module_name=MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=LOCATIONS[0])
    origin = RemoteRepositoryOrigin(location, repository.name)
    for schedule in repository.schedule_defs:
        if schedule.default_status == dg.DefaultScheduleStatus.RUNNING:
            yield InstigatorState(
                origin.get_instigator_origin(schedule.name),
                InstigatorType.SCHEDULE,
                InstigatorStatus.DECLARED_IN_CODE,
                ScheduleInstigatorData(schedule.cron_schedule),
            )
    for sensor in repository.sensor_defs:
        if sensor.default_status == dg.DefaultSensorStatus.RUNNING:
            yield InstigatorState(
                origin.get_instigator_origin(sensor.name),
                InstigatorType.SENSOR,
                InstigatorStatus.DECLARED_IN_CODE,
                SensorInstigatorData(min_interval=sensor.minimum_interval_seconds, sensor_type=sensor.sensor_type),
            )


def _restarted(state: InstigatorState) -> InstigatorState:
    """The state with its clock set to now: what was due while everything stood still is not made up for."""
    now, data = clock.wall().timestamp(), state.instigator_data
    if isinstance(data, ScheduleInstigatorData):
        return state.with_data(ScheduleInstigatorData(data.cron_schedule, now))
    if isinstance(data, SensorInstigatorData):
        return state.with_data(data.with_sensor_start_timestamp(now))
    return state
