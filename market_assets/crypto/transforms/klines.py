"""Minute candles made fit to store: judged, laid over what is stored, and their gaps told. Frames in, frames out.

What breaks a row rule goes to quarantine with the rule's name. A missing minute is never filled.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from market_assets.core import candles
from market_assets.core.contracts import UTC_MICROS, Contract
from market_assets.core.revisions import Revision, compare
from market_assets.crypto.schemas import CryptoKlines

CONTRACT: Contract = CryptoKlines.contract()
MINUTE = timedelta(minutes=1)
#: relative difference up to which two sources say the same
SAME = 1e-9
_AMOUNTS = ("volume", "quote_volume", "trade_count", "taker_buy_base", "taker_buy_quote")
VALUES = (*candles.PRICES, *_AMOUNTS)
#: what a candle says by itself: open instant and values, in the order of the answer
PARSED = pl.Schema({"ts": UTC_MICROS, **{name: CONTRACT.schema[name] for name in VALUES}})

#: a run of missing minutes with one cause (not_listed, outage, ours); `end` is the first instant after it
GAPS = pl.Schema({"start": UTC_MICROS, "end": UTC_MICROS, "n_minutes": pl.Int64(), "cause": pl.String()})


class CleanKlines(NamedTuple):
    """Candles fit to store, rows that are not, and what was left out of both."""

    #: CryptoKlines
    klines: pl.DataFrame
    #: rows of its quarantine
    quarantined: pl.DataFrame
    #: rows of a minute that a later row of the answer states again
    n_duplicates: int


class Agreement(NamedTuple):
    """How many minutes both archive and venue stated, and of how many they differ."""

    compared: int
    conflicts: int


class Laid(NamedTuple):
    """Candles laid over those known before, and how they differ."""

    #: CryptoKlines
    klines: pl.DataFrame
    #: of values, whatever the source: revised_rows are minutes that the fetched candles state otherwise
    revision: Revision


def clean(parsed: pl.DataFrame, *, symbol: str, source: str, ingested_at: datetime) -> CleanKlines:
    """Sort out one answer (PARSED) about one symbol.

    Reasons: off_grid, price_not_positive, high_low_crossed, amount_missing, amount_negative, taker_above_volume.
    Of several rows of one minute the last that breaks no rule is kept. Rows of other days are the client's to refuse.
    """
    judged = parsed.with_columns(
        symbol=pl.lit(symbol),
        timeframe=pl.lit("1m"),
        source=pl.lit(source),
        ingested_at=pl.lit(ingested_at, UTC_MICROS),
        reason=_reason(),
        row_number=pl.int_range(pl.len(), dtype=pl.Int64),
        run_id=pl.lit(""),
    )
    good = judged.filter(pl.col("reason").is_null())
    kept = good.unique("ts", keep="last", maintain_order=True)
    broken = judged.filter(pl.col("reason").is_not_null()).with_columns(
        # a value that is no number is told by the reason, and never stored
        pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64))
    )
    quarantine = CONTRACT.quarantine()
    return CleanKlines(
        klines=CONTRACT.conform(kept.select(list(CONTRACT.columns))),
        quarantined=quarantine.conform(broken.select(list(quarantine.columns))),
        n_duplicates=good.height - kept.height,
    )


def laid_over(stored: pl.DataFrame, streamed: pl.DataFrame, fetched: pl.DataFrame) -> Laid:
    """`fetched` over what arrived last of `stored` and `streamed` (CryptoKlines of one symbol, each unique).

    What was fetched was asked for, so it wins; a minute that it lacks stays as it was known.
    """
    base = known(stored, streamed)
    laid = pl.concat([base, fetched]).unique(["symbol", "ts"], keep="last", maintain_order=True)
    return Laid(CONTRACT.conform(laid), compare(base, fetched, ("symbol", "ts"), VALUES))


def known(stored: pl.DataFrame, streamed: pl.DataFrame) -> pl.DataFrame:
    """What arrived last of each minute, of both stated at once the streamed one; sorted by the key."""
    return (
        pl.concat([stored, streamed])
        .sort("symbol", "ts", "ingested_at", maintain_order=True)
        .unique(["symbol", "ts"], keep="last", maintain_order=True)
    )


def archive_agreement(stored: pl.DataFrame, fetched: pl.DataFrame) -> Agreement:
    """Of the minutes stored from the venue and fetched from the archive, those that differ by more than 1e-9.

    Differences are relative to the larger value.
    """
    asked = stored.filter(pl.col("source").str.starts_with("binance_rest"))
    filed = fetched.filter(pl.col("source").str.starts_with("binance_archive"))
    both = asked.join(filed, on=["symbol", "ts"], suffix="_filed", validate="1:1")
    apart = pl.any_horizontal(
        (pl.col(name) - pl.col(f"{name}_filed")).abs()
        > SAME * pl.max_horizontal(pl.col(name).abs(), pl.col(f"{name}_filed").abs())
        for name in VALUES
    )
    return Agreement(both.height, both.filter(apart).height)


def missing(klines: pl.DataFrame, first: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The runs of minutes from `first` before `until` that `klines` (of one symbol) lack, each [start, end)."""
    return [(start, end) for start, end, *_ in _runs(_lacking(klines, first, until)).iter_rows()]


def gaps(
    klines: pl.DataFrame,
    others: pl.DataFrame,
    first: datetime,
    until: datetime,
    *,
    listed_from: datetime | None = None,
    listed_until: datetime | None = None,
) -> pl.DataFrame:
    """GAPS of one symbol from `first` before `until`, by time: runs of missing minutes, each with its cause.

    `others`: symbol and ts of the other symbols' minutes, as far around the window as they are known. Each of
    them speaks for the time between its first and its last minute: what all who speak lack as well is the
    venue's `outage`; what one of them has, or nobody speaks for, is `ours`. Outside the listing it is `not_listed`.
    """
    spans = others.group_by("symbol", maintain_order=True).agg(first=pl.col("ts").min(), last=pl.col("ts").max())
    at = pl.col("ts")
    spoken_for = pl.any_horizontal(
        pl.lit(False), *(at.is_between(begin, last) for begin, last in spans.select("first", "last").iter_rows())
    )
    before = pl.lit(False) if listed_from is None else at < pl.lit(listed_from, UTC_MICROS)
    after = pl.lit(False) if listed_until is None else at >= pl.lit(listed_until, UTC_MICROS)
    return _runs(
        _lacking(klines, first, until).with_columns(
            cause=pl.when(before | after)
            .then(pl.lit("not_listed"))
            .when(spoken_for & ~at.is_in(others["ts"].unique().implode()))
            .then(pl.lit("outage"))
            .otherwise(pl.lit("ours"))
        )
    )


def is_sound() -> pl.Expr:
    """Whether a row breaks no row rule."""
    return _reason().is_null()


def _lacking(klines: pl.DataFrame, first: datetime, until: datetime) -> pl.DataFrame:
    """Column ts: the missing minutes, in order; cause is empty."""
    every = pl.datetime_range(first, until, MINUTE, closed="left", time_unit="us", eager=True).alias("ts")
    return pl.DataFrame({"ts": every.filter(~every.is_in(klines["ts"].implode()))}).with_columns(cause=pl.lit(""))


def _runs(minutes: pl.DataFrame) -> pl.DataFrame:
    """GAPS: minutes that follow each other with the same cause as one row."""
    begins = (pl.col("ts").diff() != MINUTE) | (pl.col("cause") != pl.col("cause").shift(1))
    return (
        minutes.group_by(begins.fill_null(True).cum_sum().alias("run"), maintain_order=True)
        .agg(
            start=pl.col("ts").first(),
            end=pl.col("ts").last() + MINUTE,
            n_minutes=pl.len().cast(pl.Int64),
            cause=pl.col("cause").first(),
        )
        .select(list(GAPS))
    )


def _reason() -> pl.Expr:
    """Name of the first rule a row breaks, null where it breaks none."""
    stated = pl.all_horizontal(
        *(pl.col(name).is_finite().fill_null(False) for name in _AMOUNTS if name != "trade_count"),
        pl.col("trade_count").is_not_null(),
    )
    return (
        pl.when(pl.col("ts") != pl.col("ts").dt.truncate("1m"))
        .then(pl.lit("off_grid"))
        .when(~candles.priced())
        .then(pl.lit("price_not_positive"))
        .when(candles.crossed())
        .then(pl.lit("high_low_crossed"))
        .when(~stated)
        .then(pl.lit("amount_missing"))
        .when(pl.min_horizontal(*_AMOUNTS) < 0)
        .then(pl.lit("amount_negative"))
        .when(pl.col("taker_buy_base") > pl.col("volume"))
        .then(pl.lit("taker_above_volume"))
    )
