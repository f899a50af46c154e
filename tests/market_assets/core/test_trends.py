"""Supertrend and chandelier exit against the golden rows of the specification, by hand, and upside down."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.core import indicators, trends
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import random_bars


def prices(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    return high, low, close


def changes(direction: np.ndarray, first: int) -> list[tuple[int, int]]:
    """Rows after `first` where the direction changes, and what it changes to."""
    return [(i, int(direction[i])) for i in range(first + 1, len(direction)) if direction[i] != direction[i - 1]]


@pytest.mark.parametrize(
    ("i", "atr", "upper", "lower", "direction"),
    [
        (10, 2.34, 114.075, 100.035, -1),
        (15, 2.52171, 114.075, 104.845, -1),
        (16, 2.50554, 114.075, 105.813, 1),
        (17, 2.49599, 122.003, 107.027, 1),
        (23, 2.61019, 118.166, 108.311, 1),
        (24, 2.57617, 116.234, 108.311, -1),
        (25, 2.55656, 114.95, 99.6103, -1),
        (60, 2.58932, 93.6254, 86.197, 1),
        (100, 2.41964, 111.649, 100.373, -1),
        (299, 2.5959, 122.458, 113.757, 1),
    ],
)
def test_supertrend_of_the_golden_series(i, atr, upper, lower, direction):
    """Range, bands and direction at the printed rows of G; the line is the band in force."""
    found = trends.supertrend(*prices(golden_series(300)))
    assert (found.atr[i], found.upper[i], found.lower[i]) == pytest.approx((atr, upper, lower), rel=1e-5)
    assert found.direction[i] == direction
    assert found.line[i] == (found.lower if direction > 0 else found.upper)[i]


def test_supertrend_turns_nine_times_on_the_golden_series():
    """Up at 16, 60, 131, 202, 272, down at 24, 95, 167, 238: the old line is not carried over a turn."""
    found = trends.supertrend(*prices(golden_series(300)))
    up, down = (16, 60, 131, 202, 272), (24, 95, 167, 238)
    assert changes(found.direction, 10) == sorted([(i, 1) for i in up] + [(i, -1) for i in down])


def test_supertrend_worked_by_hand():
    """The twelve bars of the specification with 3 bars and 1 range: exactly one turn, at row 8."""
    close = np.array([10.0, 11, 12, 13, 12, 9, 8, 9, 12, 14, 15, 16])
    found = trends.supertrend(close + 1, close - 1, close, n=3, k=1.0)
    assert found.atr[3:] == pytest.approx([2, 2, 2.66667, 2.44444, 2.2963, 2.8642, 2.90947, 2.60631, 2.40421], abs=5e-6)
    assert found.upper[3:] == pytest.approx(
        [15, 14, 11.6667, 10.4444, 10.4444, 10.4444, 16.9095, 16.9095, 16.9095], abs=5e-5
    )
    assert found.lower[3:] == pytest.approx([11, 11, 11, 5.55556, 6.7037, 9.1358, 11.0905, 12.3937, 13.5958], abs=5e-5)
    assert found.direction.tolist() == [0] * 3 + [-1] * 5 + [1] * 4


@pytest.mark.parametrize(
    ("i", "long", "short", "long_trail", "short_trail", "direction"),
    [
        (22, 109.311, 106.719, 109.311, 106.719, 0),
        (23, 109.127, 109.073, 109.311, 109.073, 0),
        (24, 109.159, 111.571, 109.159, 111.571, -1),
        (25, 109.174, 113.046, 109.174, 111.571, -1),
        (59, 90.5093, 93.2007, 90.5093, 92.8023, 1),
        (60, 88.7025, 93.1975, 90.5093, 93.1975, 1),
        (95, 109.954, 113.236, 110.384, 113.236, -1),
        (299, 114.264, 115.476, 114.566, 115.476, 1),
    ],
)
def test_chandelier_of_the_golden_series(i, long, short, long_trail, short_trail, direction):
    """Exits, trails and direction at the printed rows of G."""
    found = trends.chandelier(*prices(golden_series(300)))
    got = (found.long[i], found.short[i], found.long_trail[i], found.short_trail[i])
    assert got == pytest.approx((long, short, long_trail, short_trail), rel=1e-5)
    assert found.direction[i] == direction


def test_chandelier_turns_of_the_golden_series():
    """Down at 24, 95, 167, 237, 268, up at 59, 131, 202, 264, 271."""
    found = trends.chandelier(*prices(golden_series(300)))
    up, down = (59, 131, 202, 264, 271), (24, 95, 167, 237, 268)
    assert changes(found.direction, 22) == sorted([(i, 1) for i in up] + [(i, -1) for i in down])


def test_chandelier_exits_compare_with_the_trails_of_the_bar_before():
    """Two bars, one range; a close below the long trail, then one above the short trail.

    True ranges 2, 2, 6, 15 give ATR2 2, 4, 9.5 at rows 2 to 4, highs 13, 13, 21 and lows 10, 6, 6 of two bars give
    exits 11, 9, 11.5 and 12, 10, 15.5. Row 3: the close before, 12, is above the long trail, which keeps 11, and not
    below the short one, which starts again at 10; the close of 6 leaves the long trail. Row 4: 6 was not above 11, so
    the long trail starts again; it was below 10, which stays; the close of 20 leaves the short trail.
    """
    close = np.array([10.0, 11, 12, 6, 20])
    high, low = np.array([11.0, 12, 13, 7, 21]), np.array([9.0, 10, 11, 6, 19])
    found = trends.chandelier(high, low, close, n=2, k=1.0)
    assert found.long[2:].tolist() == [11, 9, 11.5]
    assert found.short[2:].tolist() == [12, 10, 15.5]
    assert found.long_trail[2:].tolist() == [11, 11, 11.5]
    assert found.short_trail[2:].tolist() == [12, 10, 10]
    np.testing.assert_array_equal(found.long_exit, [np.nan] * 3 + [1, 0])
    np.testing.assert_array_equal(found.short_exit, [np.nan] * 3 + [0, 1])
    assert found.direction.tolist() == [0, 0, 0, -1, 1]


@pytest.mark.parametrize("frame", [golden_series(700), random_bars(3000, seed=1), random_bars(3000, seed=2)])
def test_upside_down_prices_turn_the_chandelier_upside_down(frame):
    """Neither side is asked first: mirrored prices mirror every direction, and swap the exits."""
    high, low, close = prices(frame)
    centre = 2000.0
    plain, mirrored = (
        trends.chandelier(high, low, close),
        trends.chandelier(centre - low, centre - high, centre - close),
    )
    assert set(plain.direction.tolist()) == {-1, 0, 1}
    assert mirrored.direction.tolist() == (-plain.direction).tolist()
    np.testing.assert_array_equal(mirrored.long_exit, plain.short_exit)
    np.testing.assert_allclose(mirrored.long_trail, centre - plain.short_trail, rtol=1e-12)


def test_upside_down_prices_turn_the_supertrend_upside_down_once_it_has_turned():
    """Only the first direction is a convention: after both have turned once, one is the other's mirror."""
    high, low, close = prices(golden_series(700))
    plain, mirrored = trends.supertrend(high, low, close), trends.supertrend(300 - low, 300 - high, 300 - close)
    assert mirrored.direction[16:].tolist() == (-plain.direction[16:]).tolist()
    np.testing.assert_allclose(mirrored.upper, 300 - plain.lower, rtol=1e-12)


def test_a_close_on_the_band_leaves_it_in_force():
    """A supertrend band is kept unless the close before was beyond it: flat at 7 with no range, then 9.

    ATR2 is 0, 0, 1: the raw upper band rises to 10 at row 4, the one in force stays at 7, and 9 is above it.
    """
    close = np.array([7.0, 7, 7, 7, 9])
    found = trends.supertrend(close, close, close, n=2, k=1.0)
    assert found.upper[2:].tolist() == [7, 7, 7]
    assert found.lower[2:].tolist() == [7, 7, 8]
    assert found.direction.tolist() == [0, 0, -1, -1, 1]


def test_a_close_on_the_trail_breaks_it():
    """A chandelier trail is kept only while the close before was beyond it: flat at 7 with no range it follows."""
    close = np.array([7.0, 7, 7, 7, 9, 9])
    found = trends.chandelier(close, close, close, n=2, k=1.0)
    # ranges 0 0 0 2 0: ATR2 0, 0, 1, 0.5; at row 4 the close before lay on both trails, so both are the raw ones
    assert found.long_trail[2:].tolist() == [7, 7, 8, 8.5]
    assert found.short_trail[2:].tolist() == [7, 7, 8, 9.5]


def test_the_range_inside_is_the_indicator():
    """ATR of the supertrend is that of `core.indicators`, value for value."""
    frame = random_bars(500)
    expected = frame.select(indicators.atr(pl.col("high"), pl.col("low"), pl.col("close"), 10)).to_series()
    assert trends.supertrend(*prices(frame)).atr[10:].tolist() == expected[10:].to_list()


@pytest.mark.parametrize("n", [0, 1, 10, 22])
def test_too_few_bars_give_nothing(n):
    """Up to the warm-up of the longer one there is no value and no direction."""
    high, low, close = prices(random_bars(n))
    for found in (trends.supertrend(high, low, close, n=22), trends.chandelier(high, low, close)):
        assert not found.direction.any()
        assert all(np.isnan(values).all() for values in found if values.dtype == np.float64)
        assert {len(values) for values in found} == {n}


MOVES = st.lists(
    st.tuples(st.floats(-5, 5), st.floats(0, 2), st.floats(0, 2)),
    min_size=2,
    max_size=80,
)


@settings(deadline=None, max_examples=60)
@given(moves=MOVES, share=st.floats(0, 1))
def test_later_bars_change_nothing(moves, share):
    """Cut anywhere, the rows that remain are the same to the last bit."""
    close = 1000 + np.cumsum([move for move, _, _ in moves])
    high, low = close + [up for _, up, _ in moves], close - [down for _, _, down in moves]
    cut = int(share * len(close))
    for compute in (trends.supertrend, trends.chandelier):
        whole = compute(high, low, close, n=5, k=0.5)
        part = compute(high[:cut], low[:cut], close[:cut], n=5, k=0.5)
        for all_of_it, of_part in zip(whole, part, strict=True):
            np.testing.assert_array_equal(all_of_it[:cut], of_part)
