"""Judgements about signals, labels, training data and performance."""

import math
from datetime import datetime, timedelta

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.core.checks import Judgement, error_unless, warn_unless

CEILING_SHARE = (0.002, 0.02)
LARGE_RETURN, NULL_SHARE = 0.5, 0.01
EDGE_WARN, EDGE_ERROR, EDGE_ROWS = 0.08, 0.15, 8760
UP_RATE, EPISODES = (0.30, 0.70), 50
_EDGE_FEATURES = ("diff_beta", "kalman_diff", "risk_priority_number")
_CLASS_OF = {3: "Strong_", 2: "", 1: "Weak_"}


def levels_agree(frame: pl.DataFrame) -> Judgement:
    """Class and sign are those of the highest level that speaks, and a kept event was a raw one."""
    l1, l2, l3 = (pl.col(f"signal_l{n}") for n in (1, 2, 3))
    level = pl.when(l3 != 0).then(3).when(l2 != 0).then(2).when(l1 != 0).then(1).otherwise(0)
    sign = pl.when(l3 != 0).then(l3).when(l2 != 0).then(l2).otherwise(l1)
    prefix = level.replace_strict(_CLASS_OF, default="", return_dtype=pl.String)
    side = pl.when(sign > 0).then(pl.lit("Buy")).when(sign < 0).then(pl.lit("Sell")).otherwise(pl.lit("Neutral"))
    wrong = frame.filter(pl.col("signal_class").is_not_null()).filter(
        (pl.col("signal_class").cast(pl.String) != prefix + side)
        | (pl.col("signal_sign") != sign)
        | ((pl.col("hit_ceiling_bottom") != 0) & (pl.col("hit_ceiling_bottom") != pl.col("hit_ceiling_bottom_raw")))
        | (
            (pl.col("reverse_ceiling_bottom") != 0)
            & (pl.col("reverse_ceiling_bottom") != pl.col("reverse_ceiling_bottom_raw"))
        )
    )
    return error_unless(
        wrong.is_empty(), n=wrong.height, rows=wrong.select("ts", "^signal_.*$", "^.*ceiling_bottom.*$")
    )


def events_rare(trailing: pl.DataFrame, btc: BtcSettings) -> Judgement:
    """Over the trailing year 0.2 to 2 % of the hours are a ceiling or a bottom."""
    known = trailing["hit_ceiling_bottom"].drop_nulls()
    share, (low, high) = float((known != 0).sum()) / max(known.len(), 1), CEILING_SHARE
    judged = known.len() >= btc.features.dominance.window_hours // 2
    return warn_unless(not judged or low <= share <= high, share=share, hours=known.len())


def matured(frame: pl.DataFrame, now: datetime) -> Judgement:
    """Nothing is stored before it could be known."""
    early = frame.filter(pl.col("available_at") > now)
    return error_unless(early.is_empty(), n=early.height, rows=early.select("ts", "available_at"))


def returns_plausible(frame: pl.DataFrame) -> Judgement:
    """No outcome is beyond 50 %, and at most 1 % are unknown."""
    large = frame.filter(pl.col("return_exec").abs() > LARGE_RETURN)
    unknown = frame["return_exec"].null_count() / max(frame.height, 1)
    return warn_unless(
        large.is_empty() and unknown <= NULL_SHARE,
        unknown_share=unknown,
        rows=large.select("ts", "horizon_h", "return_exec"),
    )


def features_before_outcomes(frame: pl.DataFrame, btc: BtcSettings) -> Judgement:
    """Features were available with their hour, outcomes strictly later."""
    wrong = frame.filter(
        (pl.col("feature_available_at") > pl.col("ts") + btc.delay)
        | (pl.col("label_available_at") <= pl.col("feature_available_at"))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("ts", "^.*available_at$"))


def edge_columns(btc: BtcSettings) -> list[str]:
    """What `no_strong_edge` reads of the training data."""
    longest = max(btc.labels.horizons)
    return ["ts", *_EDGE_FEATURES, "signal_class", f"return_close_{longest}", f"return_exec_{longest}"]


def no_strong_edge(history: pl.DataFrame, btc: BtcSettings) -> Judgement:
    """No feature or signal class predicts the return of the longest horizon so well that it must be a leak."""
    longest = max(btc.labels.horizons)
    if history.height < EDGE_ROWS:
        return warn_unless(True, hours=history.height, judged_from=EDGE_ROWS)
    edges = {name: _correlation(history, name, f"return_close_{longest}") for name in _EDGE_FEATURES}
    worst = max(abs(edge or 0.0) for edge in edges.values())
    rates = _up_rates(history, f"return_exec_{longest}")
    low, high = UP_RATE
    lopsided = rates.filter((pl.col("n_episodes") >= EPISODES) & ~pl.col("up_rate").is_between(low, high))
    grave = worst > EDGE_ERROR or not lopsided.is_empty()
    judge = error_unless if grave else warn_unless
    return judge(worst <= EDGE_WARN and lopsided.is_empty(), "", **edges, hours=history.height, lopsided=lopsided)


def _correlation(history: pl.DataFrame, first: str, second: str) -> float | None:
    """Pearson's, over the rows that have both; None where one does not vary."""
    found: float | None = history.select(first, second).drop_nulls().select(pl.corr(first, second)).item()
    return found if found is not None and math.isfinite(found) else None


def performance_sound(frame: pl.DataFrame) -> Judgement:
    """Counts are ordered, without outcomes there is no statistic, and the base rate has no direction."""
    statistics = ("avg_return", "std_return", "up_rate", "win_rate", "avg_net_return", "episode_win_rate")
    base = pl.col("signal_class").cast(pl.String) == "ALL"
    wrong = frame.filter(
        (pl.col("n_matured") > pl.col("n_signals"))
        | (pl.col("n_episodes") > pl.col("n_signals"))
        | ((pl.col("n_matured") == 0) & pl.any_horizontal(pl.col(*statistics).is_not_null()))
        | (base & pl.any_horizontal(pl.col("win_rate", "avg_directional_return", "avg_net_return").is_not_null()))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("ts", "window_h", "horizon_h", "n_signals"))


def _up_rates(history: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Share of rising outcomes and number of episodes by signal class."""
    name = pl.col("signal_class").cast(pl.String)
    starts = (name != name.shift(1)).fill_null(value=True) | (pl.col("ts").diff() > timedelta(hours=1)).fill_null(
        value=False
    )
    return (
        history.sort("ts")
        .with_columns(starts=starts, signal=name)
        .group_by("signal", maintain_order=True)
        .agg(n_episodes=pl.col("starts").sum(), up_rate=(pl.col(outcome) > 0).mean())
        .filter(pl.col("signal") != "Neutral")
    )
