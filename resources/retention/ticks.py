"""Ticks of schedules and sensors older than `retention.ticks_days`; skipped ones after two days.

Dagster purges those of a schedule or sensor whenever it ticks (dagster.yaml); this is for what ticks no more. The last
tick stays, however old: a schedule that is turned on again goes on from it.
"""

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, TickStatus

from resources.removed import Removed
from resources.retention.job import Job, Tally

_SKIPPED_DAYS = 2
#: one that has started may still be under way
_ENDED = (TickStatus.SUCCESS, TickStatus.FAILURE)


def thin(job: Job, tally: Tally) -> None:
    """Purge the ticks of every schedule and sensor that Dagster has seen."""
    tally.counts_bytes = False
    if job.instance is None:
        tally.notes.append("there is no Dagster instance here")
        return
    days = job.settings.retention.ticks_days
    tally.kept_since = job.ago(days)
    for state in job.instance.all_instigator_state():
        last = job.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if last:
            before = min(job.ago(min(days, _SKIPPED_DAYS)).timestamp(), last[0].timestamp)
            tally.add(_purge(job.instance, state, before, [TickStatus.SKIPPED], dry_run=job.dry_run))
            before = min(job.ago(days).timestamp(), last[0].timestamp)
            tally.add(_purge(job.instance, state, before, list(_ENDED), dry_run=job.dry_run))


def _purge(
    instance: dg.DagsterInstance, state: InstigatorState, before: float, statuses: list[TickStatus], *, dry_run: bool
) -> Removed:
    due = instance.get_ticks(state.instigator_origin_id, state.selector_id, before=before, statuses=statuses)
    if due and not dry_run:
        instance.purge_ticks(state.instigator_origin_id, state.selector_id, before, statuses)
    return Removed(examined=len(due), removed=len(due))
