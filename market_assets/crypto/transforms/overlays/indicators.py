"""The base overlay: close, exponential means, relative strength and true range, as `core.indicators` defines them."""

import polars as pl

from market_assets.core import indicators
from market_assets.crypto.transforms.overlays.given import Given

COLUMNS = ("close", "ema_10", "ema_21", "ema_55", "rsi_14", "atr_14")


def compute(bars: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Close and plain indicators of each bar; nulls where a window is not yet full."""
    high, low, close = pl.col("high"), pl.col("low"), pl.col("close")
    # a column: an expression that others are made of is computed for each of them
    ranged = bars.with_columns(true_range=indicators.true_range(high, low, close))
    return ranged.select(
        close,
        ema_10=indicators.ema(close, 10),
        ema_21=indicators.ema(close, 21),
        ema_55=indicators.ema(close, 55),
        rsi_14=indicators.rsi(close, 14),
        atr_14=indicators.wilder(pl.col("true_range"), 14),
    )
