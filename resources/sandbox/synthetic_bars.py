"""Minute bars of the simulated bars market, drawn one UTC day at a time when they are asked for.

Every number is drawn by a hash of its name and minute, as in `synthetic_minutes.py`: any day can be drawn alone, and
no later day changes it. An underlying has one true price, also while its market is closed: the first minute of a
session opens where the price has gone meanwhile. Each vendor states it with a noise of its own, a few thousandths of
a percent. A future lies 0.2 to 0.6 % above its underlying, by a basis that takes weeks to change.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from market_assets.bars.instruments import WITH_VOLUME
from resources.sandbox import perpetual_paths as paths
from resources.sandbox.bar_catalogue import Simulated, simulated
from resources.sandbox.bar_minutes import BarListing, MinuteBars, MinuteMarket, session_minutes
from resources.sandbox.minutes import DAY_MINUTES, DAY_MS, MINUTE_MS, Floats, Integers
from resources.sandbox.synthetic_minutes import busy

#: days of underlyings kept in memory, about 45 kB each
_KEPT = 512

#: hours -> standard deviation of the log of price, for a wildness of 1: together a walk that stays near its level
_PRICE = {4**power: 0.0037 * 2**power for power in range(6)}
#: the same of what rests at night and at weekends, whose price goes on unseen: smaller gaps when it opens
_RESTING = 0.5
#: standard deviation of a minute's log return, for a wildness of 1
_VOL = 0.0007
#: hours -> standard deviation of the log of pace, of the log of activity
_PACE = {1: 0.25, 8: 0.3, 72: 0.3}
_ACTIVITY = {1: 0.3, 12: 0.35, 96: 0.35}
#: spread of the log of a step's size: what makes tails fat
_TAILS = 0.5
#: how far high and low lie beyond open and close, in units of the minute's pace and a normal draw
_RANGE = 0.5
#: lowest, middle and highest basis of a future; hours -> its standard deviation
_BASIS = (0.002, 0.004, 0.006)
_BASIS_MOVES = {480: 0.0008}
#: what a vendor's price and volume differ from the true ones by
_NOISE = 0.00002
_VOLUME_NOISE = 0.01


@dataclass(frozen=True)
class _True:
    """One day of an underlying."""

    #: price at both ends of every minute, one more than minutes
    edges: Floats
    #: factors by which high and low lie beyond open and close
    above: Floats
    below: Floats
    #: how much is traded, against the median
    activity: Floats


def market(seed: int) -> MinuteMarket:
    """The simulated market."""
    true = functools.lru_cache(maxsize=_KEPT)(functools.partial(_true, seed))
    return MinuteMarket(
        (one.listing for one in simulated().values()),
        lambda listing, vendor, day: _stated(seed, simulated()[listing.symbol], vendor, day, true),
    )


def _true(seed: int, base: str, day: int) -> _True:
    shape = simulated()[base]
    by = functools.partial(paths.key, seed, f"bars/{base}")
    minute: Integers = np.arange(day * DAY_MINUTES, (day + 1) * DAY_MINUTES, dtype=np.int64)
    edge_hours = np.append(minute, minute[-1] + 1) / 60.0
    pace = _VOL * shape.wildness * np.exp(paths.noise(by("pace"), minute / 60.0, _PACE)) * np.sqrt(busy(minute))
    drawn = paths.normal(by("steps"), minute) * np.exp(_TAILS * paths.normal(by("tails"), minute) - _TAILS**2)
    hours = (pace * drawn).reshape(-1, 60).cumsum(axis=1)
    bridge = hours - hours[:, -1:] * (np.arange(1, 61) / 60.0)
    far = shape.wildness * (1.0 if shape.listing.calendar == "always" else _RESTING)
    slow = paths.noise(by("price"), edge_hours, {scale: far * spread for scale, spread in _PRICE.items()})
    above, below = (np.exp(_RANGE * pace * np.abs(paths.normal(by(side), minute))) for side in ("high", "low"))
    moved = np.minimum(np.abs(drawn), 6.0)
    clusters = paths.noise(by("activity"), minute / 60.0, _ACTIVITY) + 0.5 * paths.normal(by("volume"), minute)
    return _True(
        edges=shape.price * np.exp(slow + np.append(0.0, bridge.ravel())),
        above=above,
        below=below,
        activity=busy(minute) * np.exp(clusters) * (0.6 + 0.5 * moved),
    )


def _stated(seed: int, one: Simulated, vendor: str, day: int, true: Callable[[str, int], _True]) -> MinuteBars:
    """The day's minutes inside sessions as a vendor states them."""
    listing = one.listing
    opens = session_minutes(listing.calendar, day)
    if not len(opens):
        return MinuteBars.empty()
    told = true(one.base, day)
    by = functools.partial(paths.key, seed, f"bars/{vendor}/{listing.symbol}")
    minute: Integers = np.arange(day * DAY_MINUTES, (day + 1) * DAY_MINUTES + 1, dtype=np.int64)
    price = told.edges * (1 + _NOISE * paths.normal(by("noise"), minute))
    if one.has_basis:
        price = price * _basis(seed, one.base, minute / 60.0)
    places = listing.places(vendor)
    price = np.round(price, places)
    which = (opens - day * DAY_MS) // MINUTE_MS
    opened, close = price[which], price[which + 1]
    traded = one.turnover * told.activity[which] * (1 + _VOLUME_NOISE * paths.normal(by("volume"), minute[which]))
    return MinuteBars(
        time_ms=opens,
        open=opened,
        high=np.round(np.maximum(opened, close) * told.above[which], places),
        low=np.round(np.minimum(opened, close) / told.below[which], places),
        close=close,
        volume=_volume(listing, traded),
        ticks=1 + traded.astype(np.int64) if listing.kind == "spot" else 1 + np.sqrt(4 * traded).astype(np.int64),
    )


def _volume(listing: BarListing, traded: Floats) -> Floats:
    """In whole steps, one at least; NaN of what has none."""
    if listing.kind not in WITH_VOLUME:
        return np.full(len(traded), math.nan)
    return np.maximum(np.round(traded, listing.volume_decimals), 10.0**-listing.volume_decimals)


def _basis(seed: int, base: str, hours: Floats) -> Floats:
    lowest, middle, highest = _BASIS
    drawn = middle + paths.noise(paths.key(seed, f"bars/{base}", "basis"), hours, _BASIS_MOVES)
    return 1 + np.clip(drawn, lowest, highest)
