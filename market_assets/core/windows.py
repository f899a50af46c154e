"""Statistics of the last n values, each computed from its own window alone.

A value depends on nothing before its window: not on how long the series is, nor on what was loaded. (A running sum
that adds the newest and takes away the oldest keeps the rounding of everything it has seen.) Arrays in, arrays of the
same length out, NaN until a window is full.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from market_assets.core.statistics import FLAT

Floats = NDArray[np.float64]
#: rows computed at once, so that a long series neither fills the memory nor leaves the processor's cache
_CHUNK = 1024


def total(values: Floats, n: int) -> Floats:
    """Sum of the last `n` values, the current one included."""
    return _rolled(values, n, lambda windows: windows.sum(axis=1))


def mean(values: Floats, n: int) -> Floats:
    """Mean of the last `n` values, the current one included."""
    return total(values, n) / n


def std(values: Floats, n: int) -> Floats:
    """Sample standard deviation (ddof 1) of the last `n` values, the current one included; NaN for n = 1."""
    if n == 1:
        return np.full(len(values), np.nan)
    return _rolled(values, n, lambda windows: windows.std(axis=1, ddof=1))


def previous(values: Floats) -> Floats:
    """The value of the row before; NaN at the first row."""
    shifted = np.full_like(values, np.nan)
    shifted[1:] = values[:-1]
    return shifted


def zscore_of_previous(values: Floats, n: int) -> Floats:
    """(x - mean)/std of each value against the `n` before it; NaN where those do not vary."""
    centre, scale = previous(mean(values, n)), previous(std(values, n))
    out = np.full(len(values), np.nan)
    np.divide(values - centre, scale, out=out, where=scale >= FLAT)
    return out


def rank_in_previous(values: Floats, n: int, start: int = 0) -> Floats:
    """Rank in [0, 1] of each value among the `n` values before it, ties half; rounding is no difference.

    Values that are NaN are not counted; NaN where fewer than half of the window are known, and before row `start`.
    """
    out = np.full(len(values), np.nan)
    windows = sliding_window_view(np.concatenate([np.full(n, np.nan), values]), n)[: len(values)]
    for first in range(start, len(values), _CHUNK):
        rows = slice(first, first + _CHUNK)
        _ranked(values[rows], windows[rows], out[rows])
    return out


def sign_of_difference(a: Floats, b: Floats) -> Floats:
    """-1, 0 or +1 by a - b; 0 where they differ by rounding alone, NaN where one of them is."""
    gap = a - b
    return np.where(np.abs(gap) <= FLAT * np.abs(b), 0.0, np.sign(gap))


def _rolled(values: Floats, n: int, reduce: Callable[[Floats], Floats]) -> Floats:
    out = np.full(len(values), np.nan)
    if len(values) >= n:
        windows, full = sliding_window_view(values, n), out[n - 1 :]
        for first in range(0, len(windows), _CHUNK):
            rows = slice(first, first + _CHUNK)
            full[rows] = reduce(windows[rows])
    return out


def _ranked(values: Floats, windows: Floats, out: Floats) -> None:
    """Write the rank of each value in its window to `out`, where there is one."""
    current = values[:, None]
    rounding = FLAT * np.abs(current)
    known = windows.shape[1] - np.count_nonzero(np.isnan(windows), axis=1)
    below = np.count_nonzero(windows < current - rounding, axis=1)
    ties = np.count_nonzero(windows <= current + rounding, axis=1) - below
    enough = (2 * known >= windows.shape[1]) & ~np.isnan(values)
    np.divide(below + 0.5 * ties, known, out=out, where=enough)
