"""Robust z-scores: how far from the recent median, in recent median deviations."""

import polars as pl

#: a normal distribution's standard deviation over its median absolute deviation
NORMAL_PER_MAD = 1.4826
#: a smaller deviation is none
_FLAT = 1e-9


def zscores(values: pl.DataFrame, window: int, min_values: int, clip: float) -> pl.DataFrame:
    """(y - med) / (1.4826 MAD) of every column, clipped to +-clip; 0 where MAD < 1e-9, null where y is unknown.

    med: median of the trailing `window` rows. MAD: median over the same rows of |y_s - med_s|, each row with its
    own med_s, so a value depends on the 2 (window - 1) rows before it. Each needs `min_values` known values.
    """
    every = pl.all()
    # in stages: one nested expression would compute the inner medians once per mention
    from_median = values.select(every - every.rolling_median(window, min_samples=min_values))
    deviation = from_median.select(every.abs().rolling_median(window, min_samples=min_values))
    return from_median.select(_scaled(pl.col(name), deviation[name], clip).alias(name) for name in values.columns)


def _scaled(from_median: pl.Expr, deviation: pl.Series, clip: float) -> pl.Expr:
    return (
        pl.when(from_median.is_null() | deviation.is_null())
        .then(None)
        .when(deviation < _FLAT)
        .then(0.0)
        .otherwise(from_median / (NORMAL_PER_MAD * deviation))
        .clip(-clip, clip)
    )
