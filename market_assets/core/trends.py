"""Trend followers that carry a state from bar to bar: supertrend and chandelier exit, on arrays.

Arrays of closed bars in time order go in, arrays of the same length come out: NaN (direction 0) before the first
value. Nothing depends on later bars. Turning prices upside down turns the directions, save for the supertrend's
first one, which is down by convention.
"""

from collections.abc import Callable
from operator import gt, le, lt
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.core import indicators
from market_assets.core.windows import Floats, previous

#: bars of the mean distance that is a supertrend's strength
STRENGTH_BARS = 5
#: last directions that agree where a supertrend is consistent
CONSISTENT_BARS = 3
#: row from which a supertrend that has turned once is warm
WARM_ROW = 250

_HIGH, _LOW, _CLOSE = pl.col("high"), pl.col("low"), pl.col("close")


class Supertrend(NamedTuple):
    """Supertrend of each bar."""

    #: the band in force: the lower one while the trend is up, the upper one while it is down
    line: Floats
    #: +1 up, -1 down, 0 in warm-up
    direction: NDArray[np.int8]
    upper: Floats
    lower: Floats
    #: Wilder's mean of the true range it was made with
    atr: Floats


class Chandelier(NamedTuple):
    """Chandelier exits of each bar."""

    #: highest high less k average true ranges
    long: Floats
    #: lowest low and k average true ranges
    short: Floats
    #: the same, never falling while closes stay above it
    long_trail: Floats
    #: the same, never rising while closes stay below it
    short_trail: Floats
    #: +1 above both trails, -1 below both, else what it was; 0 at first
    direction: NDArray[np.int8]
    #: 1 where the close is below the long trail of the bar before, 0 where not, NaN without one
    long_exit: Floats
    #: 1 where the close is above the short trail of the bar before
    short_exit: Floats


def supertrend(high: Floats, low: Floats, close: Floats, n: int = 10, k: float = 3.0) -> Supertrend:
    """Bands k average true ranges of `n` bars around the middle, of which closes choose the one in force.

    First values at row n, where the direction is -1 by convention.
    """
    (atr,) = _columns(high, low, close, indicators.atr(_HIGH, _LOW, _CLOSE, n))
    middle = (high + low) / 2.0
    upper = _ratchet(middle + k * atr, close, n, le)
    lower = -_ratchet(k * atr - middle, -close, n, le)
    direction = np.zeros(len(close), dtype=np.int8)
    direction[n:] = _turns(close[n:].tolist(), upper[n:].tolist(), lower[n:].tolist())
    return Supertrend(np.where(direction > 0, lower, upper), direction, upper, lower, atr)


def chandelier(high: Floats, low: Floats, close: Floats, n: int = 22, k: float = 3.0) -> Chandelier:
    """Exits k average true ranges from the extremes of the last `n` bars, and the trails they leave.

    First values at row n, exits at row n+1.
    """
    atr, highest, lowest = _columns(
        high, low, close, indicators.atr(_HIGH, _LOW, _CLOSE, n), _HIGH.rolling_max(n), _LOW.rolling_min(n)
    )
    long, short = highest - k * atr, lowest + k * atr
    long_trail = -_ratchet(-long, -close, n, lt)
    short_trail = _ratchet(short, close, n, lt)
    below_long, above_short = _compared(lt, close, previous(long_trail)), _compared(gt, close, previous(short_trail))
    above, below = previous(np.maximum(long_trail, short_trail)), previous(np.minimum(long_trail, short_trail))
    direction = _held(np.where(close > above, 1, np.where(close < below, -1, 0)).astype(np.int8))
    return Chandelier(long, short, long_trail, short_trail, direction, below_long, above_short)


def _columns(high: Floats, low: Floats, close: Floats, *expressions: pl.Expr) -> list[Floats]:
    """Indicators of the bars, NaN where they are null."""
    bars = pl.DataFrame({"high": high, "low": low, "close": close})
    return [bars.select(one.fill_null(float("nan"))).to_series().to_numpy() for one in expressions]


def _ratchet(raw: Floats, close: Floats, n: int, holds: Callable[[float, float], bool]) -> Floats:
    """A level that follows `raw` from row `n` on and does not rise while the close before `holds` to it.

    `holds(close, level)` is `le` where a close on the level leaves it in force, `lt` where it breaks it.
    """
    levels = raw.copy()
    if len(raw) <= n:
        return levels
    level = float(raw[n])
    kept = [level]
    for now, before in zip(raw[n + 1 :].tolist(), close[n:-1].tolist(), strict=True):
        level = min(now, level) if holds(before, level) else now
        kept.append(level)
    levels[n:] = kept
    return levels


def _turns(close: list[float], upper: list[float], lower: list[float]) -> list[int]:
    """Direction of each bar: down at first, up after a close above the upper band, down after one below the lower."""
    direction = -1
    directions = []
    for i, price in enumerate(close):
        if i and direction < 0 and price > upper[i]:
            direction = 1
        elif i and direction > 0 and price < lower[i]:
            direction = -1
        directions.append(direction)
    return directions


def _held(events: NDArray[np.int8]) -> NDArray[np.int8]:
    """Each event until the next one; 0 before the first."""
    last = np.maximum.accumulate(np.where(events != 0, np.arange(len(events)), 0))
    return events[last]


def _compared(how: Callable[[Floats, Floats], NDArray[np.bool_]], close: Floats, level: Floats) -> Floats:
    """1 where the close compares so with the level, 0 where not, NaN where there is no level."""
    return np.where(np.isnan(level), np.nan, how(close, level))
