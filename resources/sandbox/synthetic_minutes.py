"""Minute candles of the simulated market, drawn one UTC day at a time when they are asked for.

Every number is drawn by a hash of its name and minute, as in `perpetual_paths.py`: any day can be drawn alone, and
no later day changes it. At each whole hour a coin has the price its perpetuals are quoted from; the sixty minutes
between are a bridge with fat-tailed steps and a pace that comes in clusters. Futures and spot share both, and differ
by a small basis. Takers buy into rises, and go on for some hours after them.
"""

import functools
import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from resources.sandbox import perpetual_paths as paths
from resources.sandbox.coin_catalogue import OUTAGE, Traded, traded
from resources.sandbox.minutes import (
    DAY_MINUTES,
    DAY_MS,
    MINUTE_MS,
    USDM,
    Booleans,
    Coin,
    Floats,
    Integers,
    Minutes,
    milliseconds,
)

#: days kept in memory, about 0.1 MB each
_KEPT = 384

#: standard deviation of a minute's log return, for a wildness of 1
_VOL = 0.0007
#: hours -> standard deviation of the log of pace, of activity, of the basis of futures, of the takers' mood
_PACE = {1: 0.25, 8: 0.3, 72: 0.3}
_ACTIVITY = {1: 0.3, 12: 0.35, 96: 0.35}
_BASIS = {2: 0.00015, 24: 0.0002}
_MOOD = {3: 0.02, 24: 0.035}
#: spread of the log of a step's size: what makes tails fat
_TAILS = 0.5
#: how far high and low lie beyond open and close, in units of the minute's pace and a normal draw
_RANGE = 0.5
#: quote units in a usual trade
_TRADE = {USDM: 700.0}
_SPOT_TRADE = 500.0
#: hours over which a rise draws takers
_CHASED_H = 6.0


class SyntheticMinutes:
    """What the simulated markets list and trade by the minute."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._drawn = functools.lru_cache(maxsize=_KEPT)(self._draw)

    def coins(self, market: str, at: datetime) -> Sequence[Coin]:
        """What was listed by `at`."""
        return [one.coin for one in traded(market).values() if one.coin.listed_at <= at]

    def candles(self, market: str, symbol: str, first: datetime, until: datetime, at: datetime) -> Minutes:
        """Minutes begun in [first, until) and by `at`, inside the coin's listing."""
        found = traded(market).get(symbol)
        if found is None:
            return Minutes.empty()
        coin = found.coin
        first_ms = max(milliseconds(first), milliseconds(coin.listed_at))
        ends = [until, *([] if coin.closed_at is None else [coin.closed_at])]
        until_ms = min(*(milliseconds(end) for end in ends), milliseconds(at) + 1)
        days = range(first_ms // DAY_MS, -(-until_ms // DAY_MS))
        rows = Minutes.empty().append(*(self._drawn(market, symbol, day) for day in days))
        return rows.window(first_ms, until_ms).begun(at, coin)

    def _draw(self, market: str, symbol: str, day: int) -> Minutes:
        rows = _day(self.seed, traded(market)[symbol], day)
        down, up = (milliseconds(end) for end in OUTAGE)
        return rows.take((rows.time_ms < down) | (rows.time_ms >= up))


def _day(seed: int, one: Traded, day: int) -> Minutes:
    """Every minute of one day."""
    coin, name = one.coin, f"{one.coin.market}/{one.coin.symbol}"
    minute: Integers = np.arange(day * DAY_MINUTES, (day + 1) * DAY_MINUTES, dtype=np.int64)
    edges = np.append(minute, minute[-1] + 1) / 60.0
    pace, edge_prices = _walk(seed, one, minute, edges)
    steps = np.diff(np.log(edge_prices))
    spent, size = _activity(seed, one, minute, np.abs(steps) / pace), _TRADE.get(coin.market, _SPOT_TRADE)
    quiet = paths.uniform(paths.key(seed, name, "quiet"), minute) < np.exp(-spent / size)
    # the first and the last minute of a day trade, so that no day needs to know the one before
    quiet[[0, -1]] = False
    opened, high, low, close = _prices(seed, one, minute, edge_prices, pace, quiet)
    volume = np.where(
        quiet, 0.0, np.maximum(np.round(spent / close, coin.volume_decimals), 10.0**-coin.volume_decimals)
    )
    share = np.clip(_takers(seed, one, minute, steps / pace, edges[1:]), 0.02, 0.98)
    taker = np.round(volume * share, coin.volume_decimals)
    mean = (opened + high + low + close) / 4
    return Minutes(
        time_ms=minute * MINUTE_MS,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        quote_volume=np.round(volume * mean, 5),
        trades=np.where(quiet, 0, 1 + (spent / size).astype(np.int64)),
        taker_base=taker,
        taker_quote=np.round(taker * mean, 5),
    )


def _walk(seed: int, one: Traded, minute: Integers, edges: Floats) -> tuple[Floats, Floats]:
    """The pace of each minute (standard deviation of its log return), and the price at both its ends."""
    by = functools.partial(paths.key, seed, one.base)
    clusters = paths.noise(by("pace"), minute / 60.0, _PACE)
    pace = _VOL * one.wildness * np.exp(clusters) * np.sqrt(busy(minute))
    drawn = paths.normal(by("steps"), minute) * np.exp(_TAILS * paths.normal(by("tails"), minute) - _TAILS**2)
    hours = (pace * drawn).reshape(-1, 60).cumsum(axis=1)
    bridge = hours - hours[:, -1:] * (np.arange(1, 61) / 60.0)
    level = paths.price(seed, one.base, edges, one.price, one.wildness) * one.multiplier
    level = level * np.exp(np.append(0.0, bridge.ravel()))
    if one.coin.market == USDM:
        level = level * (1 + paths.noise(by("basis"), edges, _BASIS))
    return pace, level


def _prices(
    seed: int, one: Traded, minute: Integers, edges: Floats, pace: Floats, quiet: Booleans
) -> tuple[Floats, Floats, Floats, Floats]:
    """Open, high, low, close in whole ticks; a quiet minute stays where the one before it ended."""
    by, decimals = functools.partial(paths.key, seed, f"{one.coin.market}/{one.coin.symbol}"), one.coin.price_decimals
    tick = 10.0**-decimals
    ticks = np.round(edges, decimals)
    last = np.maximum.accumulate(np.where(quiet, 0, np.arange(len(minute))))
    close = ticks[1:][last]
    before = np.append(ticks[0], close[:-1])
    nudged = np.floor(4 * paths.uniform(by("nudge"), minute)) - 1.5
    opened = np.where(quiet, before, before + tick * np.trunc(nudged))
    far = _RANGE * pace * ~quiet
    above, below = (np.exp(far * np.abs(paths.normal(by(side), minute))) for side in ("high", "low"))
    high = np.maximum(opened, close) * above
    low = np.minimum(opened, close) / below
    opened, high, low = (np.maximum(np.round(values, decimals), tick) for values in (opened, high, low))
    return opened, high, low, np.maximum(close, tick)


def _activity(seed: int, one: Traded, minute: Integers, moved: Floats) -> Floats:
    """Quote units traded in each minute; more where the price moved."""
    by = functools.partial(paths.key, seed, f"{one.coin.market}/{one.coin.symbol}")
    clusters = paths.noise(by("activity"), minute / 60.0, _ACTIVITY) + 0.6 * paths.normal(by("volume"), minute)
    return one.turnover * busy(minute) * np.exp(clusters) * (0.6 + 0.5 * np.minimum(moved, 6.0))


def _takers(seed: int, one: Traded, minute: Integers, moved: Floats, ends: Floats) -> Floats:
    """Share of the volume that takers bought: with the minute's move, the last hours' rise, and a mood."""
    by = functools.partial(paths.key, seed, f"{one.coin.market}/{one.coin.symbol}")
    now, then = (paths.price(seed, one.base, at, one.price, one.wildness) for at in (ends, ends - _CHASED_H))
    risen = np.log(now / then) / (one.wildness * _VOL * math.sqrt(60 * _CHASED_H))
    mood = paths.noise(by("mood"), ends, _MOOD) + 0.06 * paths.normal(by("takers"), minute)
    return 0.5 + 0.1 * np.tanh(moved / 1.5) + 0.05 * np.tanh(risen / 1.5) + mood


def busy(minute: Integers) -> Floats:
    """How busy a minute of the day is, against the mean: least in the small hours, most when New York opens."""
    hour = minute % DAY_MINUTES / 60.0
    return 1 + 0.4 * np.cos(2 * np.pi * (hour - 15) / 24) + 0.12 * np.cos(4 * np.pi * (hour - 2.5) / 24)
