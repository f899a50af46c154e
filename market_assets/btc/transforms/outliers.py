"""Outliers by the interquartile range of the past, and the soft compression that tames them."""

import polars as pl


def bounds(values: pl.Expr, window: int, min_values: int, multiple: float) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """(threshold, iqr, maximum) of the trailing `window` rows, row t included; same unit as `values`.

    threshold = q3 + multiple * iqr (Tukey's fence), quartiles with linear interpolation. Null until the window
    holds `min_values` known values.
    """
    q1, q3 = (
        values.rolling_quantile(q, interpolation="linear", window_size=window, min_samples=min_values)
        for q in (0.25, 0.75)
    )
    iqr = q3 - q1
    return q3 + multiple * iqr, iqr, values.rolling_max(window, min_samples=min_values)


def is_outlier(values: pl.Expr, threshold: pl.Expr) -> pl.Expr:
    """values > threshold; false while there is no threshold, null where the value is unknown."""
    return pl.when(values.is_not_null()).then((values > threshold).fill_null(False))


def compressed(values: pl.Expr, threshold: pl.Expr, iqr: pl.Expr, maximum: pl.Expr) -> pl.Expr:
    """Values above the threshold laid on (threshold, threshold + iqr], the maximum on its end; others unchanged.

    Monotone and continuous within one window.
    """
    above = (values - threshold) / (maximum - threshold)
    return pl.when(values > threshold).then(threshold + iqr * above).otherwise(values)
