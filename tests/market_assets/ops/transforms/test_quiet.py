"""Quiet hours by the clock on the wall."""

from datetime import datetime, time

import pytest

from market_assets.core.clock import instant
from market_assets.ops.settings import QuietHours
from market_assets.ops.transforms.quiet import is_quiet

NIGHT = QuietHours(start=time(22), end=time(7), time_zone="Europe/Zurich")


def quiet(at: str, hours: QuietHours | None = NIGHT) -> bool:
    return is_quiet(instant(at), hours)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-15T20:59:59Z", False),  # 21:59:59 in Zurich
        ("2026-01-15T21:00:00Z", True),  # 22:00
        ("2026-01-15T23:00:00Z", True),  # midnight
        ("2026-01-16T05:59:59Z", True),  # 06:59:59
        ("2026-01-16T06:00:00Z", False),  # 07:00
        ("2026-07-15T20:00:00Z", True),  # 22:00 in summer
        ("2026-07-16T05:00:00Z", False),  # 07:00 in summer
    ],
)
def test_a_night_goes_over_midnight(at: str, expected: bool) -> None:
    """From its start on, until before its end, by local time."""
    assert quiet(at) is expected


def test_the_nights_in_which_the_clock_changes() -> None:
    """On 2026-03-29 the night is an hour shorter, on 2026-10-25 an hour longer."""
    # the clock goes from 02:00 to 03:00 at 01:00Z: 07:00 is 05:00Z in the morning after, 22:00 was 21:00Z
    assert [quiet(f"2026-03-{at}Z") for at in ("28T20:59:00", "28T21:00:00", "29T04:59:00", "29T05:00:00")] == [
        *(False, True),
        *(True, False),
    ]
    # it goes back from 03:00 to 02:00 at 01:00Z: 22:00 was 20:00Z, 07:00 is 06:00Z
    assert [quiet(f"2026-10-{at}Z") for at in ("24T19:59:00", "24T20:00:00", "25T05:59:00", "25T06:00:00")] == [
        *(False, True),
        *(True, False),
    ]


def test_an_end_that_a_change_of_the_clock_leaves_out() -> None:
    """02:30 does not exist on 2026-03-29: quiet until the clock has gone past it, at 03:00 by 01:00Z."""
    early = QuietHours(start=time(0), end=time(2, 30), time_zone="Europe/Zurich")
    assert quiet("2026-03-29T00:59:59Z", early)
    assert not quiet("2026-03-29T01:00:00Z", early)


def test_hours_within_a_day_and_none() -> None:
    """An early start is of the same day; without hours, and from one instant to itself, nothing is quiet."""
    lunch = QuietHours(start=time(12), end=time(13))
    assert [quiet(f"2026-01-15T{at}Z", lunch) for at in ("11:59:59", "12:00", "12:59:59", "13:00")] == [
        *(False, True),
        *(True, False),
    ]
    never = QuietHours(start=time(8), end=time(8))
    assert not any(is_quiet(datetime.fromisoformat(f"2026-01-15T{hour:02d}:00Z"), never) for hour in range(24))
    assert not quiet("2026-01-15T23:00:00Z", None)
