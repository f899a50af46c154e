"""When minutes are asked for: the running day while its market is open, each day once it is over, and again later.

A run carries minutes to signals as one range. Symbols that no source can be asked for, because none has a key, are left
out. While the live collector hands minutes over, the running day is left to `bars_stream_segments`. Comparing asks a
second source for the day that is over.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from market_assets.bars.assets import CHAIN
from market_assets.bars.checks import CHECKS, FRESHNESS
from market_assets.bars.partitions import DAY, SYMBOL
from market_assets.core import partitions, trading_hours
from market_assets.settings import Settings
from resources.stream.handover import is_live
from schedules.ticking import Asked, Ticking, checks_named

_DAY = timedelta(days=1)
FRESHNESS_CHECKS = checks_named(CHECKS, FRESHNESS)


def bars_schedules(settings: Settings, *, default_status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The schedules of the domain. All times are UTC."""
    bars, ticking = settings.bars, Ticking(default_status)
    # without a key nobody can be asked for some: a run for them would fail every few minutes
    askable = [symbol for symbol in bars.symbols if settings.askable(symbol)]
    pause = timedelta(minutes=bars.micro_batch_min)

    def days(name: str, first: date, last: date, at: datetime, symbols: Sequence[str] = askable) -> Asked:
        """Runs over these days of those symbols, as few as cover them, as far as they have begun to be partitions."""
        first = max(first, bars.start_date)
        if first > last:
            return dg.SkipReason(f"{last} is before bars.start_date")
        if not symbols:
            return dg.SkipReason("no symbol of bars.symbols has a source with a key")
        order = [DAY.get_partition_keys(current_time=at), SYMBOL.get_partition_keys()]
        span = [first + n * _DAY for n in range((last - first).days + 1)]
        keys = partitions.keys_of(span, symbols)
        return [
            dg.RunRequest(run_key=f"{name}:{begin}:{end}:{at.isoformat()}", tags=partitions.range_tags(begin, end))
            for begin, end in partitions.ranges(keys, order)
        ]

    @ticking(
        "bars_current",
        f"*/{bars.micro_batch_min} * * * *",
        CHAIN,
        "Asks for the running day's minutes of markets that were open since the last tick.",
    )
    def current(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        if is_live(settings, "bars", at):
            return dg.SkipReason("the live collector hands over the running day")
        # the last minutes before a close are asked for after it
        grace = timedelta(seconds=bars.close_grace_s + max(bars.delays_s.values()))
        was_open = [
            symbol
            for symbol in askable
            if trading_hours.open_minutes(bars.instrument(symbol).calendar, at - pause - grace, at)
        ]
        if not was_open:
            return dg.SkipReason("no market of bars.symbols is open")
        return days("bars-current", at.date(), at.date(), at, was_open)

    @ticking("bars_final", "20 0 * * *", CHAIN, "Asks for all of yesterday's minutes.")
    def final(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return days("bars-final", at.date() - _DAY, at.date() - _DAY, at)

    @ticking("bars_late", "0 4 * * *", CHAIN, "Asks for the trailing days again.")
    def late(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return days("bars-late", at.date() - bars.trailing_days * _DAY, at.date() - _DAY, at)

    @ticking(
        "bars_comparison",
        "50 0 * * *",
        dg.AssetSelection.assets("bars_reconciliation"),
        "Asks a second source for yesterday's minutes, to compare.",
    )
    def comparison(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        if not bars.reconcile:
            return dg.SkipReason("bars.reconcile is off")
        return days("bars-comparison", at.date() - _DAY, at.date() - _DAY, at)

    @ticking("bars_macro", "30 22 * * *", dg.AssetSelection.assets("bars_macro_daily"), "Asks for the macro series.")
    def macro(context: dg.ScheduleEvaluationContext) -> Asked:
        if not bars.macro.enabled:
            return dg.SkipReason("bars.macro.enabled is off")
        return [dg.RunRequest(run_key=f"bars-macro:{context.scheduled_execution_time.isoformat()}")]

    freshness = ticking.judging(
        "bars_freshness",
        "3-59/5 * * * *",
        "bars_freshness_checks",
        FRESHNESS_CHECKS,
        "Judges how old minutes are in open markets and whether the collector lives.",
    )
    return [current, final, late, comparison, macro, freshness]
