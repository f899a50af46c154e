"""Daily US equities, from the vendor's wire to features.

Observed: `equities_daily_bars` and `equities_corporate_actions` from Polygon with Yahoo as the
fallback, `equities_reconciliation` against Yahoo. Everything else is derived. A symbol-year is the
unit of fetching; scoring keeps it; what compares symbols is cut by year.
"""

import dagster as dg
import polars as pl

from market_assets.core import clock, partitions
from market_assets.core.market_asset import market_asset, same_columns
from market_assets.equities import lineage, schemas
from market_assets.equities.partitions import EQUITY_SYMBOLS, SYMBOL_YEAR, YEAR
from market_assets.equities.sessions import all_sessions
from market_assets.equities.transforms import adjust, features, gaps, reconcile, scores, status, symbols
from market_assets.equities.universe import read_overrides
from market_assets.settings import settings
from resources.equities_evidence import Evidence, fetches
from resources.equities_fetch import EquitiesFetch
from resources.equities_grouped import grouped_update
from resources.fetch_log import FetchLog
from resources.partition_fetch import PartitionFetch, Unit
from resources.stores.protocol import PartitionStore, Stored
from resources.vendors.registry import Vendors

_VENDOR_KINDS = {"polygon", "polars"}


@market_asset(schemas.EquitiesSymbols, kinds={"polars"})
def equities_symbols(store: dg.ResourceParam[PartitionStore]) -> pl.DataFrame:
    return symbols.universe(settings().equities.universe, read_overrides(store))


@market_asset(
    schemas.EquitiesDailyBars,
    partitions_def=SYMBOL_YEAR,
    kinds=_VENDOR_KINDS,
)
def equities_daily_bars(
    context: dg.AssetExecutionContext,
    equities_symbols: pl.DataFrame,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    asked = EquitiesFetch(settings(), vendors, equities_symbols, clock.now())
    fetching = PartitionFetch.of(context, store, settings(), schemas.EquitiesDailyBars)
    units = asked.units(context.partition_keys)
    updated = grouped_update(asked, units, store)
    return fetching.run(units, lambda unit: asked.bars(unit, updated))


@market_asset(
    schemas.EquitiesCorporateActions,
    partitions_def=EQUITY_SYMBOLS,
    ins={"equities_daily_bars": dg.AssetIn(partition_mapping=partitions.all_of("symbol"))},
    kinds=_VENDOR_KINDS,
    lineage=lineage.CORPORATE_ACTIONS,
)
def equities_corporate_actions(
    context: dg.AssetExecutionContext,
    equities_symbols: pl.DataFrame,
    equities_daily_bars: pl.DataFrame,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    asked = EquitiesFetch(settings(), vendors, equities_symbols, clock.now())
    units = [Unit(symbol, (symbol,)) for symbol in sorted(context.partition_keys)]
    fetching = PartitionFetch.of(context, store, settings(), schemas.EquitiesCorporateActions)
    bars = {str(key[0]): part for key, part in equities_daily_bars.partition_by("symbol", as_dict=True).items()}
    nothing = equities_daily_bars.clear()
    return fetching.run(units, lambda unit: asked.actions(unit, bars.get(unit.name, nothing), store))


@market_asset(
    schemas.EquitiesScoredBars,
    partitions_def=SYMBOL_YEAR,
    ins={
        "equities_daily_bars": dg.AssetIn(partition_mapping=partitions.same_symbol_with_previous_year()),
        "equities_corporate_actions": dg.AssetIn(partition_mapping=partitions.all_of("symbol")),
    },
    lineage=same_columns(schemas.EquitiesScoredBars, schemas.EquitiesDailyBars) | lineage.SCORED_BARS,
)
def equities_scored_bars(
    context: dg.AssetExecutionContext,
    equities_symbols: pl.DataFrame,
    equities_daily_bars: pl.DataFrame,
    equities_corporate_actions: pl.DataFrame,
) -> pl.DataFrame:
    years = {int(key.rsplit("|", 1)[1]) for key in context.partition_keys}
    found = scores.score(
        equities_daily_bars,
        equities_corporate_actions,
        equities_symbols,
        all_sessions(min(years) - 1, max(years)),
        settings().equities,
        years=years,
    )
    return found.filter(schemas.EquitiesScoredBars.contract().partition_expr().is_in(sorted(context.partition_keys)))


@market_asset(
    schemas.EquitiesAdjustedBars,
    partitions_def=YEAR,
    ins={
        "equities_scored_bars": dg.AssetIn(partition_mapping=partitions.all_of("year")),
        "equities_corporate_actions": dg.AssetIn(partition_mapping=dg.AllPartitionMapping()),
    },
    lineage=same_columns(schemas.EquitiesAdjustedBars, schemas.EquitiesScoredBars) | lineage.ADJUSTED_BARS,
)
def equities_adjusted_bars(
    context: dg.AssetExecutionContext, equities_scored_bars: pl.DataFrame, equities_corporate_actions: pl.DataFrame
) -> pl.DataFrame:
    without = adjust.unknown_factors(equities_corporate_actions, clock.today())
    context.add_output_metadata({"actions_without_factor": without.height})
    return adjust.adjusted(equities_scored_bars, equities_corporate_actions, clock.today())


@market_asset(
    schemas.EquitiesGaps,
    partitions_def=YEAR,
    ins={"equities_scored_bars": dg.AssetIn(partition_mapping=partitions.all_of("year"))},
    kinds={"yahoo", "polars"},
    lineage=lineage.GAPS,
)
def equities_gaps(
    context: dg.AssetExecutionContext,
    equities_symbols: pl.DataFrame,
    equities_scored_bars: pl.DataFrame,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> pl.DataFrame:
    now, years = clock.now(), _years(context)
    asked = EquitiesFetch(settings(), vendors, equities_symbols, now)
    evidence = Evidence(asked, store, FetchLog(settings().home), years)
    second = evidence.second_source(equities_scored_bars, context.log.warning)
    return gaps.find_gaps(
        equities_scored_bars,
        equities_symbols,
        evidence.due_sessions(),
        now,
        partitions=evidence.partition_states(),
        quarantined=evidence.quarantined(),
        second_source=second.sessions,
        asked_whole=second.asked,
        given_up=evidence.given_up(),
        years=years,
    )


@market_asset(
    schemas.EquitiesFeatures,
    partitions_def=YEAR,
    ins={
        "equities_adjusted_bars": dg.AssetIn(partition_mapping=partitions.with_previous_year()),
        "equities_corporate_actions": dg.AssetIn(partition_mapping=dg.AllPartitionMapping()),
    },
    lineage=lineage.FEATURES,
)
def equities_features(
    context: dg.AssetExecutionContext,
    equities_symbols: pl.DataFrame,
    equities_adjusted_bars: pl.DataFrame,
    equities_corporate_actions: pl.DataFrame,
) -> pl.DataFrame:
    years = _years(context)
    sessions = all_sessions(min(years) - 2, max(years))
    return features.features(
        equities_adjusted_bars, equities_corporate_actions, equities_symbols, sessions, clock.today(), years=years
    )


@market_asset(
    schemas.EquitiesReconciliation,
    partitions_def=YEAR,
    ins={
        "equities_daily_bars": dg.AssetIn(partition_mapping=partitions.all_of("year")),
        "equities_corporate_actions": dg.AssetIn(partition_mapping=dg.AllPartitionMapping()),
    },
    kinds={"yahoo", "polars"},
    lineage=lineage.RECONCILIATION,
)
def equities_reconciliation(
    context: dg.AssetExecutionContext,
    equities_symbols: pl.DataFrame,
    equities_daily_bars: pl.DataFrame,
    equities_corporate_actions: pl.DataFrame,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> pl.DataFrame:
    asked = EquitiesFetch(settings(), vendors, equities_symbols, clock.now())
    evidence = Evidence(asked, store, FetchLog(settings().home), _years(context))
    second = evidence.compared(equities_daily_bars, context.log.warning)
    context.add_output_metadata({"unanswered": second.unanswered})
    return reconcile.reconcile(second.first, second.second, settings().equities)


@market_asset(
    schemas.EquitiesSymbolStatus,
    ins={
        "equities_scored_bars": dg.AssetIn(partition_mapping=dg.AllPartitionMapping()),
        "equities_gaps": dg.AssetIn(partition_mapping=dg.AllPartitionMapping()),
        "equities_reconciliation": dg.AssetIn(partition_mapping=dg.AllPartitionMapping()),
    },
    lineage=lineage.SYMBOL_STATUS,
)
def equities_symbol_status(
    equities_symbols: pl.DataFrame,
    equities_scored_bars: pl.DataFrame,
    equities_gaps: pl.DataFrame,
    equities_reconciliation: pl.DataFrame,
    store: dg.ResourceParam[PartitionStore],
) -> pl.DataFrame:
    now = clock.now()
    return status.symbol_status(
        equities_symbols,
        all_sessions(settings().equities.start_year, now.year),
        now,
        settings().equities,
        scored=equities_scored_bars,
        gaps=equities_gaps,
        reconciled=equities_reconciliation,
        fetches=fetches(store, FetchLog(settings().home)),
    )


def _years(context: dg.AssetExecutionContext) -> list[int]:
    return sorted(int(key) for key in context.partition_keys)


ASSETS = [
    equities_symbols,
    equities_daily_bars,
    equities_corporate_actions,
    equities_scored_bars,
    equities_adjusted_bars,
    equities_gaps,
    equities_features,
    equities_reconciliation,
    equities_symbol_status,
]
