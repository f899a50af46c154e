"""Statistics of the last values: by hand, and from the window alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.core import windows

NAN = float("nan")


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_sums_means_and_deviations_by_hand():
    """NaN until the window is full; the deviation is that of a sample."""
    values = np.array([1.0, 3.0, 8.0, 4.0])
    same(windows.total(values, 3), [NAN, NAN, 12.0, 15.0])
    same(windows.mean(values, 2), [NAN, 2.0, 5.5, 6.0])
    # 1 3 8: mean 4, squares 9 1 16, /2; 3 8 4: mean 5, squares 4 9 1, /2
    same(windows.std(values, 3), [NAN, NAN, 13.0**0.5, 7.0**0.5])


@pytest.mark.parametrize("n_values", [0, 1, 2])
def test_a_short_series_has_no_value(n_values):
    """As long as what came in, all NaN."""
    values = np.ones(n_values)
    for of in (windows.total, windows.mean, windows.std, windows.zscore_of_previous):
        assert of(values, 3).shape == values.shape
        assert np.isnan(of(values, 3)).all()
    assert np.isnan(windows.std(np.ones(3), 1)).all()


def test_a_z_score_leaves_out_the_value_itself():
    """The golden value of the specification: h = 1..30, x = 40."""
    found = windows.zscore_of_previous(np.array([*range(1, 31), 40.0]), 30)
    assert np.isnan(found[:30]).all()
    assert found[30] == pytest.approx(2.78301, rel=1e-5)


def test_a_history_that_does_not_vary_has_no_z_score():
    """No scale, no score."""
    assert np.isnan(windows.zscore_of_previous(np.array([5.0] * 10 + [6.0]), 10)).all()


def test_ties_of_a_rank_count_half():
    """The golden value of the specification: h = 1..30, x = 15 is at 48.3333 %; x = 40 at 100 %."""
    assert windows.rank_in_previous(np.array([*range(1, 31), 15.0]), 30)[-1] == pytest.approx(0.483333, rel=1e-5)
    assert windows.rank_in_previous(np.array([*range(1, 31), 40.0]), 30)[-1] == 1.0


def test_rounding_does_not_change_a_rank():
    """Values that differ in their last bit are ties."""
    almost = np.nextafter(0.3, 1.0)
    assert windows.rank_in_previous(np.array([0.1, 0.3, almost, 0.9, 0.3]), 4)[-1] == (1 + 0.5 * 2) / 4


def test_a_rank_needs_half_of_its_window():
    """Of 4 values at least 2 must be known; unknown ones are not counted."""
    found = windows.rank_in_previous(np.array([1.0, 2.0, 3.0, NAN, NAN, 0.0, NAN]), 4)
    # row 2 has 1 2 before it; row 5 has 2 3 known; row 6 is unknown itself
    same(found, [NAN, NAN, 1.0, NAN, NAN, 0.0, NAN])
    same(windows.rank_in_previous(np.array([1.0, 2.0, 3.0, 1.0]), 4, start=3), [NAN, NAN, NAN, 0.5 / 3])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 1e6), min_size=12, max_size=60), st.integers(0, 6))
def test_only_the_window_matters(values, dropped):
    """What came before the window, and what comes after, changes no bit."""
    whole, n = np.array(values), 5
    for of in (windows.total, windows.mean, windows.std, windows.rank_in_previous, windows.zscore_of_previous):
        expected = of(whole, n)
        assert np.array_equal(of(whole[dropped:], n)[n:], expected[dropped + n :], equal_nan=True)
        assert np.array_equal(of(whole[: -dropped or None], n), expected[: len(whole) - dropped], equal_nan=True)


def test_rounding_is_no_difference():
    """Means of the same number are the same, whatever their last bit."""
    flat = np.full(60, 0.1)
    found = windows.sign_of_difference(windows.mean(flat, 20), windows.mean(flat, 50))
    assert np.isnan(found[:49]).all()
    assert (found[49:] == 0.0).all()
    same(windows.sign_of_difference(np.array([2.0, 1.0, NAN]), np.array([1.0, 2.0, 1.0])), [1.0, -1.0, NAN])


def test_a_long_series_is_computed_in_parts_that_do_not_show(monkeypatch):
    """The same bits, however many rows are computed at once; also where the last part is one row."""
    values = np.random.default_rng(3).normal(30_000, 5, 71)
    values[20:23] = np.nan

    def all_of():
        ranks = [windows.rank_in_previous(values, 10, start) for start in (0, 5, 70)]
        return [windows.total(values, 8), windows.std(values, 8), windows.zscore_of_previous(values, 8), *ranks]

    whole = all_of()
    for rows in (1, 7, 63):
        monkeypatch.setattr(windows, "_CHUNK", rows)
        for found, expected in zip(all_of(), whole, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert np.isfinite(whole[-1][70])
