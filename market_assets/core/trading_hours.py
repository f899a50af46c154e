"""When a market trades by the minute: the calendars `always`, `fx_24x5`, `cme_index` and `XNYS`.

`calendars` knows days; this module knows hours. The rules are those of the specification: fx_24x5 from Sunday 17:00 to
Friday 17:00 in New York, cme_index from 18:00 to 17:00 of the next day, Sunday to Friday; neither knows holidays. A
session's anchor is where sums of the session (VWAP, cumulative volume) begin anew.
"""

import functools
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from market_assets.core import calendars
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import UnknownName

FX, CME = "fx_24x5", "cme_index"
NAMES = (calendars.ALWAYS, FX, CME, *calendars.EXCHANGES)

MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_NEW_YORK = ZoneInfo("America/New_York")
_FX_TURN, _CME_OPEN, _CME_CLOSE = time(17), time(18), time(17)
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6


class Session(NamedTuple):
    """From `open` until `close` (exclusive), UTC. Sums of a session begin anew at `open`."""

    open: datetime
    close: datetime


def sessions(calendar: str, first: datetime, until: datetime) -> list[Session]:
    """The sessions that overlap [first, until), whole, oldest first. fx_24x5 is cut at 17:00 New York every day.

    Raises UnknownName for another calendar.
    """
    if calendar not in NAMES:
        raise UnknownName("calendar", calendar, NAMES)
    found: list[Session] = []
    # a session that is open at `first` may have begun the day before, by any clock
    day = first.date() - _DAY
    while day <= until.date():
        session = _session(calendar, day)
        if session is not None and session.open < until and session.close > first:
            found.append(session)
        day += _DAY
    return found


def minutes(calendar: str, first: datetime, until: datetime) -> pl.Series:
    """`ts` (UTC): the open instants of every minute in [first, until) that lies in a session, in order."""
    begin = _floor(first + MINUTE - timedelta(microseconds=1))
    parts = [
        pl.datetime_range(max(one.open, begin), min(one.close, until), "1m", closed="left", eager=True, time_unit="us")
        for one in sessions(calendar, begin, until)
    ]
    return (pl.concat(parts) if parts else pl.Series(dtype=UTC_MICROS)).cast(UTC_MICROS).alias("ts")


def is_open(calendar: str, at: datetime) -> bool:
    """Whether the market trades at an instant."""
    return bool(sessions(calendar, at, at + timedelta(microseconds=1)))


def open_minutes(calendar: str, first: datetime, until: datetime) -> float:
    """Minutes of market time in [first, until): closed markets never age."""
    spans = ((max(one.open, first), min(one.close, until)) for one in sessions(calendar, first, until))
    return sum((end - begin) / MINUTE for begin, end in spans)


def last_minute(calendar: str, at: datetime) -> datetime | None:
    """Open instant of the newest minute of a session that is over at `at`; None in the ten days before."""
    for one in reversed(sessions(calendar, at - 10 * _DAY, at)):
        end = _floor(min(one.close, at))
        if end > one.open:
            return end - MINUTE
    return None


def anchors(calendar: str, ts: pl.Series) -> pl.Series:
    """For each instant (UTC) the open of the session that it lies in or that came last before it; null before any."""
    first, last = ts.min(), ts.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return pl.Series("anchor", [None] * len(ts), dtype=UTC_MICROS)
    opens = pl.DataFrame(
        {"anchor": [one.open for one in sessions(calendar, first - 10 * _DAY, last + MINUTE)]},
        schema={"anchor": UTC_MICROS},
    ).with_columns(ts=pl.col("anchor"))
    asked = pl.DataFrame({"ts": ts.cast(UTC_MICROS)}).with_row_index("row").sort("ts")
    return asked.join_asof(opens.set_sorted("ts"), on="ts").sort("row")["anchor"].rename("anchor")


def _session(calendar: str, day: date) -> Session | None:
    """The session that is named after `day`: of fx_24x5 and cme_index the day on which it opens."""
    if calendar == calendars.ALWAYS:
        return Session(datetime.combine(day, time(), UTC), datetime.combine(day + _DAY, time(), UTC))
    if calendar in calendars.EXCHANGES:
        return _exchange_session(calendar, day)
    opens, closes = (_FX_TURN, _FX_TURN) if calendar == FX else (_CME_OPEN, _CME_CLOSE)
    if day.weekday() in (_FRIDAY, _SATURDAY):
        return None
    return Session(_new_york(day, opens), _new_york(day + _DAY, closes))


def _exchange_session(calendar: str, day: date) -> Session | None:
    days, opens, closes = _hours(calendar, day.year)
    at = bisect_right(days, day) - 1
    return Session(opens[at], closes[at]) if at >= 0 and days[at] == day else None


@functools.cache
def _hours(calendar: str, year: int) -> tuple[Sequence[date], Sequence[datetime], Sequence[datetime]]:
    """Sessions of a year with their opening and closing instants."""
    days = calendars.sessions(calendar, date(year, 1, 1), date(year, 12, 31))
    opens = [calendars.session_open(calendar, day) for day in days]
    return days, opens, [calendars.session_close(calendar, day) for day in days]


def _new_york(day: date, at: time) -> datetime:
    return datetime.combine(day, at, _NEW_YORK).astimezone(UTC)


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
