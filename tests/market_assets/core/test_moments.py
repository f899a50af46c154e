"""Moving means and deviations against numpy's of each window."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from market_assets.core.moments import moving_mean, moving_moments


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """Longer than a block, with a jump that running sums would remember, and a flat stretch after it."""
    found = 100 + np.cumsum(np.random.default_rng(5).normal(0, 1, 9_000))
    found[4_000] = 1e12
    found[4_001:4_200] = 7.1
    return found


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20, 50])
def test_every_window_is_that_of_numpy(values, n):
    """Mean and population deviation of each window to its own rounding; NaN before the first one is full."""
    windows = sliding_window_view(values, n)
    mean, deviation = moving_moments(values, n)
    assert np.isnan(mean[: n - 1]).all()
    assert np.isnan(deviation[: n - 1]).all()
    np.testing.assert_allclose(mean[n - 1 :], windows.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(deviation[n - 1 :], windows.std(axis=1), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(moving_mean(values, n), mean)


def test_what_left_a_window_leaves_nothing_in_it(values):
    """After a value of 1e12 a flat stretch has a deviation of exactly 0, and its own mean."""
    mean, deviation = moving_moments(values, 20)
    assert (deviation[4_020:4_200] == 0.0).all()
    assert mean[4_020:4_200] == pytest.approx(7.1, rel=1e-15)


def test_a_value_that_is_not_known_makes_its_windows_unknown(values):
    """NaN in one row: NaN in the windows that hold it, and in no other."""
    holed = values.copy()
    holed[100] = np.nan
    assert np.flatnonzero(np.isnan(moving_mean(holed, 20))).tolist() == [*range(19), *range(100, 120)]


def test_too_few_values_have_no_mean():
    """Nineteen values, and none: windows of twenty are never full."""
    for n in (0, 19):
        assert np.isnan(moving_mean(np.ones(n), 20)).all()
        assert all(np.isnan(part).all() and len(part) == n for part in moving_moments(np.ones(n), 20))
