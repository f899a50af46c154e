"""Longer bars out of closed minutes. Frames in, frames out."""

from datetime import timedelta

import polars as pl

from market_assets.core.candles import joined

#: minutes of each timeframe, shortest first; every one divides a day
TIMEFRAMES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240}
_SUMS = ("volume", "trade_count")


def coarse(minutes: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """Bars of a timeframe out of minutes (BarsMinute, of any symbols), sorted by symbol and ts.

    n_minutes (Int32) says how many there were. source and instrument_kind are theirs, sorted and joined by `+`:
    where kinds are mixed the bar says so. fallback_level is the largest, basis_break whether any minute has one,
    quality_score the mean. A sum of which a part is unknown is unknown: null.
    """
    every = timedelta(minutes=TIMEFRAMES[timeframe])
    return joined(
        minutes,
        every,
        *(pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name) for name in _SUMS),
        pl.len().cast(pl.Int32).alias("n_minutes"),
        *(pl.col(name).unique().sort().str.join("+") for name in ("source", "instrument_kind")),
        pl.col("fallback_level").max(),
        pl.col("basis_break").any(),
        pl.col("quality_score").mean(),
    ).with_columns(timeframe=pl.lit(timeframe))
