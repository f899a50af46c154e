"""Where a contract's funding stands in the distribution of its own last weeks."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl

from market_assets.core import clock
from market_assets.core.statistics import median_deviation, modified_zscore, percentile_in, zscore
from market_assets.funding.schemas import FundingStatistics
from market_assets.funding.transforms.rates import apr_pct
from market_assets.funding.transforms.terms import CONTRACT

#: fewer points say nothing of a distribution (common.md 9)
MIN_POINTS = 30
#: fewer points deserve no confidence
MIN_CONFIDENCE_POINTS = 10
#: confidence -> completeness_pct that it does not reach
CONFIDENCES = {"low": 50.0, "medium": 80.0, "high": 95.0}
ACTIVE_Z = 2.0
_LAST_INSTANT = timedelta(microseconds=1)
_DISTRIBUTION = {
    "mean_1h": pl.Expr.mean,
    "std_1h": pl.Expr.std,
    "median_1h": pl.Expr.median,
    "mad_1h": median_deviation,
    "min_1h": pl.Expr.min,
    "max_1h": pl.Expr.max,
}
#: the same as yearly percent
_APR = {
    "mean_30d_apr": "mean_1h",
    "std_dev_30d_apr": "std_1h",
    "median_30d_apr": "median_1h",
    "mad_30d_apr": "mad_1h",
    "min_30d_apr": "min_1h",
    "max_30d_apr": "max_1h",
}


def statistics(
    rates: pl.DataFrame,
    snapshot: pl.DataFrame,
    completeness: pl.DataFrame,
    *,
    days: Sequence[date],
    window_days: int,
    now: datetime,
) -> pl.DataFrame:
    """FundingStatistics of `days`: every contract with a settled rate in the window, or a snapshot on the day.

    The window is the `window_days` up to the last instant of the day, or up to `now` for a day that is not over;
    its start is not part of it. Points are FundingRates whose rate per hour is known; the predicted rate is that of
    the day's newest FundingSnapshot up to then. All is null under 30 points, of which the value compared is none.
    """
    contract = FundingStatistics.contract()
    found = []
    for day in sorted(set(days)):
        start = clock.instant(day)
        end = min(start + timedelta(days=1) - _LAST_INSTANT, now)
        in_window = (pl.col("funding_time") > end - timedelta(days=window_days)) & (pl.col("funding_time") <= end)
        points = rates.filter(in_window, pl.col("rate_1h").is_not_null())
        looks = snapshot.filter(pl.col("snapshot_at").is_between(start, end))
        frame = (
            _of_day(points, looks)
            .with_columns(day=pl.lit(day))
            .join(completeness.select("day", *CONTRACT, "completeness_pct"), on=["day", *CONTRACT], how="left")
        )
        found.append(_judged(frame).select(list(contract.columns)))
    return contract.conform(pl.concat([contract.empty(), *found]))


def _of_day(points: pl.DataFrame, looks: pl.DataFrame) -> pl.DataFrame:
    """One row per contract; of contracts that had one symbol in turn the last one."""
    newest = (
        looks.sort(*CONTRACT, "snapshot_at")
        .unique(CONTRACT, keep="last", maintain_order=True)
        .select(*CONTRACT, "symbol", "base_asset", "snapshot_at", "predicted_rate_1h")
    )
    settled = (
        points.select(*CONTRACT, "symbol", "base_asset", "funding_time", "rate_1h")
        .join(newest.select(*CONTRACT, predicted="predicted_rate_1h"), on=CONTRACT, how="left")
        .sort(*CONTRACT, "funding_time")
        .group_by(CONTRACT, maintain_order=True)
        .agg(
            pl.col("symbol", "base_asset").last(),
            n_points=pl.len().cast(pl.Int64),
            settled_time=pl.col("funding_time").last(),
            settled_rate_1h=pl.col("rate_1h").last(),
            **_distribution(),
            **_settled(),
            **_predicted(),
        )
    )
    return (
        settled.join(newest, on=CONTRACT, how="full", coalesce=True)
        .with_columns(
            symbol=pl.coalesce("symbol_right", "symbol"),
            base_asset=pl.coalesce("base_asset_right", "base_asset"),
            n_points=pl.col("n_points").fill_null(0),
            available_at=pl.max_horizontal("settled_time", "snapshot_at"),
        )
        .sort("available_at", *CONTRACT)
        .unique(["exchange", "symbol"], keep="last", maintain_order=True)
    )


def _distribution() -> dict[str, pl.Expr]:
    """Of all points of a contract (group), null under 30."""
    rate = pl.col("rate_1h")
    return {name: pl.when(pl.len() >= MIN_POINTS).then(of(rate)) for name, of in _DISTRIBUTION.items()}


def _settled() -> dict[str, pl.Expr]:
    """The last point of a contract (group, by time) among the earlier ones."""
    last, earlier = pl.col("rate_1h").last(), pl.col("rate_1h").head(pl.len() - 1)
    found = {
        "z_settled": zscore(last, earlier.mean(), earlier.std()),
        "modified_z_settled": modified_zscore(last, earlier.median(), median_deviation(earlier)),
        "percentile_settled": percentile_in(last, earlier),
        "z_abs_settled": zscore(last.abs(), earlier.abs().mean(), earlier.abs().std()),
    }
    return {name: pl.when(pl.len() > MIN_POINTS).then(value) for name, value in found.items()}


def _predicted() -> dict[str, pl.Expr]:
    """The predicted rate of a contract (group) among all its points."""
    rate, predicted = pl.col("rate_1h"), pl.col("predicted").first()
    found = {
        "z_predicted": zscore(predicted, rate.mean(), rate.std()),
        "percentile_predicted": percentile_in(predicted, rate),
    }
    return {name: pl.when(pl.len() >= MIN_POINTS).then(value) for name, value in found.items()}


def _judged(frame: pl.DataFrame) -> pl.DataFrame:
    """With the distribution as yearly percent, confidence and zone."""
    completeness = pl.col("completeness_pct").fill_null(0.0)
    confidence = pl.lit("very_high")
    for name, below in reversed(CONFIDENCES.items()):
        confidence = pl.when(completeness < below).then(pl.lit(name)).otherwise(confidence)
    is_active = (pl.col("z_settled").abs() > ACTIVE_Z).fill_null(False)
    few = pl.col("n_points") < MIN_CONFIDENCE_POINTS
    return frame.with_columns(
        **{name: apr_pct(pl.col(of)) for name, of in _APR.items()},
        confidence=pl.when(few).then(pl.lit("none")).otherwise(confidence),
        zone=pl.when(is_active).then(pl.lit("active")).otherwise(pl.lit("stable")),
    )
