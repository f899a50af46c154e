"""The complete hourly grid (btc.md 1.2)."""

from datetime import datetime, timedelta, timezone

import polars as pl
import pytest

from market_assets.btc.transforms.grid import hours, unbroken
from market_assets.btc.transforms.state import MissingStateError
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import InvalidRequest
from tests.market_assets.btc.transforms.hourly import HOUR, START, configured

DEFAULTS = configured()


def rows(n, version=DEFAULTS.feature_version):
    return hours(START, START + n * HOUR).to_frame().with_columns(feature_version=pl.lit(version))


def asked(source, first, until):
    return unbroken(source, DEFAULTS, "btc_rpn", since=START + first * HOUR, until=START + until * HOUR)


def test_hours_are_half_open():
    """From the first, to the one before `until`; none where `until` is not later."""
    got = hours(START, START + 3 * HOUR)
    assert got.dtype == UTC_MICROS
    assert got.to_list() == [START, START + HOUR, START + 2 * HOUR]
    assert hours(START, START).is_empty()
    assert hours(START, START - HOUR).is_empty()


@pytest.mark.parametrize(
    "time",
    [
        datetime(2021, 2, 1),
        START + timedelta(minutes=30),
        START + timedelta(microseconds=1),
        START.astimezone(timezone(timedelta(hours=2))),
    ],
)
def test_a_time_is_an_hour_in_utc(time):
    """Naive times, other zones and times within an hour are refused, at either end."""
    for first, until in ((time, START + HOUR), (START, time)):
        with pytest.raises(InvalidRequest, match="UTC"):
            hours(first, until)


def test_unbroken_rows_come_in_order():
    """The rows asked for, sorted; nothing is wanted before the start of history."""
    assert asked(rows(10).reverse(), 2, 5).equals(rows(10)[2:5])
    assert asked(rows(10), -50, 5).equals(rows(5))
    assert asked(rows(10), -50, 0).is_empty()


def test_a_hole_is_told():
    """Which table, which hours, how many are missing, and what to run."""
    with pytest.raises(MissingStateError) as told:
        asked(rows(10).filter(~pl.col("ts").is_in([START + 3 * HOUR, START + 4 * HOUR])), 2, 10)
    for part in ("btc_rpn", "2021-02-01 02:00Z to 2021-02-01 09:00Z", "2 of 8", "03:00Z", "materialise btc_rpn"):
        assert part in str(told.value)
    with pytest.raises(MissingStateError, match="1 of 9"):
        asked(rows(10), 2, 11)


def test_rows_of_another_version_are_not_there():
    """They were made with other settings: a window over both means nothing."""
    with pytest.raises(MissingStateError, match=f"{DEFAULTS.feature_version}; 3 of 3"):
        asked(rows(10, "0" * 12), 2, 5)
