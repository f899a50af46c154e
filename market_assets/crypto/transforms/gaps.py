"""The missing minutes of one symbol's day with their kind. Values and frames in, frames out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.gaps import FOUND, Kind
from market_assets.crypto.transforms import klines

_DAY = timedelta(days=1)
#: cause of a run of missing minutes -> what it is called in every domain
_KINDS: Mapping[str, Kind] = {"not_listed": "not_listed", "outage": "venue_outage", "ours": "ours"}


@dataclass(frozen=True)
class KnownDay:
    """What is known of one symbol's day beside its minutes."""

    symbol: str
    day: date
    #: when the venue answered for it last; None where it is not stored
    answered_at: datetime | None
    #: how the last fetch failed, where it did
    failed: str | None = None
    listed_from: datetime | None = None
    listed_until: datetime | None = None

    @property
    def key(self) -> str:
        """Its partition."""
        return _key(self.day, self.symbol)

    def is_answered(self, at: datetime) -> bool:
        """Whether the venue was asked when that instant was over."""
        return self.answered_at is not None and self.answered_at >= at


def typed(
    own: KnownDay, others: Sequence[KnownDay], minutes: Mapping[str, pl.DataFrame], start: datetime
) -> pl.DataFrame:
    """FOUND: runs of missing minutes of the day that begins at `start`, by time.

    `minutes`: partition -> symbol and ts of what is stored of this day and of the days around it. An outage is told
    by other symbols that have minutes of the day, as far as they and this one were asked after it: who was not asked
    since says nothing of it.
    """
    nothing = pl.DataFrame(schema={"symbol": pl.String, "ts": UTC_MICROS})
    until = start + _DAY
    heard = [nothing, *(_heard(other, own, minutes, until) for other in others)]
    found = klines.gaps(
        minutes.get(own.key, nothing),
        pl.concat(part.select("symbol", "ts") for part in heard),
        start,
        until,
        listed_from=own.listed_from,
        listed_until=own.listed_until,
    )
    cause = pl.col("cause")
    return found.select(
        pl.lit("crypto_klines").alias("table"),
        pl.lit(own.key).alias("partition"),
        pl.lit(own.symbol).alias("name"),
        pl.col("start").alias("gap_start"),
        pl.col("end").alias("gap_end"),
        pl.col("n_minutes").alias("n_missing"),
        cause.replace_strict(_KINDS, return_dtype=pl.String).alias("kind"),
        pl.when(cause == "not_listed")
        .then(pl.lit("outside its listing"))
        .when(cause == "outage")
        .then(pl.lit("no other symbol of the venue has these minutes"))
        .otherwise(pl.lit(_why_ours(own, until)))
        .alias("reason"),
    ).cast(FOUND)


def _heard(other: KnownDay, own: KnownDay, minutes: Mapping[str, pl.DataFrame], until: datetime) -> pl.DataFrame:
    """What another symbol's minutes tell of the day; nothing where it has none of it."""
    nothing = pl.DataFrame(schema={"symbol": pl.String, "ts": UTC_MICROS})
    of_day = minutes.get(other.key, nothing)
    if of_day.is_empty() or own.answered_at is None:
        return nothing
    is_whole = own.is_answered(until) and other.is_answered(until)
    around = [-1, 1] if is_whole else [-1]
    days = [of_day, *(minutes.get(_key(own.day + n * _DAY, other.symbol), nothing) for n in around)]
    rows = pl.concat(part.select("symbol", "ts") for part in days)
    return rows if is_whole else rows.filter(pl.col("ts") < pl.lit(own.answered_at, UTC_MICROS))


def _key(day: date, symbol: str) -> str:
    return f"{day}|{symbol}"


def _why_ours(own: KnownDay, until: datetime) -> str:
    if own.failed is not None:
        return f"the last fetch failed ({own.failed})"
    if own.answered_at is None:
        return "the day is not stored"
    return "the venue has a row for every minute" if own.is_answered(until) else "not asked for since the day was over"
