"""When settlements are due: every `interval_hours`, at a phase that the settlements themselves tell.

Most contracts settle on multiples of their interval since midnight UTC, some an odd number of hours later.
Slots are counted from 1970-01-01 (UTC): slot k of a grid is at phase + k step, in microseconds.
"""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

#: an event this far from a slot still is its settlement
TOLERANCE = timedelta(minutes=10)
TOLERANCE_US = TOLERANCE // timedelta(microseconds=1)
_MINUTE_US = 60_000_000
HOUR_US = 3_600_000_000


def with_grid(events: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """`events` with step and phase of the grid each is on, in their order: one grid per `by` and interval_hours.

    The phase is the most frequent funding_time (to the minute) modulo the interval, the smallest where several are.
    Both are null where the interval is.
    """
    steps = events.with_columns(step=step_of(pl.col("interval_hours")))
    minute = pl.col("funding_time").dt.epoch("us").add(_MINUTE_US // 2) // _MINUTE_US * _MINUTE_US
    grid = [*by, "step"]
    phases = (
        steps.drop_nulls("step")
        .group_by(*grid, phase=minute % pl.col("step"))
        .len()
        .sort(*grid, "len", "phase", descending=[*[False] * len(grid), True, False])
        .unique(grid, keep="first", maintain_order=True)
        .drop("len")
    )
    return steps.join(phases, on=grid, how="left", maintain_order="left", validate="m:1")


def step_of(hours: pl.Expr) -> pl.Expr:
    """An interval in microseconds."""
    return (hours * HOUR_US).cast(pl.Int64)


def nearest() -> pl.Expr:
    """Number of the slot nearest to funding_time."""
    return last_by(pl.col("funding_time").dt.epoch("us") + pl.col("step") // 2)


def last_by(instant_us: pl.Expr) -> pl.Expr:
    """Number of the last slot at or before an instant (microseconds since 1970)."""
    return (instant_us - pl.col("phase")) // pl.col("step")


def instant_of(slot: pl.Expr) -> pl.Expr:
    """When a slot is (microseconds since 1970)."""
    return pl.col("phase") + slot * pl.col("step")


def is_off_grid() -> pl.Expr:
    """Whether funding_time is more than 10 minutes from every slot; null where the grid is unknown."""
    return (pl.col("funding_time").dt.epoch("us") - instant_of(nearest())).abs() > TOLERANCE_US
