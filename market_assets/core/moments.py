"""Means and deviations of the last n values in few passes, each of its own window alone.

A window is put together from halves: two neighbours make pairs, two pairs fours, and so on, so that twenty values
need five additions. Unlike with running sums, which add the newest value and take away the oldest, nothing of what
left a window stays in it, and the sum of squares never cancels. `core.windows` has what is made of whole windows.
"""

from typing import NamedTuple

import numpy as np

from market_assets.core.windows import Floats

#: rows at once: what is made of them stays in the processor's cache
_CHUNK = 8192


class _Part(NamedTuple):
    """Stretches of `n` neighbouring values; each row is the stretch that begins there."""

    n: int
    total: Floats
    #: sum of the squared differences from the mean; None where nobody asks
    squares: Floats | None


def moving_mean(values: Floats, n: int) -> Floats:
    """Mean of the last `n` values, the current one included; NaN before there are as many, or while one is NaN."""
    out = np.full(len(values), np.nan)
    for first in range(n - 1, len(values), _CHUNK):
        whole = _stretches(_Part(1, values[first - n + 1 : first + _CHUNK], None), n)
        np.divide(whole.total, n, out=out[first : first + _CHUNK])
    return out


def moving_moments(values: Floats, n: int) -> tuple[Floats, Floats]:
    """The same mean, and the population standard deviation (ddof 0)."""
    mean, deviation = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for first in range(n - 1, len(values), _CHUNK):
        block = values[first - n + 1 : first + _CHUNK]
        rows = slice(first, first + _CHUNK)
        _, total, squares = _stretches(_Part(1, block, np.zeros_like(block)), n)
        assert squares is not None
        np.divide(total, n, out=mean[rows])
        squares /= n
        np.sqrt(squares, out=deviation[rows])
    return mean, deviation


def _stretches(part: _Part, n: int) -> _Part:
    """Stretches of `n` out of single values: those of 1, 2, 4 ... that `n` is the sum of, one after the other."""
    whole: _Part | None = None
    while True:
        if n & part.n:
            whole = part if whole is None else _joined(whole, part)
        if 2 * part.n > n:
            assert whole is not None
            return whole
        part = _joined(part, part)


def _joined(older: _Part, newer: _Part) -> _Part:
    """Each stretch of `older` with the one of `newer` that follows it."""
    n = older.n + newer.n
    after = newer.total[older.n :]
    before = older.total[: len(after)]
    if older.squares is None or newer.squares is None:
        return _Part(n, before + after, None)
    gap = after - before if older.n == newer.n else after * (older.n / newer.n) - before
    gap *= gap
    gap *= newer.n / (older.n * n)
    gap += newer.squares[older.n :]
    gap += older.squares[: len(after)]
    return _Part(n, before + after, gap)
