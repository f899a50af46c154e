"""Why minutes of the market are missing. Frames in, frames out.

A coin trades at any time, so what it lacks is the venue's or our doing. Elsewhere a minute without a row is one in
which nobody traded, until another source states it; a day without any row is a halt, or a holiday where no symbol of
the calendar has one. None of this is said of minutes that no source was asked for since they were over.
"""

from datetime import timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.gaps import FOUND

_MINUTE = timedelta(minutes=1)
_OF_DAY = ["symbol", "day"]
_KEY = {"symbol": pl.String(), "day": pl.Date()}

#: one row per symbol and day looked at, complete ones included. `n_rows` is null where the day is not stored;
#: `answered_at`: when its sources answered last, with or without rows; `outcome`: how the last fetch failed, where it
#: did and no source answered; `n_other`: minutes of a second source that are not stored; `is_kept`: a source in use
#: still has the day
DAYS = pl.Schema(
    {
        **_KEY,
        "calendar": pl.String(),
        "is_listed": pl.Boolean(),
        "is_kept": pl.Boolean(),
        "n_rows": pl.Int64(),
        "answered_at": UTC_MICROS,
        "outcome": pl.String(),
        "n_other": pl.Int64(),
    }
)
#: minutes of the market: those of a day that are not stored, those in quarantine
MINUTES = pl.Schema({**_KEY, "ts": UTC_MICROS})


def typed(days: pl.DataFrame, lacking: pl.DataFrame, rejected: pl.DataFrame, coins: pl.DataFrame) -> pl.DataFrame:
    """FOUND: runs of `lacking` minutes (MINUTES) of the same kind, sorted.

    `days` (DAYS); `rejected` (MINUTES): in quarantine; `coins`: ts of minutes that any coin has on these days.
    """
    minutes = (
        lacking.join(_of_calendars(days), on=_OF_DAY, how="left", maintain_order="left")
        .join(rejected.select(*_OF_DAY, "ts").unique().with_columns(is_rejected=True), on=[*_OF_DAY, "ts"], how="left")
        .join(_asked_coins(days, lacking), on=[*_OF_DAY, "ts"], how="left")
        .sort("symbol", "ts")
        .with_columns(
            is_answered=_is_answered(),
            is_empty=pl.col("n_rows").fill_null(0) == 0,
            is_of_a_coin=pl.col("ts").is_in(coins["ts"].implode()),
        )
        .with_columns(is_day_answered=(pl.col("is_answered") & pl.col("outcome").is_null()).all().over(_OF_DAY))
        .with_columns(is_calendar_answered=pl.col("is_day_answered").any().over("calendar", "day"))
        .with_columns(_why())
        .unnest("why")
    )
    too_old = (pl.col("kind") == "ours") & ~pl.col("is_kept")
    return _runs(
        minutes.with_columns(
            kind=pl.when(too_old).then(pl.lit("vendor_has_no_data")).otherwise("kind"),
            reason=pl.when(too_old).then(pl.lit("no source in use keeps minutes of that day")).otherwise("reason"),
        )
    )


def _of_calendars(days: pl.DataFrame) -> pl.DataFrame:
    """`days`, each with whether any symbol of its calendar has a bar that day."""
    return days.with_columns(is_traded=(pl.col("n_rows").fill_null(0) > 0).any().over("calendar", "day"))


def _asked_coins(days: pl.DataFrame, lacking: pl.DataFrame) -> pl.DataFrame:
    """Of minutes that a coin lacks: `n_asked` other coins whose sources answered for them, and have some of the day."""
    is_coin = pl.col("calendar") == "always"
    others = days.filter(is_coin, pl.col("n_rows") > 0).select("day", other="symbol", answered="answered_at")
    return (
        lacking.join(days.filter(is_coin).select(_OF_DAY), on=_OF_DAY, how="semi")
        .join(others, on="day")
        .filter(pl.col("other") != pl.col("symbol"), pl.col("ts") + _MINUTE <= pl.col("answered"))
        .group_by(*_OF_DAY, "ts")
        .agg(n_asked=pl.len())
    )


def _is_answered() -> pl.Expr:
    return (pl.col("ts") + _MINUTE <= pl.col("answered_at")).fill_null(False)


def _why() -> pl.Expr:
    """kind and reason of a missing minute; the first that applies."""
    coin, empty, answered = pl.col("calendar") == "always", pl.col("is_empty"), pl.col("is_answered")
    failed, n_other = pl.col("outcome").is_not_null(), pl.col("n_other").fill_null(0)
    nobody_has_it = (pl.col("n_asked").fill_null(0) > 0) & ~pl.col("is_of_a_coin")
    return (
        pl.when(~pl.col("is_listed"))
        .then(_told("not_listed", "outside valid_from and valid_to of its instrument"))
        .when(coin & answered & nobody_has_it)
        .then(_told("venue_outage", "no other coin has the minute either"))
        .when(~coin & empty & ~pl.col("is_traded") & pl.col("is_calendar_answered"))
        .then(_told("holiday", "no symbol of its calendar has a bar that day"))
        .when(failed & (~answered | empty))
        .then(_told("ours", pl.format("the last fetch failed ({})", pl.col("outcome").fill_null(""))))
        .when(~answered)
        .then(
            pl.when(pl.col("n_rows").is_null())
            .then(_told("ours", "the day is not stored"))
            .otherwise(_told("ours", "not asked for since the minute was over"))
        )
        .when(coin)
        .then(_told("ours", "a coin trades every minute"))
        .when(empty)
        .then(_told("halt", "its sources have no bar of the day, others of its calendar traded"))
        .when(pl.col("is_rejected").fill_null(False))
        .then(_told("ours", "a source stated the minute, and broke a row rule"))
        .when(n_other > 0)
        .then(_told("ours", pl.format("a second source has {} minutes more of the day", n_other)))
        .otherwise(_told("no_trades", "no source has the minute"))
        .alias("why")
    )


def _told(kind: str, reason: str | pl.Expr) -> pl.Expr:
    return pl.struct(kind=pl.lit(kind), reason=pl.lit(reason) if isinstance(reason, str) else reason)


def _runs(minutes: pl.DataFrame) -> pl.DataFrame:
    """FOUND: minutes that follow each other with the same kind and reason as one row. A closed market ends a run."""
    same = [pl.col(name) == pl.col(name).shift(1) for name in (*_OF_DAY, "kind", "reason")]
    goes_on = pl.all_horizontal(pl.col("ts").diff() == _MINUTE, *same)
    return (
        minutes.group_by((~goes_on.fill_null(False)).cum_sum().alias("run"), maintain_order=True)
        .agg(
            pl.col("symbol", "day", "kind", "reason").first(),
            gap_start=pl.col("ts").first(),
            gap_end=pl.col("ts").last() + _MINUTE,
            n_missing=pl.len().cast(pl.Int64),
        )
        .with_columns(table=pl.lit("bars_minute"), partition=pl.format("{}|{}", "day", "symbol"), name=pl.col("symbol"))
        .select(list(FOUND))
        .cast(FOUND)
        .sort("partition", "gap_start")
    )
