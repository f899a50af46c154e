"""Versions of observed hours: what a fetch adds to them, which version is in use, which hour is final.

A raw table holds a row more for an hour each time the vendor states something new; no row is ever
changed. Rows that are not late build up what is in use: a first value joins those known before, and
stays. An hour is final once all its values are known, or once a row was written after the grace. What
arrives later, and whatever contradicts a known value, becomes a late row: kept, reported, not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import grid
from market_assets.btc.transforms.state import HOUR
from market_assets.core.contracts import Contract

#: a smaller relative difference is no revision
TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the vendor stated of the hours first <= ts < until in one fetch."""

    #: ts (unique) and `columns`; an hour that is absent is one without values
    values: pl.DataFrame
    columns: tuple[str, ...]
    first: datetime
    until: datetime
    #: instant of asking: hours that could not be used then are left out
    asked_at: datetime
    #: instant the answer was complete
    ingested_at: datetime
    #: how rows name their vendor
    source: str


def elapsed(first: datetime, until: datetime, settings: BtcSettings, at: datetime) -> pl.Series:
    """`ts`: the hours first <= ts < until whose row can be used at `at`. Raises InvalidRequest as `grid.hours` does."""
    newest = (at - settings.delay).replace(minute=0, second=0, microsecond=0)
    return grid.hours(first, min(until, newest + HOUR))


def appended(contract: Contract, stored: pl.DataFrame, answer: Answer, settings: BtcSettings) -> pl.DataFrame:
    """All versions after a fetch: the rows of `stored` unchanged, and those that `answer` adds; columns of `contract`.

    Every elapsed hour of the answer gets a row, without values where the vendor had none. An answer that
    states nothing new adds nothing, except the row that makes an hour final after the grace. Where an
    answer holds a first value and a revision, the revision is added when it is stated again. An answer
    no newer than an hour's newest row adds nothing to it.
    """
    hours = elapsed(answer.first, answer.until, settings, answer.asked_at).to_frame()
    stated = hours.join(answer.values.select("ts", *answer.columns), on="ts", how="left", validate="1:1")
    judged = _judged(stated.join(_known(stored, answer.columns, settings), on="ts", how="left"), answer, settings)
    timely = judged.filter("adds_timely").with_columns(
        *(pl.coalesce(_used(name), name).alias(name) for name in answer.columns), is_late=pl.lit(False)
    )
    late = judged.filter("adds_late").with_columns(is_late=pl.lit(True))
    both = pl.concat([timely, late])
    unasked = {name: pl.lit(None) for name in contract.columns if name not in both.columns}
    added = both.with_columns(
        **unasked
        | {
            "available_at": pl.col("ts") + settings.delay,
            "ingested_at": pl.lit(answer.ingested_at),
            "source": pl.lit(answer.source),
        }
    )
    rows = added.select(pl.col(name).cast(kind) for name, kind in contract.schema.items())
    return contract.conform(pl.concat([stored.select(list(contract.columns)), rows]))


def canonical(versions: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """ts and `columns`, one row per ts, sorted: of each column the first value among rows that are not late."""
    return _by_hour(versions, [_first(name).alias(name) for name in columns])


def finality(versions: pl.DataFrame, columns: Sequence[str], settings: BtcSettings) -> pl.DataFrame:
    """ts (sorted) and `is_final`: all of `columns` known, or a row that is not late written after the grace."""
    known = [_first(name).is_not_null() for name in columns]
    return _by_hour(versions, [(_settled(settings) | pl.all_horizontal(known)).alias("is_final")])


def final_until(versions: pl.DataFrame, columns: Sequence[str], settings: BtcSettings, start: datetime) -> datetime:
    """The first instant from `start` on before which every hour is final; an hour without a row is not."""
    final = finality(versions, columns, settings).filter(pl.col("is_final") & (pl.col("ts") >= start))
    expected = pl.lit(start) + pl.duration(hours=pl.int_range(pl.len(), dtype=pl.Int64))
    n_unbroken = final.select((pl.col("ts") == expected).cast(pl.Int64).cum_min().sum()).item()
    return start + HOUR * int(n_unbroken)


def _known(stored: pl.DataFrame, columns: Sequence[str], settings: BtcSettings) -> pl.DataFrame:
    """Per ts of `stored`: used_* and told_* of each column, newest row, and whether a row came after the grace.

    used_* is the value in use; told_* what the vendor said last of it.
    """
    return _by_hour(
        stored,
        [
            *(_first(name).alias(_used(name)) for name in columns),
            *(_last_told(name).alias(_told(name)) for name in columns),
            _settled(settings).alias("settled"),
            pl.col("ingested_at").max().alias("newest"),
        ],
    )


def _judged(hours: pl.DataFrame, answer: Answer, settings: BtcSettings) -> pl.DataFrame:
    """`hours` (values stated and known) with adds_timely and adds_late: at most one of them is true."""
    columns = answer.columns
    is_new = pl.col("newest").is_null()
    is_final = pl.col("settled").fill_null(False) | pl.all_horizontal(
        pl.col(_used(name)).is_not_null() for name in columns
    )
    first_value = pl.any_horizontal(pl.col(_used(name)).is_null() & pl.col(name).is_not_null() for name in columns)
    grace_is_over = pl.lit(answer.ingested_at) > pl.col("ts") + settings.delay + _grace(settings)
    says_other = pl.any_horizontal(_differs(name) for name in columns)
    in_order = is_new | (pl.lit(answer.ingested_at) > pl.col("newest"))
    return hours.with_columns(
        adds_timely=in_order & ~is_final & (is_new | first_value | grace_is_over), says_other=in_order & says_other
    ).with_columns(adds_late=pl.col("says_other") & ~pl.col("adds_timely"))


def _differs(name: str) -> pl.Expr:
    """Whether the value stated is another than the one told last; a null states nothing."""
    now, before = pl.col(name), pl.col(_told(name))
    apart = (now - before).abs() > TOLERANCE * pl.max_horizontal(now.abs(), before.abs())
    return now.is_not_null() & apart.fill_null(True)


def _by_hour(versions: pl.DataFrame, facts: Sequence[pl.Expr]) -> pl.DataFrame:
    return versions.sort("ts", "ingested_at").group_by("ts", maintain_order=True).agg(facts)


def _first(name: str) -> pl.Expr:
    return pl.col(name).filter(~pl.col("is_late")).drop_nulls().first()


def _last_told(name: str) -> pl.Expr:
    late = pl.col(name).filter("is_late").drop_nulls().last()
    return pl.coalesce(late, _first(name))


def _settled(settings: BtcSettings) -> pl.Expr:
    after_grace = pl.col("ingested_at") > pl.col("available_at") + _grace(settings)
    return (~pl.col("is_late") & after_grace).any()


def _grace(settings: BtcSettings) -> timedelta:
    return timedelta(hours=settings.late_grace_hours)


def _used(name: str) -> str:
    return f"used_{name}"


def _told(name: str) -> str:
    return f"told_{name}"
