"""Fetched daily bars made fit to store: closed sessions with positive prices, each once.

What breaks a row rule goes to quarantine with the rule's name, never silently away. Judging the
quality of what is stored belongs to `scores`.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.equities.schemas import EquitiesDailyBars

_PRICES = ("open", "high", "low", "close")


class CleanBars(NamedTuple):
    """Bars fit to store, rows that are not, and what was left out of both."""

    #: EquitiesDailyBars rows
    bars: pl.DataFrame
    #: the same columns with reason and row_number (position in the vendor's answer)
    quarantined: pl.DataFrame
    #: rows of a session that a later row of the answer states again
    n_duplicates: int
    #: rows of sessions whose bar is not closed yet
    n_not_due: int


def clean(
    fetched: pl.DataFrame,
    rejected: pl.DataFrame,
    sessions: Sequence[date],
    *,
    fallback_level: int,
    last_due: date | None,
    valid_to: date | None = None,
    has_volume: bool = True,
) -> CleanBars:
    """Sort out one answer (any number of symbols of one calendar and window).

    `fetched`: symbol, session_date, prices, volume, source, ingested_at and, where the vendor has
    them, vwap_vendor, trade_count, price_basis, row_number. `rejected`: rows the vendor's parser
    refused, with reason and row_number. `sessions`: every session of the asked window, due or not.
    `last_due`: newest session whose bar is due; later rows are dropped, all of them where it is None.
    `has_volume`: False for cash indices, whose volume is stored as null.

    Reasons given here: not_a_session, price_not_positive, after_valid_to, volume_missing, volume_negative.
    Of several rows of one session the last one that breaks no rule is kept.
    """
    labelled = _labelled(fetched, fallback_level, has_volume)
    not_due = pl.lit(True) if last_due is None else pl.col("session_date") > last_due
    closed = labelled.filter(~not_due.fill_null(False))
    judged = closed.with_columns(reason=_reason(sessions, valid_to, has_volume))
    good = judged.filter(pl.col("reason").is_null())
    kept = good.sort("symbol", "session_date", "row_number").unique(
        ["symbol", "session_date"], keep="last", maintain_order=True
    )
    contract = EquitiesDailyBars.contract()
    broken = [judged.filter(pl.col("reason").is_not_null()), _as_quarantined(rejected, fallback_level, has_volume)]
    return CleanBars(
        bars=contract.validate(kept.select(list(contract.columns))),
        quarantined=pl.concat(part.select(*contract.columns, "reason", "row_number") for part in broken).with_columns(
            # a price of NaN or infinity is told by the reason; the value itself is never stored
            pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64))
        ),
        n_duplicates=good.height - kept.height,
        n_not_due=labelled.height - closed.height,
    )


def _labelled(rows: pl.DataFrame, fallback_level: int, has_volume: bool) -> pl.DataFrame:
    """`rows` with every column of the contract and row_number, typed."""
    schema = EquitiesDailyBars.contract().schema
    numbered = rows if "row_number" in rows.columns else rows.with_row_index("row_number")
    missing = [name for name in schema if name not in numbered.columns]
    return (
        numbered.with_columns(pl.lit(None, dtype=schema[name]).alias(name) for name in missing)
        .with_columns(pl.col(name).cast(dtype) for name, dtype in schema.items())
        .with_columns(
            timeframe=pl.lit("1d"),
            ts=pl.col("session_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(UTC_MICROS),
            price_basis=pl.col("price_basis").fill_null("unadjusted"),
            fallback_level=pl.lit(fallback_level, dtype=pl.Int8),
            volume=pl.col("volume") if has_volume else pl.lit(None, dtype=pl.Float64),
            row_number=pl.col("row_number").cast(pl.Int64),
        )
    )


def _as_quarantined(rejected: pl.DataFrame, fallback_level: int, has_volume: bool) -> pl.DataFrame:
    named = rejected if "reason" in rejected.columns else rejected.with_columns(reason=pl.lit("rejected_by_parser"))
    return _labelled(named, fallback_level, has_volume).with_columns(pl.col("reason").cast(pl.String))


def _reason(sessions: Sequence[date], valid_to: date | None, has_volume: bool) -> pl.Expr:
    """Name of the first rule a row breaks, null where it breaks none."""
    on_calendar = pl.col("session_date").is_in(pl.Series(sessions, dtype=pl.Date).implode())
    positive = pl.all_horizontal((pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(False) for name in _PRICES)
    measured = (pl.col("volume").is_finite() & (pl.col("volume") >= 0)).fill_null(True)
    known = pl.col("volume").is_not_null() | pl.lit(not has_volume)
    listed = pl.lit(True) if valid_to is None else pl.col("session_date") <= valid_to
    return (
        pl.when(~on_calendar.fill_null(False))
        .then(pl.lit("not_a_session"))
        .when(~listed)
        .then(pl.lit("after_valid_to"))
        .when(~positive)
        .then(pl.lit("price_not_positive"))
        .when(~known)
        .then(pl.lit("volume_missing"))
        .when(~measured)
        .then(pl.lit("volume_negative"))
    )
