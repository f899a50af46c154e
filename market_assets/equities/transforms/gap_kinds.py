"""What each missing session is called, and which of them asking again may close.

The judgement of `equities_gaps` names the causes. What was stored after it is looked at itself: a session that
came since is no gap any more, and one that is gone since was lost on our side, as is a partition that once was.
"""

from dataclasses import dataclass

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.gaps import FOUND
from market_assets.equities.transforms.sessions import Sessions, expected, listing, numbered

_TABLE = "equities_daily_bars"
#: cause of what was stored once and is no more
_LOST = "lost"
#: cause where the vendor's plan does not reach back so far, which its answer to the last fetch said
_REFUSED = "refused"
#: sessions of one calendar that so many symbols lack, and nobody has, were no sessions
_ALL_MEANS_AT_LEAST = 2
#: cause -> kind and what tells it; an `unfetched` year is a person's backfill, not a gap
_KINDS = {
    "not_listed": ("not_listed", "outside the listing window of the universe"),
    "no_trade": ("halt", "the second source lacks the session as well"),
    "holiday": ("holiday", "no symbol of the calendar has the session, at either source"),
    _REFUSED: ("vendor_has_no_data", "the vendor's plan does not reach back so far"),
    _LOST: ("ours", "was stored once and is not any more"),
    "fetch_failed": ("ours", "the last fetch of the partition failed"),
    "clipped": ("ours", "the year begins late, and the second source has its beginning"),
    "quarantined": ("ours", "the row was rejected"),
    "vendor_missing": ("ours", "the second source has the session"),
    "unknown": ("ours", "the second source could not tell"),
}
_AT, _OF_YEAR = ["symbol", "session_date"], ["symbol", "year"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is stored, each symbol and year (SYMBOL_YEARS)."""

    stored: pl.DataFrame
    #: not stored, although the fetch log or both neighbouring years say that it was
    lost: pl.DataFrame
    #: stored after its gaps were judged
    newer: pl.DataFrame
    #: symbol and session_date (SYMBOL_SESSIONS) of `newer`
    rows: pl.DataFrame
    #: the last fetch ended because the vendor's answer began too late
    refused: pl.DataFrame


def typed(judged: pl.DataFrame, symbols: pl.DataFrame, due: Sessions, standing: Standing) -> pl.DataFrame:
    """FOUND: adjacent missing sessions of one symbol, year and cause as one row, sorted.

    `judged` (EquitiesGaps) of every year, `due` the sessions that are due in them.
    """
    calendar = numbered(due).drop("close_at")
    outside = judged.filter(cause="not_listed").select(
        *_OF_YEAR, "cause", "gap_start", "gap_end", n_missing="n_sessions"
    )
    sessions = (
        pl.concat([_judged(judged, symbols, calendar, standing), _gone(judged, symbols, due, standing)])
        .join(standing.refused.with_columns(refused=True), on=_OF_YEAR, how="left")
        .with_columns(cause=pl.when("refused").then(pl.lit(_REFUSED)).otherwise("cause"))
        .pipe(_with_holidays, symbols, due, standing.stored)
        .join(calendar, on=["calendar", "session_date"])
    )
    return _named(pl.concat([outside, _runs(sessions)]))


def _judged(judged: pl.DataFrame, symbols: pl.DataFrame, calendar: pl.DataFrame, standing: Standing) -> pl.DataFrame:
    """symbol, session_date, year, cause, calendar of the sessions judged missing that still are."""
    return (
        judged.filter(~pl.col("cause").is_in(["not_listed", "unfetched"]))
        .select(*_OF_YEAR, "cause", session_date=pl.date_ranges("gap_start", "gap_end"))
        .explode("session_date")
        .join(listing(symbols).select("symbol", "calendar"), on="symbol")
        .join(calendar, on=["calendar", "session_date"], how="semi")
        .join(standing.rows, on=_AT, how="anti")
        .join(standing.lost, on=_OF_YEAR, how="anti")
        .select(*_AT, "year", "cause", "calendar")
    )


def _gone(judged: pl.DataFrame, symbols: pl.DataFrame, due: Sessions, standing: Standing) -> pl.DataFrame:
    """The same of sessions that nobody judged missing: of lost partitions, and before the newest row of newer ones."""
    concerned = pl.concat([standing.lost, standing.newer])
    of_symbols = symbols.join(concerned, on="symbol", how="semi")
    newest = standing.rows.group_by(
        "symbol", year=pl.col("session_date").dt.year().cast(pl.Int32), maintain_order=True
    ).agg(newest=pl.col("session_date").max())
    known = (
        judged.join(standing.newer, on=_OF_YEAR, how="semi")
        .select("symbol", session_date=pl.date_ranges("gap_start", "gap_end"))
        .explode("session_date")
    )
    return (
        expected(of_symbols, due)
        .filter("listed")
        .with_columns(year=pl.col("session_date").dt.year().cast(pl.Int32))
        .join(concerned, on=_OF_YEAR, how="semi")
        .join(standing.lost.with_columns(is_lost=True), on=_OF_YEAR, how="left")
        .join(newest, on=_OF_YEAR, how="left")
        .filter(pl.col("is_lost").fill_null(False) | (pl.col("session_date") < pl.col("newest")))
        .join(standing.rows, on=_AT, how="anti")
        .join(known, on=_AT, how="anti")
        .select(*_AT, "year", pl.lit(_LOST).alias("cause"), "calendar")
    )


def _with_holidays(sessions: pl.DataFrame, symbols: pl.DataFrame, due: Sessions, stored: pl.DataFrame) -> pl.DataFrame:
    """With cause `holiday` where nobody of the calendar whose year is stored has the session."""
    at = ["calendar", "session_date"]
    still = sessions.filter(cause="no_trade").select(at).unique()
    if still.is_empty():
        return sessions
    active = symbols.filter("active")
    days = {name: frame.join(still.filter(calendar=name), on="session_date", how="semi") for name, frame in due.items()}
    could = (
        expected(active, days)
        .filter("listed")
        .with_columns(year=pl.col("session_date").dt.year().cast(pl.Int32))
        .join(stored, on=_OF_YEAR, how="semi")
        .group_by(at)
        .agg(n_could=pl.len())
    )
    lack = (
        sessions.filter(cause="no_trade")
        .join(active, on="symbol", how="semi")
        .group_by(at)
        .agg(n_lack=pl.col("symbol").n_unique())
    )
    nobody = could.join(lack, on=at).filter(
        pl.col("n_lack") == pl.col("n_could"), pl.col("n_could") >= _ALL_MEANS_AT_LEAST
    )
    closed = sessions.join(nobody.select(at, closed=True), on=at, how="left")
    is_holiday = pl.col("closed").fill_null(False) & (pl.col("cause") == "no_trade")
    return closed.with_columns(cause=pl.when(is_holiday).then(pl.lit("holiday")).otherwise("cause")).drop("closed")


def _runs(sessions: pl.DataFrame) -> pl.DataFrame:
    """Adjacent sessions of one symbol, year and cause as one row, with gap_start, gap_end and n_missing."""
    changes = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in (*_OF_YEAR, "cause"))
    return (
        sessions.sort(_AT)
        .with_columns(run=(changes | (pl.col("session_number").diff() != 1)).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(
            pl.col(*_OF_YEAR, "cause").first(),
            gap_start=pl.col("session_date").first(),
            gap_end=pl.col("session_date").last(),
            n_missing=pl.len().cast(pl.Int64),
        )
        .drop("run")
    )


def _named(runs: pl.DataFrame) -> pl.DataFrame:
    kinds = {cause: kind for cause, (kind, _) in _KINDS.items()}
    reasons = {cause: reason for cause, (_, reason) in _KINDS.items()}
    return (
        runs.sort("symbol", "gap_start")
        .with_columns(
            table=pl.lit(_TABLE),
            partition=pl.format("{}|{}", "symbol", "year"),
            name=pl.col("symbol"),
            gap_start=pl.col("gap_start").cast(UTC_MICROS),
            gap_end=(pl.col("gap_end") + pl.duration(days=1)).cast(UTC_MICROS),
            kind=pl.col("cause").replace_strict(kinds, return_dtype=pl.String),
            reason=pl.col("cause").replace_strict(reasons, return_dtype=pl.String),
        )
        .select(list(FOUND))
    )
