"""At which prices the last bars traded: their volume spread over equal price bins, many windows at once.

A bar's volume lies evenly between its low and its high, leaning to the upper or the lower side of its close where
it closed near an end. Each bar is therefore one or two intervals of constant density: an interval's ends fall into
two bins, what is between them is a step up and a step down whose running sum fills whole bins. This costs a window
its bars, not its bars times its bins.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market_assets.core.windows import Floats
from market_assets.crypto.settings import LiquiditySettings


class Windows(NamedTuple):
    """The bars of each profile: a row a profile, a column a bar, oldest first."""

    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Profiles(NamedTuple):
    """Volume by price; a row a profile."""

    #: prices in the middle of the bins
    centres: Floats
    #: smoothed volume of the bins
    volume: Floats


class _Intervals(NamedTuple):
    """Stretches of constant density, in bins from the bottom of the grid."""

    start: Floats
    end: Floats
    density: Floats


def profiles(windows: Windows, settings: LiquiditySettings) -> Profiles:
    """The volume profile of each window. Its highest high must be above its lowest low."""
    lowest, highest = windows.low.min(axis=1, keepdims=True), windows.high.max(axis=1, keepdims=True)
    pad = settings.pad_share * (highest - lowest)
    bottom, width = lowest - pad, (highest - lowest + 2.0 * pad) / settings.bins
    low, high, close = (
        np.clip((prices - bottom) / width, 0.0, settings.bins) for prices in (windows.low, windows.high, windows.close)
    )
    position = _close_position(windows)
    sides = [(position > settings.high_close, _above(close, low, high))]
    sides += [(position < settings.low_close, _below(close, low, high))]
    heavier = _Intervals(
        np.where(sides[0][0], sides[0][1], low),
        np.where(sides[1][0], sides[1][1], high),
        np.where(sides[0][0] | sides[1][0], settings.side_weight - 1.0, 0.0),
    )
    weighted = windows.volume * _age_weights(windows.volume.shape[1], settings)
    length = high - low + heavier.density * (heavier.end - heavier.start)
    density = np.divide(weighted, length, out=np.zeros_like(weighted), where=high > low)
    volume = _filled(
        [_Intervals(low, high, density), heavier._replace(density=heavier.density * density)],
        np.where(high > low, 0.0, weighted),
        settings.bins,
    )
    centres = bottom + (np.arange(settings.bins) + 0.5) * width
    return Profiles(centres, _smoothed(volume, settings.kernel))


def _close_position(windows: Windows) -> Floats:
    """Where in its bar a close is, 0 at the low and 1 at the high; NaN for a bar of one price."""
    height = windows.high - windows.low
    out = np.full_like(height, np.nan)
    np.divide(windows.close - windows.low, height, out=out, where=height > 0)
    return out


def _above(close: Floats, low: Floats, high: Floats) -> Floats:
    """Lower edge of the first bin whose centre is above the close, inside the bar."""
    return np.clip(np.floor(close - 0.5) + 1.0, low, high)


def _below(close: Floats, low: Floats, high: Floats) -> Floats:
    """Upper edge of the last bin whose centre is below the close, inside the bar."""
    return np.clip(np.ceil(close - 0.5), low, high)


def _age_weights(n: int, settings: LiquiditySettings) -> Floats:
    """Weight of each bar of a window: the newest count in the profile of all and in that of the recent."""
    recent = np.where(np.arange(n) >= n - settings.recent, settings.recent_weight, 0.0)
    return settings.all_weight + recent


def _filled(stretches: list[_Intervals], points: Floats, bins: int) -> Floats:
    """Volume of each bin: of the intervals, and of `points`, which lie where the first of them start."""
    rows = len(points)
    offset = np.arange(rows)[:, None] * bins
    cells: list[NDArray[np.int64]] = []
    ends: list[Floats] = []
    steps: list[Floats] = []
    turns: list[NDArray[np.int64]] = []
    for start, end, density in stretches:
        first, last = (np.minimum(edge, bins - 1).astype(np.int64) for edge in (start, end))
        one = first == last
        cells += [first + offset, last + offset]
        ends += [density * (np.where(one, end, first + 1) - start), np.where(one, 0.0, density * (end - last))]
        # only whole bins in between are stepped over, so that a short dense bar leaves no rounding behind
        between = np.where(last > first + 1, density, 0.0)
        turns += [np.minimum(first + 1, bins - 1) + offset, last + offset]
        steps += [between, -between]
    ends[0] = ends[0] + points
    size = rows * bins
    partial = np.bincount(_flat(cells), _flat(ends), size).reshape(rows, bins)
    whole: Floats = np.bincount(_flat(turns), _flat(steps), size).reshape(rows, bins).cumsum(axis=1)
    return np.asarray(partial + whole, dtype=np.float64)


def _flat(parts: list[NDArray[np.float64]] | list[NDArray[np.int64]]) -> NDArray[np.float64] | NDArray[np.int64]:
    return np.concatenate([part.ravel() for part in parts])


def _smoothed(volume: Floats, kernel: tuple[float, ...]) -> Floats:
    """Mean of neighbouring bins by the kernel's weights, of those that the grid has."""
    bins, reach = volume.shape[1], len(kernel) // 2
    padded = np.pad(volume, ((0, 0), (reach, reach)))
    inside = np.pad(np.ones(bins), reach)
    total = sum(weight * padded[:, i : i + bins] for i, weight in enumerate(kernel))
    mass = sum(weight * inside[i : i + bins] for i, weight in enumerate(kernel))
    return np.asarray(total / mass)
