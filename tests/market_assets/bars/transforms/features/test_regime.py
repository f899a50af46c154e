"""Regimes: the golden efficiency, one of three by hand, and none in warm-up."""

import numpy as np
import pytest

from market_assets.bars.transforms.features import regime
from tests.market_assets.bars.transforms.features.stored_bars import D, closes, segment, stored
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import random_bars

REGIMES = ("regime_trend", "regime_revert", "regime_choppy")


def of(prices):
    """(efficiency, regimes) of the last bar."""
    found = regime.compute(segment(stored(closes(prices), first=D)))
    return found["er_20"][-1], [found[name][-1] for name in REGIMES]


def test_golden_efficiency():
    """The series G at its row 299, as printed; the first value at row 20."""
    found = regime.compute(segment(stored(golden_series(300), first=D)))["er_20"]
    assert found[299] == pytest.approx(0.150167, rel=1e-5)
    assert np.isnan(found[:20]).all()
    assert not np.isnan(found[20:]).any()


def test_one_way_all_the_time_is_a_trend():
    """Efficiency 1 and no more, also where every return is the same and has no autocorrelation."""
    assert of([100.0 + 0.1 * i for i in range(60)]) == (1.0, [1.0, 0.0, 0.0])
    assert of([100.0 * 2.0**i for i in range(60)]) == (1.0, [1.0, 0.0, 0.0])


def test_efficiency_by_hand():
    """3 up, 1 down, ten times: 20 of 40 made is 0.5, a trend; 2 up, 1 down: 10 of 30 is not."""
    steps = [3.0, -1.0] * 40
    efficiency, regimes = of(100.0 + np.cumsum(steps))
    assert (efficiency, regimes) == (pytest.approx(0.5, rel=1e-12), [1.0, 0.0, 0.0])
    efficiency, regimes = of(100.0 + np.cumsum([2.0, -1.0] * 40))
    # up after down after up: returns turn back
    assert (efficiency, regimes) == (pytest.approx(1 / 3, rel=1e-12), [0.0, 1.0, 0.0])


def test_neither_trend_nor_return_is_choppy():
    """Two up, two down: no way made, and a return says nothing of the next (autocorrelation about 0)."""
    efficiency, regimes = of(100.0 + np.cumsum([1.0, 1.0, -1.0, -1.0] * 20))
    assert efficiency == pytest.approx(0.0, abs=1e-12)
    assert regimes == [0.0, 0.0, 1.0]


def test_warm_up_has_no_regime_and_then_there_is_exactly_one():
    """50 returns are needed; of a random walk with stretches that stand still every regime occurs."""
    found = regime.compute(segment(stored(random_bars(1500), first=D)))
    table = np.array([found[name] for name in REGIMES])
    assert np.isnan(table[:, :50]).all()
    known = ~np.isnan(table).any(axis=0)
    assert np.isnan(table[:, ~known]).all()
    assert (table[:, known].sum(axis=0) == 1.0).all()
    assert (table[:, known].sum(axis=1) > 0).all()
    np.testing.assert_array_equal(known[50:], ~np.isnan(found["er_20"][50:]))


def test_prices_that_stand_still_have_no_regime():
    """No way gone, no efficiency."""
    efficiency, regimes = of([43_123.37] * 80)
    assert np.isnan([efficiency, *regimes]).all()
