"""Hourly rows made ready to be drawn: the complete grid, fewer points, merged runs. Pure."""

import math
from collections.abc import Sequence
from datetime import timedelta

import polars as pl

HOUR = timedelta(hours=1)
#: what marks an event that no thinning may lose
EVENTS = ("hit_ceiling_bottom", "reverse_ceiling_bottom")


def on_grid(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` (`ts` and values, sorted) on every hour from the first to the last.

    An hour without a row is null in every column, so that a line breaks there as it does at a null.
    """
    if rows.is_empty():
        return rows
    first, last = rows["ts"][0], rows["ts"][-1]
    hours = pl.datetime_range(first, last, "1h", time_unit="us", time_zone="UTC", eager=True).alias("ts")
    return hours.to_frame().join(rows, on="ts", how="left", maintain_order="left")


def thinned(rows: pl.DataFrame, most: int, drawn: Sequence[str]) -> pl.DataFrame:
    """At most `most` rows, by stride, for lines over the columns `drawn`.

    Kept whatever the stride: the first and the last row, every row with an event (C or R other than 0),
    and the first row of every run of nulls, without which a line would bridge the gap. `most` is
    exceeded only where these alone are more.
    """
    if rows.height <= most:
        return rows
    number = pl.int_range(pl.len())
    event = pl.any_horizontal(
        pl.lit(value=False), *(pl.col(name).fill_null(0) != 0 for name in EVENTS if name in rows.columns)
    )
    gap = pl.any_horizontal(
        pl.lit(value=False),
        *(pl.col(name).is_null() & pl.col(name).shift(1).is_not_null() for name in drawn),
    )
    marked = rows.with_columns(__keep=(number == 0) | (number == pl.len() - 1) | event | gap, __row=number)
    room = max(most - int(marked["__keep"].sum()), 1)
    stride = math.ceil(rows.height / room)
    return marked.filter(pl.col("__keep") | (pl.col("__row") % stride == 0)).drop("__keep", "__row")


def runs(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Consecutive hours with one value of `column`, as (value, start, end); `end` is exclusive.

    `rows` lie on the complete grid. A null ends a run and makes none.
    """
    return (
        rows.select("ts", value=pl.col(column), run=pl.col(column).rle_id())
        .group_by("run", maintain_order=True)
        .agg(pl.col("value").first(), start=pl.col("ts").first(), end=pl.col("ts").last() + HOUR)
        .filter(pl.col("value").is_not_null())
        .drop("run")
    )
