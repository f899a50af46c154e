"""What faults do to settlements, by hand: thirty rows, eight hours apart."""

from datetime import UTC, datetime

import numpy as np
import pytest

from resources.sandbox.fault_events import Part, page
from resources.sandbox.fault_kinds import EXCHANGES, KINDS, known
from resources.sandbox.faults import parse
from resources.sandbox.perpetuals import HOUR_MS, Settlements

#: 2025-05-01 00:00 to 2025-05-10 16:00, stamped 12 ms after the hour; the rate is the row's number in millionths
STEP = 8 * HOUR_MS
FIRST = int(datetime(2025, 5, 1, tzinfo=UTC).timestamp() * 1000)
NUMBERS = np.arange(30)
SETTLED = Settlements(FIRST + NUMBERS * STEP + 12, NUMBERS / 1e6, np.full(30, 8.0), np.full(30, 100.0))
#: the same twelve rows, asked for by a window from its older and from its newer end
WINDOW = {"first_ms": FIRST + 10 * STEP, "until_ms": FIRST + 22 * STEP}
FORWARD, BACKWARD = Part(rows=20, **WINDOW), Part(rows=20, newest_first=True, **WINDOW)


def numbers(rows: Settlements) -> list[int]:
    """Which of the thirty rows these are."""
    return ((rows.time_ms - FIRST) // STEP).tolist()


def answer(part: Part, *specs: str) -> Settlements:
    """A page of Bybit's with these faults."""
    return page(SETTLED, part, [parse(f"bybit:{spec}") for spec in specs])


def test_pages_are_cut_from_the_end_the_answer_begins_with():
    """Oldest first from the older end, newest first from the newer one; earlier pages are skipped."""
    assert numbers(answer(FORWARD)) == list(range(10, 22))
    assert numbers(answer(BACKWARD)) == list(range(21, 9, -1))
    assert numbers(answer(Part(rows=5, **WINDOW))) == [10, 11, 12, 13, 14]
    assert numbers(answer(Part(rows=5, newest_first=True, **WINDOW))) == [21, 20, 19, 18, 17]
    assert numbers(answer(Part(rows=5, newest_first=True, skip=25))) == [4, 3, 2, 1, 0]
    assert numbers(answer(Part(rows=5, newest_first=True, skip=30))) == []


def test_rows_without_faults_are_the_settlements():
    """Rates, intervals and marks go with their stamps."""
    rows = answer(Part(rows=2, **WINDOW))
    assert rows.time_ms.tolist() == [FIRST + 10 * STEP + 12, FIRST + 11 * STEP + 12]
    assert rows.rate.tolist() == [10 / 1e6, 11 / 1e6]
    assert (rows.interval_hours.tolist(), rows.mark.tolist()) == ([8.0, 8.0], [100.0, 100.0])


@pytest.mark.parametrize("part", [FORWARD, BACKWARD])
def test_missing_rows(part: Part):
    """One row of ten of the window is left out, or those of the days and hours named."""
    assert sorted(numbers(answer(part, "missing_rows"))) == [n for n in range(10, 22) if n not in {10, 20}]
    assert sorted(numbers(answer(part, "missing_rows:dates=2025-05-05,2025-05-06T08"))) == [
        10,
        11,
        *range(15, 16),
        *range(17, 22),
    ]


def test_nulls():
    """The rate is gone, the row is not."""
    rates = answer(FORWARD, "nulls").rate
    assert np.flatnonzero(np.isnan(rates)).tolist() == [0, 10]
    one = answer(FORWARD, "nulls:dates=2025-05-06T16")
    assert (numbers(one), np.flatnonzero(np.isnan(one.rate)).tolist()) == (list(range(10, 22)), [7])


def test_correction():
    """Only the settlement named has another rate, wherever the window begins."""
    rows = answer(FORWARD, "correction:date=2025-05-06T08:factor=2")
    assert {n: rate for n, rate in zip(numbers(rows), rows.rate.tolist(), strict=True) if rate != n / 1e6} == {
        16: pytest.approx(32e-6)
    }


def test_clip():
    """The older half of the window is silently not there."""
    assert numbers(answer(FORWARD, "clip")) == list(range(16, 22))
    assert numbers(answer(BACKWARD, "clip")) == list(range(21, 15, -1))


def test_duplicates_and_disorder():
    """Repeated rows stand beside each other; of rows out of order the second half comes first."""
    assert numbers(answer(Part(rows=3, **WINDOW), "duplicates")) == [10, 10, 11, 12]
    assert numbers(answer(Part(rows=4, **WINDOW), "out_of_order")) == [12, 13, 10, 11]


@pytest.mark.parametrize("part", [FORWARD, BACKWARD, Part(rows=20, newest_first=True, skip=20)])
def test_wrong_window_is_the_newest_page(part: Part):
    """Whatever was asked for, in the answer's order."""
    assert sorted(numbers(answer(part, "wrong_window"))) == list(range(10, 30))
    assert numbers(answer(part, "wrong_window"))[0] == (29 if part.newest_first else 10)


def test_same_page_comes_again_and_again():
    """What moves from page to page is ignored: the start, or where the answer begins with the newest, the end."""
    forward = [Part(rows=5, first_ms=FIRST + n * STEP, until_ms=FIRST + 22 * STEP) for n in (0, 5, 10)]
    assert [numbers(answer(part, "same_page")) for part in forward] == [[0, 1, 2, 3, 4]] * 3
    backward = [Part(rows=5, newest_first=True, until_ms=FIRST + n * STEP) for n in (30, 25, 20)]
    assert [numbers(answer(part, "same_page")) for part in backward] == [[29, 28, 27, 26, 25]] * 3
    numbered = [Part(rows=5, newest_first=True, skip=5 * n) for n in range(3)]
    assert [numbers(answer(part, "same_page")) for part in numbered] == [[29, 28, 27, 26, 25]] * 3


def test_clock_ahead():
    """Every stamp is so much later, also what the window takes for it."""
    assert answer(FORWARD, "clock_ahead").time_ms[0] == FIRST + 10 * STEP + 30_012
    assert numbers(answer(FORWARD, "clock_ahead:seconds=28800"))[0] == 10
    assert answer(FORWARD, "clock_ahead:seconds=28800").rate[0] == 9 / 1e6


def test_faults_add_up():
    """A page may lack rows, repeat others and be out of order at once."""
    rows = answer(Part(rows=4, **WINDOW), "missing_rows", "duplicates", "out_of_order")
    assert numbers(rows) == [13, 14, 11, 11, 12]


def test_every_exchange_can_have_the_faults_of_settlements():
    """The reference names them, and that the paging ones are the exchanges'."""
    for name in ("wrong_window", "same_page", "clock_ahead"):
        assert KINDS[name].vendors == EXCHANGES
        assert "; exchanges only)" in known() or f"{name} (exchanges only)" in known()
    for exchange in (*EXCHANGES, "binance_archive"):
        assert parse(f"{exchange}:nulls:dates=2025-05-06T08").starts == (FIRST // 1000 + 16 * 8 * 3600,)
