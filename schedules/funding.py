"""When funding is asked for: listings hourly, snapshots every few minutes, settlements as they fall due.

A run carries every exchange in use as one range; the follow sensor brings what is derived up to date.
Hourly runs ask only for contracts whose next settlement has passed; the nightly ones ask for everything
of the trailing days again.
"""

from datetime import date, datetime, timedelta

import dagster as dg

from market_assets.core import partitions
from market_assets.funding import schemas
from market_assets.funding.assets import ONLY_DUE_TAG
from market_assets.funding.checks import CHECKS, FRESHNESS
from market_assets.funding.partitions import DAY, EXCHANGE
from market_assets.settings import Settings
from resources.funding_fetch import looks_of
from resources.stores import open_store
from schedules.ticking import Asked, Ticking, checks_named

_DAY = timedelta(days=1)
_NO_CONTRACTS = dg.SkipReason("no contracts are known yet: funding_listings comes first")
_CONTRACTS = schemas.FundingContracts.contract()
_LISTINGS, _RATES, _SNAPSHOT = (
    dg.AssetSelection.assets(table.contract().name)
    for table in (schemas.FundingContracts, schemas.FundingRates, schemas.FundingSnapshot)
)
FRESHNESS_CHECKS = checks_named(CHECKS, FRESHNESS)


def funding_schedules(settings: Settings, *, default_status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The schedules of the domain. All times are UTC."""
    asks, ticking = FundingAsks(settings), Ticking(default_status)

    @ticking("funding_listings", "2 * * * *", _LISTINGS, "Looks at every exchange's listing.")
    def listings(context: dg.ScheduleEvaluationContext) -> Asked:
        return asks.contracts(context.scheduled_execution_time)

    every = f"*/{settings.funding.snapshot_min} * * * *"

    @ticking("funding_snapshots", every, _SNAPSHOT, "Looks at the current state of every contract.")
    def snapshots(context: dg.ScheduleEvaluationContext) -> Asked:
        return asks.snapshot(context.scheduled_execution_time)

    @ticking("funding_settlements", "7 * * * *", _RATES, "Asks for settlements that are due since the last one.")
    def settlements(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return asks.rates(at.date(), at.date(), at, **{ONLY_DUE_TAG: "yes"})

    @ticking("funding_yesterday", "40 0 * * *", _RATES, "Asks for all of yesterday's settlements.")
    def yesterday(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return asks.rates(at.date() - _DAY, at.date() - _DAY, at)

    @ticking("funding_late", "0 9 * * *", _RATES, "Asks for yesterday's settlements again: some are told late.")
    def late(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return asks.rates(at.date() - _DAY, at.date() - _DAY, at)

    @ticking("funding_trailing", "30 4 * * *", _RATES, "Asks for the trailing days again.")
    def trailing(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return asks.rates(at.date() - settings.funding.trailing_days * _DAY, at.date(), at)

    @ticking("funding_thinning", "10 5 * * *", _SNAPSHOT, "Keeps the last snapshot of each hour of old days.")
    def thinning(context: dg.ScheduleEvaluationContext) -> Asked:
        at = context.scheduled_execution_time
        return asks.thinning(at) or dg.SkipReason("no day is older than retention.snapshot_days")

    freshness = ticking.judging(
        "funding_freshness",
        f"3-59/{max(5, settings.funding.snapshot_min)} * * * *",
        "funding_freshness_checks",
        FRESHNESS_CHECKS,
        "Judges how old snapshots and settlements are, also when nothing arrives.",
    )
    return [listings, snapshots, settlements, yesterday, late, trailing, thinning, freshness]


class FundingAsks:
    """What the ticks ask for: every exchange in use, as one range."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # exchanges in use come first among the partitions, so this is one span
        self.spans = partitions.ranges(settings.funding.enabled, [EXCHANGE.get_partition_keys()])

    def contracts(self, at: datetime) -> list[dg.RunRequest]:
        """One look at every listing."""
        return [_request(f"funding-contracts:{at.isoformat()}:{first}", first, last) for first, last in self.spans]

    def snapshot(self, at: datetime) -> list[dg.RunRequest] | dg.SkipReason:
        """One look at the current state of every contract."""
        return self._days("funding-snapshot", at.date(), at.date(), at) or _NO_CONTRACTS

    def rates(self, first: date, last: date, at: datetime, **tags: str) -> list[dg.RunRequest] | dg.SkipReason:
        """Settlements of these days."""
        return (
            self._days("funding-rates", max(first, self.settings.funding.start_date), last, at, **tags) or _NO_CONTRACTS
        )

    def thinning(self, at: datetime) -> list[dg.RunRequest]:
        """Runs for the days whose looks retention now thins, and for those an earlier tick missed."""
        looks, oldest = looks_of(self.settings), at.date() - self.settings.retention.snapshot_days * _DAY
        due: set[str] = set()
        for exchange in looks.exchanges():
            for day in (day for day in looks.days(exchange) if day < oldest):
                stored = looks.read(exchange, [day])["snapshot_at"]
                if stored.n_unique() > stored.dt.truncate("1h").n_unique():
                    due.add(partitions.key_of(day, exchange))
        order = [DAY.get_partition_keys(current_time=at), EXCHANGE.get_partition_keys()]
        known = {key for key in due if key.partition(partitions.SEPARATOR)[0] in order[0]}
        spans = partitions.ranges(known, order)
        return [_request(f"funding-thinning:{at.isoformat()}:{first}", first, last) for first, last in spans]

    def _days(self, name: str, first: date, last: date, at: datetime, **tags: str) -> list[dg.RunRequest]:
        """A run over days of every exchange in use; none before contracts are known."""
        if not open_store(self.settings).partitions(_CONTRACTS):
            return []
        ends = [
            tuple(partitions.key_of(day, one) for day, one in zip((first, last), span, strict=True))
            for span in self.spans
        ]
        return [_request(f"{name}:{at.isoformat()}:{start}", start, end, **tags) for start, end in ends]


def _request(run_key: str, first: str, last: str, **tags: str) -> dg.RunRequest:
    return dg.RunRequest(run_key=run_key, tags={**partitions.range_tags(first, last), **tags})
