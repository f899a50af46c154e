"""Hours without a value, and why. Whether an hour has one is what `raw.canonical` says."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import raw
from market_assets.btc.transforms.state import HOUR
from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.gaps import FOUND

_DAY = timedelta(days=1)
_RUN = ["name", "day", "kind", "reason"]


def hours_without_value(
    contract: Contract,
    versions: pl.DataFrame,
    columns: Sequence[str],
    stored: Collection[date],
    settings: BtcSettings,
    now: datetime,
) -> pl.DataFrame:
    """FOUND: of each of `columns` the runs of hours of one day that lack a value, by name and time.

    `versions` are the stored rows of the `stored` days. Looked at are these days and those between them, as far as
    the vendor's grace for late values is over: what is younger is asked for by itself every hour.
    """
    if not stored:
        return FOUND.to_frame()
    first, last = clock.instant(str(min(stored))), clock.instant(str(max(stored)))
    asked_again_from = clock.instant(f"{now:%Y-%m-%d}") - settings.repair_days * _DAY
    grace = timedelta(hours=settings.late_grace_hours)
    hours = raw.elapsed(first, last + _DAY, settings, now - grace).to_frame()
    known = raw.canonical(versions, columns).with_columns(has_row=True)
    came_late = versions.filter("is_late").group_by("ts").agg(pl.col(columns).is_not_null().any().name.prefix("late_"))
    laid = hours.join(known, on="ts", how="left").join(came_late, on="ts", how="left").with_columns(day=_day())
    is_young = pl.col("ts") >= pl.lit(asked_again_from)
    found = [
        laid.filter(pl.col(name).is_null()).select(
            "ts", "day", name=pl.lit(name), why=_why(name, is_young, sorted(stored), settings)
        )
        for name in columns
    ]
    return _runs(contract.name, pl.concat(found).unnest("why"))


def _why(name: str, is_young: pl.Expr, stored: Sequence[date], settings: BtcSettings) -> pl.Expr:
    """kind and reason of an hour that lacks a value; the first that applies."""
    days = settings.repair_days
    return (
        pl.when(~pl.col("day").is_in(stored))
        .then(_told("ours", "the day is not stored"))
        .when(pl.col("has_row").is_null())
        .then(_told("ours", "its day is stored without the hour"))
        .when(pl.col(f"late_{name}"))
        .then(_told("vendor_has_no_data", "its value came after the hour was final: kept, never used"))
        .when(is_young)
        .then(_told("ours", f"the vendor had no value; it is asked again for {days} days"))
        .otherwise(_told("vendor_has_no_data", f"the vendor had no value within {days} days"))
    )


def _runs(table: str, hours: pl.DataFrame) -> pl.DataFrame:
    """Adjacent hours of the same name, day and reason as one row."""
    changes = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in _RUN)
    return (
        hours.sort("name", "ts")
        .with_columns(run=(changes | (pl.col("ts").diff() != HOUR)).cum_sum())
        .group_by("run", *_RUN, maintain_order=True)
        .agg(gap_start=pl.col("ts").first(), gap_end=pl.col("ts").last() + HOUR, n_missing=pl.len().cast(pl.Int64))
        .select(
            table=pl.lit(table), partition=pl.col("day").cast(pl.String), **{name: name for name in list(FOUND)[2:]}
        )
    )


def _told(kind: str, reason: str) -> pl.Expr:
    return pl.struct(kind=pl.lit(kind), reason=pl.lit(reason))


def _day() -> pl.Expr:
    return pl.col("ts").dt.date()
