"""When equities ask their vendors: after the close plus the vendor's lag, on sessions only.

The clock is New York's, because the close is: 18:30 there is half an hour after the lag of 120
minutes has passed on a full session, in summer and in winter. A fixed UTC hour would be too early
for half of the year.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl

from market_assets.core import calendars, partitions
from market_assets.equities.partitions import SYMBOL_YEAR, SYMBOLS_NAME
from market_assets.equities.schemas import EquitiesDailyBars, EquitiesSymbols
from market_assets.settings import Settings
from resources.stores import open_store

_NEW_YORK = ZoneInfo("America/New_York")
_BARS = dg.AssetSelection.assets("equities_daily_bars")


def equities_schedules(settings: Settings, *, default_status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The domain's schedules, off or on as the settings allow vendors to be asked."""

    @dg.schedule(
        name="equities_after_close",
        cron_schedule="30 18 * * 1-5",
        execution_timezone="America/New_York",
        target=_BARS,
        default_status=default_status,
        description="Daily bars of stocks, ETFs and indices, after the session's close and the vendor's lag.",
    )
    def after_close(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        day = context.scheduled_execution_time.astimezone(_NEW_YORK).date()
        if not calendars.is_session("XNYS", day):
            return dg.SkipReason(f"{day} is no session of XNYS")
        return _requests(context, settings, "XNYS", [day.year], day)

    @dg.schedule(
        name="equities_crypto_daily",
        cron_schedule="15 2 * * *",
        execution_timezone="UTC",
        target=_BARS,
        default_status=default_status,
        description="Daily bars of crypto pairs, after the UTC day and the vendor's lag.",
    )
    def crypto_daily(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        day = (context.scheduled_execution_time - timedelta(days=1)).date()
        return _requests(context, settings, "always", [day.year], day)

    @dg.schedule(
        name="equities_late_corrections",
        cron_schedule="0 3 * * 6",
        execution_timezone="UTC",
        target=_BARS,
        default_status=default_status,
        description="Re-fetches the trailing sessions' years, and older years that a fallback source had to serve.",
    )
    def late_corrections(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        today = context.scheduled_execution_time.date()
        trailing = trailing_years(today, settings.equities.trailing_sessions)
        found = [_requests(context, settings, calendar, trailing, today) for calendar in ("XNYS", "always")]
        runs = [request for requests in found if isinstance(requests, list) for request in requests]
        return [*runs, *_from_first_source(context, settings, trailing)] or dg.SkipReason("no active symbols")

    @dg.schedule(
        name="equities_reconcile",
        cron_schedule="0 2 * * 2-6",
        execution_timezone="UTC",
        target=dg.AssetSelection.assets("equities_reconciliation"),
        default_status=default_status,
        description="Compares the running year with the second source.",
    )
    def reconcile(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        year = str(context.scheduled_execution_time.year)
        return dg.RunRequest(run_key=_key(context, "reconcile"), tags=partitions.range_tags(year, year))

    status = dg.ScheduleDefinition(
        name="equities_status",
        cron_schedule="45 23 * * *",
        execution_timezone="UTC",
        target=dg.AssetSelection.assets("equities_symbol_status"),
        default_status=default_status,
        description="Status of every symbol, also on days without new bars.",
    )
    return [after_close, crypto_daily, late_corrections, reconcile, status]


def trailing_years(today: date, sessions: int) -> list[int]:
    """The years that the last `sessions` sessions before `today` fall into."""
    recent = calendars.sessions("XNYS", today - timedelta(days=2 * sessions + 10), today)[-sessions:]
    return sorted({day.year for day in recent} | {today.year})


def _from_first_source(
    context: dg.ScheduleEvaluationContext, settings: Settings, trailing: Sequence[int]
) -> list[dg.RunRequest]:
    """Runs for the partitions that a fallback source served, outside the years that run anyway."""
    served = open_store(settings).read(
        EquitiesDailyBars.contract(), columns=["symbol", "session_date"], where=pl.col("fallback_level") > 0
    )
    years = served.select("symbol", year=pl.col("session_date").dt.year()).unique()
    known = set(SYMBOL_YEAR.get_partition_keys(dynamic_partitions_store=context.instance))
    keys = known & {f"{s}{partitions.SEPARATOR}{y}" for s, y in years.iter_rows() if y not in trailing}
    order = partitions.dimension_keys(SYMBOL_YEAR, context.instance)
    return [
        dg.RunRequest(run_key=_key(context, f"first-source:{span[0]}:{span[1]}"), tags=partitions.range_tags(*span))
        for span in partitions.ranges(keys, order)
    ]


def _requests(
    context: dg.ScheduleEvaluationContext, settings: Settings, calendar: str, years: Sequence[int], day: date
) -> list[dg.RunRequest] | dg.SkipReason:
    listed = open_store(settings).read(EquitiesSymbols.contract(), columns=["symbol", "calendar", "active"])
    known = list(context.instance.get_dynamic_partitions(SYMBOLS_NAME))
    active = set(listed.filter("active", calendar=calendar)["symbol"]) & set(known)
    if not active:
        return dg.SkipReason(f"no active symbols of calendar {calendar}; add one with `market-assets symbols add`")
    keys = [f"{symbol}{partitions.SEPARATOR}{year}" for symbol in active for year in years]
    spans = partitions.ranges(keys, [known, [str(year) for year in years]])
    return [
        dg.RunRequest(
            run_key=_key(context, f"{calendar}:{first}:{last}:{day}"), tags=partitions.range_tags(first, last)
        )
        for first, last in spans
    ]


def _key(context: dg.ScheduleEvaluationContext, what: str) -> str:
    at: datetime = context.scheduled_execution_time
    return f"{what}:{at.isoformat()}"
