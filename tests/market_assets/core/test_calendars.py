"""Sessions and closes, against days that are on public record."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from market_assets.core import calendars, clock
from market_assets.core.errors import InvalidRequest, UnknownName


@pytest.mark.parametrize(
    "closed",
    [
        date(2021, 1, 18),  # Martin Luther King Day
        date(2015, 4, 3),  # Good Friday
        date(2012, 10, 29),  # Sandy
        date(2012, 10, 30),
        date(2001, 9, 11),
        date(2001, 9, 12),
        date(2001, 9, 13),
        date(2001, 9, 14),
        date(2018, 12, 5),  # mourning for G. H. W. Bush
        date(2022, 6, 20),  # first Juneteenth, observed
        date(2021, 1, 17),  # a Sunday
    ],
)
def test_days_on_which_new_york_did_not_trade(closed: date):
    """Holidays, special closures and weekends are no sessions."""
    assert not calendars.is_session("XNYS", closed)


def test_sessions_around_the_attacks_of_2001():
    """Trading stopped after Monday the 10th and resumed on Monday the 17th."""
    assert calendars.sessions("XNYS", date(2001, 9, 10), date(2001, 9, 17)) == [date(2001, 9, 10), date(2001, 9, 17)]
    assert calendars.next_session("XNYS", date(2001, 9, 10)) == date(2001, 9, 17)
    assert calendars.previous_session("XNYS", date(2001, 9, 17)) == date(2001, 9, 10)


def test_a_year_has_its_known_number_of_sessions():
    """2020 had 253 sessions at NYSE, 2001 had 248."""
    assert len(calendars.sessions("XNYS", date(2020, 1, 1), date(2020, 12, 31))) == 253
    assert len(calendars.sessions("XNYS", date(2001, 1, 1), date(2001, 12, 31))) == 248


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (date(2020, 11, 27), datetime(2020, 11, 27, 18, 0, tzinfo=UTC)),  # half day, 13:00 in winter
        (date(2020, 11, 30), datetime(2020, 11, 30, 21, 0, tzinfo=UTC)),  # 16:00 in winter
        (date(2020, 7, 2), datetime(2020, 7, 2, 20, 0, tzinfo=UTC)),  # 16:00 in summer
        (date(2019, 7, 3), datetime(2019, 7, 3, 17, 0, tzinfo=UTC)),  # half day in summer
    ],
)
def test_closes_follow_half_days_and_daylight_saving(day: date, close: datetime):
    """The close is 16:00 New York, 13:00 on half days, as an instant in UTC."""
    assert calendars.session_close("XNYS", day) == close


def test_a_crypto_day_closes_at_the_next_midnight():
    """`always` has a session every day, Sundays and Christmas included."""
    assert calendars.session_close("always", date(2020, 12, 25)) == datetime(2020, 12, 26, tzinfo=UTC)
    assert len(calendars.sessions("always", date(2020, 1, 1), date(2020, 12, 31))) == 366


def test_frame_agrees_with_the_scalar_functions():
    """sessions_frame has one typed row per session with its close."""
    frame = calendars.sessions_frame("XNYS", date(2020, 11, 25), date(2020, 11, 30))
    assert frame.rows() == [
        (date(2020, 11, 25), datetime(2020, 11, 25, 21, tzinfo=UTC)),
        (date(2020, 11, 27), datetime(2020, 11, 27, 18, tzinfo=UTC)),
        (date(2020, 11, 30), datetime(2020, 11, 30, 21, tzinfo=UTC)),
    ]
    assert calendars.sessions_frame("always", date(2020, 1, 2), date(2020, 1, 1)).height == 0


def test_distance_in_sessions_skips_closed_days():
    """Friday 2021-01-15 to Tuesday 2021-01-19 is one session, over a holiday Monday."""
    distance = calendars.session_index("XNYS", date(2021, 1, 19)) - calendars.session_index("XNYS", date(2021, 1, 15))
    assert distance == 1


def test_last_closed_session_turns_at_the_close():
    """A session counts as closed from its closing instant on, and stays the last over a weekend."""
    close = datetime(2020, 11, 27, 18, tzinfo=UTC)
    assert calendars.last_closed_session("XNYS", close) == date(2020, 11, 27)
    assert calendars.last_closed_session("XNYS", close - timedelta(microseconds=1)) == date(2020, 11, 25)
    assert calendars.last_closed_session("XNYS", datetime(2020, 11, 29, 12, tzinfo=UTC)) == date(2020, 11, 27)
    assert calendars.last_closed_session("always", datetime(2020, 11, 29, 12, tzinfo=UTC)) == date(2020, 11, 28)


def test_the_calendar_reaches_to_the_end_of_next_year():
    """Sessions are known one year ahead of the clock, and a day beyond is refused, not empty."""
    with clock.frozen("2021-04-01"):
        assert calendars.sessions("XNYS", date(2022, 12, 30), date(2022, 12, 31)) == [date(2022, 12, 30)]
        with pytest.raises(InvalidRequest, match="1990-01-01 to 2022-12-31"):
            calendars.sessions("XNYS", date(2023, 1, 1), date(2023, 1, 31))
    with pytest.raises(InvalidRequest, match="not for 1989-12-29"):
        calendars.sessions("XNYS", date(1989, 12, 29), date(1990, 1, 31))


def test_the_close_of_a_holiday_is_refused_with_the_sessions_around_it():
    """Asking for the close of a day without a session names the neighbours."""
    with pytest.raises(InvalidRequest, match=r"2021-01-15, 2021-01-19"):
        calendars.session_close("XNYS", date(2021, 1, 18))


def test_an_unknown_calendar_names_the_near_one():
    """A misspelt calendar is an error that lists what exists."""
    with pytest.raises(UnknownName, match="did you mean XNYS"):
        calendars.sessions("XNYZ", date(2020, 1, 1), date(2020, 1, 31))


def test_importing_the_module_loads_no_calendar_library():
    """Definitions stay light: exchange_calendars and pandas load on first use."""
    code = "import sys, market_assets.core.calendars; print({'pandas', 'exchange_calendars'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "set()"
