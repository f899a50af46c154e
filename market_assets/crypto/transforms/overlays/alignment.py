"""Alignment overlay: whether the timeframes of a symbol point the same way at the close of a bar.

Each timeframe speaks through its last bar that had closed by then, never through the one that is still forming.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.core import indicators, windows
from market_assets.core.windows import Floats
from market_assets.crypto.schemas import ALIGNED, STRENGTHS, CryptoTimeframes
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms.overlays.columns import floats, opens, typed
from market_assets.crypto.transforms.overlays.given import Given

COLUMNS = (
    "align_score",
    "align_dir",
    "align_mode",
    "align_n",
    *(f"align_{frame}_{name}" for frame in ALIGNED for name in ("trend", "strength", "volume")),
)
FAST, SLOW, RSI_BARS, VOLUME_FAST = 20, 50, 14, 5
STRONG_ABOVE, WEAK_BELOW = 60.0, 40.0
#: timeframes that must speak, and the share above which they agree enough to hold a position for days
MIN_FRAMES, SWING_ABOVE = 3, 0.75
_MINUTE_US = 60_000_000
_STRONG, _WEAK, _NEUTRAL = range(len(STRENGTHS))
#: strengths by code; the last one, -1, is none
_WORDS = (*STRENGTHS, None)


class _Voice(NamedTuple):
    """What one timeframe says at each of several instants; NaN or code -1 where it says nothing."""

    trend: Floats
    #: place in STRENGTHS
    strength: NDArray[np.int64]
    volume: Floats


class _Frame(NamedTuple):
    """What one timeframe says at each of its bars, and when each one closes."""

    closes: NDArray[np.int64]
    voice: _Voice


def compute(bars: pl.DataFrame, given: Given) -> pl.DataFrame:
    """The alignment columns of each bar. Only the summary needs three timeframes; what each one says stands alone."""
    closes = opens(bars) + MINUTES[given.timeframe] * _MINUTE_US
    voices = {name: _heard(_frame(name, given), closes) for name in ALIGNED}
    values = _summary([voice.trend for voice in voices.values()], bars.height)
    for name, voice in voices.items():
        values |= {
            f"align_{name}_trend": voice.trend,
            f"align_{name}_strength": [_WORDS[code] for code in voice.strength.tolist()],
            f"align_{name}_volume": voice.volume,
        }
    return typed(COLUMNS, values)


def _summary(trends: list[Floats], height: int) -> dict[str, Any]:
    """Which side is the larger, and how much larger; NaN or null where too few timeframes speak."""
    up, down, speak = np.zeros(height), np.zeros(height), np.zeros(height)
    for trend in trends:
        up, down, speak = up + (trend > 0), down + (trend < 0), speak + ~np.isnan(trend)
    enough = speak >= MIN_FRAMES
    score = np.divide(np.maximum(up, down), speak, out=_nan(height), where=enough)
    modes = pl.Series(np.where(score > SWING_ABOVE, "SWING", "INTRADAY"), dtype=pl.String)
    return {
        "align_score": score,
        "align_dir": np.where(enough, np.sign(up - down), np.nan),
        "align_mode": modes.set(pl.Series(~enough), None),
        "align_n": speak,
    }


def _heard(frame: _Frame, at: NDArray[np.int64]) -> _Voice:
    """What the last bar of a timeframe that closed at or before each instant says, if it has 50 bars by then."""
    last = np.searchsorted(frame.closes, at, side="right") - 1
    speaks = last >= SLOW - 1
    if not speaks.any():
        return _Voice(_nan(len(at)), np.full(len(at), -1), _nan(len(at)))
    row, voice = np.where(speaks, last, 0), frame.voice
    return _Voice(
        np.where(speaks, voice.trend[row], np.nan),
        np.where(speaks, voice.strength[row], -1),
        np.where(speaks, voice.volume[row], np.nan),
    )


def _frame(name: str, given: Given) -> _Frame:
    """What a timeframe says; worked out once for all that share the memo."""
    key = f"alignment {name}"
    if key not in given.memo:
        bars = given.frames.get(name)
        given.memo[key] = _says(CryptoTimeframes.contract().empty() if bars is None else bars, name)
    found: _Frame = given.memo[key]
    return found


def _says(bars: pl.DataFrame, name: str) -> _Frame:
    close, volume = floats(bars, "close"), floats(bars, "volume")
    rsi = bars.select(indicators.rsi(pl.col("close"), RSI_BARS).cast(pl.Float64)).to_series().to_numpy()
    voice = _Voice(
        windows.sign_of_difference(windows.mean(close, FAST), windows.mean(close, SLOW)),
        np.where(rsi > STRONG_ABOVE, _STRONG, np.where(rsi < WEAK_BELOW, _WEAK, _NEUTRAL)),
        (windows.sign_of_difference(windows.mean(volume, VOLUME_FAST), windows.mean(volume, FAST)) > 0).astype(float),
    )
    return _Frame(opens(bars) + MINUTES[name] * _MINUTE_US, voice)


def _nan(height: int) -> Floats:
    return np.full(height, np.nan)
