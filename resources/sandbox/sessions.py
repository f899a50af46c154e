"""Trading days and their instants, as the sandbox's routes and simulator need them: in arrays.

Calendars come from `market_assets.core.calendars`; here is only what turns days into vendor stamps.
"""

import functools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.core import calendars
from resources.sandbox.backend import Days

FIRST_DAY = date(1998, 1, 1)
NEW_YORK = "America/New_York"
CHICAGO = "America/Chicago"
OPEN, CLOSE = time(9, 30), time(16)

#: the only stretches of the year in which XNYS has ever closed early since 1998: (month, first day, last day)
_EARLY_CLOSE_SEASONS = ((7, 1, 6), (11, 22, 30), (12, 23, 31))
_HOLIDAYS = {1: "New Years Day", 2: "Washington's Birthday", 3: "Good Friday", 4: "Good Friday", 5: "Memorial Day"}
_HOLIDAYS |= {6: "Juneteenth", 7: "Independence Day", 9: "Labor Day", 11: "Thanksgiving", 12: "Christmas"}


@functools.lru_cache(maxsize=64)
def days(calendar: str, until: date) -> Days:
    """Sessions from 1998 to `until`, as datetime64[D]."""
    if calendar == "always":
        return np.arange(np.datetime64(FIRST_DAY), np.datetime64(until) + 1)
    return np.array(calendars.sessions(calendar, FIRST_DAY, until), "datetime64[D]")


def close_of(calendar: str, day: date) -> datetime:
    """The instant a session ends; midnight UTC after the day for crypto."""
    return calendars.session_close(calendar, day)


def open_of(calendar: str, day: date) -> datetime:
    """The instant a session starts."""
    if calendar == "always":
        return datetime.combine(day, time(), UTC)
    return datetime.combine(day, OPEN, ZoneInfo(NEW_YORK)).astimezone(UTC)


def last_closed(calendar: str, at: datetime) -> date:
    """The newest session whose close is not after `at`."""
    return calendars.last_closed_session(calendar, at)


def open_session(calendar: str, at: datetime) -> date | None:
    """The session that is trading at `at`, or None."""
    today = at.date() if calendar == "always" else at.astimezone(ZoneInfo(NEW_YORK)).date()
    trading = np.datetime64(today) in days(calendar, today)[-1:]
    return today if trading and open_of(calendar, today) <= at < close_of(calendar, today) else None


@functools.cache
def _closes_early(day: date) -> bool:
    return close_of("XNYS", day).astimezone(ZoneInfo(NEW_YORK)).time() < time(16)


def half_days(of: Days) -> NDArray[np.bool_]:
    """Which of these sessions close early (XNYS)."""
    seasonal = np.zeros(len(of), bool)
    month = of.astype("datetime64[M]")
    month_number = month.astype(np.int64) % 12 + 1
    day_number = (of - month).astype(np.int64) + 1
    for number, first, last in _EARLY_CLOSE_SEASONS:
        seasonal |= (month_number == number) & (day_number >= first) & (day_number <= last)
    early = seasonal.copy()
    early[seasonal] = [_closes_early(day) for day in of[seasonal].tolist()]
    return early


def stamps(of: Days, zone: str, at: time = time()) -> NDArray[np.int64]:
    """Epoch milliseconds of a local time on each day, daylight saving included."""
    if zone == "UTC":
        seconds = at.hour * 3600 + at.minute * 60
        return of.astype("datetime64[ms]").astype(np.int64) + seconds * 1000
    local = pl.Series(of.astype("datetime64[ms]")) + timedelta(hours=at.hour, minutes=at.minute)
    return local.dt.replace_time_zone(zone).dt.epoch("ms").to_numpy()


def upcoming(at: datetime, horizon_days: int = 300) -> list[tuple[date, str, datetime | None]]:
    """Coming XNYS closures: day, holiday name, and the early close where the day still trades."""
    first, last = at.date(), at.date() + timedelta(days=horizon_days)
    sessions = days("XNYS", last)
    sessions = sessions[sessions >= np.datetime64(first)]
    trading = set(sessions.tolist())
    early = set(sessions[half_days(sessions)].tolist())
    found: list[tuple[date, str, datetime | None]] = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if day in early:
            found.append((day, _holiday(day), close_of("XNYS", day)))
        elif day not in trading and day.weekday() < 5:
            found.append((day, _holiday(day), None))
    return found


def _holiday(day: date) -> str:
    if day.month == 1 and day.day > 3:
        return "Martin Luther King, Jr. Day"
    return _HOLIDAYS.get(day.month, "Special closure")
