"""Whether prices follow a trend, turn back, or do neither."""

import numpy as np

from market_assets.bars.transforms.features.segment import Columns, Segment, quotient, rounding
from market_assets.core import windows
from market_assets.core.comovement import autocorrelation
from market_assets.core.windows import Floats

WINDOW = 20
#: returns that the autocorrelation is of
RETURNS = 50
#: efficiency above which there is a trend, and autocorrelation below which prices turn back
TREND_ABOVE, REVERT_BELOW = 0.4, -0.1


def compute(segment: Segment) -> Columns:
    """The regime columns of each bar; of the three regimes one is 1, and all are NaN in warm-up."""
    efficiency = _efficiency(segment)
    turning = autocorrelation(segment.returns, RETURNS)
    # 50 equal returns are a trend without an autocorrelation
    warm = np.arange(len(efficiency)) >= RETURNS
    trend = efficiency > TREND_ABOVE
    known = warm & ~np.isnan(efficiency) & (trend | ~np.isnan(turning))
    revert = ~trend & (turning < REVERT_BELOW)
    return {
        "er_20": efficiency,
        "regime_trend": np.where(known, trend, np.nan),
        "regime_revert": np.where(known, revert, np.nan),
        "regime_choppy": np.where(known, ~trend & ~revert, np.nan),
    }


def _efficiency(segment: Segment) -> Floats:
    """Way made over way gone in the last bars, 0 to 1; NaN where the price did not move."""
    close, gone = segment.close, windows.total(np.abs(segment.changes), WINDOW)
    made = np.full(len(close), np.nan)
    made[WINDOW:] = np.abs(close[WINDOW:] - close[:-WINDOW])
    # one way all the time is 1, whatever the rounding of the sum
    return np.minimum(quotient(made, gone, rounding(close)), 1.0)
