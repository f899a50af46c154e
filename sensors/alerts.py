"""Who is told that something is wrong: a round of alerts every half minute.

A failed check fails no run, so nothing else would tell of it. A round reads what is new in the event log, looks at
vendors, ticks, daemons, the machine and backups, and has the incidents decided and their messages delivered. While no
daemon lives to run it, the app's watchdog does.
"""

import functools
from typing import TYPE_CHECKING

import dagster as dg

from market_assets.core import clock
from market_assets.settings import Settings

if TYPE_CHECKING:
    from resources.alerting.collecting import Watch

INTERVAL_S = 30


def alerts_sensor(settings: Settings, *, default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor that runs rounds of alerts. It asks for no run."""

    @functools.cache
    def watch() -> "Watch":
        # what a round needs is loaded by the first one: definitions load without it
        from resources.alerting.book import IncidentBook
        from resources.alerting.collecting import Watch

        return Watch(settings, IncidentBook(settings.home))

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=INTERVAL_S,
        default_status=default_status,
        description="Looks for what is wrong, and tells the channels of `alerts` once when it begins and ends.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from resources.alerting.round import AlertRound

        assert context.repository_def is not None
        origin = context.code_location_origin
        collect = watch().whole(context.instance, context.repository_def, origin.location_name if origin else None)
        # incidents last in real time, also where the data's clock is stopped
        told = AlertRound(settings.alerts, watch().book, collect).run(clock.wall())
        if not told.is_run:
            return dg.SkipReason("another process is running a round")
        unseen = f"; {len(told.unknown)} subjects could not be looked at" if told.unknown else ""
        return dg.SkipReason(
            f"{told.n_findings} findings, {told.n_open} incidents open; {told.n_sent} messages sent, "
            f"{told.n_pending} wait{unseen}"
        )

    return alerts
