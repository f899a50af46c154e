"""Price features: golden values, arithmetic by hand, prices that stand still."""

import pytest

from market_assets.bars.transforms.features import price
from tests.market_assets.bars.transforms.features.stored_bars import D, closes, segment, stored
from tests.market_assets.core.golden_series import golden_series

GOLDEN = {
    "z_close": -0.397868,
    "ema_slope": -0.0005425,
    "roc_5": -0.0542494,
    "roc_10": -0.0240892,
    "rsi": 53.7312,
    "price_position": 0.323704,
}


@pytest.fixture(scope="module")
def golden():
    return price.compute(segment(stored(golden_series(300), first=D)))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(golden, name):
    """The series G at its row 299, as printed."""
    assert golden[name][299] == pytest.approx(GOLDEN[name], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "first"),
    [("z_close", 19), ("z_high", 19), ("ema_slope", 20), ("roc_5", 5), ("rsi", 14), ("price_position", 19)],
)
def test_first_values(golden, name, first):
    """Null until a window is full, never after."""
    assert [value != value for value in golden[name]] == [True] * first + [False] * (300 - first)


def test_highs_and_lows_are_compared_with_their_own():
    """Rows 0..19, highs 2 above the close and lows i/2 below: of i the z is 9.5 over the root of 35, of i/2 too."""
    bars = closes([100.0 + i for i in range(20)]).with_row_index("i")
    spread = bars.with_columns(high=bars["close"] + 2.0, low=bars["close"] - bars["i"] / 2).drop("i")
    found = price.compute(segment(stored(spread, first=D)))
    assert found["z_high"][19] == pytest.approx(9.5 / 35**0.5, rel=1e-9)
    assert found["z_low"][19] == pytest.approx(9.5 / 35**0.5, rel=1e-9)
    # highest high 121, lowest low 100, close 119
    assert found["price_position"][19] == pytest.approx(19 / 21, rel=1e-12)


@pytest.mark.parametrize("level", [0.1, 43_123.37])
def test_prices_that_stand_still_have_no_place(level):
    """No deviation and no range: null, whatever the rounding; their change is a measured 0."""
    found = price.compute(segment(stored(closes([level] * 30), first=D)))
    assert [found[name][29] for name in ("roc_5", "ema_slope")] == pytest.approx([0.0, 0.0], abs=1e-12)
    for name in ("z_close", "z_high", "z_low", "price_position"):
        assert found[name][29] != found[name][29], name
