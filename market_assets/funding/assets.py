"""Perpetual funding, from the exchanges' wire to pairs of legs ranked net of costs.

Observed: `funding_contracts` (listings), `funding_rates` (settled events), `funding_snapshot` (current
state). Everything else is derived. The contract map is looked up everywhere and triggers nothing: what
was computed before a contract changed stays, and a corrected map is followed by hand.
"""

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg
import polars as pl
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from market_assets.core import clock, partitions
from market_assets.core.contracts import Table
from market_assets.core.market_asset import market_asset
from market_assets.core.partitions import Span
from market_assets.funding import lineage, schemas
from market_assets.funding.partitions import DAY, EXCHANGE, EXCHANGE_DAY
from market_assets.funding.transforms import (
    completeness,
    hourly,
    opportunities,
    spread_statistics,
    spreads,
    statistics,
)
from market_assets.settings import settings
from resources.fetch_log import FetchLog
from resources.funding_fetch import ONLY_GAPS_TAG, FundingFetch
from resources.io_managers import attach
from resources.partition_fetch import FetchedPartitions, PartitionFetch, Unit
from resources.stores.protocol import PartitionStore, Stored
from resources.vendors.registry import Vendors

#: a run so tagged asks only for contracts with a settlement due since their last stored one
ONLY_DUE_TAG = "funding/only_due"
_EXCHANGE_KINDS = {"polars", "rest"}
_DAY = timedelta(days=1)
#: so long after its end every settlement that covers a day is there, or overdue
_SETTLED = timedelta(hours=32)
_STATISTICS_COLUMNS = ("exchange", "symbol", "native_symbol", "base_asset", "funding_time", "rate_1h", "interval_hours")


_WINDOW = settings().funding.window_days
_OF_DAY, _OF_EXCHANGE = partitions.all_of("day"), partitions.all_of("exchange")


@market_asset(schemas.FundingContracts, partitions_def=EXCHANGE, kinds=_EXCHANGE_KINDS, pool="funding_contracts")
def funding_contracts(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    return _observed(context, schemas.FundingContracts, store, vendors, lambda asked: asked.contracts)


@market_asset(
    schemas.FundingRates,
    partitions_def=EXCHANGE_DAY,
    deps=[dg.AssetDep("funding_contracts", partition_mapping=_OF_EXCHANGE)],
    references=["funding_contracts"],
    kinds=_EXCHANGE_KINDS,
    pool="funding_rates",
)
def funding_rates(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    return _observed(context, schemas.FundingRates, store, vendors, lambda asked: asked.rates)


@market_asset(
    schemas.FundingSnapshot,
    partitions_def=EXCHANGE_DAY,
    deps=[dg.AssetDep("funding_contracts", partition_mapping=_OF_EXCHANGE)],
    references=["funding_contracts"],
    kinds=_EXCHANGE_KINDS,
    pool="funding_snapshot",
)
def funding_snapshot(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    return _observed(context, schemas.FundingSnapshot, store, vendors, lambda asked: asked.snapshot)


@market_asset(
    schemas.FundingCompleteness,
    partitions_def=EXCHANGE_DAY,
    ins={
        "funding_rates": dg.AssetIn(partition_mapping=partitions.same("exchange", -_WINDOW)),
        "funding_contracts": dg.AssetIn(partition_mapping=_OF_EXCHANGE),
    },
    references=["funding_contracts"],
    lineage=lineage.COMPLETENESS,
)
def funding_completeness(
    context: dg.AssetExecutionContext, funding_rates: pl.LazyFrame, funding_contracts: pl.DataFrame
) -> pl.DataFrame:
    found = settings()
    return completeness.completeness(
        funding_rates.select(_STATISTICS_COLUMNS).collect(),
        funding_contracts,
        FetchLog(found.home).floors(),
        days=Span.of(context.partition_keys).days,
        window_days=found.funding.window_days,
        now=clock.now(),
        start=found.funding.start_date,
    )


@market_asset(
    schemas.FundingStatistics,
    partitions_def=EXCHANGE_DAY,
    ins={
        "funding_rates": dg.AssetIn(partition_mapping=partitions.same("exchange", -_WINDOW)),
        "funding_snapshot": dg.AssetIn(),
        "funding_completeness": dg.AssetIn(),
    },
    references=["funding_rates", "funding_completeness"],
    lineage=lineage.STATISTICS,
)
def funding_statistics(
    context: dg.AssetExecutionContext,
    funding_rates: pl.LazyFrame,
    funding_snapshot: pl.DataFrame,
    funding_completeness: pl.DataFrame,
) -> pl.DataFrame:
    return statistics.statistics(
        funding_rates.select(_STATISTICS_COLUMNS).collect(),
        funding_snapshot,
        funding_completeness,
        days=Span.of(context.partition_keys).days,
        window_days=settings().funding.window_days,
        now=clock.now(),
    )


@market_asset(
    schemas.FundingHourlyRates,
    partitions_def=EXCHANGE_DAY,
    ins={
        "funding_rates": dg.AssetIn(partition_mapping=partitions.same("exchange", 0, 1)),
        "funding_contracts": dg.AssetIn(partition_mapping=_OF_EXCHANGE),
    },
    references=["funding_contracts"],
    lineage=lineage.HOURLY_RATES,
)
def funding_hourly_rates(
    context: dg.AssetExecutionContext, funding_rates: pl.DataFrame, funding_contracts: pl.DataFrame
) -> pl.DataFrame:
    """The hours of the run's days; of the newest days it is told which contracts they still wait for."""
    span, step, now = Span.of(context.partition_keys), context.get_step_execution_context(), clock.now()
    for key in context.partition_keys:
        day, _, exchange = key.partition(partitions.SEPARATOR)
        end = clock.instant(day) + _DAY
        waiting = 0
        if end + _SETTLED >= now:
            own = funding_rates.filter(
                (pl.col("exchange") == exchange) & (pl.col("funding_time") >= clock.instant(day))
            )
            listed = funding_contracts.filter(pl.col("exchange") == exchange)
            waiting = hourly.uncovered(own, listed, day=date.fromisoformat(day), now=now)
        attach(step, context.asset_key, key, {"complete": waiting == 0 and end <= now, "waiting_contracts": waiting})
    return hourly.hourly_rates(funding_rates, first=span.first, until=span.until)


@market_asset(
    schemas.FundingSpreads,
    partitions_def=DAY,
    ins={
        "funding_hourly_rates": dg.AssetIn(partition_mapping=_OF_DAY),
        "funding_snapshot": dg.AssetIn(partition_mapping=_OF_DAY),
        "funding_contracts": dg.AssetIn(partition_mapping=dg.AllPartitionMapping()),
    },
    references=["funding_snapshot", "funding_contracts"],
    lineage=lineage.SPREADS,
)
def funding_spreads(
    funding_hourly_rates: pl.DataFrame, funding_snapshot: pl.DataFrame, funding_contracts: pl.DataFrame
) -> pl.DataFrame:
    return spreads.spreads(funding_hourly_rates, funding_snapshot, funding_contracts, settings().funding)


@market_asset(
    schemas.FundingSpreadStatistics,
    partitions_def=DAY,
    ins={"funding_spreads": dg.AssetIn(partition_mapping=partitions.window(-_WINDOW, -1))},
    lineage=lineage.SPREAD_STATISTICS,
)
def funding_spread_statistics(context: dg.AssetExecutionContext, funding_spreads: pl.DataFrame) -> pl.DataFrame:
    return spread_statistics.spread_statistics(funding_spreads, days=Span.of(context.partition_keys).days)


@market_asset(
    schemas.FundingOpportunities,
    partitions_def=DAY,
    ins={
        "funding_snapshot": dg.AssetIn(partition_mapping=_OF_DAY),
        "funding_statistics": dg.AssetIn(partition_mapping=_OF_DAY),
        "funding_spread_statistics": dg.AssetIn(partition_mapping=partitions.window(-1, 0)),
        "funding_contracts": dg.AssetIn(partition_mapping=dg.AllPartitionMapping()),
    },
    references=["funding_spread_statistics", "funding_contracts"],
    lineage=lineage.OPPORTUNITIES,
)
def funding_opportunities(
    funding_snapshot: pl.DataFrame,
    funding_statistics: pl.DataFrame,
    funding_spread_statistics: pl.DataFrame,
    funding_contracts: pl.DataFrame,
) -> pl.DataFrame:
    """The ranking of each day's last round; a run over several days ranks each by itself."""
    found = settings().funding
    return pl.concat(
        [
            schemas.FundingOpportunities.contract().empty(),
            *(
                opportunities.opportunities(
                    funding_snapshot.filter(pl.col("snapshot_at").dt.date() == day),
                    funding_statistics.filter(pl.col("day") == day),
                    funding_spread_statistics.filter(pl.col("day").is_between(day - _DAY, day)),
                    funding_contracts,
                    found,
                )
                for day in funding_snapshot["snapshot_at"].dt.date().unique().sort()
            ),
        ]
    )


def _observed(
    context: dg.AssetExecutionContext,
    table: type[Table],
    store: PartitionStore,
    vendors: Vendors,
    ask: Callable[[FundingFetch], Callable[[Unit], FetchedPartitions]],
) -> Stored:
    """Ask every exchange of the run side by side; what one of them fails at costs its own partitions."""
    found = settings()
    log = FetchLog(found.home)
    run_group = context.run.tags.get(ROOT_RUN_ID_TAG, context.run.run_id)
    asked = FundingFetch(
        found,
        vendors,
        store,
        log,
        run_group,
        clock.now(),
        only_due=ONLY_DUE_TAG in context.run.tags,
        only_gaps=ONLY_GAPS_TAG in context.run.tags,
    )
    units = asked.units(context.partition_keys)
    fetching = PartitionFetch.of(context, store, found, table)
    return fetching.run(units, ask(asked), workers=len(units))


ASSETS = [
    funding_contracts,
    funding_rates,
    funding_snapshot,
    funding_completeness,
    funding_statistics,
    funding_hourly_rates,
    funding_spreads,
    funding_spread_statistics,
    funding_opportunities,
]
