"""Order flow overlay: what takers bought less what they sold, and the same guessed from candle bodies."""

import numpy as np
import polars as pl

from market_assets.core import windows
from market_assets.core.windows import Floats
from market_assets.crypto.transforms.overlays.columns import DAY_US, floats, opens, typed
from market_assets.crypto.transforms.overlays.given import Given

COLUMNS = ("delta", "ofi_20", "ofi_chg_5", "cvd_day", "candle_imbalance_proxy_20")
#: bars of the two imbalances, and bars over which the change of the first is taken
WINDOW, CHANGE = 20, 5
#: share of its range that a candle's body must exceed to count as buying or selling
BODY = 0.6


def compute(bars: pl.DataFrame, given: Given) -> pl.DataFrame:
    """The order flow columns of each bar."""
    volume = floats(bars, "volume")
    delta = 2.0 * floats(bars, "taker_buy_base") - volume
    bodies = body_side(*(floats(bars, name) for name in ("open", "high", "low", "close")))
    imbalance = _share(delta, volume)
    change = np.full(len(volume), np.nan)
    change[CHANGE:] = imbalance[CHANGE:] - imbalance[:-CHANGE]
    values = {
        "delta": delta,
        "ofi_20": imbalance,
        "ofi_chg_5": change,
        "cvd_day": _since_midnight(delta, bars),
        "candle_imbalance_proxy_20": _share(bodies * volume, volume),
    }
    return typed(COLUMNS, values)


def body_side(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """+1 where a candle's body says that it was bought, -1 where sold, else 0. One condition, mirrored."""
    decided = np.abs(close - open_) > BODY * (high - low)
    return np.sign(close - open_) * decided


def _share(part: Floats, whole: Floats) -> Floats:
    """Sum of a part over the sum of the whole; NaN where there is none."""
    total = windows.total(whole, WINDOW)
    out = np.full(len(whole), np.nan)
    np.divide(windows.total(part, WINDOW), total, out=out, where=total > 0)
    return out


def _since_midnight(delta: Floats, bars: pl.DataFrame) -> Floats:
    """Running sum of each UTC day, from its own first bar on."""
    turns = np.flatnonzero(np.diff(opens(bars) // DAY_US)) + 1
    return np.concatenate([np.cumsum(day) for day in np.split(delta, turns)])
