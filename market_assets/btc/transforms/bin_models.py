"""Weekly fits of the RPN's bin edges, each on what was known at the instant of the fit and never altered.

A row of the week has these edges from the fit on, so no bin depends on what came later.
"""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
import polars as pl

from market_assets.btc.schemas import BtcBinModels
from market_assets.btc.settings import BinSettings, BtcSettings
from market_assets.btc.transforms import clusters
from market_assets.btc.transforms.clusters import Clusters, Floats
from market_assets.btc.transforms.grid import hours
from market_assets.btc.transforms.state import HOUR, RowsNotReady


def fit(rpn: pl.DataFrame, settings: BtcSettings, fit_times: Iterable[datetime]) -> pl.DataFrame:
    """BtcBinModels, one row per instant of `fit_times`.

    `rpn`: ts, available_at, risk_priority_number, is_warm of every hour of the training window. A fit
    learns from the warm hours with a known RPN, from train_hours before it, that were available by
    then. Raises RowsNotReady where an hour that was available by then has no row; a null row counts.
    """
    learnable = rpn.filter(pl.col("is_warm") & pl.col("risk_priority_number").is_not_null()).sort("ts")
    contract = BtcBinModels.contract()
    rows = []
    for fit_time in fit_times:
        _check_ready(rpn, settings, fit_time)
        since = fit_time - settings.features.bin.train_hours * HOUR
        learnt = learnable.filter((pl.col("ts") >= since) & (pl.col("available_at") <= fit_time))
        rows.append(_row(learnt, settings, fit_time))
    return contract.conform(pl.DataFrame(rows, schema=contract.schema, orient="row"))


def _check_ready(rpn: pl.DataFrame, settings: BtcSettings, fit_time: datetime) -> None:
    """Every hour of the training window up to the newest available one is there, or history starts after it."""
    known = max(0, (fit_time - settings.delay - settings.start) // HOUR + 1)
    since = max(settings.start, fit_time - settings.features.bin.train_hours * HOUR)
    wanted = hours(since, settings.start + known * HOUR)
    missing = wanted.filter(~wanted.is_in(rpn["ts"].implode()))
    if not missing.is_empty():
        raise RowsNotReady(
            f"The bin model of {fit_time:%Y-%m-%d %H:%M}Z learns from every hour of btc_rpn up to "
            f"{wanted[-1]:%Y-%m-%d %H:%M}Z; {missing[0]:%Y-%m-%d %H:%M}Z has no row yet. Nothing was stored: "
            f"materialise btc_rpn of {missing[0]:%Y-%m-%d}, then the model again (the schedule retries it hourly)."
        )


def _row(learnt: pl.DataFrame, settings: BtcSettings, fit_time: datetime) -> dict[str, object]:
    found = _clusters(np.sort(learnt["risk_priority_number"].to_numpy()), settings.features.bin)
    return {
        "ts": fit_time,
        "available_at": fit_time,
        "feature_version": settings.feature_version,
        "method": settings.features.bin.method,
        "status": found.status,
        "train_start": learnt["ts"].min(),
        "train_end": learnt["ts"].max(),
        "n_train": learnt.height,
        "n_iter": found.n_iter,
        "centers": None if found.centers is None else found.centers.tolist(),
        "edges": None if found.edges is None else found.edges.tolist(),
        "inertia": found.inertia,
    }


def _clusters(values: Floats, chosen: BinSettings) -> Clusters:
    if values.size < chosen.min_train_rows:
        return Clusters("too_few_rows")
    if chosen.method == "quantile_trailing":
        return clusters.quantiles(values, chosen.n_clusters)
    return clusters.kmeans(values, chosen.n_clusters, chosen.max_iter)
