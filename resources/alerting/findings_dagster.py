"""What is wrong with Dagster itself: daemons without a heartbeat, schedules and sensors that are late or fail."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickStatus,
)
from dagster._utils.schedules import schedule_execution_time_iterator

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding
from resources.http.state import instant
from resources.run_failures import cause_and_text

#: the daemon comes round to a sensor in its own time: shorter intervals are not kept to the second
_SHORTEST_S = 60.0


@dataclass(frozen=True)
class Ticking:
    """The schedules and sensors that a code location declares."""

    #: schedule -> time zone of its cron
    schedules: Mapping[str, str]
    sensors: frozenset[str]
    #: name of the code location; others may have left states of the same names. None: whatever it is called
    location: str | None = None

    @classmethod
    def of(cls, repository: dg.RepositoryDefinition, location: str | None = None) -> "Ticking":
        """Those of a repository."""
        return cls(
            {one.name: one.execution_timezone or "UTC" for one in repository.schedule_defs},
            frozenset(one.name for one in repository.sensor_defs),
            location,
        )

    def running(self, instance: dg.DagsterInstance) -> list[InstigatorState]:
        """The states of those that run; what the code does not declare any more is left out."""
        names = {*self.schedules, *self.sensors}
        return [
            state
            for state in instance.all_instigator_state()
            if state.status != InstigatorStatus.STOPPED
            and state.instigator_name in names
            and self.location in (None, state.origin.repository_origin.code_location_origin.location_name)
        ]


def heartbeats(instance: dg.DagsterInstance, settings: AlertSettings, now: datetime) -> list[Finding]:
    """Daemons that have beaten once and do no more. Of several the first that fell silent explains the others."""
    needed = set(instance.get_required_daemon_types())
    last = {name: beat.timestamp for name, beat in instance.get_daemon_heartbeats().items() if name in needed}
    dead = sorted((at, name) for name, at in last.items() if now.timestamp() - at > settings.heartbeat_s)
    return [
        Finding(
            subject=f"daemon:{name}",
            check="heartbeat",
            cause="",
            severity="ERROR",
            said=f"Dagster's {name.lower()} daemon has given no sign of life since {instant(at):%Y-%m-%d %H:%M}Z. "
            "Nothing is scheduled, followed or repaired while the daemon is down: start it.",
            since=instant(at),
            upstream=frozenset(f"daemon:{before}" for _, before in dead[:place]),
        )
        for place, (at, name) in enumerate(dead)
    ]


def ticks(instance: dg.DagsterInstance, ticking: Ticking, settings: AlertSettings, now: datetime) -> list[Finding]:
    """Schedules and sensors that run and are late, or whose last tick failed."""
    states = ticking.running(instance)
    if not states:
        return []
    newest = instance.get_batch_ticks([state.selector_id for state in states], limit=2)
    return [
        finding
        for state in states
        for own in [newest.get(state.selector_id, [])]
        for finding in (*_late(state, own, ticking, settings, now), *_failed(state, own))
    ]


def _late(
    state: InstigatorState, own: Sequence[InstigatorTick], ticking: Ticking, settings: AlertSettings, now: datetime
) -> Iterator[Finding]:
    due = _due(state, own, ticking)
    if due is None:
        return
    at, period = due
    periods = (now - at) / period
    warn, error = settings.late_periods
    if periods <= warn:
        return
    yield Finding(
        subject=_subject(state),
        check="tick_late",
        cause="",
        severity="ERROR" if periods > error else "WARN",
        said=f"Its tick of {at:%Y-%m-%d %H:%M}Z has not come: it is {periods:.1f} periods late.",
        since=at,
        upstream=frozenset({f"daemon:{'SENSOR' if _is_sensor(state) else 'SCHEDULER'}"}),
    )


def _due(state: InstigatorState, own: Sequence[InstigatorTick], ticking: Ticking) -> tuple[datetime, timedelta] | None:
    """When the next tick after the last one, or after it was turned on, was or is due; and the time between ticks."""
    data, last = state.instigator_data, own[0].timestamp if own else 0.0
    if isinstance(data, SensorInstigatorData):
        began = max(last, data.last_sensor_start_timestamp or 0.0)
        period = timedelta(seconds=max(float(data.min_interval or 0), _SHORTEST_S))
        return (instant(began) + period, period) if began else None
    if not isinstance(data, ScheduleInstigatorData):
        return None
    began = max(last, data.start_timestamp or 0.0)
    if not began:
        return None
    # a tick carries the very second for which it was scheduled
    coming = schedule_execution_time_iterator(began + 1, data.cron_schedule, ticking.schedules[state.instigator_name])
    first, second = next(coming), next(coming)
    return instant(first.timestamp()), second - first


def _failed(state: InstigatorState, own: Sequence[InstigatorTick]) -> Iterator[Finding]:
    ended = next((tick for tick in own if tick.status != TickStatus.STARTED), None)
    if ended is None or ended.status != TickStatus.FAILURE:
        return
    cause, said = cause_and_text(ended.error)
    yield Finding(
        _subject(state), "tick_failed", cause, "ERROR", f"Its last tick failed: {said}", instant(ended.timestamp)
    )


def _is_sensor(state: InstigatorState) -> bool:
    return state.instigator_type == InstigatorType.SENSOR


def _subject(state: InstigatorState) -> str:
    return f"{'sensor' if _is_sensor(state) else 'schedule'}:{state.instigator_name}"
