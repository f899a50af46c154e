"""Liquidity overlay: the prices at which the last bars traded most, as supports below and resistances above."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from market_assets.core.windows import Floats
from market_assets.crypto.settings import LiquiditySettings
from market_assets.crypto.transforms.overlays.columns import first_kept, floats, nulls, typed
from market_assets.crypto.transforms.overlays.given import Given
from market_assets.crypto.transforms.overlays.volume_profile import (
    Profiles,
    Windows,
    profiles,
)

COLUMNS = (
    "zone_near_price",
    "zone_near_dist_pct",
    "zone_near_strength",
    "zone_side",
    "zone_support_near",
    "zone_resistance_near",
    "zone_supports",
    "zone_resistances",
    "zone_concentration",
)
#: rows computed at once: a day of 5m, whose windows stay in the cache of the processor
_CHUNK = 288


class Zones(NamedTuple):
    """The zones of each profile, strongest first; a row a profile, a column a zone."""

    price: Floats
    #: volume of the bin over that of the mean bin
    strength: Floats
    #: which of them stand: the columns of a row with fewer zones are filled with others
    stands: NDArray[np.bool_]


def compute(bars: pl.DataFrame, given: Given) -> pl.DataFrame:
    """The liquidity columns of each bar at or after `given.first`; null before, and while the window is not full."""
    settings = given.settings.liquidity
    first = min(max(first_kept(bars, given.first), settings.window - 1), bars.height)
    columns = [floats(bars, name) for name in ("high", "low", "close", "volume")]
    parts: list[dict[str, Floats]] = []
    ranges = [np.zeros(first, dtype=np.bool_)]
    for start in range(first, bars.height, _CHUNK):
        rows = slice(start - settings.window + 1, start + _CHUNK)
        windows = Windows(*(sliding_window_view(column[rows], settings.window) for column in columns))
        ranges.append(windows.high.max(axis=1) > windows.low.min(axis=1))
        parts.append(zone_values(Windows(*(column[ranges[-1]] for column in windows)), settings))
    if not parts:
        return nulls(COLUMNS, bars.height)
    return _placed(typed(COLUMNS, _joined(parts)), np.concatenate(ranges))


def zone_values(windows: Windows, settings: LiquiditySettings) -> dict[str, Floats]:
    """The liquidity columns of each window, whose highest high must be above its lowest low. NaN is nothing."""
    close, shown = windows.close[:, -1], profiles(windows, settings)
    zones = strongest(shown, close, settings)
    below, above = (zones.stands & (zones.price < close[:, None])), (zones.stands & (zones.price > close[:, None]))
    near, strength = _nearest(zones, close)
    mean = shown.volume.mean(axis=1)
    return {
        "zone_near_price": near,
        "zone_near_dist_pct": 100.0 * (near / close - 1.0),
        "zone_near_strength": strength,
        "zone_side": np.sign(close - near),
        "zone_support_near": _finite(np.max(zones.price, axis=1, where=below, initial=-np.inf)),
        "zone_resistance_near": _finite(np.min(zones.price, axis=1, where=above, initial=np.inf)),
        "zone_supports": np.where(below, zones.price, np.nan),
        "zone_resistances": np.where(above, zones.price, np.nan),
        "zone_concentration": np.divide(shown.volume.max(axis=1), mean, out=np.full(len(mean), np.nan), where=mean > 0),
    }


def strongest(shown: Profiles, close: Floats, settings: LiquiditySettings) -> Zones:
    """The bins above the threshold, strongest first (ties: the lower price), without those too near to a stronger one.

    A wide range near zero reaches below it: what lies there is no price.
    """
    threshold = np.quantile(shown.volume, settings.threshold_quantile, axis=1, keepdims=True)
    high = (shown.volume > threshold) & (shown.centres > 0)
    most = int(high.sum(axis=1).max(initial=0))
    order = np.argsort(np.where(high, -shown.volume, np.inf), axis=1, kind="stable")[:, :most]
    price, volume = (np.take_along_axis(part, order, axis=1) for part in (shown.centres, shown.volume))
    stands = np.take_along_axis(high, order, axis=1)
    room = settings.min_distance_pct / 100.0 * close
    for i in range(1, most):
        crowded = stands[:, :i] & (np.abs(price[:, :i] - price[:, i : i + 1]) < room[:, None])
        stands[:, i] &= ~crowded.any(axis=1)
    # a window without volume has no zone, so what its mean of 0 would give is nowhere shown
    mean = shown.volume.mean(axis=1, keepdims=True)
    return Zones(price, np.divide(volume, mean, out=np.zeros_like(volume), where=mean > 0), stands)


def _joined(parts: list[dict[str, Floats]]) -> dict[str, Floats]:
    """The columns of several chunks, one chunk after the other; rows of zones are filled with NaN to one length."""
    found: dict[str, Floats] = {}
    for name in COLUMNS:
        columns = [part[name] for part in parts]
        if columns[0].ndim > 1:
            most = max(column.shape[1] for column in columns)
            room = ([(0, 0), (0, most - column.shape[1])] for column in columns)
            columns = [
                np.pad(column, width, constant_values=np.nan) for column, width in zip(columns, room, strict=True)
            ]
        found[name] = np.concatenate(columns)
    return found


def _placed(found: pl.DataFrame, there: NDArray[np.bool_]) -> pl.DataFrame:
    """The rows of `found` where one is `there`, nulls where not: the bars of such a window have one price, or none."""
    rows = pl.Series(np.where(there, np.cumsum(there) - 1, -1))
    return found.select(pl.all().gather(rows.set(rows < 0, None)))


def _nearest(zones: Zones, close: Floats) -> tuple[Floats, Floats]:
    """(price, strength) of the zone nearest to the close (ties: the lower price); NaN without one."""
    if not zones.price.size:
        return np.full(len(close), np.nan), np.full(len(close), np.nan)
    apart = np.where(zones.stands, np.abs(zones.price - close[:, None]), np.inf)
    tied = zones.stands & (apart == apart.min(axis=1, keepdims=True))
    chosen = np.argmin(np.where(tied, zones.price, np.inf), axis=1)[:, None]
    price, strength = (np.take_along_axis(part, chosen, axis=1)[:, 0] for part in (zones.price, zones.strength))
    found = tied.any(axis=1)
    return np.where(found, price, np.nan), np.where(found, strength, np.nan)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
