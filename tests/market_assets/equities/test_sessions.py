"""Numbering, due dates, look-back and expectation of sessions."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from market_assets.equities.transforms.sessions import NotOnCalendar, due, expected, located, lookback_start, numbered
from tests.market_assets.equities.frames import raw, sessions, universe

JANUARY = sessions(date(2020, 1, 1), date(2020, 1, 10))


def test_each_calendar_is_numbered_on_its_own():
    """XNYS has 7 sessions from 2 to 10 January 2020, the calendar that never closes 10 days."""
    got = numbered(JANUARY)
    last = dict(got.group_by("calendar").agg(pl.col("session_number").max()).iter_rows())
    assert last == {"XNYS": 6, "always": 9}


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (datetime(2020, 1, 6, 22, 59, tzinfo=UTC), date(2020, 1, 3)),
        (datetime(2020, 1, 6, 23, 0, tzinfo=UTC), date(2020, 1, 6)),
    ],
)
def test_a_session_is_due_after_its_close_and_the_delay(now, newest):
    """16:00 New York is 21:00 UTC in winter; two hours later the bar is due."""
    assert due(JANUARY, now, 120)["XNYS"]["session_date"].max() == newest


def test_look_back_counts_sessions():
    """Five sessions before 9 January 2020, over a weekend; fewer where the calendar starts later."""
    xnys = JANUARY["XNYS"]
    assert lookback_start(xnys, date(2020, 1, 9), 5) == date(2020, 1, 2)
    assert lookback_start(xnys, date(2020, 1, 9), 2) == date(2020, 1, 7)
    assert lookback_start(xnys, date(2020, 1, 9), 50) == date(2020, 1, 2)
    assert lookback_start(xnys, date(2020, 1, 2), 5) is None


def test_expected_marks_what_lies_outside_every_window():
    """Two windows of a reused ticker: the days between them are not listed."""
    symbols = pl.concat([universe("A", valid_to=date(2020, 1, 3)), universe("A", valid_from=date(2020, 1, 8))])
    got = expected(symbols, JANUARY)
    assert got.filter(~pl.col("listed"))["session_date"].to_list() == [date(2020, 1, 6), date(2020, 1, 7)]
    assert got.height == 7


def test_a_bar_off_the_calendar_is_named():
    """The error says which symbol and day, and what to do."""
    bars = raw("A", [date(2020, 1, 4)], [1.0])
    with pytest.raises(NotOnCalendar, match=r"A 2020-01-04 .calendar XNYS.*quarantine"):
        located(bars, universe("A"), numbered(JANUARY))
    with pytest.raises(NotOnCalendar, match="not in the universe"):
        located(bars, universe("B"), numbered(JANUARY))
