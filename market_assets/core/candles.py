"""Candles: whether their prices can be, and coarser ones out of finer ones. Frames in, frames out."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

PRICES = ("open", "high", "low", "close")


def priced() -> pl.Expr:
    """Whether a candle has its four prices, each finite and above 0."""
    return pl.all_horizontal((pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(False) for name in PRICES)


def crossed() -> pl.Expr:
    """Whether the highest or the lowest price of a candle is not that."""
    return (pl.col("high") < pl.max_horizontal(PRICES)) | (pl.col("low") > pl.min_horizontal(PRICES))


def coarser(bars: pl.DataFrame, every: timedelta, sums: Sequence[str]) -> pl.DataFrame:
    """Candles of length `every`, which divides a day, out of finer `bars`.

    `bars`: symbol, ts, open, high, low, close, source, ingested_at and the columns `sums`, in any order. Gives
    symbol, ts, open (first), high (highest), low (lowest), close (last), `sums` (sums), n_bars (Int32, the bars
    it was made of), source (theirs, sorted, joined by +) and ingested_at (last), sorted by symbol and ts. Where
    there is no bar there is no candle.
    """
    return joined(
        bars,
        every,
        *(pl.col(name).sum() for name in sums),
        pl.len().cast(pl.Int32).alias("n_bars"),
        pl.col("source").unique().sort().str.join("+"),
        pl.col("ingested_at").max(),
    )


def joined(bars: pl.DataFrame, every: timedelta, *also: pl.Expr) -> pl.DataFrame:
    """Candles of length `every`, which divides a day: symbol, ts, the four prices, and what `also` says of its bars."""
    # by the whole key first: the last digit of a sum depends on the order of what is summed
    return (
        bars.sort("symbol", "ts")
        .group_by("symbol", pl.col("ts").dt.truncate(every), maintain_order=True)
        .agg(pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), *also)
    )
