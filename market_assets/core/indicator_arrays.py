"""The 16 live values of a series of bars on arrays: what streams show, and minute bars are stored with.

The definitions are those of `core.indicators`, made for the whole set at once: what several values need is computed
once. Arrays of closed bars in time order go in, arrays of the same length come out, NaN where unknown. Nothing
depends on later bars, and a window on nothing outside it: its sums are its own, so rounding does not pile up.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from market_assets.core.indicators import FLAT_MOVES
from market_assets.core.moments import moving_mean, moving_moments
from market_assets.core.windows import Floats

#: bars of the exponential means that are shown
EMA_BARS = (9, 20, 50, 200)
RSI_BARS = ATR_BARS = 14
#: bars of the bands' mean, and their distance from it in population standard deviations
BAND_BARS, BAND_WIDTH = 20, 2.0
VOLUME_BARS = 20
FAST, SLOW, SIGNAL = 12, 26, 9
MOMENTUM_BARS = 10

COLUMNS = (
    "close",
    *(f"ema_{n}" for n in EMA_BARS),
    f"rsi_{RSI_BARS}",
    "bb_upper",
    "bb_mid",
    "bb_lower",
    f"atr_{ATR_BARS}",
    "vwap",
    f"volume_ma_{VOLUME_BARS}",
    "macd_line",
    "macd_signal",
    "macd_hist",
    f"momentum_{MOMENTUM_BARS}",
)
_SIGNAL_FIRST = SLOW + SIGNAL - 2
#: row of each column's first value
FIRST = (
    0,
    *(n - 1 for n in EMA_BARS),
    RSI_BARS,
    *(BAND_BARS - 1,) * 3,
    ATR_BARS,
    0,
    VOLUME_BARS - 1,
    SLOW - 1,
    _SIGNAL_FIRST,
    _SIGNAL_FIRST,
    MOMENTUM_BARS,
)
#: bars from which two threads are worth their start
_LONG = 100_000


def live_values(
    high: Floats, low: Floats, close: Floats, volume: Floats, session_starts: Sequence[int]
) -> dict[str, Floats]:
    """The columns of COLUMNS. `volume` is NaN where unknown; `session_starts` are rows with which VWAP begins anew.

    Row 0 begins a session in any case.
    """
    # the longest ones first, so that two threads end together
    jobs: tuple[Callable[[], Mapping[str, Floats]], ...] = (
        lambda: _emas(close),
        lambda: _macd(close),
        lambda: {f"rsi_{RSI_BARS}": _rsi(close)},
        lambda: {"vwap": _vwap(high, low, close, volume, session_starts)},
        lambda: _bands(close),
        lambda: {f"atr_{ATR_BARS}": _atr(high, low, close)},
        lambda: {f"volume_ma_{VOLUME_BARS}": moving_mean(volume, VOLUME_BARS)},
        lambda: {f"momentum_{MOMENTUM_BARS}": _momentum(close)},
    )
    if len(close) < _LONG:
        parts = [job() for job in jobs]
    else:
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda job: job(), jobs))
    found = {"close": close} | {name: values for part in parts for name, values in part.items()}
    return {name: found[name] for name in COLUMNS}


def _emas(close: Floats) -> dict[str, Floats]:
    closes = close.copy()
    return {f"ema_{n}": _known(_exponential(closes, n), n - 1) for n in EMA_BARS}


def _macd(close: Floats) -> dict[str, Floats]:
    closes = close.copy()
    line = _exponential(closes, FAST) - _exponential(closes, SLOW)
    signal = _known(_exponential(line, SIGNAL, first=SLOW - 1), _SIGNAL_FIRST)
    line[: SLOW - 1] = np.nan
    return {"macd_line": line, "macd_signal": signal, "macd_hist": line - signal}


def _bands(close: Floats) -> dict[str, Floats]:
    middle, deviation = moving_moments(close, BAND_BARS)
    deviation *= BAND_WIDTH
    return {"bb_upper": middle + deviation, "bb_mid": middle, "bb_lower": middle - deviation}


def _rsi(close: Floats) -> Floats:
    changes = np.zeros_like(close)
    np.subtract(close[1:], close[:-1], out=changes[1:])
    moved = _wilder(np.abs(changes), RSI_BARS)
    np.maximum(changes, 0.0, out=changes)
    out = 100.0 * _wilder(changes, RSI_BARS)
    np.divide(out, moved, out=out, where=moved >= FLAT_MOVES)
    out[moved < FLAT_MOVES] = 50.0
    out[:RSI_BARS] = np.nan
    return out


def _atr(high: Floats, low: Floats, close: Floats) -> Floats:
    ranges = np.zeros_like(close)
    # the largest of high - low, |high - before| and |low - before|, without three differences
    np.subtract(np.maximum(high[1:], close[:-1]), np.minimum(low[1:], close[:-1]), out=ranges[1:])
    return _known(_wilder(ranges, ATR_BARS), ATR_BARS)


def _vwap(high: Floats, low: Floats, close: Floats, volume: Floats, session_starts: Sequence[int]) -> Floats:
    out = np.full_like(close, np.nan)
    known = ~np.isnan(volume)
    if not known.any():
        return out
    traded = np.where(known, volume, 0.0)
    turnover = high + low
    turnover += close
    turnover /= 3.0
    turnover *= traded
    for first, until in _spans(session_starts, len(close)):
        for sums in (turnover[first:until], traded[first:until]):
            np.cumsum(sums, out=sums)
    np.divide(turnover, traded, out=out, where=known & (traded > 0.0))
    return out


def _spans(starts: Sequence[int], until: int) -> list[tuple[int, int]]:
    edges = [0, *(int(start) for start in starts if 0 < start < until), until]
    return list(itertools.pairwise(edges))


def _momentum(close: Floats) -> Floats:
    out = np.full_like(close, np.nan)
    np.subtract(close[MOMENTUM_BARS:], close[:-MOMENTUM_BARS], out=out[MOMENTUM_BARS:])
    return out


def _exponential(values: Floats, n: int, *, first: int = 0) -> Floats:
    return _recursive(values, n, alpha=2.0 / (n + 1.0), first=first)


def _wilder(moves: Floats, n: int) -> Floats:
    """Of changes from bar to bar, which the first bar has none of."""
    return _recursive(moves, n, alpha=1.0 / n, first=1)


def _recursive(values: Floats, n: int, *, alpha: float, first: int) -> Floats:
    """A recursion y += alpha (x - y) from the mean of the `n` values that begin at row `first`. Not to be written to.

    Rows before the end of these say nothing. `values` must be the caller's own: for the time of the call the seed
    stands in place of what it is made of, so that one pass over the whole array needs no copy.
    """
    start = first + n
    if len(values) < start:
        return np.full_like(values, np.nan)
    head = values[:start].copy()
    values[:start] = head[first:].mean()
    found: Floats = pl.Series(values).ewm_mean(alpha=alpha, adjust=False).to_numpy()
    values[:start] = head
    return found


def _known(values: Floats, first: int) -> Floats:
    """The values from row `first` on, NaN before."""
    out = values.copy()
    out[:first] = np.nan
    return out
