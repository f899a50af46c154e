"""Which settlements are missing, why, and on which days of them asking again may help."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.gaps import FOUND

#: a gap ends before the next settlement could be due
_SHORTEST = timedelta(hours=1)


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


def typed(completeness: pl.DataFrame, never_stored: pl.DataFrame, *, before: datetime) -> pl.DataFrame:
    """FOUND: the missing settlements of each contract and day, and the days that nobody asked for yet, sorted.

    `completeness` (FundingCompleteness): the newest of each exchange. Settlements `before` that instant count.
    `never_stored`: exchange, day, and `n_due`, the settlements that were due.
    """
    table, at = pl.lit("funding_rates"), ["exchange", "day"]
    whole = never_stored.select(
        table.alias("table"),
        pl.format("{}|{}", "day", "exchange").alias("partition"),
        pl.col("exchange").alias("name"),
        pl.col("day").cast(UTC_MICROS).alias("gap_start"),
        (pl.col("day") + pl.duration(days=1)).cast(UTC_MICROS).alias("gap_end"),
        pl.max_horizontal("n_due", pl.lit(1, pl.Int64)).alias("n_missing"),
        pl.lit("ours").alias("kind"),
        pl.lit("the day is not stored").alias("reason"),
    )
    slots = (
        _missing_slots(completeness)
        .filter(pl.col("slot") < pl.lit(before, UTC_MICROS))
        .with_columns(day=pl.col("slot").dt.date())
        .join(never_stored, on=at, how="anti")
        .with_columns(n_lacking=pl.col("symbol").filter("is_active").n_unique().over(at))
    )
    of_contracts = (
        slots.with_columns(_why())
        .unnest("why")
        .group_by("exchange", "day", "symbol", "gap_starts", "kind", "reason", maintain_order=True)
        .agg(first=pl.col("slot").min(), last=pl.col("slot").max(), n_missing=pl.len().cast(pl.Int64))
        .select(
            table.alias("table"),
            pl.format("{}|{}", "day", "exchange").alias("partition"),
            pl.col("symbol").alias("name"),
            pl.col("first").alias("gap_start"),
            (pl.col("last") + _SHORTEST).alias("gap_end"),
            "n_missing",
            "kind",
            "reason",
        )
    )
    return pl.concat([whole, of_contracts]).select(list(FOUND)).sort("partition", "name", "gap_start")


def _missing_slots(completeness: pl.DataFrame) -> pl.DataFrame:
    """One row per missing settlement: `slot`, with what is known of its contract. Those of a gap are evenly spaced."""
    n, first, last = pl.col("gap_slots").cast(pl.Int64), pl.col("gap_starts"), pl.col("gap_ends")
    step_us = (last - first).dt.total_microseconds() // pl.max_horizontal(n - 1, pl.lit(1, pl.Int64))
    return (
        completeness.with_columns(n_active=pl.col("is_active").sum().over("exchange"))
        .explode("gap_starts", "gap_ends", "gap_slots")
        .drop_nulls("gap_starts")
        .with_columns(step_us=step_us, number=pl.int_ranges(0, n))
        .explode("number")
        .with_columns(slot=first + pl.duration(microseconds=pl.col("step_us") * pl.col("number")))
    )


def _why() -> pl.Expr:
    """kind and reason of a missing settlement; the first that applies."""
    slot, everyone = pl.col("slot"), (pl.col("n_active") > 1) & (pl.col("n_lacking") == pl.col("n_active"))
    return (
        pl.when(~pl.col("is_active") & (slot > pl.col("last_event")).fill_null(True))
        .then(_told("not_listed", "it settled no more before its exchange took it off the listing"))
        .when(slot < pl.col("history_floor"))
        .then(_told("vendor_has_no_data", "older than what its exchange keeps of it"))
        .when(~pl.col("is_active"))
        .then(_told("ours", "delisted since, and its exchange may still serve it"))
        .when(everyone)
        .then(_told("ours", "every contract of the exchange lacks settlements of that day, which it serves afterwards"))
        .otherwise(_told("ours", "its exchange serves it afterwards"))
        .alias("why")
    )


def _told(kind: str, reason: str) -> pl.Expr:
    return pl.struct(kind=pl.lit(kind), reason=pl.lit(reason))
