"""Signals: exhaustion of a dominant side (C), failure of that exhaustion (R), and the class of the highest level.

+1 expects the price to rise, -1 to fall. Nothing is stored between hours: each one looks back a few rows.
"""

import functools
import operator
from datetime import datetime

import polars as pl

from market_assets.btc.schemas import SIGNAL_CLASSES, BtcSignals
from market_assets.btc.settings import BtcSettings, SignalSettings
from market_assets.btc.transforms.grid import unbroken
from market_assets.btc.transforms.state import HOUR

#: rows of the slope whose change of sign marks an exhaustion
_TURN_ROWS = 3


def signals(rpn: pl.DataFrame, dominance: pl.DataFrame, settings: BtcSettings, *, first: datetime) -> pl.DataFrame:
    """BtcSignals of every row of `dominance` from `first` on.

    `rpn` (BtcRpn) and `dominance` (BtcDominance) hold the `look_back` rows before `first` as well. Raises
    MissingStateError where one of those is absent or was made with other settings.
    """
    contract, chosen = BtcSignals.contract(), settings.features.signals
    newest = dominance["ts"].max()
    if not isinstance(newest, datetime) or newest < first:
        return contract.empty()
    since, until = first - look_back(settings) * HOUR, newest + HOUR
    smoothed = unbroken(rpn, settings, "btc_rpn", since=since, until=until)
    dominant = unbroken(dominance, settings, "btc_dominance", since=since, until=until)
    rows = dominant.with_columns(smoothed["kalman_diff", "kalman_long", "kalman_short"])
    return contract.conform(
        rows.with_columns(**_slopes(chosen), turn_slope=slope(pl.col("kalman_diff"), _TURN_ROWS))
        .with_columns(hit_ceiling_bottom_raw=exhaustion(chosen))
        .with_columns(reverse_ceiling_bottom_raw=reversal(chosen))
        .with_columns(
            hit_ceiling_bottom=without_repeats(pl.col("hit_ceiling_bottom_raw"), chosen.dedupe_rows),
            reverse_ceiling_bottom=without_repeats(pl.col("reverse_ceiling_bottom_raw"), chosen.dedupe_rows),
        )
        .with_columns(
            signal_l1=pl.col("dominance"),
            signal_l2=pl.col("hit_ceiling_bottom"),
            signal_l3=pl.col("reverse_ceiling_bottom"),
        )
        .with_columns(**classified())
        .with_columns(
            available_at=pl.col("ts") + settings.delay,
            feature_version=pl.lit(settings.feature_version),
        )
        .filter(pl.col("ts") >= first)
        .select(list(contract.columns))
    )


def look_back(settings: BtcSettings) -> int:
    """Rows before a row that its slopes, and the events behind its de-duplicated reversal, look at."""
    chosen = settings.features.signals
    slopes = max(chosen.beta_window, *chosen.beta_windows_extra) - 1
    return max(slopes, chosen.dedupe_rows + chosen.reverse_window + _TURN_ROWS)


def slope(y: pl.Expr, n: int) -> pl.Expr:
    """Least-squares slope of `y` per row over `n` rows: sum (j - (n-1)/2) y_j / (n (n^2 - 1) / 12).

    Null if one of the rows is null or absent. A weighted sum of shifted values, so a slice of the rows
    gives the same bits. Raises ValueError below two rows.
    """
    if n < 2:
        raise ValueError(f"a slope needs at least 2 rows; was {n}")
    terms = (y.shift(n - 1 - j) * (j - (n - 1) / 2) for j in range(n))
    return functools.reduce(operator.add, terms) / (n * (n**2 - 1) / 12)


def _slopes(chosen: SignalSettings) -> dict[str, pl.Expr]:
    short, long, day = chosen.beta_windows_extra
    windows = {
        "diff_beta_short": short,
        "diff_beta": chosen.beta_window,
        "diff_beta_long": long,
        "diff_beta_day": day,
    }
    return {name: slope(pl.col("kalman_diff"), n) for name, n in windows.items()}


def exhaustion(chosen: SignalSettings) -> pl.Expr:
    """Raw C: -1 a ceiling (sell), +1 a bottom (buy), else 0; null where dominance is.

    The dominant side's pressure and volume are beyond their outer quantiles, and the slope of
    kalman_diff over three rows (column turn_slope) has just turned against it.
    """
    diff, now = pl.col("kalman_diff"), pl.col("turn_slope")
    before = now.shift(1)
    ceiling = (
        (pl.col("dominance") == 1)
        & (diff <= pl.col("thr_q20"))
        & (pl.col("kalman_short") >= pl.col("short_high"))
        & (before < 0)
        & (now >= 0)
    )
    bottom = (
        (pl.col("dominance") == -1)
        & (diff >= pl.col("thr_q80"))
        & (pl.col("kalman_long") >= pl.col("long_high"))
        & (before > 0)
        & (now <= 0)
    )
    return _event(bottom, ceiling, enabled=chosen.ceiling_bottom_enabled)


def reversal(chosen: SignalSettings) -> pl.Expr:
    """Raw R: +1 a ceiling failed (buy), -1 a bottom failed (sell), else 0; null where dominance is.

    The latest raw C before the row is at most reverse_window rows old, and kalman_diff has gone beyond
    its value there by reverse_threshold_rel of the distance between the outer quantiles there.
    """
    event, diff = pl.col("hit_ceiling_bottom_raw"), pl.col("kalman_diff")
    row = pl.int_range(pl.len())

    def at_event(value: pl.Expr) -> pl.Expr:
        return pl.when(event != 0).then(value).forward_fill().shift(1)

    recent = row - at_event(row) <= chosen.reverse_window
    margin = chosen.reverse_threshold_rel * (pl.col("thr_q80") - pl.col("thr_q20"))
    ceiling_failed = recent & (at_event(event) == -1) & (diff <= at_event(diff - margin))
    bottom_failed = recent & (at_event(event) == 1) & (diff >= at_event(diff + margin))
    return _event(ceiling_failed, bottom_failed, enabled=chosen.reversal_enabled)


def _event(buy: pl.Expr, sell: pl.Expr, *, enabled: bool) -> pl.Expr:
    """+1, -1 or 0 (always 0 if switched off); null where dominance is."""
    found = pl.when(buy).then(1).when(sell).then(-1).otherwise(0) if enabled else pl.lit(0)
    return pl.when(pl.col("dominance").is_not_null()).then(found).cast(pl.Int8)


def without_repeats(raw: pl.Expr, rows: int) -> pl.Expr:
    """`raw` with a value set to 0 where one of the `rows` raw values before it is the same."""
    repeated = pl.any_horizontal(raw.shift(k) == raw for k in range(1, rows + 1))
    return pl.when(repeated).then(0).otherwise(raw).cast(pl.Int8)


def classified() -> dict[str, pl.Expr]:
    """signal_class, signal_sign and signal_strength from the three levels; the highest that is not 0 decides."""
    first, second, third = (pl.col(f"signal_l{level}") for level in (1, 2, 3))
    sign = pl.when(third != 0).then(third).when(second != 0).then(second).otherwise(first)
    prefix = pl.when(third != 0).then(pl.lit("Strong_")).when(second != 0).then(pl.lit("")).otherwise(pl.lit("Weak_"))
    name = (
        pl.when(sign > 0)
        .then(prefix + "Buy")
        .when(sign < 0)
        .then(prefix + "Sell")
        .when(sign == 0)
        .then(pl.lit("Neutral"))
    )
    return {
        "signal_class": name.cast(pl.Enum(SIGNAL_CLASSES)),
        "signal_sign": sign.cast(pl.Int8),
        "signal_strength": 0.3 * first.abs() + 0.4 * second.abs() + 0.3 * third.abs(),
    }
