"""Robust statistics as Polars expressions: where a value stands among others.

One rule everywhere: the value itself is not part of what it is compared with, and ties count half.
"""

import polars as pl


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
