"""Market regime overlay: is there a trend, how volatile is it, and how sure is that.

A bar's own label compares a trend score and two ranks with fixed thresholds; the regime is the label that the last
bars agree on. Ranks are among a fixed number of values before the bar, so a label does not depend on what was loaded.
"""

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from market_assets.core import windows
from market_assets.core.statistics import FLAT
from market_assets.core.windows import Floats
from market_assets.crypto.schemas import REGIMES
from market_assets.crypto.settings import RegimeSettings
from market_assets.crypto.transforms.overlays.columns import first_kept, floats, typed
from market_assets.crypto.transforms.overlays.given import Given

COLUMNS = (
    "regime_raw",
    "regime",
    "regime_confidence",
    "regime_trend_score",
    "regime_vol_rank",
    "regime_range_rank",
    "regime_volume_z",
    "trend_dir",
)
HIGH_VOL, LOW_VOL, COMPRESSION, EXPANSION, TRANSITION, UNKNOWN = range(len(REGIMES))
Codes = NDArray[np.int64]


def rank_window(timeframe: str, settings: RegimeSettings) -> int:
    """Previous values that a rank is of."""
    return settings.rank_window_1d if timeframe == "1d" else settings.rank_window


def compute(bars: pl.DataFrame, given: Given) -> pl.DataFrame:
    """The regime columns of each bar at or after `given.first`; null before."""
    settings, kept = given.settings.regime, first_kept(bars, given.first)
    n = rank_window(given.timeframe, settings)
    close, height = floats(bars, "close"), floats(bars, "high") - floats(bars, "low")
    # a regime looks at the labels of the bars before it
    start = max(0, kept - settings.confirm_bars + 1)
    vol_rank = windows.rank_in_previous(volatility(close, settings), n, start)
    range_rank = windows.rank_in_previous(relative_range(height, close, settings), n, start)
    score, direction = trend(close, settings)
    raw = labels(score, vol_rank, range_rank, settings)
    agreed = confirmed(raw, settings.confirm_bars)
    numbers = {
        "regime_confidence": confidence(raw, agreed, score, vol_rank, range_rank, settings),
        "regime_trend_score": score,
        "regime_vol_rank": vol_rank,
        "regime_range_rank": range_rank,
        "regime_volume_z": windows.zscore_of_previous(floats(bars, "volume"), settings.volume_bars),
        "trend_dir": direction,
    }
    for values in numbers.values():
        values[:kept] = np.nan
    return typed(COLUMNS, {"regime_raw": _names(raw, kept), "regime": _names(agreed, kept), **numbers})


def trend(close: Floats, settings: RegimeSettings) -> tuple[Floats, Floats]:
    """(distance of the two means over the standard deviation of closes, sign of that distance)."""
    fast, slow = windows.mean(close, settings.fast), windows.mean(close, settings.slow)
    spread = windows.std(close, settings.slow)
    score = np.full(len(close), np.nan)
    np.divide(np.abs(fast - slow), spread, out=score, where=spread > FLAT * close)
    return score, windows.sign_of_difference(fast, slow)


def volatility(close: Floats, settings: RegimeSettings) -> Floats:
    """Standard deviation of log returns."""
    returns = np.full(len(close), np.nan)
    returns[1:] = np.diff(np.log(close))
    return windows.std(returns, settings.slow)


def relative_range(height: Floats, close: Floats, settings: RegimeSettings) -> Floats:
    """Mean height of the candles over the close."""
    return windows.mean(height, settings.range_bars) / close


def labels(score: Floats, vol_rank: Floats, range_rank: Floats, settings: RegimeSettings) -> Codes:
    """The label of each bar alone; UNKNOWN where an input is."""
    trending = np.where(vol_rank > settings.vol_rank, HIGH_VOL, LOW_VOL)
    ranging = np.where(range_rank < settings.range_rank, COMPRESSION, EXPANSION)
    known = ~(np.isnan(score) | np.isnan(vol_rank) | np.isnan(range_rank))
    return np.where(known, np.where(score > settings.trend_min, trending, ranging), UNKNOWN)


def confirmed(raw: Codes, n: int) -> Codes:
    """The label where the last `n` agree, else TRANSITION; UNKNOWN where the bar's own label is."""
    last = sliding_window_view(np.concatenate([np.full(n, UNKNOWN), raw]), n)[1:]
    agree = (last == raw[:, None]).all(axis=1)
    return np.where(agree | (raw == UNKNOWN), raw, TRANSITION)


def confidence(
    raw: Codes, agreed: Codes, score: Floats, vol_rank: Floats, range_rank: Floats, settings: RegimeSettings
) -> Floats:
    """The smaller of two distances from the thresholds, 0.5 on them to 1; half of it in TRANSITION, NaN if UNKNOWN."""
    of_trend = _margin(np.abs(score - settings.trend_min) / settings.trend_min)
    of_vol = _margin(_distance(vol_rank, settings.vol_rank))
    of_range = _margin(_distance(range_rank, settings.range_rank))
    second = np.where((raw == HIGH_VOL) | (raw == LOW_VOL), of_vol, of_range)
    whole = np.where(raw == UNKNOWN, np.nan, np.minimum(of_trend, second))
    return np.where(agreed == TRANSITION, whole / 2.0, whole)


def _margin(distance: Floats) -> Floats:
    return np.clip(0.5 + 0.5 * distance, 0.5, 1.0)


def _distance(rank: Floats, threshold: float) -> Floats:
    """From a threshold, as a share of the room on that side of it."""
    room, out = np.where(rank < threshold, threshold, 1.0 - threshold), np.zeros(len(rank))
    # without room above it, the only rank there is the threshold itself
    np.divide(np.abs(rank - threshold), room, out=out, where=room > 0)
    return out


def _names(codes: Codes, kept: int) -> pl.Series:
    """Labels in words; null before row `kept`."""
    shown = [None] * kept + codes[kept:].tolist()
    return pl.Series([None if code is None else REGIMES[code] for code in shown], dtype=pl.String)
