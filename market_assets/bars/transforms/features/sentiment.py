"""Sentiment from outside, as it was known at the close of each bar."""

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import InvalidRequest
from market_assets.core.trading_hours import MINUTE


def last_said(rows: pl.DataFrame, sentiment: pl.DataFrame, reach_days: int) -> pl.Series:
    """The last sentiment of the symbol of each row; null before its first one, and where that is out of reach.

    `rows`: symbol, ts (open of a minute); `sentiment`: symbol, available_at, sentiment, in any order, or no row. The
    reach counts from the day of a bar, so that its row does not depend on what else was loaded. Raises
    InvalidRequest for a value outside -1 to 1.
    """
    outside = sentiment.filter(~pl.col("sentiment").is_between(-1, 1))
    if outside.height:
        first = outside.row(0, named=True)
        raise InvalidRequest(f"sentiment must lie in -1 to 1; was {first}. Correct what bars.sentiment_plugin gives")
    said = (
        sentiment.filter(pl.col("sentiment").is_not_null())
        .select("symbol", "sentiment", pl.col("available_at").cast(UTC_MICROS))
        .sort("symbol", "available_at", maintain_order=True)
    )
    found = (
        rows.select("symbol", "ts", at=pl.col("ts") + MINUTE)
        .with_row_index("row")
        .sort("symbol", "at", maintain_order=True)
        .join_asof(said, left_on="at", right_on="available_at", by="symbol", coalesce=False, check_sortedness=False)
        .sort("row")
    )
    in_reach = pl.col("available_at") >= pl.col("ts").dt.truncate("1d").dt.offset_by(f"-{reach_days}d")
    return found.select(pl.when(in_reach).then("sentiment").alias("sentiment")).to_series()
