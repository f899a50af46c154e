"""Prices of one listing as a pure function of seed, listing and trading days.

A day's log return is `beta` times a market return plus the listing's own; both have Student-t
innovations (4 degrees of freedom) and GARCH(1,1) variance, and the level is pulled gently to a
trend. The stream of draws is read in time order, so a longer horizon never changes an earlier day.
No calendar, no clock, no wire format.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resources.sandbox.backend import Bars, Days, Floats

MARKET_VOL = 0.009
#: GARCH(1,1): weight of the last squared shock, and of the last variance
_ALPHA, _BETA = 0.06, 0.92
#: standardised shocks are cut here and variance at this multiple of its mean, so that no day is absurd
_WIDEST_SHOCK, _WIDEST_VARIANCE = 7.0, 9.0
#: share of the distance to the trend that a day's return takes back
_PULL = 0.0012
_T_DEGREES = 4
_HALF_DAY_VOLUME = 0.45


@dataclass(frozen=True)
class Path:
    """What a simulation needs to know of one listing, in array form."""

    name: str
    days: Days
    half: NDArray[np.bool_]
    start_price: float
    daily_vol: float
    beta: float
    #: expected log growth of a day
    drift: float
    base_volume: float
    has_volume: bool
    trades_all_day: bool
    decimals: int
    #: day index -> new shares per old share
    splits: dict[int, float]
    #: (declared day index, ex day index, share of the price paid); the declared day sets the amount
    dividends: list[tuple[int, int, float]]
    #: day index -> overnight return forced on that day (fraction)
    gaps: dict[int, float]


@dataclass(frozen=True)
class Simulated:
    """Raw bars, and the amount of each dividend by ex day index (USD per share)."""

    bars: Bars
    amounts: dict[int, float]


def stream(seed: int, name: str, quantity: str) -> np.random.Generator:
    """An independent stream of draws for one quantity of one name."""
    digest = hashlib.blake2b(f"{seed}/{name}/{quantity}".encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def shocks(seed: int, name: str, n: int, vol: float) -> tuple[Floats, Floats]:
    """Returns with fat tails and clustered variance, and each day's volatility."""
    draws = stream(seed, name, "shocks").standard_t(_T_DEGREES, n) / math.sqrt(_T_DEGREES / (_T_DEGREES - 2))
    clipped = np.clip(draws, -_WIDEST_SHOCK, _WIDEST_SHOCK).tolist()
    mean_variance = vol * vol
    base, widest = (1 - _ALPHA - _BETA) * mean_variance, _WIDEST_VARIANCE * mean_variance
    variance, returns, variances = mean_variance, [], []
    for draw in clipped:
        shock = math.sqrt(variance) * draw
        returns.append(shock)
        variances.append(variance)
        variance = min(base + _ALPHA * shock * shock + _BETA * variance, widest)
    return np.array(returns), np.sqrt(np.array(variances))


def simulate(path: Path, seed: int, market: Floats) -> Simulated:
    """Bars of a path. `market` holds the common returns of the same days."""
    n = len(path.days)
    own, own_vol = shocks(seed, path.name, n, path.daily_vol)
    vol = np.sqrt(own_vol**2 + (path.beta * MARKET_VOL) ** 2)
    returns = pulled(own + path.beta * market, path.drift)
    overnight = _overnight(path, seed, returns, vol)
    for index, gap in path.gaps.items():
        returns[index] = math.log1p(gap) + 0.1 * own[index]
        overnight[index] = math.log1p(gap)
    level = path.start_price * np.exp(np.cumsum(returns))
    shares, paid, amounts = _actions(path, level)
    close = level * paid / shares
    before = np.concatenate([[path.start_price], level[:-1]])
    opened = before * np.exp(overnight) * paid / shares
    ranges = stream(seed, path.name, "ranges").standard_normal((n, 2))
    high = np.maximum(opened, close) * np.exp(0.45 * vol * np.abs(ranges[:, 0]))
    low = np.minimum(opened, close) * np.exp(-0.45 * vol * np.abs(ranges[:, 1]))
    tick = 10.0**-path.decimals
    opened, high, low, close = (np.maximum(np.round(p, path.decimals), tick) for p in (opened, high, low, close))
    volume, vwap, trades = _activity(path, seed, vol / path.daily_vol, shares, (opened, high, low, close))
    return Simulated(Bars(path.days, opened, high, low, close, volume, vwap, trades), amounts)


def pulled(own: Floats, drift: float, pull: float = _PULL) -> Floats:
    """Add drift and the pull to trend; the distance to trend is what the pull acts on."""
    distance, out = 0.0, []
    for shock in own.tolist():
        move = shock - pull * distance
        distance += move
        out.append(drift + move)
    return np.array(out)


def _overnight(path: Path, seed: int, returns: Floats, vol: Floats) -> Floats:
    """The part of each return made before the open; none where the market never closes."""
    draws = stream(seed, path.name, "overnight").standard_normal(len(returns))
    return 0.0005 * vol * draws if path.trades_all_day else 0.3 * returns + 0.25 * vol * draws


def _actions(path: Path, level: Floats) -> tuple[Floats, Floats, dict[int, float]]:
    """Shares per first share, what dividends left of the price, and the dividend amounts."""
    shares = np.ones(len(level))
    for index, ratio in path.splits.items():
        shares[index:] *= ratio
    paid = np.ones(len(level))
    amounts: dict[int, float] = {}
    for declared, ex, share in path.dividends:
        at_declaration = level[declared] * paid[declared] / shares[declared]
        announced = max(round(share * at_declaration, 2), 0.01)
        paid_on = min(ex, len(level) - 1)
        amounts[ex] = round(float(announced * shares[declared] / shares[paid_on]), 4)
        if ex < len(level):
            prev_close = level[ex - 1] * paid[ex - 1] / shares[ex]
            paid[ex:] *= 1 - amounts[ex] / prev_close
    return shares, paid, amounts


def _activity(
    path: Path, seed: int, relative_vol: Floats, shares: Floats, prices: tuple[Floats, Floats, Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Volume (it grows with volatility and share count), vendor's average price, trades."""
    opened, high, low, close = prices
    n = len(close)
    if not path.has_volume:
        unstated = np.full(n, np.nan)
        return unstated, unstated, unstated
    noise = stream(seed, path.name, "volume").standard_normal(n)
    volume = path.base_volume * shares * relative_vol * np.exp(0.25 * noise)
    volume = np.where(path.half, volume * _HALF_DAY_VOLUME, volume)
    volume = np.round(volume, 6) if path.trades_all_day else np.floor(volume)
    vwap = np.round((opened + high + low + 2 * close) / 5, path.decimals + 2)
    return volume, np.clip(vwap, low, high), np.floor(volume * close / 9000) + 50
