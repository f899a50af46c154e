"""Robust statistics as Polars expressions: where a value stands among others.

One rule everywhere: the value itself is not part of what it is compared with, and ties count half.
"""

import polars as pl

#: a smaller deviation is none
FLAT = 1e-12
#: third quartile of the normal distribution: makes median deviations comparable with standard deviations
NORMAL_QUARTILE = 0.6745


def rank_among_others(values: pl.Expr, *, min_n: int) -> pl.Expr:
    """Rank in [0, 1] of each value among the OTHER known values of its group.

    (count(other < x) + 0.5 count(other = x)) / (n - 1) over the n known values; null where the
    value is null or n < `min_n`. Put `.over(...)` around it to name the group.
    """
    known = values.count()
    below_with_half_ties = values.rank("average") - 1.0
    return pl.when(known >= min_n).then(below_with_half_ties / (known - 1))


def percentile_among_others(values: pl.Expr, *, min_n: int) -> pl.Expr:
    """`rank_among_others` in [0, 100]."""
    return 100.0 * rank_among_others(values, min_n=min_n)


def median_deviation(values: pl.Expr) -> pl.Expr:
    """Median absolute deviation from the median (MAD, not scaled)."""
    return (values - values.median()).abs().median()


def zscore(value: pl.Expr, mean: pl.Expr, std: pl.Expr) -> pl.Expr:
    """(x - mean) / std of the others; null where std < 1e-12, because a constant history has no scale."""
    return pl.when(std >= FLAT).then((value - mean) / std)


def modified_zscore(value: pl.Expr, median: pl.Expr, mad: pl.Expr) -> pl.Expr:
    """0.6745 (x - median) / MAD of the others; null where MAD < 1e-12."""
    return pl.when(mad >= FLAT).then(NORMAL_QUARTILE * (value - median) / mad)


def percentile_in(value: pl.Expr, history: pl.Expr) -> pl.Expr:
    """Where a value stands in a history that it is not part of: 100 (count(h < x) + 0.5 count(h = x)) / n.

    Null where the value is; unknown values of the history are not counted.
    """
    below, ties = (history < value).sum(), (history == value).sum()
    return pl.when(value.is_not_null()).then(100.0 * (below + 0.5 * ties) / history.count())
