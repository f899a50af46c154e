"""Market hours by the minute: sessions, open minutes, anchors. Expected instants are those of the exchanges' clocks."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from market_assets.core import trading_hours
from market_assets.core.errors import UnknownName

DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "day", "n"),
    [
        ("always", "2026-11-18", 1440),
        # Wednesday: 17:00 New York is 22:00 UTC, an hour without trading
        ("cme_index", "2026-11-18", 23 * 60),
        ("fx_24x5", "2026-11-18", 1440),
        # Friday until 22:00, Saturday nothing, Sunday from 22:00 (futures an hour later)
        ("fx_24x5", "2026-11-20", 22 * 60),
        ("fx_24x5", "2026-11-21", 0),
        ("fx_24x5", "2026-11-22", 2 * 60),
        ("cme_index", "2026-11-22", 60),
        # in summer New York is four hours behind
        ("fx_24x5", "2026-07-17", 21 * 60),
        ("XNYS", "2026-11-18", 390),
        ("XNYS", "2026-11-26", 0),
        ("XNYS", "2026-11-27", 210),
    ],
)
def test_minutes_of_a_day(calendar: str, day: str, n: int) -> None:
    """As many as the market is open for, weekends, holidays, half days and summer time told apart."""
    found = trading_hours.minutes(calendar, at(day), at(day) + DAY)
    assert (found.len(), found.is_sorted(), found.is_unique().all()) == (n, True, True)
    assert trading_hours.open_minutes(calendar, at(day), at(day) + DAY) == n


def test_the_new_york_session_by_its_clock() -> None:
    """09:30 to 16:00: in winter 14:30 to 21:00 UTC, and the last minute opens at 20:59."""
    found = trading_hours.minutes("XNYS", at("2026-11-18"), at("2026-11-19"))
    assert (found[0], found[-1]) == (at("2026-11-18T14:30"), at("2026-11-18T20:59"))


def test_a_window_inside_a_session_is_cut_to_whole_minutes() -> None:
    """A minute that began before the window is not of it."""
    found = trading_hours.minutes("always", at("2026-11-18T10:00:30"), at("2026-11-18T10:03:00"))
    assert found.to_list() == [at("2026-11-18T10:01"), at("2026-11-18T10:02")]


@pytest.mark.parametrize(
    ("calendar", "when", "is_open"),
    [
        ("fx_24x5", "2026-11-20T21:59:59", True),
        ("fx_24x5", "2026-11-20T22:00:00", False),
        ("fx_24x5", "2026-11-22T22:00:00", True),
        ("cme_index", "2026-11-18T22:30:00", False),
        ("cme_index", "2026-11-18T23:00:00", True),
        ("XNYS", "2026-11-18T14:29:59", False),
        ("always", "2026-11-21T03:00:00", True),
    ],
)
def test_whether_a_market_trades(calendar: str, when: str, is_open: bool) -> None:
    """Opening instants belong to the session, closing ones do not."""
    assert trading_hours.is_open(calendar, at(when)) is is_open


def test_closed_markets_do_not_age() -> None:
    """From half a minute before Friday's close to a minute after Monday's open: a minute and a half."""
    assert trading_hours.open_minutes("XNYS", at("2026-11-20T20:59:30"), at("2026-11-23T14:31")) == 1.5


def test_the_newest_minute_that_is_over() -> None:
    """On a Sunday it is Friday's last; in a running minute it is the one before."""
    assert trading_hours.last_minute("XNYS", at("2026-11-22T12:00")) == at("2026-11-20T20:59")
    assert trading_hours.last_minute("always", at("2026-11-22T12:00:30")) == at("2026-11-22T11:59")


def test_anchors_are_the_open_before_each_instant() -> None:
    """Futures begin anew at 18:00 New York, currencies at 17:00, the exchange at its open, coins at midnight."""
    asked = pl.Series([at("2026-11-18T23:30"), at("2026-11-18T22:30"), at("2026-11-18T15:00")])
    assert trading_hours.anchors("cme_index", asked).to_list() == [
        at("2026-11-18T23:00"),
        at("2026-11-17T23:00"),
        at("2026-11-17T23:00"),
    ]
    assert trading_hours.anchors("fx_24x5", asked).to_list()[1:] == [at("2026-11-18T22:00"), at("2026-11-17T22:00")]
    assert trading_hours.anchors("XNYS", asked)[2] == at("2026-11-18T14:30")
    assert trading_hours.anchors("always", asked)[0] == at("2026-11-18")


def test_an_unknown_calendar_names_the_known_ones() -> None:
    """Nobody's hours are guessed."""
    with pytest.raises(UnknownName, match="fx_24x5"):
        trading_hours.sessions("fx_24x7", at("2026-11-18"), at("2026-11-19"))
