"""The clock can be stopped; naive instants are refused."""

from datetime import UTC, datetime, timedelta

import pytest

from market_assets.core import clock


def test_now_is_aware_utc() -> None:
    """Every instant carries its zone."""
    assert clock.now().utcoffset() == timedelta(0)


def test_a_frozen_clock_stands_still() -> None:
    """Within `frozen`, now is what was said; after it, it is not."""
    with clock.frozen("2021-03-31T20:00:00Z"):
        assert clock.now() == datetime(2021, 3, 31, 20, tzinfo=UTC)
    assert clock.now().year > 2021


def test_the_environment_stops_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay of old data runs on its own day, in every process."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2021-04-01")
    assert clock.now() == datetime(2021, 4, 1, tzinfo=UTC)


def test_an_offset_is_converted() -> None:
    """09:30 in New York in summer is 13:30 UTC."""
    assert clock.instant("2020-07-01T09:30:00-04:00") == datetime(2020, 7, 1, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2020-07-01T09:30:00", datetime(2020, 7, 1)])
def test_a_naive_instant_is_refused(text: str | datetime) -> None:
    """A local time without an offset has no place on a UTC axis."""
    with pytest.raises(ValueError, match="naive"):
        clock.instant(text)


def test_no_date_is_refused() -> None:
    """The message shows how a date is written."""
    with pytest.raises(ValueError, match="2026-11-03"):
        clock.instant("yesterday")
