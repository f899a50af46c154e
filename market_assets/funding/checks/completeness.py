"""Judgements about what is missing, and about the statistics made of what is there."""

from datetime import datetime

import polars as pl

from market_assets.core.checks import Judgement, error_unless, graded, warn_unless
from market_assets.funding.transforms.statistics import MIN_POINTS

INCOMPLETE_WARN, INCOMPLETE_ERROR = 0.05, 0.20
LATE_FACTOR, OVERDUE_HOURS = 1.5, 6.0
LARGEST_Z, NULL_SHARE = 20.0, 0.01
_SHOWN = ["day", "exchange", "symbol", "completeness_class", "completeness_pct"]


def contracts_complete(frame: pl.DataFrame) -> Judgement:
    """At most 5 % of the active contracts lack more than 5 % of their settlements; above 20 % it is an error."""
    # of a contract listed just now nothing was due yet
    is_judged = (pl.col("expected_slots") > 0) | (pl.col("completeness_class") == "interval_unknown")
    active = frame.filter("is_active", is_judged)
    below = active.filter(pl.col("completeness_class") != "complete")
    shares = (
        below.group_by("day", "exchange")
        .len("n_below")
        .join(active.group_by("day", "exchange").len("n"), on=["day", "exchange"])
    )
    worst = float((shares["n_below"] / shares["n"]).max() or 0.0) if shares.height else 0.0  # type: ignore[arg-type]
    return graded(worst, warn=INCOMPLETE_WARN, error=INCOMPLETE_ERROR, n=below.height, rows=below.select(_SHOWN))


def no_surplus(frame: pl.DataFrame) -> Judgement:
    """No contract has more events than settlements were due: a trailing window would show so."""
    surplus = frame.filter(pl.col("surplus_rows") > 0)
    return warn_unless(surplus.is_empty(), n=surplus.height, rows=surplus.select(*_SHOWN, "surplus_rows"))


def settled_in_time(newest: pl.DataFrame, now: datetime) -> Judgement:
    """No active contract's newest event is older than 1.5 intervals; beyond an interval and 6 h it is an error."""
    aged = newest.filter("is_active").with_columns(
        interval_hours=pl.col("epoch_intervals").list.last(),
        age_hours=(pl.lit(now) - pl.col("last_event")).dt.total_seconds() / 3600,
    )
    late = aged.filter(pl.col("age_hours") > LATE_FACTOR * pl.col("interval_hours"))
    overdue = late.filter(pl.col("age_hours") > pl.col("interval_hours") + OVERDUE_HOURS)
    judge = error_unless if overdue.height else warn_unless
    shown = late.select("exchange", "symbol", "last_event", "interval_hours", "age_hours")
    return judge(late.is_empty(), n_late=late.height, n_overdue=overdue.height, rows=shown)


def gaps_can_be_closed(frame: pl.DataFrame) -> Judgement:
    """No missing settlement is older than what its exchange still serves: such cannot be re-fetched."""
    lost = frame.filter((pl.col("n_unrecoverable") > 0) & (pl.col("day") == pl.col("day").max()))
    by_exchange = lost.group_by("exchange", maintain_order=True).agg(
        contracts=pl.len(), settlements=pl.col("n_unrecoverable").sum(), history_floor=pl.col("history_floor").min()
    )
    return warn_unless(lost.is_empty(), "cannot be re-fetched", n=lost.height, rows=by_exchange)


def percentiles_in_range(frame: pl.DataFrame) -> Judgement:
    """Percentiles lie in [0, 100]."""
    wrong = frame.filter(
        pl.any_horizontal(~pl.col(name).is_between(0, 100) for name in ("percentile_settled", "percentile_predicted"))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("exchange", "symbol"))


def scores_plausible(frame: pl.DataFrame) -> Judgement:
    """No z-score is beyond 20."""
    far = frame.filter(pl.max_horizontal(pl.col("z_settled").abs(), pl.col("z_predicted").abs()) > LARGEST_Z)
    return warn_unless(
        far.is_empty(), n=far.height, rows=far.select("day", "exchange", "symbol", "z_settled", "z_predicted")
    )


def scores_known(frame: pl.DataFrame) -> Judgement:
    """Of the contracts with complete data at most 1 % have no z-score."""
    # the score of the newest point is among the earlier ones
    complete = frame.filter((pl.col("completeness_pct") >= 95) & (pl.col("n_points") > MIN_POINTS))
    unknown = complete.filter(pl.col("z_settled").is_null())
    share = unknown.height / max(1, complete.height)
    return warn_unless(share <= NULL_SHARE, share=share, allowed=NULL_SHARE, rows=unknown.select("exchange", "symbol"))
