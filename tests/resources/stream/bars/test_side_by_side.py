"""Requests that go out together."""

import threading

import pytest

from resources.http.errors import CircuitOpen, Unavailable, VendorError
from resources.stream.bars.side_by_side import SideBySide


def test_a_slow_request_holds_up_no_other() -> None:
    """Both are under way at once, or neither would ever end."""
    met = threading.Barrier(2, timeout=5)

    def ask(_: int) -> VendorError | None:
        met.wait()
        return None

    assert SideBySide(ask, lambda _: False, 2, "poll").round([1, 2]) == []


def test_every_failure_is_told_and_one_may_end_the_round() -> None:
    """A failure of one request leaves the others; an open breaker is the answer to all that come after it."""
    asked: list[int] = []

    def ask(batch: int) -> VendorError | None:
        asked.append(batch)
        return Unavailable("x", "no answer") if batch == 1 else CircuitOpen("x", "open") if batch == 3 else None

    one = SideBySide(ask, lambda failed: isinstance(failed, CircuitOpen), 1, "poll")
    failures = one.round([1, 2, 3, 4, 5])
    assert [type(failed) for failed in failures] == [Unavailable, CircuitOpen]
    assert asked == [1, 2, 3]
    assert one.round([6]) == []
    assert asked[-1] == 6


def test_a_fault_of_ours_is_raised_where_the_round_was_asked_for() -> None:
    """And the thread goes on."""

    def ask(batch: int) -> VendorError | None:
        if batch == 1:
            raise KeyError("price")
        return None

    one = SideBySide(ask, lambda _: False, 1, "poll")
    with pytest.raises(KeyError, match="price"):
        one.round([1, 2])
    assert one.round([3]) == []
