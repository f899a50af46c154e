"""How far two series of numbers moved together over their last n pairs, each value from its own window alone.

Arrays in, arrays of the same length out, NaN where a correlation is not known.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from market_assets.core.statistics import FLAT
from market_assets.core.windows import Floats, previous

#: rows computed at once, so that a long series does not fill the memory
_CHUNK = 1024


def correlation(a: Floats, b: Floats, n: int, *, least: int | None = None, start: int = 0) -> Floats:
    """Pearson correlation of the last `n` pairs, the current one included, from row `start` on.

    A pair of which one side is NaN is not counted; NaN where fewer than `least` (all of them unless stated) are known,
    and where one of the two does not vary.
    """
    out = np.full(len(a), np.nan)
    windows_a, windows_b = _windows(a, n), _windows(b, n)
    for first in range(start, len(a), _CHUNK):
        rows = slice(first, first + _CHUNK)
        out[rows] = _pearson(windows_a[rows], windows_b[rows], n if least is None else least)
    return out


def autocorrelation(values: Floats, n: int) -> Floats:
    """Correlation of the last `n` values with the one before each, n-1 pairs; NaN unless all are known."""
    return correlation(previous(values), values, n - 1)


def _windows(values: Floats, n: int) -> Floats:
    """The last `n` values of each row; NaN before the first."""
    return sliding_window_view(np.concatenate([np.full(n - 1, np.nan), values]), n) if len(values) else values


def _pearson(a: Floats, b: Floats, least: int) -> Floats:
    """Correlation of each row of `a` with that of `b`."""
    known = ~(np.isnan(a) | np.isnan(b))
    count = np.count_nonzero(known, axis=1)
    one, other = _centred(a, known, count), _centred(b, known, count)
    free = np.maximum(count - 1, 1)
    spread_a, spread_b = (np.sqrt((side * side).sum(axis=1) / free) for side in (one, other))
    varies = (count >= max(least, 2)) & (spread_a >= FLAT) & (spread_b >= FLAT)
    out = np.full(len(a), np.nan)
    np.divide((one * other).sum(axis=1) / free, spread_a * spread_b, out=out, where=varies)
    # a perfect one is 1, whatever the rounding
    clipped: Floats = np.clip(out, -1.0, 1.0)
    return clipped


def _centred(values: Floats, known: NDArray[np.bool_], count: NDArray[np.int64]) -> Floats:
    """Each row's known values less their mean; 0 where they are not known."""
    mean: Floats = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(known, values - mean[:, None], 0.0)
