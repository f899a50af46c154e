"""Bars, from the sources' minutes to scored signals.

Observed: `bars_minute`, `bars_macro_daily` and `bars_reconciliation`, which asks a second source to compare. Everything
else is derived from them. The running day is computed again every few minutes. Health of the sources also reads what
every attempt at a source noted of itself; that is no table of the graph.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
import polars as pl

from market_assets.bars import lineage, schemas
from market_assets.bars.partitions import DAY, SYMBOL_DAY
from market_assets.bars.settings import LOOK_BACK_DAYS, OUTCOME_DAYS
from market_assets.bars.transforms import features as feature_transforms
from market_assets.bars.transforms import health, macro
from market_assets.bars.transforms import indicators as indicator_transforms
from market_assets.bars.transforms import signals as signal_transforms
from market_assets.core import clock, partitions
from market_assets.core.market_asset import market_asset, market_assets_together
from market_assets.core.partitions import Span
from market_assets.settings import settings
from resources.bars_compare import compare
from resources.bars_fetch import BarsFetch
from resources.bars_macro import observations
from resources.partition_fetch import PartitionFetch
from resources.plans.bars import plan
from resources.sentiment_plugin import sentiment
from resources.source_facts import source_facts, unmarked
from resources.stores.protocol import PartitionStore, Stored
from resources.vendors.registry import Vendors

MINUTE_POOL, COMPARE_POOL = "bars_minute", "bars_reconciliation"
#: request series under way at once
_WORKERS = 4
_DAY = timedelta(days=1)
_OF_DAY = partitions.all_of("day")


@market_asset(schemas.BarsMinute, partitions_def=SYMBOL_DAY, kinds={"polars", "rest"}, pool=MINUTE_POOL)
def bars_minute(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    """Ask for every symbol of the run side by side. Raises BackfillTooLarge before anything is asked for."""
    found = settings()
    planned = plan(found, vendors, context.partition_keys, clock.now())
    context.log.info(str(planned))
    planned.check()
    asked = BarsFetch(found, vendors, store, clock.now())
    units = asked.units(context.partition_keys)
    fetching = PartitionFetch.of(context, store, found, schemas.BarsMinute)
    stored = fetching.run(units, asked.minutes, workers=min(len(units), _WORKERS))
    asked.prune_landing()
    return stored


@market_asset(
    schemas.BarsIndicators,
    partitions_def=SYMBOL_DAY,
    ins={"bars_minute": dg.AssetIn(partition_mapping=partitions.same("symbol", -LOOK_BACK_DAYS))},
    lineage=lineage.INDICATORS,
)
def bars_indicators(context: dg.AssetExecutionContext, bars_minute: pl.DataFrame) -> pl.DataFrame:
    return indicator_transforms.indicators(bars_minute, Span.of(context.partition_keys).days, settings().bars)


@market_asset(schemas.BarsMacroDaily, kinds={"polars", "rest"}, pool="bars_macro_daily")
def bars_macro_daily(vendors: dg.ResourceParam[Vendors]) -> pl.DataFrame:
    found = settings()
    return macro.macro_daily(observations(found, vendors), found.bars.macro)


@market_asset(
    schemas.BarsScannerFeatures,
    partitions_def=SYMBOL_DAY,
    ins={
        "bars_minute": dg.AssetIn(partition_mapping=partitions.every("symbol", -LOOK_BACK_DAYS)),
        "bars_indicators": dg.AssetIn(partition_mapping=partitions.same("symbol", -LOOK_BACK_DAYS)),
        "bars_macro_daily": dg.AssetIn(),
    },
    references=["bars_macro_daily"],
    lineage=lineage.FEATURES,
)
def bars_scanner_features(
    context: dg.AssetExecutionContext,
    bars_minute: pl.LazyFrame,
    bars_indicators: pl.DataFrame,
    bars_macro_daily: pl.DataFrame,
) -> pl.DataFrame:
    """The features of the run's symbols; of other symbols only those are read that returns are correlated with."""
    found, span = settings().bars, Span.of(context.partition_keys)
    own = sorted({_symbol(key) for key in context.partition_keys})
    wanted = sorted({*own, *schemas.CORRELATED})
    said = sentiment(found.sentiment_plugin, own, span.first - LOOK_BACK_DAYS * _DAY, span.until)
    return feature_transforms.features(
        bars_minute.filter(pl.col("symbol").is_in(wanted)).collect(),
        bars_indicators.filter(pl.col("symbol").is_in(own)),
        bars_macro_daily,
        said,
        span.days,
        found,
    )


@market_assets_together(
    schemas.BarsSignals,
    schemas.BarsOutcomes,
    partitions_def=SYMBOL_DAY,
    ins={
        "bars_scanner_features": dg.AssetIn(partition_mapping=partitions.same("symbol", -OUTCOME_DAYS)),
        "bars_minute": dg.AssetIn(partition_mapping=partitions.same("symbol", -OUTCOME_DAYS)),
    },
    lineage={"bars_signals": lineage.SIGNALS, "bars_outcomes": lineage.OUTCOMES},
)
def bars_signals(
    context: dg.AssetExecutionContext, bars_scanner_features: pl.DataFrame, bars_minute: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    found = settings()
    days = Span.of(context.partition_keys).days
    made = signal_transforms.signals(bars_scanner_features, bars_minute, days, found.bars, found.bars_hash())
    return made.signals, made.outcomes


@market_asset(
    schemas.BarsReconciliation,
    partitions_def=SYMBOL_DAY,
    ins={"bars_minute": dg.AssetIn()},
    references=["bars_minute"],
    kinds={"polars", "rest"},
    pool=COMPARE_POOL,
)
def bars_reconciliation(
    context: dg.AssetExecutionContext, vendors: dg.ResourceParam[Vendors], bars_minute: pl.DataFrame
) -> pl.DataFrame:
    """Ask another source for the same minutes. One that cannot be asked is told in the row, and fails nothing."""
    return compare(settings(), vendors, bars_minute, context.partition_keys, clock.now())


@market_asset(
    schemas.BarsSourceHealth,
    partitions_def=DAY,
    ins={
        "bars_minute": dg.AssetIn(partition_mapping=_OF_DAY),
        "bars_reconciliation": dg.AssetIn(partition_mapping=_OF_DAY),
    },
    lineage=lineage.SOURCE_HEALTH,
)
def bars_source_health(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
    bars_minute: pl.DataFrame,
    bars_reconciliation: pl.DataFrame,
) -> pl.DataFrame:
    """One row a source and day; comparisons of the days before are read from their table."""
    found, days = settings(), Span.of(context.partition_keys).days
    minutes = unmarked(bars_minute.select("source", "ts", "quality_score"), "source")
    compared = _compared(store, days, bars_reconciliation, found.bars.trust_days)
    sources = list(found.bars.sources)
    rows = [
        health.source_health(
            day,
            sources,
            source_facts(found, vendors, day),
            minutes.filter(pl.col("ts").dt.date() == day),
            compared.filter(pl.col("day").is_between(day - found.bars.trust_days * _DAY, day)),
        )
        for day in days
    ]
    # as rows name it: where a store holds the sandbox's data, so does what is told of its sources
    named = pl.col("source").replace({source: found.source_name(source) for source in sources})
    return pl.concat(rows).with_columns(named).sort("day", "source")


def _compared(store: PartitionStore, days: Sequence[date], own: pl.DataFrame, n_days: int) -> pl.DataFrame:
    """Comparisons of the run's days and of `n_days` before them, with plain names of the sources."""
    contract = schemas.BarsReconciliation.contract()
    first = clock.instant(days[0])
    # a store gives both ends
    before = store.read(contract, start=first - n_days * _DAY, end=first - _DAY)
    return unmarked(pl.concat([before, own]), "source", "other_source")


def _symbol(key: str) -> str:
    return key.rpartition(partitions.SEPARATOR)[2]


#: from minutes to signals; signals and outcomes are one step
CHAIN = dg.AssetSelection.assets(
    "bars_minute", "bars_indicators", "bars_scanner_features", "bars_signals", "bars_outcomes"
)

ASSETS = [
    bars_minute,
    bars_indicators,
    bars_macro_daily,
    bars_scanner_features,
    bars_signals,
    bars_reconciliation,
    bars_source_health,
]
