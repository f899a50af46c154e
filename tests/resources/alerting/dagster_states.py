"""Schedules and sensors in the state that a test gives them, as a daemon would have stored it."""

from datetime import datetime

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo


def state(
    instance: dg.DagsterInstance,
    name: str,
    *,
    cron: str | None = None,
    every_s: int = 30,
    began: datetime | None = None,
    status: InstigatorStatus = InstigatorStatus.RUNNING,
    location: str = "market_assets",
) -> InstigatorState:
    """Store the state of a schedule (with a cron) or a sensor."""
    target = LoadableTargetOrigin(module_name="any")
    repository = RemoteRepositoryOrigin(
        ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=location), "__repository__"
    )
    at = began.timestamp() if began else None
    data = (
        ScheduleInstigatorData(cron, at)
        if cron
        else SensorInstigatorData(min_interval=every_s, last_sensor_start_timestamp=at)
    )
    kind = InstigatorType.SCHEDULE if cron else InstigatorType.SENSOR
    found = InstigatorState(repository.get_instigator_origin(name), kind, status, data)
    instance.add_instigator_state(found)
    return found


def tick(
    instance: dg.DagsterInstance,
    of: InstigatorState,
    at: datetime,
    status: TickStatus = TickStatus.SKIPPED,
    error: SerializableErrorInfo | None = None,
) -> None:
    """Store a tick."""
    instance.create_tick(
        TickData(
            instigator_origin_id=of.instigator_origin_id,
            instigator_name=of.instigator_name,
            instigator_type=of.instigator_type,
            status=status,
            timestamp=at.timestamp(),
            selector_id=of.selector_id,
            error=error,
            run_ids=[],
        )
    )
