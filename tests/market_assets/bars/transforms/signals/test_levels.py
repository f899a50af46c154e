"""Levels and shortfall, against the golden values of the specification (bars.md 8)."""

import pytest

from market_assets.bars.transforms.signals.levels import es95_of_one_lot, levels, over_horizon


def test_golden_levels():
    """Close 100, volatility 0.0005, reward 2, over 60 bars."""
    sigma = over_horizon(0.0005, 60)
    assert sigma == pytest.approx(0.00387298, rel=2e-6)
    bought = levels(100.0, sigma, 1, 2.0)
    assert bought.risk == pytest.approx(0.309839, rel=2e-6)
    assert bought[1:] == pytest.approx((100 - 0.309839, 100.387, 100.620), abs=5e-4)
    assert es95_of_one_lot(100.0, sigma, 1.0) == pytest.approx(2.06271 * 0.387298, rel=5e-6)
    assert es95_of_one_lot(100.0, sigma, 20.0) == pytest.approx(20 * 2.06271 * 0.387298, rel=5e-6)


def test_a_sale_is_the_mirror_image():
    """As far above the close as a purchase's levels are below, and the other way round."""
    bought, sold = levels(100.0, 0.01, 1, 1.8), levels(100.0, 0.01, -1, 1.8)
    assert [200.0 - price for price in sold[1:]] == pytest.approx(list(bought[1:]))
    assert sold.take_profit_2 < sold.take_profit_1 < 100.0 < sold.stop_loss


def test_without_volatility_there_are_no_levels():
    """Unknown, or a price that stood still: no stop is made up. What is measured as 0 loses 0."""
    assert over_horizon(None, 60) is levels(100.0, None, 1, 2.0) is es95_of_one_lot(100.0, None, 1.0) is None
    assert levels(100.0, 0.0, 1, 2.0) is None
    assert es95_of_one_lot(100.0, 0.0, 1.0) == 0.0


def test_no_level_lies_below_a_price_of_zero():
    """A target 1.2 x the price below it cannot be reached; bought, the same stop of 0.6 could be."""
    assert levels(100.0, 0.75, -1, 2.0) is None
    assert levels(100.0, 0.75, 1, 2.0).stop_loss == pytest.approx(40.0)
