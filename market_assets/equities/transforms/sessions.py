"""Sessions of the calendars as frames: numbered, due, looked back to, expected of a symbol.

Every function takes `Sessions`: calendar name -> frame with session_date (Date) and close_at (UTC).
Which days are sessions is the calendars' business (`core/calendars`), not this module's.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import MarketAssetsError

#: calendar -> its sessions: session_date (Date), close_at (UTC instant)
Sessions = Mapping[str, pl.DataFrame]

_NUMBERED: dict[str, pl.DataType | type[pl.DataType]] = {
    "calendar": pl.String,
    "session_date": pl.Date,
    "close_at": UTC_MICROS,
    "session_number": pl.Int64,
}


class NotOnCalendar(MarketAssetsError, ValueError):
    """A bar on a date that is no session of its calendar, or of a symbol the universe lacks."""


def numbered(sessions: Sessions) -> pl.DataFrame:
    """One row per calendar and session, numbered from 0 within its calendar. Columns calendar, session_date,
    close_at, session_number."""
    frames = [
        frame.sort("session_date")
        .with_row_index("session_number")
        .select(
            calendar=pl.lit(calendar),
            session_date=pl.col("session_date").cast(pl.Date),
            close_at=pl.col("close_at").cast(UTC_MICROS),
            session_number=pl.col("session_number").cast(pl.Int64),
        )
        for calendar, frame in sorted(sessions.items())
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=_NUMBERED)


def due(sessions: Sessions, now: datetime, delay_min: int) -> dict[str, pl.DataFrame]:
    """The sessions whose bar can be there at `now`: closed for `delay_min` minutes."""
    latest_close = now - timedelta(minutes=delay_min)
    return {calendar: frame.filter(pl.col("close_at") <= latest_close) for calendar, frame in sessions.items()}


def cuts(numbered_sessions: pl.DataFrame, lookback: int) -> pl.DataFrame:
    """Where the context of each calendar year starts: `lookback` sessions before its first one.

    Returns calendar, year (Int32), cut_number (Int64), which may lie before the frame's start.
    """
    return (
        numbered_sessions.with_columns(year=pl.col("session_date").dt.year())
        .group_by("calendar", "year")
        .agg(cut_number=pl.col("session_number").min() - lookback)
        .sort("calendar", "year")
    )


def lookback_start(calendar_sessions: pl.DataFrame, first_day: date, lookback: int) -> date | None:
    """The date of the `lookback`-th session before `first_day`, or the earliest there is.

    What lies before it cannot change a row on or after `first_day`. None where no session does.
    """
    before = calendar_sessions.filter(pl.col("session_date") < first_day).sort("session_date")
    return before["session_date"].tail(lookback).min()  # type: ignore[return-value]


def listing(symbols: pl.DataFrame) -> pl.DataFrame:
    """One row per symbol (asset_class, calendar, active): its latest listing window's."""
    return (
        symbols.sort("symbol", "valid_from")
        .unique("symbol", keep="last", maintain_order=True)
        .select("symbol", "asset_class", "calendar", "active")
    )


def located(bars: pl.DataFrame, symbols: pl.DataFrame, numbered_sessions: pl.DataFrame) -> pl.DataFrame:
    """`bars` sorted by symbol and session, with asset_class, calendar, active, close_at and session_number.

    Raises NotOnCalendar naming the first bar without a known symbol or without a session.
    """
    placed = (
        bars.sort("symbol", "session_date")
        .join(listing(symbols), on="symbol", how="left", maintain_order="left")
        .join(numbered_sessions, on=["calendar", "session_date"], how="left", maintain_order="left")
    )
    lost = placed.filter(pl.col("session_number").is_null())
    if lost.height:
        row = lost.row(0, named=True)
        calendar = row["calendar"] or "unknown: the symbol is not in the universe"
        raise NotOnCalendar(
            f"every bar is of a known symbol on a session of its calendar; {lost.height} are not, the first is "
            f"{row['symbol']} {row['session_date']} (calendar {calendar}). "
            "Pass sessions that cover all bars, and quarantine bars off the calendar first"
        )
    return placed


def expected(symbols: pl.DataFrame, sessions: Sessions) -> pl.DataFrame:
    """Every (symbol, session_date) of the given sessions, with `listed`: inside a listing window.

    Sorted by symbol and session; also calendar and session_number.
    """
    windows = symbols.select("symbol", "calendar", "valid_from", "valid_to").join(
        numbered(sessions).drop("close_at"), on="calendar", how="inner"
    )
    inside = (pl.col("session_date") >= pl.col("valid_from")) & (
        pl.col("valid_to").is_null() | (pl.col("session_date") <= pl.col("valid_to"))
    )
    return (
        windows.with_columns(listed=inside)
        .group_by("symbol", "calendar", "session_date", "session_number")
        .agg(pl.col("listed").any())
        .sort("symbol", "session_date")
    )
