"""What must hold of stored funding data: which judgement guards which table, and what it reads."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import dagster as dg
import polars as pl

from market_assets.check_reading import noted, quarantined, store_of, table_checks
from market_assets.core import clock, partitions
from market_assets.core.checks import Check, Reader, check, no_synthetic_source, run_partitions
from market_assets.core.contracts import Table
from market_assets.core.partitions import day_and_name, keys_of
from market_assets.funding import schemas
from market_assets.funding.checks import completeness, contracts, rates, snapshot, spreads
from market_assets.settings import settings
from resources.funding_fetch import listings_of
from resources.stores.protocol import PartitionStore

#: judged every few minutes, also when nothing arrives
FRESHNESS = ("snapshot_fresh", "exchanges_present", "settled_in_time")
#: a look older than this belongs to no round that is judged
_ROUND = timedelta(minutes=60)
_COUNTS = ("duplicates", "archive_conflicts")
#: days with looks that hold the newest one, and the last one of more than a day before it
_LISTING_DAYS = 3


def _listings(context: dg.AssetCheckExecutionContext, chosen: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """What looks at the listing of each exchange of the run named: exchange, native_symbol."""
    segments = listings_of(settings())
    empty = pl.DataFrame(schema={"exchange": pl.String, "native_symbol": pl.String})
    names = run_partitions(context) or segments.exchanges()
    looks = [segments.read(name, segments.days(name)[-_LISTING_DAYS:]) for name in names]
    return pl.concat([empty, *(chosen(seen).select(empty.columns) for seen in looks)])


def _newest_look(seen: pl.DataFrame) -> pl.DataFrame:
    return seen.filter(pl.col("last_at") == pl.col("last_at").max())


def _day_rates(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Rates of every exchange on the run's days: exchange, symbol, day, rate_1h."""
    days = {key.partition(partitions.SEPARATOR)[0] for key in run_partitions(context) or []}
    contract, store = schemas.FundingRates.contract(), store_of(context)
    keys = [key for key in store.partitions(contract) if key.partition(partitions.SEPARATOR)[0] in days]
    found = store.read(contract, keys, columns=["exchange", "symbol", "funding_time", "rate_1h"])
    return found.with_columns(day=pl.col("funding_time").dt.date())


def _told(context: dg.AssetCheckExecutionContext) -> Mapping[str, int]:
    """What the fetch noted; counts of an exchange stand on each of its partitions."""
    last = {day_and_name(key)[1]: key for key in run_partitions(context) or []}
    return noted(context, schemas.FundingRates, _COUNTS, list(last.values()))


def _newest_completeness(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """The newest completeness of each exchange in use, however old."""
    contract, store = schemas.FundingCompleteness.contract(), store_of(context)
    newest = {key.rpartition(partitions.SEPARATOR)[2]: key for key in sorted(store.partitions(contract))}
    return store.read(contract, [newest[name] for name in settings().funding.enabled if name in newest])


def latest_round(store: PartitionStore) -> pl.DataFrame:
    """The newest look at each exchange in use, of the last hour."""
    now, contract = clock.now(), schemas.FundingSnapshot.contract()
    days = {at.date() for at in (now - _ROUND, now)}
    rows = store.read(contract, keys_of(sorted(days), settings().funding.enabled), start=now - _ROUND)
    return rows.filter(pl.col("snapshot_at") == pl.col("snapshot_at").max().over("exchange"))


def _ages(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    return snapshot.ages_of(latest_round(store_of(context)), settings().funding.enabled, clock.now())


def _n_fresh(context: dg.AssetCheckExecutionContext) -> int:
    return _ages(context).filter(pl.col("age_min") <= settings().funding.opp.max_age_min).height


def _notify_above(_: dg.AssetCheckExecutionContext) -> float | None:
    opp = settings().funding.opp
    return opp.notify_net_apr if opp.notify else None


#: arguments of judgements that the settings give
SET: dict[str, Reader] = {
    "expected": lambda _: settings().funding.enabled,
    "venue_of": lambda _: settings().funding.venue_of,
}


def _checks(table: type[Table], *own: Check, **reads: Reader) -> dg.AssetChecksDefinition:
    return table_checks(table, own, SET | reads)


CHECKS = [
    _checks(
        schemas.FundingContracts,
        check(contracts.validity_sound, blocking=True),
        check(contracts.listing_stored, blocking=True),
        check(contracts.contracts_lost),
        check(contracts.prices_agree),
        check(contracts.intervals_listed),
        listed=lambda context: _listings(context, _newest_look),
        listed_before=lambda context: _listings(context, contracts.a_day_before),
    ),
    _checks(
        schemas.FundingRates,
        check(no_synthetic_source, blocking=True),
        check(rates.rates_add_up, blocking=True),
        check(rates.rate_range),
        check(rates.unit_suspect),
        check(rates.intervals_known),
        check(rates.no_duplicates),
        check(rates.archive_agrees),
        check(rates.quarantine_empty),
        day_rates=_day_rates,
        told=_told,
        quarantined=quarantined(schemas.FundingRates),
    ),
    _checks(
        schemas.FundingSnapshot,
        check(no_synthetic_source, blocking=True),
        check(snapshot.snapshot_fresh),
        check(snapshot.exchanges_present),
        check(snapshot.mark_dispersion),
        check(snapshot.basis_plausible),
        check(snapshot.rates_stated),
        check(snapshot.round_healthy),
        latest=lambda context: latest_round(store_of(context)),
        ages=_ages,
    ),
    _checks(
        schemas.FundingCompleteness,
        check(completeness.contracts_complete),
        check(completeness.no_surplus),
        check(completeness.settled_in_time),
        check(completeness.gaps_can_be_closed),
        newest=_newest_completeness,
    ),
    _checks(
        schemas.FundingStatistics,
        check(completeness.percentiles_in_range, blocking=True),
        check(completeness.scores_plausible),
        check(completeness.scores_known),
    ),
    _checks(schemas.FundingHourlyRates, check(rates.covered_before_settled, blocking=True)),
    _checks(
        schemas.FundingSpreads,
        check(spreads.spreads_add_up, blocking=True),
        check(spreads.short_leg_higher, blocking=True),
        check(spreads.pairs_ordered, blocking=True),
        check(spreads.spreads_plausible),
    ),
    _checks(schemas.FundingSpreadStatistics, check(spreads.distribution_sound, blocking=True)),
    _checks(
        schemas.FundingOpportunities,
        check(spreads.net_is_gross_less_costs, blocking=True),
        check(spreads.legs_differ, blocking=True),
        check(spreads.pairs_found),
        check(spreads.best_is_identical),
        check(spreads.no_notice),
        n_fresh=_n_fresh,
        notify_above=_notify_above,
    ),
]
