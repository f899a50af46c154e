"""Bitcoin liquidations, from the vendor's wire to signals and their outcomes.

Observed: `btc_price` and `btc_liquidations` from Glassnode. Everything else is derived, hour by hour,
and written only as far as every earlier hour is final. Recursive filters and paths continue from the
stored rows of the days before, which an asset reads from its own table: that is no edge of the graph,
because a day's run would otherwise wait for itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import dagster as dg
import polars as pl

from market_assets.btc import lineage, schemas
from market_assets.btc.partitions import DAY, LOOK_BACK, WEEK
from market_assets.btc.transforms import (
    bin_models,
    bins,
    dominance,
    labels,
    performance,
    processed,
    raw,
    rpn,
    signals,
    training,
)
from market_assets.core import clock, partitions
from market_assets.core.contracts import Table
from market_assets.core.market_asset import market_asset
from market_assets.settings import settings
from resources.btc_fetch import BtcFetch
from resources.partition_fetch import FetchedPartitions, PartitionFetch, Unit
from resources.stores.protocol import PartitionStore, Stored
from resources.vendors.registry import Vendors

GLASSNODE_POOL = "glassnode"
_VENDOR_KINDS = {"glassnode", "polars"}
_DAY = timedelta(days=1)


@market_asset(schemas.BtcPrice, partitions_def=DAY, kinds=_VENDOR_KINDS, pool=GLASSNODE_POOL)
def btc_price(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    return _observed(context, schemas.BtcPrice, store, vendors, lambda asked: asked.price)


@market_asset(schemas.BtcLiquidations, partitions_def=DAY, kinds=_VENDOR_KINDS, pool=GLASSNODE_POOL)
def btc_liquidations(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    return _observed(context, schemas.BtcLiquidations, store, vendors, lambda asked: asked.liquidations)


@market_asset(
    schemas.BtcProcessed,
    partitions_def=DAY,
    ins={
        "btc_price": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.price, 0)),
        "btc_liquidations": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.liquidations, 0)),
    },
    lineage=lineage.PROCESSED,
)
def btc_processed(
    context: dg.AssetExecutionContext, btc_price: pl.DataFrame, btc_liquidations: pl.DataFrame
) -> pl.DataFrame:
    found, days = settings().btc, Days.of(context)
    known_from = max(found.start, days.first - _DAY)
    volumes = ["long_liquidations", "short_liquidations"]
    until = min(
        days.until,
        raw.final_until(btc_price, ["price"], found, known_from),
        raw.final_until(btc_liquidations, volumes, found, known_from),
    )
    context.log.info(f"every hour before {until:%Y-%m-%d %H:%M}Z is final")
    return processed.processed(
        raw.canonical(btc_price, ["price"]),
        raw.canonical(btc_liquidations, volumes),
        found,
        first=days.first,
        until=until,
    )


@market_asset(
    schemas.BtcRpn,
    partitions_def=DAY,
    ins={"btc_processed": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.processed, 0))},
    lineage=lineage.RPN,
)
def btc_rpn(
    context: dg.AssetExecutionContext, btc_processed: pl.DataFrame, store: dg.ResourceParam[PartitionStore]
) -> pl.DataFrame:
    days = Days.of(context)
    own = days.before(store, schemas.BtcRpn, LOOK_BACK.own_rpn)
    return rpn.rpn(btc_processed, settings().btc, first=days.first, own=own)


@market_asset(
    schemas.BtcBinModels,
    partitions_def=WEEK,
    ins={"btc_rpn": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.training_weeks, -1))},
    lineage=lineage.BIN_MODELS,
)
def btc_bin_models(
    context: dg.AssetExecutionContext, btc_rpn: pl.DataFrame, store: dg.ResourceParam[PartitionStore]
) -> pl.DataFrame:
    """Fit the weeks of the run that have no model of these settings; a stored model is never fitted again."""
    found, keys = settings().btc, sorted(context.partition_keys)
    stored = store.read(schemas.BtcBinModels.contract(), keys).filter(feature_version=found.feature_version)
    known = set(stored["ts"].to_list())
    fit_times = [time for time in map(clock.instant, keys) if time not in known]
    return pl.concat([stored, bin_models.fit(btc_rpn, found, fit_times)])


@market_asset(
    schemas.BtcBins,
    partitions_def=DAY,
    ins={"btc_bin_models": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.models, 0))},
    lineage=lineage.BINS,
)
def btc_bins(
    context: dg.AssetExecutionContext,
    btc_rpn: pl.DataFrame,
    btc_bin_models: pl.DataFrame,
    store: dg.ResourceParam[PartitionStore],
) -> pl.DataFrame:
    days = Days.of(context)
    own = days.before(store, schemas.BtcBins, LOOK_BACK.own_bins)
    return bins.bins(btc_rpn, btc_bin_models, settings().btc, first=days.first, own=own)


@market_asset(
    schemas.BtcDominance,
    partitions_def=DAY,
    ins={"btc_rpn": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.thresholds, 0))},
    lineage=lineage.DOMINANCE,
)
def btc_dominance(
    context: dg.AssetExecutionContext,
    btc_rpn: pl.DataFrame,
    btc_bins: pl.DataFrame,
    store: dg.ResourceParam[PartitionStore],
) -> pl.DataFrame:
    days = Days.of(context)
    own = days.before(store, schemas.BtcDominance, LOOK_BACK.own_dominance)
    return dominance.dominance(btc_rpn, btc_bins, settings().btc, first=days.first, own=own)


@market_asset(
    schemas.BtcSignals,
    partitions_def=DAY,
    ins={
        "btc_rpn": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.signals, 0)),
        "btc_dominance": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.signals, 0)),
    },
    lineage=lineage.SIGNALS,
)
def btc_signals(context: dg.AssetExecutionContext, btc_rpn: pl.DataFrame, btc_dominance: pl.DataFrame) -> pl.DataFrame:
    return signals.signals(btc_rpn, btc_dominance, settings().btc, first=Days.of(context).first)


@market_asset(
    schemas.BtcLabels,
    partitions_def=DAY,
    ins={"btc_price": dg.AssetIn(partition_mapping=partitions.window(0, LOOK_BACK.label_days))},
    lineage=lineage.LABELS,
)
def btc_labels(context: dg.AssetExecutionContext, btc_price: pl.DataFrame) -> pl.DataFrame:
    days = Days.of(context)
    price = raw.canonical(btc_price, ["price"])
    return labels.labels(price, settings().btc, first=days.first, until=days.until, now=clock.now())


@market_asset(schemas.BtcTrainingData, partitions_def=DAY, lineage=lineage.TRAINING_DATA)
def btc_training_data(
    btc_processed: pl.DataFrame,
    btc_rpn: pl.DataFrame,
    btc_bins: pl.DataFrame,
    btc_dominance: pl.DataFrame,
    btc_signals: pl.DataFrame,
    btc_labels: pl.DataFrame,
) -> pl.DataFrame:
    return training.training_data(
        btc_processed, btc_rpn, btc_bins, btc_dominance, btc_signals, btc_labels, settings().btc
    )


@market_asset(
    schemas.BtcSignalPerformance,
    partitions_def=DAY,
    ins={
        "btc_signals": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.performance, 0)),
        "btc_labels": dg.AssetIn(partition_mapping=partitions.window(-LOOK_BACK.performance, 0)),
    },
    lineage=lineage.SIGNAL_PERFORMANCE,
)
def btc_signal_performance(
    context: dg.AssetExecutionContext, btc_signals: pl.DataFrame, btc_labels: pl.DataFrame
) -> pl.DataFrame:
    days = [clock.instant(key).date() for key in sorted(context.partition_keys)]
    return performance.performance(btc_signals, btc_labels, settings().btc, days=days, now=clock.now())


@dataclass(frozen=True)
class Days:
    """The days of a run: from `first` up to and without `until`."""

    first: datetime
    until: datetime

    @classmethod
    def of(cls, context: dg.AssetExecutionContext) -> Self:
        """The run's days; a range without holes."""
        keys = sorted(context.partition_keys)
        return cls(clock.instant(keys[0]), clock.instant(keys[-1]) + _DAY)

    def before(self, store: PartitionStore, table: type[Table], days: int) -> pl.DataFrame:
        """The stored rows of a table in the `days` days before the run's."""
        keys = [f"{self.first - n * _DAY:%Y-%m-%d}" for n in range(days, 0, -1)]
        return store.read(table.contract(), keys)


def _observed(
    context: dg.AssetExecutionContext,
    table: type[Table],
    store: PartitionStore,
    vendors: Vendors,
    ask: Callable[[BtcFetch], Callable[[Unit], FetchedPartitions]],
) -> Stored:
    found = settings()
    asked = BtcFetch(found, vendors, store, clock.now())
    fetching = PartitionFetch.of(context, store, found, table)
    return fetching.run(asked.units(sorted(context.partition_keys)), ask(asked))


ASSETS = [
    btc_price,
    btc_liquidations,
    btc_processed,
    btc_rpn,
    btc_bin_models,
    btc_bins,
    btc_dominance,
    btc_signals,
    btc_labels,
    btc_training_data,
    btc_signal_performance,
]
