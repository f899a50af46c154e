"""Simulated hours of bitcoin: a price path of its own, and the liquidations that a price path causes.

Shaped like `simulation.py`: fat-tailed innovations, clustered variance, a gentle pull to a trend, and
streams of draws read in time order, so that a longer horizon never changes an earlier hour. The path
is not that of the daily `BTC-USD`. Liquidations of an hour depend on the moves of that hour and the
one before and on the hour's own draws, never on a later price.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from resources.sandbox.hours import HOUR, Floats, Hours, Stamps
from resources.sandbox.simulation import pulled, shocks, stream

NAME = "bitcoin/hours"
PRICE_COLUMNS = ("open", "high", "low", "close")
LIQUIDATION_COLUMNS = ("long", "short")

#: first hour of the simulated path, its price (USD), and the expected log growth an hour
START = int(datetime(2017, 1, 1, tzinfo=UTC).timestamp())
_START_PRICE = 4000.0
_GROWTH = 0.3 / (365 * 24)
#: standard deviation of an hour's log return
_VOL = 0.006
#: share of the distance to the trend that an hour's return takes back: half of it in about 190 days
_PULL = 0.00015
#: how far high and low lie beyond open and close, in units of the hour's volatility and a normal draw
_RANGE = 0.45
_MONTH = 30 * 24 * HOUR

#: a side is hurt by the hour's adverse move and by this share of the last hour's, up to the widest move:
#: beyond it nobody with leverage is left
_LAST_HOUR = 0.5
_WIDEST_MOVE = 0.06
#: moves are counted in these units (fraction)
_MOVE = 0.002
_WIDEST_NOISE = 5.5
_MOST_HOURS_OF_YEAR = 366 * 24


@dataclass(frozen=True)
class Side:
    """How one side is liquidated: volume = exp(level + power x ln(1 + move) + noise) - least, at least 0 (BTC)."""

    #: +1 is hurt by a rise, -1 by a fall
    hurt_by: int
    level: float
    power: float
    #: standard deviation of the noise both sides share, and of the side's own
    shared: float
    own: float
    #: what less is liquidated goes unreported: the hour states zero
    least: float


#: set so that 46,227 hours have the medians, means and shares of zeros of real ones
LONG = Side(hurt_by=-1, level=-0.08, power=1.8, shared=1.4, own=0.95, least=0.19)
SHORT = Side(hurt_by=1, level=0.2, power=1.55, shared=1.25, own=0.9, least=0.23)


def horizon(at: datetime) -> int:
    """The end of the month of 30 days that holds `at`, in epoch seconds: paths are drawn by the month."""
    months = math.ceil((at.timestamp() - START + 1) / _MONTH)
    return START + max(months, 0) * _MONTH


def prices(seed: int, until: int) -> Hours:
    """Open, high, low, close (USD) of every hour from 2017 that starts before `until` (epoch seconds)."""
    start: Stamps = np.arange(START, until, HOUR, dtype=np.int64)
    if not len(start):
        return Hours.empty(PRICE_COLUMNS)
    own, vol = shocks(seed, NAME, len(start), _VOL)
    close = _START_PRICE * np.exp(np.cumsum(pulled(own, _GROWTH, _PULL)))
    opened = np.concatenate([[_START_PRICE], close[:-1]])
    draws = np.abs(stream(seed, NAME, "ranges").standard_normal((len(start), 2)))
    high = np.maximum(opened, close) * np.exp(_RANGE * vol * draws[:, 0])
    low = np.minimum(opened, close) * np.exp(-_RANGE * vol * draws[:, 1])
    columns = zip(PRICE_COLUMNS, (opened, high, low, close), strict=True)
    return Hours(start, {name: np.round(column, 2) for name, column in columns})


def liquidations(path: Hours, seed: int) -> Hours:
    """Liquidated volumes (BTC) of the hours of `path` that have a close: `long` in falls, `short` in rises.

    `path` has at least a close; the open stands in for the close of an hour before that is absent.
    """
    moves = _moves(path)
    known = ~np.isnan(path.values["close"])
    draws = _draws(path.start, seed)
    sides = zip(LIQUIDATION_COLUMNS, (LONG, SHORT), (1, 2), strict=True)
    volumes = {name: _volume(side, moves, draws[:, 0], draws[:, own]) for name, side, own in sides}
    return Hours(path.start, volumes).take(known)


def _moves(path: Hours) -> tuple[Floats, Floats]:
    """Log returns of each hour and of the hour before it; 0 where there is no price to compare with."""
    close = path.values["close"]
    before = _hour_before(path.start, close)
    opened = path.values.get("open", np.full(len(path), np.nan))
    this = _or_zero(np.log(close / np.where(np.isnan(before), opened, before)))
    return this, _or_zero(_hour_before(path.start, this))


def _hour_before(start: Stamps, values: Floats) -> Floats:
    """Each row's value one hour earlier; NaN where that hour is absent."""
    follows = np.diff(start, prepend=start[:1]) == HOUR
    return np.where(follows, np.roll(values, 1), np.nan)


def _or_zero(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)


def _volume(side: Side, moves: tuple[Floats, Floats], shared: Floats, own: Floats) -> Floats:
    this, last = (np.maximum(side.hurt_by * move, 0.0) for move in moves)
    move = np.minimum(this + _LAST_HOUR * last, _WIDEST_MOVE)
    noise = np.clip(side.shared * shared + side.own * own, -_WIDEST_NOISE, _WIDEST_NOISE)
    volume: Floats = np.exp(side.level + side.power * np.log1p(move / _MOVE) + noise) - side.least
    return volume.clip(min=0.0).round(6)


def _draws(start: Stamps, seed: int) -> Floats:
    """Three draws an hour, the same for an hour wherever a path begins: each year is a stream of its own."""
    years = start.astype("datetime64[s]").astype("datetime64[Y]")
    drawn = np.empty((len(start), 3))
    for year in np.unique(years):
        rows = years == year
        hour_of_year = (start[rows] - int(year.astype("datetime64[s]").astype(np.int64))) // HOUR
        whole = stream(seed, f"{NAME}/{year}", "liquidations").standard_normal((_MOST_HOURS_OF_YEAR, 3))
        drawn[rows] = whole[hour_of_year]
    return drawn
