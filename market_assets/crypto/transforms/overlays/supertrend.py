"""Supertrend overlay: 10 bars, 3 average true ranges."""

import numpy as np
import polars as pl

from market_assets.core import trends, windows
from market_assets.crypto.transforms.overlays.columns import floats, typed
from market_assets.crypto.transforms.overlays.given import Given

COLUMNS = ("st_line", "st_dir", "st_upper", "st_lower", "st_strength", "st_consistency", "st_is_warm")


def compute(bars: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Line, direction and bands of each bar, how far the close is from the line, and whether to rely on it."""
    close = floats(bars, "close")
    found = trends.supertrend(floats(bars, "high"), floats(bars, "low"), close)
    unknown = np.full(len(close), np.nan)
    direction = np.where(found.direction == 0, np.nan, found.direction)
    distance = np.divide(np.abs(close - found.line), found.atr, out=unknown, where=found.atr > 0)
    agreement = np.abs(windows.mean(direction, trends.CONSISTENT_BARS))
    turns = np.concatenate([[0], found.direction[1:] * found.direction[:-1] < 0])[: len(close)]
    values = {
        "st_line": found.line,
        "st_dir": direction,
        "st_upper": found.upper,
        "st_lower": found.lower,
        "st_strength": windows.mean(distance, trends.STRENGTH_BARS),
        "st_consistency": np.where(np.isnan(agreement), np.nan, agreement == 1.0),
        "st_is_warm": (np.cumsum(turns) > 0) & (np.arange(len(close)) >= trends.WARM_ROW),
    }
    return typed(COLUMNS, values)
