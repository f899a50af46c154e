"""Volatility features: golden values, histories by hand, prices that stand still."""

import numpy as np
import pytest

from market_assets.bars.transforms.features import volatility
from tests.market_assets.bars.transforms.features.stored_bars import D, closes, segment, stored
from tests.market_assets.core.golden_series import golden_series

GOLDEN = {"bb_width": 0.12513, "bb_position": 0.397949, "realized_vol": 0.00938171, "vol_ratio": 1.0842}


@pytest.fixture(scope="module")
def golden():
    return volatility.compute(segment(stored(golden_series(800), first=D)))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(golden, name):
    """The series G at its row 299, as printed."""
    assert golden[name][299] == pytest.approx(GOLDEN[name], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "first"),
    [("atr_z", 254), ("bb_width", 19), ("bb_width_rank", 269), ("realized_vol", 20), ("vol_ratio", 20)],
)
def test_first_values(golden, name, first):
    """Null until a history is full (of the rank: half full), never after."""
    assert [value != value for value in golden[name]] == [True] * first + [False] * (800 - first)


def test_histories_leave_out_the_value_itself(golden):
    """z against 240 values before, rank among 500 before, ties half: counted one by one."""
    part = segment(stored(golden_series(800), first=D))
    atr, width = part.floats("atr_14"), golden["bb_width"]
    for i in (254, 600, 799):
        before = atr[i - 240 : i]
        assert golden["atr_z"][i] == pytest.approx((atr[i] - before.mean()) / before.std(ddof=1), rel=1e-9)
    for i in (269, 799):
        known = [value for value in width[max(0, i - 500) : i] if value == value]
        below = sum(value < width[i] for value in known) + 0.5 * sum(value == width[i] for value in known)
        assert golden["bb_width_rank"][i] == pytest.approx(below / len(known), rel=1e-12)


def test_ranks_begin_with_the_first_kept_row(golden):
    """Rows before it are context; the rows kept are the same."""
    kept = volatility.compute(segment(stored(golden_series(800), first=D), kept=700))["bb_width_rank"]
    assert np.isnan(kept[:700]).all()
    np.testing.assert_array_equal(kept[700:], golden["bb_width_rank"][700:])


@pytest.mark.parametrize("level", [0.1, 43_123.37])
def test_prices_that_stand_still(level):
    """No bands to lie between, no range to compare with; a volatility of 0 is measured."""
    found = volatility.compute(segment(stored(closes([level] * 300), first=D)))
    for name in ("bb_position", "vol_ratio", "atr_z"):
        assert np.isnan(found[name][299]), name
    assert found["realized_vol"][299] == pytest.approx(0.0, abs=1e-15)
    assert found["bb_width"][299] == pytest.approx(0.0, abs=1e-12)
