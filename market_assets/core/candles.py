"""Coarser candles out of finer ones. Frames in, frames out."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl


def coarser(bars: pl.DataFrame, every: timedelta, sums: Sequence[str]) -> pl.DataFrame:
    """Candles of length `every`, which divides a day, out of finer `bars`.

    `bars`: symbol, ts, open, high, low, close, source, ingested_at and the columns `sums`, in any order. Gives
    symbol, ts, open (first), high (highest), low (lowest), close (last), `sums` (sums), n_bars (Int32, the bars
    it was made of), source (theirs, sorted, joined by +) and ingested_at (last), sorted by symbol and ts. Where
    there is no bar there is no candle.
    """
    # by the whole key first: the last digit of a sum depends on the order of what is summed
    return (
        bars.sort("symbol", "ts")
        .group_by("symbol", pl.col("ts").dt.truncate(every), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            *(pl.col(name).sum() for name in sums),
            n_bars=pl.len().cast(pl.Int32),
            source=pl.col("source").unique().sort().str.join("+"),
            ingested_at=pl.col("ingested_at").max(),
        )
    )
