"""What btc costs in one process: all of history, one new hour, one trend, the weekly fits.

    python -m benchmarks.btc_ours DIR HOURS

Writes what it read and what it made to Parquet files in DIR, for the peer and the comparison. What has another
way to be computed is compared with it before anything is timed; each time is the best of several.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks import btc_hours
from benchmarks.btc_hours import Frames, Inputs
from benchmarks.measure import Meter, best
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import bin_models, clusters, trend
from market_assets.btc.transforms.state import HOUR
from market_assets.settings import settings

#: largest difference between two centers; the RPN lies in [0, 1]
CENTER_TOLERANCE = 1e-9
_TIMES = 5

Floats = NDArray[np.float64]


def measured(folder: Path, n_hours: int) -> dict[str, Any]:
    """Cost of each part over `n_hours` of history. Raises AssertionError where a comparison fails."""
    found = settings().btc
    until = found.start + n_hours * HOUR
    price, liquidations = btc_hours.observed(found, n_hours)
    inputs = btc_hours.fitted(found, price, liquidations, until)
    tables = btc_hours.computed(inputs, found, first=found.start, until=until)
    for name, frame in {"price": price, "liquidations": liquidations, "models": inputs.models, **tables}.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return {
        "hours": n_hours,
        "recompute": timed(lambda: btc_hours.computed(inputs, found, first=found.start, until=until)),
        "trend": trend_of(tables["processed"]["long_volume"], found),
        "hour": newest_hour(inputs, tables, found),
        "fits": fits(tables["rpn"], inputs.models, found),
    }


def timed(work: Callable[[], object], times: int = _TIMES) -> dict[str, Any]:
    """Seconds of the quickest of several."""

    def once() -> dict[str, float]:
        meter = Meter()
        with meter.running():
            work()
        return {"wall_s": meter.wall_s, "cpu_s": meter.cpu_s}

    return best(once, times, "wall_s")


def trend_of(values: pl.Series, found: BtcSettings) -> dict[str, Any]:
    """One series through the filter; its taps are built once in a process, and told apart."""
    chosen = found.features.rpn
    trend.kernel.cache_clear()
    built = timed(lambda: trend.kernel(chosen.wavelet, chosen.level, chosen.fir_cutoff), 1)
    taps = trend.kernel(chosen.wavelet, chosen.level, chosen.fir_cutoff)
    return timed(lambda: trend.fir(values, taps, chosen.fir_min_weight)) | {"taps_built_s": built["wall_s"]}


def newest_hour(inputs: Inputs, tables: Frames, found: BtcSettings) -> dict[str, Any]:
    """The last hour from what is stored of the days before it: the bits of the full recompute, first."""
    first = tables["rpn"]["ts"][-1]
    loaded = btc_hours.newest_hour(inputs, tables, first)

    def work() -> Frames:
        return btc_hours.computed(loaded, found, first=first, until=first + HOUR)

    for name, frame in work().items():
        assert frame.height == 1, f"{name}: {frame.height} rows instead of the hour's"
        assert frame.equals(tables[name].tail(1)), f"{name}: {frame.row(0)} is not {tables[name].row(-1)}"
    return timed(work)


def fits(smoothed: pl.DataFrame, models: pl.DataFrame, found: BtcSettings) -> dict[str, Any]:
    """Every model that there is: its k-means against scikit-learn's, and the whole table of them.

    Both run Lloyd's algorithm from the same centers until no value changes its cluster. A value as far from one
    center as from the next joins the upper cluster in ours and the lower one in scikit-learn's (the first of
    equal distances). No value of these windows is, so their centers must agree.
    """
    chosen, known = found.features.bin, models.filter(pl.col("status") == "ok")
    windows = _windows(smoothed, known)
    share = (2 * np.arange(chosen.n_clusters) + 1) / (2 * chosen.n_clusters)
    starts = [np.quantile(window, share) for window in windows]
    for time, own, other in zip(
        known["ts"], known["centers"], _scikit_learn(windows, starts, chosen.max_iter), strict=True
    ):
        apart = np.abs(own.to_numpy() - other).max()
        assert apart <= CENTER_TOLERANCE, f"model of {time:%Y-%m-%d}: {own.to_list()} is not {other.tolist()}"
    return {
        "models": known.height,
        "most_rows": max(map(len, windows)),
        "ours": timed(lambda: [clusters.kmeans(np.sort(one), chosen.n_clusters, chosen.max_iter) for one in windows]),
        "theirs": timed(lambda: _scikit_learn(windows, starts, chosen.max_iter), 3),
        "table": timed(lambda: bin_models.fit(smoothed, found, known["ts"].to_list()), 3),
    }


def _windows(smoothed: pl.DataFrame, models: pl.DataFrame) -> list[Floats]:
    """What each model learnt from, oldest first."""
    warm = smoothed.filter("is_warm")
    return [
        warm.filter(pl.col("ts").is_between(first, last))["risk_priority_number"].to_numpy()
        for first, last in models.select("train_start", "train_end").iter_rows()
    ]


def _scikit_learn(windows: list[Floats], starts: list[Floats], max_iter: int) -> list[Floats]:
    """Centers, increasing, of each window. `tol` 0: until no value changes its cluster, as ours.

    In one thread: so few rows gain nothing from more, and on a busy machine threads that wait for each other
    take ten times as long.
    """
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    found = []
    with threadpool_limits(1):
        for window, centers in zip(windows, starts, strict=True):
            means = KMeans(
                len(centers), init=centers[:, None], n_init=1, max_iter=max_iter, tol=0.0, algorithm="lloyd"
            ).fit(window[:, None])
            found.append(np.sort(means.cluster_centers_[:, 0]))
    return found


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]), int(sys.argv[2]))))
