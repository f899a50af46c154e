"""Budgets: wall-clock windows, one count for all processes."""

import multiprocessing
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from market_assets.core.settings import RateBudget
from resources.http.budget import DAY_S, MINUTE_S, Budget, until_next
from resources.http.errors import BudgetExhausted
from resources.http.state import VendorState
from tests.resources.vendor_host import StillTime


def budget_of(home: Path, still: StillTime, *, wait_s: float = 61.0, **rates: int) -> Budget:
    return Budget.of("polygon", "k", RateBudget(**rates), VendorState.of(home), wait_s=wait_s, now=still.now)


def test_the_sixth_request_of_a_minute_waits_for_the_next_minute(tmp_path: Path, still: StillTime):
    """5 a minute: at 12:00:20 the sixth waits 40 s, until 12:01:00, and passes."""
    still.pass_(20)
    budget = budget_of(tmp_path, still, per_minute=5)
    assert [budget.reserve(still.sleep) for _ in range(5)] == [0.0] * 5
    assert budget.reserve(still.sleep) == pytest.approx(40, abs=0.01)
    assert still.at.minute == 1
    assert [(use.used, use.limit) for use in budget.use()] == [(1, 5)]


def test_what_the_vendor_counted_stands_where_it_is_more(tmp_path: Path, still: StillTime):
    """Others ask from the same address: 4 of 5 are gone, so the second request waits. Less changes nothing."""
    budget = budget_of(tmp_path, still, per_minute=5)
    budget.told("minute", 4)
    assert budget.reserve(still.sleep) == 0.0
    budget.told("minute", 1)
    budget.told("day", 99)
    assert budget.reserve(still.sleep) > 0
    assert [(use.used, use.limit) for use in budget.use()] == [(1, 5)]


def test_what_a_request_cost_beyond_its_reserve_counts_in_every_window(tmp_path: Path, still: StillTime):
    """Reserved 1, and the vendor counted 5 of the minute: 4 more, also of the day. Less, or no window, is nothing."""
    budget = budget_of(tmp_path, still, per_minute=8, per_day=800)
    budget.reserve(still.sleep)
    assert [budget.counted("minute", 5), budget.counted("minute", 2), budget.counted("5 minutes", 9)] == [4, 0, 0]
    assert {use.name: use.used for use in budget.use()} == {"minute": 5, "day": 5}


def test_a_window_the_vendor_calls_spent_is(tmp_path: Path, still: StillTime):
    """Whatever we counted: the day has nothing left, the minute as much as before."""
    budget = budget_of(tmp_path, still, per_minute=8, per_day=25)
    budget.reserve(still.sleep)
    budget.spent("day")
    budget.spent("second")
    assert {use.name: use.used for use in budget.use()} == {"minute": 1, "day": 25}
    with pytest.raises(BudgetExhausted, match=r"day is spent \(25/25"):
        budget.reserve(still.sleep)


def test_the_next_window_is_that_of_the_wall_clock():
    """At 12:00:45 the next minute is 15 s away, the next day 11:59:15 h; at a full minute it is a whole one."""
    at = datetime(2026, 11, 20, 12, 0, 45, tzinfo=UTC)
    assert [until_next(MINUTE_S, at), until_next(DAY_S, at)] == [15.0, 11 * 3600 + 59 * 60 + 15]
    assert until_next(MINUTE_S, at.replace(second=0)) == 60.0


def test_minutes_are_those_of_the_wall_clock(tmp_path: Path):
    """5 requests at 12:00:59 and 5 at 12:01:00 are two minutes' worth."""
    still = StillTime(datetime(2026, 11, 20, 12, 0, 59, tzinfo=UTC))
    budget = budget_of(tmp_path, still, per_minute=5)
    for _ in range(5):
        budget.reserve(still.sleep)
    still.pass_(1)
    for _ in range(5):
        budget.reserve(still.sleep)
    assert still.slept == []


def test_a_spent_day_is_refused_with_the_reset(tmp_path: Path, still: StillTime):
    """A day window is not waited for, also when the minute is spent too; used, limit and midnight are told."""
    budget = budget_of(tmp_path, still, per_minute=2, per_day=2)
    budget.reserve(still.sleep)
    budget.reserve(still.sleep)
    with pytest.raises(BudgetExhausted, match=r"this day is spent \(2/2 requests\).*2026-11-21 00:00:00Z") as refused:
        budget.reserve(still.sleep)
    assert refused.value.retry_at == datetime(2026, 11, 21, tzinfo=UTC)
    assert still.slept == []
    # a refusal takes nothing from the other windows
    assert {use.name: use.used for use in budget.use()} == {"minute": 2, "day": 2}


def test_a_short_window_is_refused_when_the_wait_is_too_long(tmp_path: Path, still: StillTime):
    """With budget_wait_s below the rest of the minute the call is refused, unslept."""
    budget = budget_of(tmp_path, still, wait_s=10, per_minute=1)
    budget.reserve(still.sleep)
    with pytest.raises(BudgetExhausted, match="this minute is spent"):
        budget.reserve(still.sleep)
    assert still.slept == []


def test_a_second_window_spreads_requests(tmp_path: Path, still: StillTime):
    """1 a second: three requests take two waits of a second."""
    budget = budget_of(tmp_path, still, per_second=1)
    for _ in range(3):
        budget.reserve(still.sleep)
    assert [round(wait) for wait in still.slept] == [1, 1]


def test_five_minutes_are_a_window_of_the_wall_clock(tmp_path: Path):
    """500 per 5 minutes: at 12:04:10 the 501st waits for 12:05:00, whatever the minutes were."""
    still = StillTime(datetime(2026, 11, 20, 12, 4, 10, tzinfo=UTC))
    budget = budget_of(tmp_path, still, per_5_minutes=500)
    budget.reserve(still.sleep, 480)
    budget.reserve(still.sleep, 20)
    assert budget.reserve(still.sleep) == pytest.approx(50, abs=0.01)
    assert still.at.minute == 5
    assert [(use.name, use.used, use.limit) for use in budget.use()] == [("5 minutes", 1, 500)]


def test_five_minutes_are_refused_when_the_wait_is_too_long(tmp_path: Path, still: StillTime):
    """At 12:00:00 the next window is 300 s away, beyond budget_wait_s: refused, told in words that can be read."""
    budget = budget_of(tmp_path, still, per_5_minutes=1)
    budget.reserve(still.sleep)
    words = r"budget of these 5 minutes is spent \(1/1 requests\).*2026-11-20 12:05:00Z"
    with pytest.raises(BudgetExhausted, match=words) as refused:
        budget.reserve(still.sleep)
    assert refused.value.retry_at == datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
    assert still.slept == []


def test_without_windows_everything_passes_and_nothing_is_written(tmp_path: Path, still: StillTime):
    """A budget without limits never opens the shared file."""
    budget = budget_of(tmp_path, still)
    assert budget.reserve(still.sleep) == 0.0
    assert not (tmp_path / "state").exists()


def test_keys_are_counted_apart(tmp_path: Path, still: StillTime):
    """Two keys of one vendor have a budget each."""
    state = VendorState.of(tmp_path)
    for key in ("k1", "k2"):
        Budget.of("polygon", key, RateBudget(per_day=1), state, wait_s=0, now=still.now).reserve(still.sleep)


def _spend(home: Path, gate, taken) -> None:
    budget = Budget.of("polygon", "k", RateBudget(per_second=7), VendorState.of(home), wait_s=10.0)
    gate.wait()
    until = time.time() + 2.5
    while time.time() < until:
        # a gap between the reservation and its note would blame the budget for the test's slowness
        before = time.time()
        budget.reserve(time.sleep)
        after = time.time()
        taken.put((before, after))


def test_four_processes_never_exceed_a_window(tmp_path: Path):
    """7 a second, taken as fast as they can by four real processes: at most 7 in each second."""
    context = multiprocessing.get_context("fork")
    gate, taken = context.Barrier(4), context.Queue()
    workers = [context.Process(target=_spend, args=(tmp_path, gate, taken)) for _ in range(4)]
    for worker in workers:
        worker.start()
    notes = []
    while any(worker.is_alive() for worker in workers) or not taken.empty():
        while not taken.empty():
            notes.append(taken.get())
        time.sleep(0.01)
    assert [worker.exitcode for worker in workers] == [0] * 4
    # only those known to lie inside one second are judged
    sure = Counter(int(after) for before, after in notes if int(before) == int(after))
    assert sure
    assert max(sure.values()) <= 7
    assert len(notes) >= 14


def _take_all(home: Path, gate, taken) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    budget = Budget.of("polygon", "k", RateBudget(per_day=700), VendorState.of(home), wait_s=0, now=lambda: now)
    gate.wait()
    count = 0
    with pytest.raises(BudgetExhausted):
        while True:
            budget.reserve(time.sleep)
            count += 1
    taken.put(count)


def test_four_processes_share_a_day_to_the_last_request(tmp_path: Path):
    """A day of 700, taken by four processes as fast as they can: 700 in all, and no process fails on a lock."""
    context = multiprocessing.get_context("fork")
    gate, taken = context.Barrier(4), context.Queue()
    workers = [context.Process(target=_take_all, args=(tmp_path, gate, taken)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert sum(taken.get() for _ in workers) == 700
