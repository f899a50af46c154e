"""How a pair's spread was distributed over the 30 days before a day.

The hours of a day's window are laid out as a matrix, a row per pair and a column per hour of the window, NaN where
the pair has none; every statistic is a reduction along its rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.core import clock
from market_assets.core.statistics import FLAT
from market_assets.funding.schemas import FundingSpreadStatistics
from market_assets.funding.transforms.hourly import HOUR

WINDOW, SAME_SIDE = timedelta(days=30), timedelta(days=7)
#: fewer hours, or pairs of hours, tell nothing (common.md 9)
MIN_HOURS = 30
PERCENTS = np.arange(101)
_AUTOCORRELATION_HOURS = 24
_PAIR = ["base_asset", "exchange_a", "exchange_b"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Window:
    """The pairs of one day (by key), their spreads hour by hour, and whether exchange_a was the short leg (1 or 0)."""

    pairs: pl.DataFrame
    spread: Floats
    a_short: Floats


def spread_statistics(spreads: pl.DataFrame, *, days: Sequence[date]) -> pl.DataFrame:
    """FundingSpreadStatistics of `days`, from FundingSpreads of the 30 days before each.

    An hour counts where it was settled before the day's midnight. A pair of under 30 such hours has n_hours alone,
    one without any no row.
    """
    contract = FundingSpreadStatistics.contract()
    keys = spreads.select(_PAIR).unique().sort(_PAIR).with_row_index("pair")
    numbered = spreads.select(
        *_PAIR,
        "hour",
        "available_at",
        spread="spread_apr_pct",
        a_short=(pl.col("short_leg") == pl.col("exchange_a")).cast(pl.Float64),
    ).join(keys, on=_PAIR, how="left", maintain_order="left")
    found = [_of_day(_window(numbered, keys, clock.instant(day)), clock.instant(day)) for day in sorted(set(days))]
    return contract.conform(pl.concat([contract.empty(), *(frame.select(list(contract.columns)) for frame in found)]))


def _window(numbered: pl.DataFrame, keys: pl.DataFrame, midnight: datetime) -> _Window:
    first = midnight - WINDOW
    known = numbered.filter(pl.col("hour") >= first, pl.col("available_at") < midnight)
    at = (known["pair"].to_numpy(), (known["hour"] - first).dt.total_hours().to_numpy())
    spread, a_short = np.full((2, keys.height, WINDOW // HOUR), np.nan)
    spread[at], a_short[at] = known["spread"].to_numpy(), known["a_short"].to_numpy()
    present = np.isfinite(spread).any(axis=1)
    return _Window(keys.filter(pl.Series(present)).select(_PAIR), spread[present], a_short[present])


def _of_day(window: _Window, midnight: datetime) -> pl.DataFrame:
    spread = window.spread
    n_hours = np.isfinite(spread).sum(axis=1)
    enough = n_hours >= MIN_HOURS
    values = {name: np.full(len(n_hours), np.nan) for name in _STATISTICS}
    quantiles = np.full((len(n_hours), len(PERCENTS)), np.nan)
    if enough.any():
        quantiles[enough] = _quantiles(spread[enough], PERCENTS)
        for name, of_rows in _statistics(spread[enough], window.a_short[enough], quantiles[enough]).items():
            values[name][enough] = of_rows
    return window.pairs.with_columns(
        pl.lit(midnight.date()).alias("day"),
        pl.lit(midnight, dtype=pl.Datetime("us", "UTC")).alias("available_at"),
        pl.Series("n_hours", n_hours, dtype=pl.Int64),
        _lists(quantiles, enough),
        *(pl.Series(name, of_rows, dtype=pl.Float64).fill_nan(None) for name, of_rows in values.items()),
    )


_STATISTICS = (
    *("mean", "std", "median", "mad", "min", "max", "p05", "p95", "p99", "mean_abs", "p95_abs"),
    *("share_a_short_ratio", "same_side_share_7d_ratio", "autocorr_24h", "half_life_hours"),
)


def _statistics(spread: Floats, a_short: Floats, quantiles: Floats) -> dict[str, Floats]:
    """Of rows of enough hours; NaN where a statistic is undefined."""
    median, distance = quantiles[:, 50], np.abs(spread)
    return {
        "mean": np.nanmean(spread, axis=1),
        "std": np.nanstd(spread, axis=1, ddof=1),
        "median": median,
        "mad": _quantiles(np.abs(spread - median[:, None]), np.array([50]))[:, 0],
        **{f"p{percent:02d}": quantiles[:, percent] for percent in (5, 95, 99)},
        "min": quantiles[:, 0],
        "max": quantiles[:, 100],
        "mean_abs": np.nanmean(distance, axis=1),
        "p95_abs": _quantiles(distance, np.array([95]))[:, 0],
        "share_a_short_ratio": np.nanmean(a_short, axis=1),
        "same_side_share_7d_ratio": _same_side(a_short[:, -(SAME_SIDE // HOUR) :]),
        "autocorr_24h": _lagged(spread, _AUTOCORRELATION_HOURS)[0],
        "half_life_hours": _half_life(_lagged(spread, 1)[1]),
    }


def _quantiles(values: Floats, percents: NDArray[np.int64]) -> Floats:
    """Percentiles of each row's known values, linear between neighbours."""
    ordered = np.sort(values, axis=1)
    last = np.isfinite(values).sum(axis=1, keepdims=True) - 1
    below, part = np.divmod(percents * last, 100)
    lower, upper = (np.take_along_axis(ordered, at, axis=1) for at in (below, np.minimum(below + 1, last)))
    between: Floats = np.minimum(lower + (upper - lower) * (part / 100.0), upper)
    return between


def _same_side(a_short: Floats) -> Floats:
    """Share of each row's known hours on the side of the newest of them; NaN without any."""
    known = np.isfinite(a_short)
    newest = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    side = np.take_along_axis(a_short, newest[:, None], axis=1)
    n_known = known.sum(axis=1)
    share: Floats = np.divide(
        (a_short == side).sum(axis=1), n_known, out=np.full(len(known), np.nan), where=n_known > 0
    )
    return share


def _lagged(spread: Floats, hours: int) -> tuple[Floats, Floats]:
    """Correlation of each row with itself `hours` before, and the slope of the line through those pairs of hours.

    Least squares with intercept: slope = cov(before, now) / var(before). NaN under 30 pairs, or where one is flat.
    """
    before, now = spread[:, :-hours], spread[:, hours:]
    both = np.isfinite(before) & np.isfinite(now)
    n_pairs = both.sum(axis=1, keepdims=True)
    enough = n_pairs >= MIN_HOURS
    n = np.where(enough, n_pairs, 1)
    means = [np.where(both, side, 0.0).sum(axis=1, keepdims=True) / n for side in (before, now)]
    x, y = (np.where(both, side - mean, 0.0) for side, mean in zip((before, now), means, strict=True))
    var_before, var_now, cov = (x**2).sum(axis=1), (y**2).sum(axis=1), (x * y).sum(axis=1)
    flat = FLAT**2 * (n[:, 0] - 1)
    moves = enough[:, 0] & (var_before >= flat) & (var_now >= flat)
    nothing = np.full(len(spread), np.nan)
    correlation = np.divide(cov, np.sqrt(var_before) * np.sqrt(var_now), out=nothing.copy(), where=moves)
    slope = np.divide(cov, var_before, out=nothing, where=moves)
    return np.clip(correlation, -1.0, 1.0), slope


def _half_life(slope: Floats) -> Floats:
    """-ln 2 / ln phi; NaN unless 0 < phi < 1."""
    reverts = (slope > 0.0) & (slope < 1.0)
    rate = np.log(slope, out=np.full(len(slope), np.nan), where=reverts)
    return -math.log(2.0) / rate


def _lists(quantiles: Floats, enough: NDArray[np.bool_]) -> pl.Series:
    rows = [row if known else [] for row, known in zip(quantiles.tolist(), enough, strict=True)]
    return pl.Series("quantiles", rows, dtype=pl.List(pl.Float64))
