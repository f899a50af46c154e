"""The sessions that equities are measured by, as the transforms take them."""

from datetime import date

import polars as pl

from market_assets.core import calendars


def all_sessions(first_year: int, last_year: int) -> dict[str, pl.DataFrame]:
    """Calendar -> its sessions (session_date, close_at) of those whole years, known calendars only."""
    start = max(date(first_year, 1, 1), calendars.FIRST_DAY)
    return {
        name: calendars.sessions_frame(name, start, date(last_year, 12, 31))
        for name in (*calendars.EXCHANGES, calendars.ALWAYS)
    }
