"""On which days settlements are missing that can still be fetched."""

from datetime import datetime

import polars as pl

from market_assets.core.contracts import UTC_MICROS


def gap_days(completeness: pl.DataFrame, *, before: datetime) -> pl.DataFrame:
    """exchange, day: each day on which a contract lacks a settlement that its exchange still serves, sorted.

    `completeness` (FundingCompleteness): gaps that begin `before` that instant count, from history_floor on.
    """
    gaps = (
        completeness.select("exchange", "history_floor", first="gap_starts", last="gap_ends")
        .explode("first", "last")
        .drop_nulls("first")
        .filter(
            pl.col("first") < pl.lit(before, UTC_MICROS),
            pl.col("history_floor").is_null() | (pl.col("last") >= pl.col("history_floor")),
        )
        .with_columns(first=pl.max_horizontal("first", "history_floor"))
    )
    return (
        gaps.select("exchange", day=pl.date_ranges(pl.col("first").dt.date(), pl.col("last").dt.date()))
        .explode("day")
        .unique()
        .sort("exchange", "day")
    )
