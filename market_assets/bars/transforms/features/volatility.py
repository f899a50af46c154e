"""How far prices range, compared with what was usual."""

import numpy as np
import polars as pl

from market_assets.bars.transforms.features.segment import Columns, Segment, quotient, rounding
from market_assets.core import indicators, windows
from market_assets.core.windows import Floats

WINDOW = 20
#: values before one that it is compared with
ATR_HISTORY, WIDTH_HISTORY = 240, 500
_ATR = (5, 20)


def compute(segment: Segment) -> Columns:
    """The volatility columns of each bar; `bb_width_rank` from the first kept row on, because a rank costs much."""
    upper, mid, lower = (segment.floats(name) for name in ("bb_upper", "bb_mid", "bb_lower"))
    width = quotient(upper - lower, mid)
    fast, slow = _atr(segment.bars)
    return {
        "atr_z": windows.zscore_of_previous(segment.floats("atr_14"), ATR_HISTORY),
        "bb_width": width,
        "bb_position": quotient(segment.close - lower, upper - lower, rounding(mid)),
        "bb_width_rank": windows.rank_in_previous(width, WIDTH_HISTORY, segment.kept),
        "realized_vol": windows.std(segment.returns, WINDOW),
        "vol_ratio": quotient(fast, slow, rounding(segment.close)),
    }


def _atr(bars: pl.DataFrame) -> list[Floats]:
    """Wilder's means of the true range, fast and slow."""
    high, low, close = pl.col("high"), pl.col("low"), pl.col("close")
    # a column: an expression that others are made of is computed for each of them
    ranged = bars.select(true_range=indicators.true_range(high, low, close))
    means = [indicators.wilder(pl.col("true_range"), n).fill_null(np.nan).alias(str(n)) for n in _ATR]
    return [column.to_numpy() for column in ranged.select(means)]
