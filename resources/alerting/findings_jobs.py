"""What is wrong with jobs whose data may look fresh although they fail: the daily bars of stocks."""

from datetime import datetime, timedelta

import dagster as dg
from dagster._core.scheduler.instigation import ScheduleInstigatorData
from dagster._core.storage.dagster_run import RunsFilter
from dagster._core.storage.tags import SCHEDULE_NAME_TAG

from market_assets.core import calendars, clock
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.findings_dagster import Ticking
from resources.http.state import instant

_SCHEDULE, _CALENDAR = "equities_after_close", "XNYS"
#: hours of sessions' days since the job last succeeded: a warning, an error
_WARN_H, _ERROR_H = 30.0, 54.0
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


def daily_job(instance: dg.DagsterInstance, ticking: Ticking, now: datetime) -> list[Finding]:
    """Whether the daily bars were last fetched too long ago, counted in days of sessions; nothing while it is off."""
    state = next((one for one in ticking.running(instance) if one.instigator_name == _SCHEDULE), None)
    if state is None or not isinstance(state.instigator_data, ScheduleInstigatorData):
        return []
    wanted = RunsFilter(tags={SCHEDULE_NAME_TAG: _SCHEDULE}, statuses=[dg.DagsterRunStatus.SUCCESS])
    ended = [record.end_time for record in instance.get_run_records(wanted, limit=1) if record.end_time is not None]
    last = max([*ended, state.instigator_data.start_timestamp or 0.0])
    if not last:
        return []
    since = instant(last)
    age_h = business_hours(since, now)
    if age_h <= _WARN_H:
        return []
    said = (
        f"The job last succeeded at {since:%Y-%m-%d %H:%M}Z"
        if ended
        else f"The job never succeeded since {since:%F %R}Z"
    )
    return [
        Finding(
            subject=f"schedule:{_SCHEDULE}",
            check="last_success",
            cause="",
            severity="ERROR" if age_h > _ERROR_H else "WARN",
            said=f"{said}, {age_h:.0f} hours of sessions' days ago.",
            since=since,
            upstream=frozenset({"equities_daily_bars"}),
        )
    ]


def business_hours(since: datetime, until: datetime) -> float:
    """Hours between two instants that lie on UTC days with a session of the exchange."""
    hours, at = 0.0, since
    while at < until:
        end = min(clock.instant(at.date() + _DAY), until)
        if calendars.is_session(_CALENDAR, at.date()):
            hours += (end - at) / _HOUR
        at = end
    return hours
