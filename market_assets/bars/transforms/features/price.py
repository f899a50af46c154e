"""Where the price stands among its last bars, and how fast it goes."""

import numpy as np
import polars as pl

from market_assets.bars.transforms.features.segment import Columns, Segment, quotient, rounding
from market_assets.core import windows
from market_assets.core.windows import Floats, previous

WINDOW = 20


def compute(segment: Segment) -> Columns:
    """The price columns of each bar."""
    close, ema = segment.close, segment.floats("ema_20")
    high, low = segment.floats("high"), segment.floats("low")
    return {
        "z_close": _place_in_last(close),
        "z_high": _place_in_last(high),
        "z_low": _place_in_last(low),
        "ema_slope": quotient(ema, previous(ema)) - 1.0,
        "roc_5": _change(close, 5),
        "roc_10": _change(close, 10),
        "rsi": segment.floats("rsi_14"),
        "price_position": _position(segment.bars, close),
    }


def _place_in_last(values: Floats) -> Floats:
    """Standard deviations from the mean of the last values, the current one included."""
    mean, std = windows.mean(values, WINDOW), windows.std(values, WINDOW)
    return quotient(values - mean, std, rounding(mean))


def _change(close: Floats, n: int) -> Floats:
    out = np.full(len(close), np.nan)
    out[n:] = close[n:] / close[:-n] - 1.0
    return out


def _position(bars: pl.DataFrame, close: Floats) -> Floats:
    """Place in the range of the last bars: 0 at their lowest low, 1 at their highest high."""
    extremes = bars.select(pl.col("high").rolling_max(WINDOW), pl.col("low").rolling_min(WINDOW)).fill_null(np.nan)
    highest, lowest = (extremes.get_column(name).to_numpy() for name in ("high", "low"))
    return quotient(close - lowest, highest - lowest)
