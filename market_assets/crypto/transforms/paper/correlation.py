"""Which symbols move together: linked by the correlation of their daily returns, directly or through others."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import combinations
from typing import NamedTuple

import numpy as np

from market_assets.crypto.settings import PaperSettings

_DAY = timedelta(days=1)


class Close(NamedTuple):
    """The last price of a symbol on a UTC day."""

    day: date
    symbol: str
    close: float


def groups(closes: Sequence[Close], paper: PaperSettings) -> dict[str, frozenset[str]]:
    """Symbol -> the symbols it is linked with, itself included.

    Two are linked where the daily returns of the days both have correlate above `paper.correlation`; with fewer
    than `paper.correlation_min_days` such days, or with a price that never moved, they are not.
    """
    returns = _returns(closes)
    group = {symbol: {symbol} for symbol in sorted(returns)}
    for one, other in combinations(group, 2):
        if group[one] is not group[other] and _are_linked(returns[one], returns[other], paper):
            group[one] |= group[other]
            for member in group[other]:
                group[member] = group[one]
    return {symbol: frozenset(members) for symbol, members in group.items()}


def _returns(closes: Sequence[Close]) -> dict[str, dict[date, float]]:
    """Symbol -> day -> return since the day before; days after a gap have none."""
    by_symbol: dict[str, dict[date, float]] = {}
    for row in closes:
        by_symbol.setdefault(row.symbol, {})[row.day] = row.close
    return {
        symbol: {day: close / known[day - _DAY] - 1.0 for day, close in known.items() if day - _DAY in known}
        for symbol, known in by_symbol.items()
    }


def _are_linked(one: Mapping[date, float], other: Mapping[date, float], paper: PaperSettings) -> bool:
    days = sorted(one.keys() & other.keys())
    if len(days) < paper.correlation_min_days:
        return False
    pair = np.array([[one[day] for day in days], [other[day] for day in days]])
    centred = pair - pair.mean(axis=1, keepdims=True)
    scale = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return scale > 0 and float((centred[0] * centred[1]).sum()) / scale > paper.correlation
