"""Bins of the RPN, each by the newest model of its time; momentum of their path and extremes.

Stored bins are never relabelled by a later fit: the path over earlier hours is read, not recomputed.
"""

from datetime import datetime

import numpy as np
import polars as pl

from market_assets.btc.schemas import BtcBins
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import bin_path
from market_assets.btc.transforms.grid import unbroken
from market_assets.btc.transforms.state import HOUR, MissingModelError, last_row


def bins(
    rpn: pl.DataFrame, models: pl.DataFrame, settings: BtcSettings, *, first: datetime, own: pl.DataFrame
) -> pl.DataFrame:
    """BtcBins of every row of `rpn` (BtcRpn) from `first` on.

    `models`: BtcBinModels of the weeks that cover max_model_age_hours before `first`, and those after.
    `own`: the stored BtcBins before `first`, as far back as the path and the extremes look. Raises
    MissingModelError where the week of an hour has no model row of any status, MissingStateError
    where an hour of `own` or `rpn` is absent or was made with other settings.
    """
    contract = BtcBins.contract()
    newest = rpn["ts"].max()
    if not isinstance(newest, datetime) or newest < first:
        return contract.empty()
    last_row(own, settings, first, contract.name)
    earlier = unbroken(own, settings, contract.name, since=first - look_back(settings) * HOUR, until=first)
    rows = unbroken(rpn, settings, "btc_rpn", since=first, until=newest + HOUR)
    path = pl.concat([earlier.select("ts", "bin_index", "model_time"), _assigned(rows, models, settings)])
    return contract.conform(
        path.join(_path_columns(path, settings), on="ts", how="left", maintain_order="left")
        .with_columns(
            bin_warm=pl.col("bin_index").is_not_null(),
            model_changed=pl.when(pl.col("bin_index").is_not_null()).then(
                pl.col("model_time").ne_missing(pl.col("model_time").shift(1))
            ),
            available_at=pl.col("ts") + settings.delay,
            feature_version=pl.lit(settings.feature_version),
        )
        .filter(pl.col("ts") >= first)
    )


def look_back(settings: BtcSettings) -> int:
    """Rows of btc_bins before a row that its path and its extreme state look at."""
    features = settings.features
    return max(features.bin.momentum_window_hours, features.rpn.extreme_window_hours - 1)


def _assigned(rows: pl.DataFrame, models: pl.DataFrame, settings: BtcSettings) -> pl.DataFrame:
    """ts, bin_index, model_time of `rows`: the number of edges at or below the RPN, by the newest ok model."""
    chosen = settings.features.bin
    usable = models.filter(pl.col("feature_version") == settings.feature_version)
    _check_weeks(rows, usable, settings)
    edges = {f"edge_{j}": pl.col("edges").list.get(j) for j in range(chosen.n_clusters - 1)}
    newest = usable.filter(pl.col("status") == "ok").sort("ts").select(model_time="ts", **edges)
    below = pl.sum_horizontal(pl.col(name) <= pl.col("risk_priority_number") for name in edges)
    known = pl.col("risk_priority_number").is_not_null() & pl.col("model_time").is_not_null()
    return rows.join_asof(
        newest,
        left_on="ts",
        right_on="model_time",
        strategy="backward",
        tolerance=chosen.max_model_age_hours * HOUR,
        coalesce=False,
    ).select(
        "ts",
        bin_index=pl.when(known).then(below).cast(pl.Int8),
        model_time=pl.when(known).then("model_time"),
    )


def _check_weeks(rows: pl.DataFrame, models: pl.DataFrame, settings: BtcSettings) -> None:
    """Each week that began since the history did has a model row: a late fit is waited for, not passed over."""
    weeks = rows["ts"].dt.truncate("1w").unique().sort()
    missing = weeks.filter((weeks >= settings.start) & ~weeks.is_in(models["ts"].implode()))
    if not missing.is_empty():
        named = ", ".join(f"{week:%Y-%m-%d}" for week in missing)
        raise MissingModelError(
            f"btc_bins needs a row of btc_bin_models (of any status, of feature_version {settings.feature_version}) "
            f"for the week of every hour; lacks the week of {named}. Nothing was stored: run dagster asset materialize "
            f"-m market_assets.definitions --select key:btc_bin_models --partition {missing[0]:%Y-%m-%d}"
        )


def _path_columns(path: pl.DataFrame, settings: BtcSettings) -> pl.DataFrame:
    """Momentum, turns, direction and extreme state of the hours with a known bin."""
    known = path.drop_nulls("bin_index")
    features, top = settings.features, settings.features.bin.n_clusters - 1
    hours = known["ts"].dt.epoch("s").to_numpy() // 3600
    found = known["bin_index"].to_numpy().astype(np.int64)
    moved = bin_path.momentum(hours, found, top=top, window=features.bin.momentum_window_hours)
    extreme = bin_path.extreme(hours, found, top=top, window=features.rpn.extreme_window_hours)
    return pl.DataFrame(
        {
            "ts": known["ts"],
            "bin_momentum": pl.Series(moved.momentum, dtype=pl.Int8),
            "bin_turn": pl.Series(moved.turn, dtype=pl.Int16),
            "bin_mm_direction": pl.Series(moved.direction, dtype=pl.Int8),
            "is_rpn_extreme": pl.Series(extreme, dtype=pl.Int8),
        }
    )
