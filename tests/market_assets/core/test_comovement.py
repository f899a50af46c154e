"""Correlations by hand, against another library, and from the window alone."""

import numpy as np
import pandas as pd
import pytest

from market_assets.core import comovement
from market_assets.core.comovement import autocorrelation, correlation

NAN = float("nan")


def test_a_correlation_by_hand():
    """1 2 3 and 1 3 2: deviations -1 0 1 and -1 1 0, products 1, squares 2 and 2: a half."""
    found = correlation(np.array([9.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 3.0, 2.0]), 3)
    assert np.isnan(found[:2]).all()
    assert found[3] == pytest.approx(0.5, rel=1e-12)
    assert correlation(np.array([1.0, 2.0, 4.0]), np.array([-1.0, -2.0, -4.0]), 3)[2] == -1.0


def test_pairs_with_an_unknown_side_are_not_counted():
    """Four pairs of which three are known: those three decide, if three are enough."""
    a, b = np.array([1.0, 7.0, 2.0, 3.0]), np.array([1.0, NAN, 3.0, 2.0])
    assert correlation(a, b, 4, least=3)[3] == pytest.approx(0.5, rel=1e-12)
    assert np.isnan(correlation(a, b, 4, least=4)).all()
    assert np.isnan(correlation(a, b, 4)).all()


def test_what_does_not_vary_correlates_with_nothing():
    """No deviation on one side: unknown, not 0."""
    assert np.isnan(correlation(np.full(5, 0.1), np.arange(5.0), 5)).all()
    assert np.isnan(correlation(np.arange(5.0), np.full(5, 0.1), 5)).all()
    assert correlation(np.array([]), np.array([]), 5).shape == (0,)


def test_values_are_those_of_pandas():
    """Rolling correlation with holes, and autocorrelation, as another library has them."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, (2, 120))
    a[rng.random(120) < 0.1] = NAN
    expected = pd.Series(a).rolling(20, min_periods=12).corr(pd.Series(b))
    np.testing.assert_allclose(correlation(a, b, 20, least=12)[19:], expected[19:], rtol=1e-9)
    lagged = pd.Series(b).rolling(30).apply(lambda window: window.autocorr(1))
    np.testing.assert_allclose(autocorrelation(b, 30), lagged, rtol=1e-9)


def test_parts_and_what_lies_outside_the_window_do_not_show(monkeypatch):
    """The same bits however many rows are computed at once, from whatever row, and whatever came before or after."""
    a, b = np.random.default_rng(6).normal(0, 1, (2, 90))
    a[40:43] = NAN
    whole = correlation(a, b, 10, least=6)
    monkeypatch.setattr(comovement, "_CHUNK", 7)
    np.testing.assert_array_equal(correlation(a, b, 10, least=6), whole)
    np.testing.assert_array_equal(correlation(a, b, 10, least=6, start=50)[50:], whole[50:])
    np.testing.assert_array_equal(correlation(a[20:70], b[20:70], 10, least=6)[9:], whole[29:70])
    assert np.isnan(correlation(a, b, 10, start=50)[:50]).all()
