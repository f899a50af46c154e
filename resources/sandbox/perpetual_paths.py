"""Simulated premiums, prices and open interest as pure functions of seed, name and hour.

Every number is drawn by a hash of its name and index, not read from a stream: any hour can be asked for
alone, and a longer horizon never changes an earlier one. A path is a sum of noises of several time scales:
fast ones revert in hours, slow ones make regimes; for prices, whose variance grows with the scale, the sum
looks like a random walk.
"""

import hashlib
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from resources.sandbox.perpetuals import Floats

Hours = NDArray[np.int64]
Bits = NDArray[np.uint64]

#: hours of a regime, and the share of regimes that are calm, hot or, beyond both, negative
_REGIME_H = 240
_CALM, _HOT = 0.72, 0.92
#: time scale (h) -> standard deviation of a base's premium and of a contract's own (fraction of 8 hours)
_BASE_PREMIUM = {1: 0.00008, 6: 0.00016, 24: 0.00012}
_OWN_PREMIUM = {2: 0.00008, 12: 0.00014, 48: 0.00016, 720: 0.00008}
#: standard deviation of an hour's log return, and what makes noises of 4^k hours add up to it
_HOURLY_VOL = 0.006
_PRICE_SCALES = tuple(4**power for power in range(8))
_STEP = 0.61
#: time scale (h) -> standard deviation of log open interest
_OPEN_INTEREST = {6: 0.03, 48: 0.1, 720: 0.25}


def key(seed: int, name: str, quantity: str) -> int:
    """What tells the draws of one quantity of one name from all others."""
    digest = hashlib.blake2b(f"{seed}/{name}/{quantity}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _bits(drawn_by: int, index: Hours) -> Bits:
    """64 random bits for each index (the finaliser of splitmix64 over key and index)."""
    mixed: Bits = np.uint64(drawn_by) + index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def uniform(drawn_by: int, index: Hours) -> Floats:
    """Draws from [0, 1)."""
    return (_bits(drawn_by, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(drawn_by: int, index: Hours) -> Floats:
    """Draws with mean 0 and standard deviation 1, within 3.5: the sum of four uniform ones of 16 bits."""
    sixteens = _bits(drawn_by, index).view(np.uint16).reshape(-1, 4).astype(np.float64)
    total: Floats = sixteens @ np.ones(4)
    return (total / 65535.0 - 2.0) * math.sqrt(3.0)


def noise(drawn_by: int, at: NDArray[np.float64] | Hours, scales: Mapping[int, float]) -> Floats:
    """Smooth noise at instants (hours of the epoch): for each scale draws so many hours apart, joined by lines."""
    total = np.zeros(len(at))
    if not len(at):
        return total
    for scale, deviation in scales.items():
        total += deviation * _joined(normal, (drawn_by + scale) % 2**64, at / scale)
    return total


def base_premium(seed: int, base: str, hours: Hours) -> Floats:
    """The premium that all exchanges see for a base in these hours (fraction of 8 hours)."""
    regime = _joined(_regimes, key(seed, base, "regime"), hours / _REGIME_H)
    return regime + noise(key(seed, base, "premium"), hours, _BASE_PREMIUM)


def own_premium(seed: int, contract: str, hours: Hours) -> Floats:
    """What a contract's premium differs by from that of its base: reverts within a day or two."""
    return noise(key(seed, contract, "premium"), hours, _OWN_PREMIUM)


def price(seed: int, base: str, at: NDArray[np.float64], typical: float, wildness: float) -> Floats:
    """The price of one unit of a base at instants (hours of the epoch), around a typical one."""
    scales = {scale: wildness * _HOURLY_VOL * _STEP * math.sqrt(scale) for scale in _PRICE_SCALES}
    return typical * np.exp(noise(key(seed, base, "price"), at, scales))


def open_interest(seed: int, contract: str, at: NDArray[np.float64], typical: float) -> Floats:
    """Open interest of a contract (USD) at instants, around a typical one."""
    return typical * np.exp(noise(key(seed, contract, "open interest"), at, _OPEN_INTEREST))


def _regimes(drawn_by: int, index: Hours) -> Floats:
    """Levels of the premium: calm from -0.01 to 0.02 %, hot up to 0.16 %, or down to -0.13 %."""
    which, how = uniform(drawn_by, 2 * index), uniform(drawn_by, 2 * index + 1)
    hot, cold = 0.0005 + 0.0011 * how, -0.0003 - 0.001 * how
    return np.where(which < _CALM, 0.0003 * how - 0.0001, np.where(which < _HOT, hot, cold))


def _joined(draw: Callable[[int, Hours], Floats], drawn_by: int, at: Floats) -> Floats:
    """Draws at the whole numbers, joined by lines; `at` may lie anywhere and in any order."""
    below = np.floor(at)
    first, last = int(below.min()), int(below.max()) + 1
    drawn = draw(drawn_by, np.arange(first, last + 1, dtype=np.int64))
    left = below.astype(np.int64) - first
    share = at - below
    return drawn[left] * (1 - share) + drawn[left + 1] * share
