"""How a domain's schedules are made: by the clock of UTC, each of its own work, and one that judges freshness."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import dagster as dg

#: what a tick asks for
Asked = list[dg.RunRequest] | dg.SkipReason
Tick = Callable[[dg.ScheduleEvaluationContext], Asked]


def checks_named(checks: Iterable[dg.AssetChecksDefinition], names: Collection[str]) -> dg.AssetSelection:
    """Those of a domain's checks that have one of these names."""
    return dg.AssetSelection.checks(*(key for one in checks for key in one.check_keys if key.name in names))


@dataclass(frozen=True)
class Ticking:
    """Makes schedules that are all on, or all off."""

    default_status: dg.DefaultScheduleStatus

    def __call__(
        self, name: str, cron: str, target: dg.AssetSelection, description: str
    ) -> Callable[[Tick], dg.ScheduleDefinition]:
        """Declare what a tick asks for as the schedule of that name."""
        return dg.schedule(
            name=name,
            cron_schedule=cron,
            execution_timezone="UTC",
            target=target,
            default_status=self.default_status,
            description=description,
        )

    def judging(
        self, name: str, cron: str, job: str, checks: dg.AssetSelection, description: str
    ) -> dg.ScheduleDefinition:
        """A schedule that runs checks alone, in a job of that name."""
        return dg.ScheduleDefinition(
            name=name,
            cron_schedule=cron,
            execution_timezone="UTC",
            job=dg.define_asset_job(job, checks),
            default_status=self.default_status,
            description=description,
        )
