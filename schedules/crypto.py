"""When candles are asked for: the running day every few minutes, the day before once it is over, and again later.

A run carries candles to signals for every symbol as one range; the follow sensor brings advice, the account and
its metrics up to date. While the stream hands candles over, the running day is left to `crypto_stream_segments`.
"""

from datetime import date, datetime, timedelta

import dagster as dg

from market_assets.core import partitions
from market_assets.crypto.assets import CHAIN
from market_assets.crypto.checks import CHECKS, FRESHNESS
from market_assets.crypto.partitions import SYMBOL
from market_assets.settings import Settings
from resources.stream.handover import is_live
from schedules.ticking import Asked, Ticking, checks_named

_DAY = timedelta(days=1)
FRESHNESS_CHECKS = checks_named(CHECKS, FRESHNESS)


def crypto_schedules(settings: Settings, *, default_status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The schedules of the domain. All times are UTC."""
    crypto, ticking = settings.crypto, Ticking(default_status)

    def days(name: str, first: date, last: date, at: datetime) -> Asked:
        """One run over these days of every symbol, as far as they have begun to be partitions."""
        first = max(first, crypto.start_date)
        if first > last:
            return dg.SkipReason(f"{last} is before crypto.start_date")
        symbols = SYMBOL.get_partition_keys()
        ends = [partitions.key_of(day, one) for day, one in ((first, symbols[0]), (last, symbols[-1]))]
        return [dg.RunRequest(run_key=f"{name}:{at.isoformat()}", tags=partitions.range_tags(*ends))]

    every = f"*/{crypto.cadence} * * * *"

    @ticking("crypto_current", every, CHAIN, "Asks for the running day's candles that have closed since.")
    def current(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        if not crypto.live:
            return dg.SkipReason("crypto.live is off: the archive has closed days only")
        if is_live(settings, "crypto", at):
            return dg.SkipReason("the stream hands over the running day")
        return days("crypto-current", at.date(), at.date(), at)

    @ticking("crypto_final", "5 0 * * *", CHAIN, "Asks for all of yesterday's candles.")
    def final(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return days("crypto-final", at.date() - _DAY, at.date() - _DAY, at)

    @ticking("crypto_late", "0 4 * * *", CHAIN, "Asks for the trailing days again, from the archive where it has them.")
    def late(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return days("crypto-late", at.date() - crypto.trailing_days * _DAY, at.date() - _DAY, at)

    @ticking(
        "crypto_sentiments", "10 0 * * *", dg.AssetSelection.assets("crypto_sentiment"), "Asks for the sentiment index."
    )
    def sentiments(context: dg.ScheduleEvaluationContext) -> Asked:
        if not crypto.sentiment.enabled:
            return dg.SkipReason("crypto.sentiment.enabled is off")
        return [dg.RunRequest(run_key=f"crypto-sentiment:{context.scheduled_execution_time.isoformat()}")]

    freshness = ticking.judging(
        "crypto_freshness",
        "4-59/5 * * * *",
        "crypto_freshness_checks",
        FRESHNESS_CHECKS,
        "Judges how old candles are and whether the stream lives, also when nothing arrives.",
    )
    return [current, final, late, sentiments, freshness]
