"""Requests of one key start apart: by turns, over all clients of a process."""

import threading
from pathlib import Path

import pytest

from market_assets.core.settings import RateBudget
from resources.http.budget import Budget, Spacing
from resources.http.errors import BudgetExhausted
from resources.http.state import VendorState
from tests.resources.vendor_host import StillTime


def test_turns_are_apart_and_time_that_passed_counts(tmp_path: Path, still: StillTime):
    """6 s apart: at once, after 6 s, and after the 2 s that are left when 4 have passed; later it is free again."""
    spacing = Spacing(str(tmp_path), 6.0, still.monotonic)
    assert [spacing.wait(still.sleep), spacing.wait(still.sleep)] == [0.0, 6.0]
    still.pass_(4)
    assert spacing.wait(still.sleep) == 2.0
    still.pass_(60)
    assert spacing.wait(still.sleep) == 0.0
    assert still.slept == [6.0, 2.0]


def test_a_request_of_several_takes_as_many_turns(tmp_path: Path, still: StillTime):
    """6 s apart: one that counts as three is followed after 18 s."""
    spacing = Spacing(str(tmp_path), 6.0, still.monotonic)
    assert [spacing.wait(still.sleep, 3), spacing.wait(still.sleep)] == [0.0, 18.0]


def test_keys_do_not_wait_for_each_other(tmp_path: Path, still: StillTime):
    """A second key has turns of its own; two clients of one key share them."""
    one, same, other = (Spacing(f"{tmp_path} {key}", 6.0, still.monotonic) for key in ("a", "a", "b"))
    assert [each.wait(still.sleep) for each in (one, other, same)] == [0.0, 0.0, 6.0]


def test_threads_take_turns(tmp_path: Path, still: StillTime):
    """Four threads that ask at the same instant wait 0, 6, 12 and 18 s: each has a turn of its own."""
    spacing, waits = Spacing(str(tmp_path), 6.0, still.monotonic), list[float]()
    threads = [threading.Thread(target=lambda: waits.append(spacing.wait(lambda _: None))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.0, 6.0, 12.0, 18.0]


def test_the_turn_comes_after_the_window(tmp_path: Path, still: StillTime):
    """A wait for the next minute is not on top of the spacing: both are over when the minute begins."""
    spacing = Spacing(str(tmp_path), 6.0, still.monotonic)
    rates, state = RateBudget(per_minute=1), VendorState.of(tmp_path)
    budget = Budget.of("glassnode", "k", rates, state, wait_s=61, now=still.now, spacing=spacing)
    assert budget.reserve(still.sleep) == 0.0
    assert budget.reserve(still.sleep) == pytest.approx(60, abs=0.01)
    assert len(still.slept) == 1


def test_a_spent_budget_names_its_setting(tmp_path: Path, still: StillTime):
    """The advice names the setting of this vendor, not a section it does not have."""
    rates, state = RateBudget(per_day=1), VendorState.of(tmp_path)
    budget = Budget.of("glassnode", "k", rates, state, wait_s=61, now=still.now, setting="btc.glassnode.x")
    budget.reserve(still.sleep)
    with pytest.raises(BudgetExhausted, match=r"or raise btc\.glassnode\.x\."):
        budget.reserve(still.sleep)
