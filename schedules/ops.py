"""When the graph looks after itself: gaps and condition every hour, backup and retention every night."""

from datetime import timedelta

import dagster as dg

from market_assets.core import partitions
from schedules.ticking import Asked, Ticking

#: days that are judged anew every hour: late data are still asked for
_DAYS = 3
_DAY = timedelta(days=1)


def ops_schedules(*, default_status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The schedules of the domain. All times are UTC."""
    ticking = Ticking(default_status)

    def whole(asset: str, name: str, cron: str, description: str) -> dg.ScheduleDefinition:
        """A schedule that materialises an unpartitioned asset."""

        @ticking(name, cron, dg.AssetSelection.assets(asset), description)
        def tick(context: dg.ScheduleEvaluationContext) -> Asked:
            return [dg.RunRequest(run_key=f"{name}:{context.scheduled_execution_time.isoformat()}")]

        return tick

    @ticking("ops_conditions", "25 * * * *", dg.AssetSelection.assets("ops_condition"), "Judges the last days anew.")
    def conditions(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        today = at.date()
        first, last = (today - (_DAYS - 1) * _DAY).isoformat(), today.isoformat()
        return [dg.RunRequest(run_key=f"ops-conditions:{at.isoformat()}", tags=partitions.range_tags(first, last))]

    return [
        conditions,
        whole("ops_gaps", "ops_hourly_gaps", "35 * * * *", "Looks for holes in observed tables."),
        whole("ops_backup", "ops_backups", "0 3 * * *", "Takes a backup, and removes those beyond backup.daily."),
        whole("ops_restore_drill", "ops_drill", "0 5 * * 0", "Restores the newest backup on trial, and compares."),
        whole("ops_retention", "ops_thinning", "30 5 * * *", "Removes what retention says is old."),
    ]
