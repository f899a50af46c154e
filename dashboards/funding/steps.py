"""Settled rates as steps: each covers the interval that ends at its settlement. Pure.

Drawn with plotly's shape `vh`: up or down at the settlement before, then level to its own. A step begins one
interval before its settlement, so the first one, and one after a missing settlement, need a point there; over
what is missing there is no line.
"""

from datetime import timedelta

import polars as pl

from dashboards import downsample

SHAPE = "vh"
#: settlements come this much early or late
_TOLERANCE = timedelta(minutes=10)


def steps(events: pl.DataFrame, most: int) -> pl.DataFrame:
    """Points of one contract's steps: funding_time, value (null breaks the line), interval_hours, is_change.

    `events`: funding_time, value, interval_hours of one contract, by time; those without a value are no steps. At
    most about `most` settlements are kept: of each stretch the lowest and the highest, besides those that begin
    or end a line or change the interval.
    """
    marked = _marked(events.drop_nulls("value"))
    kept = thinned(marked, most)
    starts = kept.filter("is_start").with_columns(funding_time="begins", is_change=pl.lit(value=False))
    breaks = starts.slice(1).with_columns(value=pl.lit(None, pl.Float64))
    columns = ("funding_time", "value", "interval_hours", "is_change")
    parts = [part.select(*columns, order=pl.lit(order)) for order, part in enumerate((breaks, starts, kept))]
    return pl.concat(parts).sort("funding_time", "order", maintain_order=True).drop("order")


def changes(points: pl.DataFrame) -> pl.DataFrame:
    """Of `steps` the first settlement after each change of the interval, with `before`, the interval until then."""
    known = points.drop_nulls("value").with_columns(before=pl.col("interval_hours").shift(1))
    return known.filter("is_change")


def thinned(marked: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most about `most` of `marked` (value, is_start, is_change), by time, keeping what no line may lose."""
    if marked.height <= most:
        return marked
    numbered = marked.with_row_index("row")
    edge = (
        pl.col("is_start")
        | pl.col("is_change")
        | pl.col("is_start").shift(-1, fill_value=True)
        | pl.col("is_change").shift(-1, fill_value=False)
    )
    fixed = numbered.filter(edge)
    others = downsample.line(numbered.filter(~edge), "value", max(most - fixed.height, 2))
    return pl.concat([fixed, others]).sort("row").drop("row")


def _marked(events: pl.DataFrame) -> pl.DataFrame:
    """With `begins`, `is_start` (nothing settled where it begins) and `is_change` (another interval than before)."""
    before, interval = pl.col("funding_time").shift(1), pl.col("interval_hours")
    length = pl.duration(microseconds=(interval.fill_null(0.0) * 3.6e9).cast(pl.Int64))
    return events.with_columns(begins=pl.col("funding_time") - length).with_columns(
        is_start=(pl.col("begins") > before + _TOLERANCE).fill_null(value=True),
        is_change=(interval != interval.shift(1)).fill_null(value=False),
    )
