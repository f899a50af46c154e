"""Which way coarser candles of the same minutes point: each by its last one that was closed, never the forming one."""

from datetime import timedelta

import numpy as np
import polars as pl

from market_assets.bars.transforms.features.segment import MINUTE_US, Columns, Segment
from market_assets.core import candles, indicators, windows
from market_assets.core.windows import Floats

#: column -> minutes of the candles
FRAMES = {"m5_trend": 5, "m15_trend": 15}
FAST, SLOW = 9, 20


def compute(segment: Segment) -> Columns:
    """The trend columns of each bar: -1, 0 or 1."""
    return {name: _heard(segment, minutes) for name, minutes in FRAMES.items()}


def _heard(segment: Segment, minutes: int) -> Floats:
    """What the last candle that closed at or before the close of each bar says; NaN where none does."""
    coarse = candles.coarser(segment.bars, timedelta(minutes=minutes), ())
    fast, slow = (_ema(coarse, n) for n in (FAST, SLOW))
    # before the first candle there is none, and what there is none of says nothing
    says = np.concatenate([[np.nan], windows.sign_of_difference(fast, slow)])
    closes = coarse.get_column("ts").to_physical().to_numpy() + minutes * MINUTE_US
    return says[np.searchsorted(closes, segment.opens + MINUTE_US, side="right")]


def _ema(coarse: pl.DataFrame, n: int) -> Floats:
    return coarse.select(indicators.ema(pl.col("close"), n).fill_null(float("nan"))).to_series().to_numpy()
