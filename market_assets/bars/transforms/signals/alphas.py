"""The alphas: what each looks at, when it buys and sells, and the thresholds of both profiles.

The numbers belong to `bars.signals.strategy_version` 1. Whoever changes one raises that version: signals and outcomes
of different rules must not be counted together.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import polars as pl

from market_assets.bars.settings import AlphaId

Profile = Literal["production", "relaxed"]
Thresholds = tuple[float, ...]

BUY, SELL = 1, -1
#: column that the frame must have beside the features: +1 where the symbol rises with the dollar, else -1
DOLLAR_SIGN = "expected_dollar_sign"
#: what confidence is at the threshold, what it gains at twice the threshold, and its share where data are stale
_LEAST, _GAIN, _STALE = 0.5, 0.35, 0.8
#: places in the 20-bar range beyond which a breakout counts
_TOP, _BOTTOM = 0.9, 0.1
#: standard deviations of the VIX beyond which markets are calm (below) or afraid (above)
_CALM = 1.0


class Sides(NamedTuple):
    """When an alpha buys and when it sells; null where an input is."""

    buys: pl.Expr
    sells: pl.Expr


def _beyond(value: float, threshold: float, side: int) -> float:
    """How far beyond the threshold, in thresholds."""
    return (abs(value) - threshold) / threshold


def _within_band(value: float, threshold: float, side: int) -> float:
    """The same of a place between two bands, seen from the band it is near to."""
    return (threshold - (value if side == BUY else 1.0 - value)) / threshold


class Alpha(NamedTuple):
    """One rule."""

    alpha_id: AlphaId
    #: reward over risk
    rr: float
    #: columns of BarsScannerFeatures; confidence comes from the first
    inputs: tuple[str, ...]
    sides: Callable[[Thresholds], Sides]
    production: Thresholds
    relaxed: Thresholds
    #: how far the first input is beyond the first threshold
    excess: Callable[[float, float, int], float] = _beyond

    def thresholds(self, profile: Profile) -> Thresholds:
        """The numbers in force: a, b, c, d of the specification."""
        return self.production if profile == "production" else self.relaxed

    def state(self, profile: Profile) -> pl.Expr:
        """+1 where it buys, -1 where it sells, 0 where it does not fire, as with any input unknown (Int8)."""
        buys, sells = self.sides(self.thresholds(profile))
        # a comparison that is null is not met
        return pl.when(buys).then(BUY).when(sells).then(SELL).otherwise(0).cast(pl.Int8)

    def confidence(self, value: float, profile: Profile, side: int, *, is_stale: bool) -> float:
        """0.5 at the threshold, 0.85 at twice of it and beyond; less where the value of its first input is stale."""
        excess = self.excess(value, self.thresholds(profile)[0], side)
        found = _LEAST + _GAIN * min(max(excess, 0.0), 1.0)
        return found * _STALE if is_stale else found


def _momentum(thresholds: Thresholds) -> Sides:
    a, b = thresholds
    slope, change = pl.col("ema_slope"), pl.col("roc_5")
    return Sides((slope > a) & (change > b), (slope < -a) & (change < -b))


def _mean_revert(thresholds: Thresholds) -> Sides:
    a, b = thresholds
    place, rsi = pl.col("bb_position"), pl.col("rsi")
    return Sides((place < a) & (rsi < b), (place > 1.0 - a) & (rsi > 100.0 - b))


def _breakout(thresholds: Thresholds) -> Sides:
    a, b, c = thresholds
    wide = (pl.col("rvol") > a) & (pl.col("vol_ratio") > b) & (pl.col("bb_width_rank") > c)
    place = pl.col("price_position")
    return Sides(wide & (place > _TOP), wide & (place < _BOTTOM))


def _volume(thresholds: Thresholds) -> Sides:
    a, b, c, d = thresholds
    busy = (pl.col("vpin_proxy") > b) & (pl.col("volume_trend") > c) & (pl.col("rvol") > d)
    pressure = pl.col("cvd_ratio_proxy")
    return Sides(busy & (pressure > a), busy & (pressure < -a))


def _sentiment(thresholds: Thresholds) -> Sides:
    (a,) = thresholds
    mood, fear = pl.col("sentiment"), pl.col("vix_z")
    return Sides((mood > a) & (fear < -_CALM), (mood < -a) & (fear > _CALM))


def _dollar(thresholds: Thresholds) -> Sides:
    (a,) = thresholds
    push, trend = pl.col("usd_index_z") * pl.col(DOLLAR_SIGN), pl.col("m15_trend")
    return Sides((push > a) & (trend >= 0), (push < -a) & (trend <= 0))


TABLE: tuple[Alpha, ...] = (
    Alpha(
        "momentum_v3", 1.8, ("ema_slope", "roc_5"), _momentum,
        production=(0.001, 0.002), relaxed=(0.0003, 0.0005),
    ),
    Alpha(
        "mean_revert_v2", 1.5, ("bb_position", "rsi"), _mean_revert,
        production=(0.2, 30.0), relaxed=(0.3, 40.0), excess=_within_band,
    ),
    Alpha(
        "breakout_v2", 2.5, ("rvol", "vol_ratio", "bb_width_rank", "price_position"), _breakout,
        production=(1.5, 1.3, 0.80), relaxed=(1.2, 1.1, 0.60),
    ),
    Alpha(
        "volume_v1", 1.8, ("cvd_ratio_proxy", "vpin_proxy", "volume_trend", "rvol"), _volume,
        production=(0.15, 0.6, 0.2, 1.3), relaxed=(0.08, 0.5, 0.1, 1.1),
    ),
    Alpha(
        "sentiment_v1", 1.5, ("sentiment", "vix_z"), _sentiment,
        production=(0.5,), relaxed=(0.3,),
    ),
    Alpha(
        "corr_arb_v1", 1.6, ("usd_index_z", "m15_trend"), _dollar,
        production=(1.5,), relaxed=(1.0,),
    ),
)  # fmt: skip

#: every feature that some alpha looks at
INPUTS: tuple[str, ...] = tuple(sorted({name for alpha in TABLE for name in alpha.inputs}))
