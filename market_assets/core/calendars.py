"""Which days are sessions, and when they close: the calendars `XNYS` and `always`.

`always` has a session every day, closing at the next midnight UTC. Sessions of an exchange are read
once per process into plain tuples; importing this module costs nothing.
"""

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import InvalidRequest, UnknownName

#: the first day an exchange calendar is asked for
FIRST_DAY = date(1990, 1, 1)
ALWAYS = "always"
EXCHANGES = ("XNYS",)


@dataclass(frozen=True)
class _Exchange:
    """Sessions of one exchange from FIRST_DAY to `last_day`, with the instants at which they open and close."""

    name: str
    last_day: date
    days: tuple[date, ...]
    opens: tuple[datetime, ...]
    closes: tuple[datetime, ...]


def sessions(calendar: str, start: date, end: date) -> list[date]:
    """The sessions from `start` to `end`, both included, oldest first; none where start > end.

    Raises UnknownName for another calendar, InvalidRequest for days before 1990 or beyond the end
    of next year, where holidays are not announced yet.
    """
    if calendar == ALWAYS:
        return [start + timedelta(days=n) for n in range((end - start).days + 1)]
    first, stop = _bounds(_exchange(calendar), start, end)
    return list(_exchange(calendar).days[first:stop])


def sessions_frame(calendar: str, start: date, end: date) -> pl.DataFrame:
    """Columns session_date (Date) and close_at (UTC): the sessions from `start` to `end`, oldest first."""
    if calendar == ALWAYS:
        days: Iterable[date] = sessions(calendar, start, end)
        closes: Iterable[datetime] = [_midnight_after(day) for day in days]
    else:
        exchange = _exchange(calendar)
        first, stop = _bounds(exchange, start, end)
        days, closes = exchange.days[first:stop], exchange.closes[first:stop]
    return pl.DataFrame(
        {"session_date": days, "close_at": closes}, schema={"session_date": pl.Date, "close_at": UTC_MICROS}
    )


def session_close(calendar: str, day: date) -> datetime:
    """The instant (UTC) at which the session of `day` closes, early closes included.

    Raises InvalidRequest where `day` is no session, naming the sessions around it.
    """
    if calendar == ALWAYS:
        return _midnight_after(day)
    exchange = _exchange(calendar)
    return exchange.closes[_at(exchange, day)]


def session_open(calendar: str, day: date) -> datetime:
    """The instant (UTC) at which the session of `day` opens. Raises InvalidRequest where `day` is no session."""
    if calendar == ALWAYS:
        return datetime.combine(day, time(), UTC)
    exchange = _exchange(calendar)
    return exchange.opens[_at(exchange, day)]


def is_session(calendar: str, day: date) -> bool:
    """Whether `day` is a session."""
    return bool(sessions(calendar, day, day))


def session_index(calendar: str, day: date) -> int:
    """How many sessions lie before `day`: the difference of two is the distance in sessions."""
    return day.toordinal() if calendar == ALWAYS else _position(_exchange(calendar), day)


def next_session(calendar: str, day: date) -> date:
    """The first session after `day`."""
    if calendar == ALWAYS:
        return day + timedelta(days=1)
    exchange = _exchange(calendar)
    after = _position(exchange, day + timedelta(days=1))
    if after == len(exchange.days):
        raise _beyond(exchange, day)
    return exchange.days[after]


def previous_session(calendar: str, day: date) -> date:
    """The last session before `day`."""
    if calendar == ALWAYS:
        return day - timedelta(days=1)
    exchange = _exchange(calendar)
    at = _position(exchange, day)
    if at == 0:
        raise _beyond(exchange, day)
    return exchange.days[at - 1]


def last_closed_session(calendar: str, at: datetime) -> date:
    """The newest session whose close is not after `at`.

    For the newest session that is due from a vendor, pass `as_of` less the vendor's delay.
    """
    if calendar == ALWAYS:
        return at.astimezone(UTC).date() - timedelta(days=1)
    exchange = _exchange(calendar)
    closed = bisect_right(exchange.closes, at)
    if closed == 0:
        raise _beyond(exchange, at.date())
    return exchange.days[closed - 1]


def _midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _bounds(exchange: _Exchange, start: date, end: date) -> tuple[int, int]:
    if start > end:
        return 0, 0
    return _position(exchange, start), _position(exchange, end + timedelta(days=1))


def _position(exchange: _Exchange, day: date) -> int:
    # a range may end the day after the last one known
    if not FIRST_DAY <= day <= exchange.last_day + timedelta(days=1):
        raise _beyond(exchange, day)
    return bisect_left(exchange.days, day)


def _at(exchange: _Exchange, day: date) -> int:
    at = _position(exchange, day)
    if at == len(exchange.days) or exchange.days[at] != day:
        around = exchange.days[max(0, at - 1) : at + 1]
        raise InvalidRequest(f"{day} is no session of {exchange.name}; near it: {', '.join(map(str, around))}")
    return at


def _beyond(exchange: _Exchange, day: date) -> InvalidRequest:
    return InvalidRequest(
        f"sessions of {exchange.name} are known from {FIRST_DAY} to {exchange.last_day}, not for {day}"
    )


def _exchange(calendar: str) -> _Exchange:
    if calendar not in EXCHANGES:
        raise UnknownName("calendar", calendar, (*EXCHANGES, ALWAYS))
    return _read(calendar, clock.today().year + 1)


@functools.cache
def _read(calendar: str, last_year: int) -> _Exchange:
    import exchange_calendars

    last_day = date(last_year, 12, 31)
    known = exchange_calendars.get_calendar(calendar, start=FIRST_DAY.isoformat(), end=last_day.isoformat())
    days = known.sessions.to_numpy().astype("datetime64[D]").tolist()
    return _Exchange(calendar, last_day, tuple(days), _instants(known.opens), _instants(known.closes))


def _instants(stated: Any) -> tuple[datetime, ...]:
    plain = stated.dt.tz_convert(None).to_numpy().astype("datetime64[us]").tolist()
    return tuple(at.replace(tzinfo=UTC) for at in plain)
