"""Chandelier overlay: 22 bars, 3 average true ranges."""

import numpy as np
import polars as pl

from market_assets.core import trends
from market_assets.crypto.transforms.overlays.columns import floats, typed
from market_assets.crypto.transforms.overlays.given import Given

COLUMNS = (
    "ch_long",
    "ch_short",
    "ch_long_trail",
    "ch_short_trail",
    "ch_dir",
    "ch_long_exit",
    "ch_short_exit",
    "ch_dist_long_pct",
)


def compute(bars: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Exits, trails, direction and exit events of each bar, and how far the close is above the long trail."""
    close = floats(bars, "close")
    found = trends.chandelier(floats(bars, "high"), floats(bars, "low"), close)
    trail = found.long_trail
    over_trail = np.divide(close, trail, out=np.full(len(close), np.nan), where=trail != 0)
    values = {
        "ch_long": found.long,
        "ch_short": found.short,
        "ch_long_trail": trail,
        "ch_short_trail": found.short_trail,
        "ch_dir": np.where(np.isnan(trail), np.nan, found.direction),
        "ch_long_exit": found.long_exit,
        "ch_short_exit": found.short_exit,
        "ch_dist_long_pct": 100.0 * (over_trail - 1.0),
    }
    return typed(COLUMNS, values)
