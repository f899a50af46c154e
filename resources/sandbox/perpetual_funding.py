"""Simulated funding of one contract: when it settles, what it pays, and the prices it is seen at.

A settlement pays the mean premium of its interval, damped and capped as exchanges do it. A predicted rate
is that of so many hours up to now: it begins as what was settled last and ends as what is settled next.
"""

import math
from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from resources.sandbox import perpetual_paths as paths
from resources.sandbox.perpetual_catalogue import Contract
from resources.sandbox.perpetual_paths import Hours
from resources.sandbox.perpetuals import HOUR_MS, Floats, Settlements

#: funding of 8 hours is at most this, either way
_CAP = 0.003
#: a mark lies this close to the index, the index of an exchange about so close to the price of the base
_MARK_WITHIN, _INDEX_OFF = 0.0015, 0.00014


def hour_of(at: datetime) -> float:
    """An instant in hours of the epoch."""
    return at.timestamp() / 3600


def slots(contract: Contract, after: int, until: int) -> Iterator[tuple[Hours, int]]:
    """Settlements due after one hour of the epoch and by another, with their interval, stretch by stretch."""
    starts = [after, *(int(hour_of(since)) for since, _ in contract.intervals[1:])]
    for number, (_, hours) in enumerate(contract.intervals):
        begins = max(starts[number], after)
        ends = min(starts[number + 1], until) if number + 1 < len(starts) else until
        first = begins + 1 + (contract.house.phase - begins - 1) % hours
        if first <= ends:
            yield np.arange(first, ends + 1, hours, dtype=np.int64), hours


def settled(seed: int, contract: Contract, after: int, until: int) -> Settlements:
    """What a contract settles after one hour of the epoch and by another."""
    found = Settlements.empty()
    for ends, hours in slots(contract, after, until):
        stamps = ends * HOUR_MS + _jitter(seed, contract, ends)
        marks, _ = _prices(seed, contract, ends.astype(np.float64), premium(seed, contract, ends))
        rates = rates_of(seed, contract, ends, hours)
        found = found.append(Settlements(stamps, rates, np.full(len(ends), float(hours)), marks))
    return found


def rates_of(seed: int, contract: Contract, ends: Hours, hours: int) -> Floats:
    """Rates of the intervals of so many hours that end at these hours of the epoch."""
    if not len(ends):
        return np.empty(0)
    first = ends[0] - (2 * hours if contract.house.measures_previous else hours)
    lag = ends[0] - first
    hourly = premium(seed, contract, np.arange(first, ends[-1], dtype=np.int64))
    measured = hourly[(ends - lag - first)[:, None] + np.arange(hours)]
    return _rate(contract, measured.mean(axis=1), hours)


def current(seed: int, contract: Contract, at: float, ends: int, hours: int) -> tuple[float, float, float]:
    """Predicted rate, mark and index at an instant of the interval that ends at an hour, both hours of the epoch."""
    this_hour = int(at)
    hourly = premium(seed, contract, np.arange(this_hour - hours, this_hour + 1, dtype=np.int64))
    mark, index = _prices(seed, contract, np.array([at]), hourly[-1:])
    if contract.house.measures_previous:
        rate = rates_of(seed, contract, np.array([ends]), hours)
    else:
        passed = at - this_hour
        trailing = hourly[1:-1].sum() + (1 - passed) * hourly[0] + passed * hourly[-1]
        rate = _rate(contract, np.array([trailing / hours]), hours)
    return float(rate[0]), float(mark[0]), float(index[0])


def premium(seed: int, contract: Contract, hours: Hours) -> Floats:
    """The contract's premium over its index in these hours (fraction of 8 hours)."""
    name = f"{contract.exchange}/{contract.native_symbol}"
    return contract.wildness * (paths.base_premium(seed, contract.base, hours) + paths.own_premium(seed, name, hours))


def _prices(seed: int, contract: Contract, at: Floats, premiums: Floats) -> tuple[Floats, Floats]:
    """Mark and index per native base unit at instants (hours of the epoch), where premiums are these."""
    per_base = paths.price(seed, contract.base, at, contract.price, contract.wildness)
    off = paths.noise(paths.key(seed, f"{contract.exchange}/{contract.base}", "index"), at, {2: _INDEX_OFF})
    index = per_base * contract.multiplier * (1 + off)
    mark = index * (1 + np.clip(premiums, -_MARK_WITHIN, _MARK_WITHIN))
    # five or six digits, at least two of them decimals
    decimals = max(2, 5 - math.floor(math.log10(contract.price * contract.multiplier)))
    return np.round(mark, decimals), np.round(index, decimals)


def _rate(contract: Contract, mean: Floats, hours: int) -> Floats:
    house = contract.house
    eight = mean + np.clip(house.interest - mean, -house.damper, house.damper)
    # adding 0 turns -0 into 0
    return np.round(np.clip(eight, -_CAP, _CAP) * hours / 8, house.decimals) + 0.0


def _jitter(seed: int, contract: Contract, ends: Hours) -> NDArray[np.int64]:
    drawn = paths.uniform(paths.key(seed, f"{contract.exchange}/{contract.native_symbol}", "jitter"), ends)
    return (drawn * (contract.house.jitter_ms + 1)).astype(np.int64)
