"""Features joined with their outcomes: one row an hour, once the outcomes of all horizons are known."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from market_assets.btc.schemas import STATE_PREFIX, BtcTrainingData
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.provenance import require_version

#: what a label row states, and a training row per horizon
OUTCOMES = ("return_exec", "return_close", "label_class")


def training_data(
    processed: pl.DataFrame,
    rpn: pl.DataFrame,
    bins: pl.DataFrame,
    dominance: pl.DataFrame,
    signals: pl.DataFrame,
    labels: pl.DataFrame,
    settings: BtcSettings,
) -> pl.DataFrame:
    """BtcTrainingData: the hours that have a row in every table, a known dominance and a label per horizon.

    A label may state that the outcome is unknown, where a price is. Raises MissingStateError where rows were
    made with other settings.
    """
    contract = BtcTrainingData.contract()
    features = {"btc_processed": processed, "btc_rpn": rpn, "btc_bins": bins, "btc_dominance": dominance}
    features["btc_signals"] = signals
    require_version(contract.name, settings, **features, btc_labels=labels)
    return contract.conform(
        joined(list(features.values()), how="inner")
        .filter(pl.col("dominance").is_not_null())
        .rename({"available_at": "feature_available_at"})
        .join(outcomes(labels, settings.labels.horizons), on="ts", how="inner", validate="1:1")
        .with_columns(available_at=pl.col("label_available_at"))
    )


def joined(tables: Sequence[pl.DataFrame], how: Literal["inner", "left"]) -> pl.DataFrame:
    """Tables of one row per `ts` side by side, never by position: each column once, of the first table that has it.

    Sorted by `ts`, without internal state. `left` keeps the hours of the first table, `inner` those of all.
    """
    # tables read from many partitions come in as many chunks, over which a join is thirty times slower
    first, *others = (table.drop(pl.selectors.starts_with(STATE_PREFIX)).rechunk() for table in tables)
    rows = first
    for table in others:
        own = [name for name in table.columns if name == "ts" or name not in rows.columns]
        rows = rows.join(table.select(own), on="ts", how=how, validate="1:1")
    return rows.sort("ts")


def outcomes(labels: pl.DataFrame, horizons: Sequence[int]) -> pl.DataFrame:
    """Hours with a label of every horizon: ts, OUTCOMES by horizon (`return_exec_24`), label_available_at."""
    per_horizon = [
        labels.filter(pl.col("horizon_h") == hours).select(
            "ts",
            pl.col("available_at").alias(f"known_{hours}"),
            *(pl.col(name).alias(f"{name}_{hours}") for name in OUTCOMES),
        )
        for hours in horizons
    ]
    known = [f"known_{hours}" for hours in horizons]
    return joined(per_horizon, how="inner").with_columns(label_available_at=pl.max_horizontal(known)).drop(known)
