"""How one signal ends, on bars worked by hand: entered at 100, stop 99, target 102."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.bars.transforms.signals.outcomes import Course, Result, Tape, course

FLAT = (100.0, 100.5, 99.5, 100.0)
WINS, LOSES, BOTH = (100.0, 102.5, 99.5, 101.0), (100.0, 100.5, 98.5, 99.5), (100.0, 102.5, 98.5, 100.0)


def tape(*bars, breaks=()):
    """Bars after the one that fired."""
    columns = np.array([FLAT, *bars], dtype=np.float64).T
    return Tape(*columns, breaks=breaks)


def run(*bars, side=1, horizon=240, breaks=()):
    """Course of a signal of the first bar, with a stop 1 away and a reward of 2."""
    return course(tape(*bars, breaks=breaks), 0, side, 1.0, 2.0, horizon)


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        # the bar of entry counts
        ([WINS], Course(1, Result("win", 1, 1, 100.0, 102.0, 2.0))),
        ([FLAT, FLAT, LOSES, WINS], Course(3, Result("loss", 1, 3, 100.0, 99.0, -1.0))),
        ([FLAT, WINS, LOSES], Course(2, Result("win", 1, 2, 100.0, 102.0, 2.0))),
        ([FLAT, BOTH], Course(2, Result("loss", 1, 2, 100.0, 99.0, -1.0))),
        # touching is enough
        ([(100.0, 102.0, 99.01, 101.0)], Course(1, Result("win", 1, 1, 100.0, 102.0, 2.0))),
        ([(100.0, 101.99, 99.0, 101.0)], Course(1, Result("loss", 1, 1, 100.0, 99.0, -1.0))),
        # opens beyond the stop: out at the open, for more than was risked
        ([FLAT, (98.0, 98.5, 97.0, 98.2)], Course(2, Result("loss", 1, 2, 100.0, 98.0, -2.0))),
        # opens beyond the target: no better than the target is counted
        ([FLAT, (103.0, 103.5, 102.5, 103.0)], Course(2, Result("win", 1, 2, 100.0, 102.0, 2.0))),
        # not over yet
        ([FLAT, FLAT], Course(3, None)),
        ([], Course(1, None)),
    ],
)
def test_touches_by_hand(bars, expected):
    """A win, a loss, both in one bar, gaps, and one that goes on."""
    assert run(*bars) == expected


def test_levels_lie_about_the_price_of_entry():
    """Entered at 101 after a jump, 102.5 is half a target away from 103."""
    assert run((101.0, 102.5, 100.5, 101.0)) == Course(2, None)
    assert run((101.0, 103.0, 100.5, 101.0)).result.exit_price == 103.0


def test_time_runs_out_after_the_horizon_to_the_bar():
    """Three bars from entry, it included: out at the third close, which is not a win though it gained."""
    late = (100.0, 101.0, 99.5, 100.8)
    assert run(FLAT, FLAT, late, WINS, horizon=3) == Course(
        3, Result("timeout", 1, 3, 100.0, 100.8, pytest.approx(0.8))
    )
    assert run(FLAT, FLAT, horizon=3) == Course(3, None)
    assert run(FLAT, FLAT, WINS, horizon=3).result.outcome == "win"


def test_another_kind_ends_it_at_the_last_bar_before():
    """A future's bars do not settle a signal on the index; that it is over is known at the first of them."""
    assert run(FLAT, FLAT, WINS, breaks=[3]) == Course(3, Result("timeout", 1, 2, 100.0, 100.0, 0.0))
    assert run(FLAT, WINS, LOSES, breaks=[3]) == Course(2, Result("win", 1, 2, 100.0, 102.0, 2.0))
    assert run(FLAT, FLAT, WINS, breaks=[3], horizon=2) == Course(2, Result("timeout", 1, 2, 100.0, 100.0, 0.0))


def test_a_signal_of_the_last_bar_before_another_kind_never_begins():
    """There is no bar of its own kind to enter at."""
    assert run(WINS, breaks=[1]) == Course(1, None)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-30, 30)] * 4), min_size=1, max_size=12), st.integers(1, 8))
def test_a_mirrored_market_ends_the_other_side_alike(moves, horizon):
    """Upside down around 100 a sale ends as the purchase did, with the same result."""
    bars = [(100 + o / 8, 100 + max(m) / 8, 100 + min(m) / 8, 100 + c / 8) for m in moves for o, *_, c in (m,)]
    upside_down = [(200 - o, 200 - low, 200 - high, 200 - c) for o, high, low, c in bars]
    bought, sold = run(*bars, horizon=horizon), run(*upside_down, side=-1, horizon=horizon)
    assert bought.known == sold.known
    if bought.result is not None:
        assert sold.result._replace(entry_price=0, exit_price=0) == bought.result._replace(entry_price=0, exit_price=0)
        assert sold.result.exit_price == 200 - bought.result.exit_price
