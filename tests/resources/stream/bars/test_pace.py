"""How often a budget lets a source be asked."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.http.budget import WindowUse
from resources.stream.bars import pace

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)


def day(used: int = 0, limit: int = 800) -> WindowUse:
    return WindowUse("day", used, limit, MIDNIGHT + timedelta(days=1))


def test_three_symbols_on_800_a_day_are_a_round_in_324_seconds() -> None:
    """The specification's number; half of the day later, half of the budget later, it is the same."""
    assert pace.needed([day()], 3, MIDNIGHT).seconds == pytest.approx(324.0)
    assert pace.needed([day(400)], 3, MIDNIGHT + timedelta(hours=12)).seconds == pytest.approx(324.0)


def test_the_slowest_window_decides() -> None:
    """8 a minute allow 3 credits in 22.5 s, less than the day's 324 s; of a large day they are more."""
    minute = WindowUse("minute", 0, 8, MIDNIGHT + timedelta(minutes=1))
    found = pace.needed([minute, day()], 3, MIDNIGHT)
    assert found.window is not None
    assert (found.seconds, found.window.name) == (pytest.approx(324.0), "day")
    plenty = pace.needed([minute, day(limit=1_000_000)], 3, MIDNIGHT)
    assert plenty.seconds == pytest.approx(22.5)


def test_a_round_larger_than_what_is_left_goes_on_in_later_windows() -> None:
    """11 credits with 8 a minute: a minute for the first 8, and three eighths of the next."""
    minute = WindowUse("minute", 0, 8, MIDNIGHT + timedelta(minutes=1))
    assert pace.needed([minute], 11, MIDNIGHT).seconds == pytest.approx(60 + 22.5)


def test_a_share_leaves_the_rest_to_others() -> None:
    """With half of what is left, rounds are twice as far apart; a request that the share cannot pay for waits."""
    assert pace.needed([day()], 3, MIDNIGHT, share=0.5).seconds == pytest.approx(648.0)
    assert pace.short([day(796)], 3, MIDNIGHT) is None
    assert pace.short([day(796)], 3, MIDNIGHT, share=0.5) == day(796)
    assert pace.largest([day(), WindowUse("minute", 0, 8, MIDNIGHT)], share=0.5) == 4


def test_without_windows_nothing_is_needed() -> None:
    """No budget, no wait."""
    assert pace.needed([], 100, MIDNIGHT) == (0.0, None)
    assert pace.largest([]) == float("inf")


@settings(deadline=None, max_examples=60)
@given(used=st.integers(0, 800), cost=st.integers(1, 20), hour=st.floats(0, 23.9))
def test_a_round_as_often_as_that_never_overspends(used: int, cost: int, hour: float) -> None:
    """Rounds so far apart until the window resets count as no more than was left of it."""
    now = MIDNIGHT + timedelta(hours=hour)
    left, rest = 800 - used, (MIDNIGHT + timedelta(days=1) - now).total_seconds()
    seconds = pace.needed([day(used)], cost, now).seconds
    if cost <= left:
        # the one that begins as the window ends is the next window's
        rounds = rest / seconds
        assert rounds * cost <= left * (1 + 1e-9)
    else:
        assert seconds >= rest
