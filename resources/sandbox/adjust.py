"""Split and dividend adjustment as vendors apply it, on bars in arrays."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from resources.sandbox.backend import Bars, Days, Dividend, Floats, Split


def shares_since(days: Days, splits: Sequence[Split], as_of: date) -> Floats:
    """Shares on `as_of` for one share on each day: the product of the ratios of later splits."""
    shares = np.ones(len(days))
    for split in splits:
        if split.ex_date <= as_of:
            shares[days < np.datetime64(split.ex_date)] *= split.ratio
    return shares


def split_adjusted(bars: Bars, splits: Sequence[Split], as_of: date) -> Bars:
    """Prices divided, and volumes multiplied, by the splits between each bar and `as_of`."""
    shares = shares_since(bars.day, splits, as_of)
    prices = {name: getattr(bars, name) / shares for name in ("open", "high", "low", "close", "vwap")}
    return bars.with_columns(**prices, volume=bars.volume * shares)


def dividend_factors(bars: Bars, splits: Sequence[Split], dividends: Sequence[Dividend], as_of: date) -> Floats:
    """What multiplies each split-adjusted close to give the adjusted close.

    A dividend takes amount / previous close off every earlier price; `bars` are raw.
    """
    factors = np.ones(len(bars))
    for dividend in dividends:
        ex = np.datetime64(dividend.ex_date)
        before = int(np.searchsorted(bars.day, ex, "left"))
        if dividend.ex_date > as_of or before == 0:
            continue
        same_day = [split.ratio for split in splits if split.ex_date == dividend.ex_date]
        prev_close = bars.close[before - 1] / float(np.prod(same_day))
        if not np.isnan(prev_close):
            factors[:before] *= 1 - dividend.amount / prev_close
    return factors
