"""Recursions over the hours, forward only: a scalar Kalman filter (local level) and an exponential mean.

Both continue from what they last knew, so a day computed on its own has the bits of a full pass.
"""

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl


class State(NamedTuple):
    """What a filter knows after an hour: level, its variance, observations seen."""

    x: float
    p: float
    n: int


def local_level(
    observations: Iterable[float | None], state: State | None, *, q: float, r: float, p0: float, prior: float | None
) -> pl.DataFrame:
    """State after each row: x (unit of the observations), p (its square), n. Null before the first observation.

    `state`: after the row before; None where nothing was observed yet. The filter then begins at the first
    observation with variance `p0` and mean `prior`, or that observation where `prior` is None; no prediction step
    comes before it. Each later row adds `q` to the variance; an observation z moves the level by
    p / (p + r) * (z - x). Without an observation the level stands. (Harvey 1989, local level model.)
    """
    levels: list[float | None] = []
    variances: list[float | None] = []
    counts: list[int | None] = []
    x, p, n = state or (0.0, p0, 0)
    for z in observations:
        if n:
            p += q
        elif z is None:
            levels.append(None)
            variances.append(None)
            counts.append(None)
            continue
        else:
            x = z if prior is None else prior
        if z is not None:
            gain = p / (p + r)
            x += gain * (z - x)
            p *= 1.0 - gain
            n += 1
        levels.append(x)
        variances.append(p)
        counts.append(n)
    return pl.DataFrame(
        {"x": levels, "p": variances, "n": counts}, schema={"x": pl.Float64, "p": pl.Float64, "n": pl.Int32}
    )


def exponential_mean(values: Iterable[float | None], span: int, last: float | None) -> pl.Series:
    """y_t = y_{t-1} + 2 / (span + 1) * (x_t - y_{t-1}), y_0 = x_0; carried over unknown values.

    `last`: the mean after the row before, None where no value was known yet; rows are null until one is. Means of
    values in [0, 1] lie in [0, 1], also in the last digit, which (1 - alpha) y + alpha x does not promise.
    """
    alpha = 2.0 / (span + 1.0)
    means: list[float | None] = []
    for x in values:
        if x is not None:
            last = x if last is None else last + alpha * (x - last)
        means.append(last)
    return pl.Series(means, dtype=pl.Float64)
