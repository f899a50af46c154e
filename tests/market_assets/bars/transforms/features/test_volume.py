"""Volume features: golden values, bulk classification by hand, sessions, kinds without a volume."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from market_assets.bars.transforms.features import volume
from tests.market_assets.bars.transforms.features.stored_bars import MINUTE, D, closes, segment, stored
from tests.market_assets.core.golden_series import golden_series

GOLDEN = {"rvol": 1.16279, "volume_trend": 0.0116732, "vpin_proxy": 0.560381}
HOUR = timedelta(hours=1)
#: standard deviations of 50 changes are 1, and the last change is 1: pairs that cancel out, -1, and 1
_B = (47 / 48) ** 0.5
CHANGES = [_B, -_B] * 24 + [-1.0, 1.0]


@pytest.fixture(scope="module")
def golden():
    return volume.compute(segment(stored(golden_series(300), first=D)))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(golden, name):
    """The series G at its row 299, as printed."""
    assert golden[name][299] == pytest.approx(GOLDEN[name], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "first"), [("rvol", 20), ("volume_trend", 19), ("bvc_delta_proxy", 50), ("vpin_proxy", 99)]
)
def test_first_values(golden, name, first):
    """Null until a window is full, never after."""
    assert [value != value for value in golden[name]] == [True] * first + [False] * (300 - first)


def test_a_rise_of_one_deviation_is_bought_by_the_normal_share():
    """Golden: Phi(1) gives 0.682689 v; the fall before it the same with the other sign, once it is the last of 50."""
    prices = np.cumsum([500.0, *CHANGES])
    found = volume.compute(segment(stored(closes(prices, volume=3.0), first=D)))
    assert found["bvc_delta_proxy"][50] == pytest.approx(0.682689 * 3.0, rel=1e-5)
    mirrored = volume.compute(segment(stored(closes(1000.0 - prices, volume=3.0), first=D)))
    assert mirrored["bvc_delta_proxy"][50] == pytest.approx(-0.682689 * 3.0, rel=1e-5)


def test_sums_begin_anew_at_the_anchor():
    """Of a market that never closes at midnight: the running sum of its own deltas, over its own volume, within 1."""
    bars = stored(golden_series(400), first=D - 200 * MINUTE)
    found = volume.compute(segment(bars))
    delta, traded = found["bvc_delta_proxy"][200:], bars["volume"].to_numpy()[200:]
    np.testing.assert_allclose(found["cvd_proxy"][200:], np.cumsum(delta), rtol=1e-12)
    np.testing.assert_allclose(found["cvd_ratio_proxy"][200:], np.cumsum(delta) / np.cumsum(traded), rtol=1e-9)
    assert found["cvd_proxy"][200] == delta[0]
    assert np.nanmax(np.abs(found["cvd_ratio_proxy"])) <= 1.0


def test_the_anchor_is_the_calendars():
    """Of a future at 18:00 in New York, which is 22:00 UTC in October."""
    bars = stored(golden_series(200), "NAS100_FUT", "future", first=D + 20 * HOUR)
    found = volume.compute(segment(bars, calendar="cme_index"))
    assert found["cvd_proxy"][120] == found["bvc_delta_proxy"][120]
    assert found["cvd_proxy"][119] != found["bvc_delta_proxy"][119]


def test_what_is_not_known_adds_nothing_to_either_sum():
    """The first 50 minutes and one without a volume: neither bought nor part of what the ratio is of."""
    bars = stored(golden_series(80), first=D).with_columns(
        volume=pl.when(pl.col("ts") == D + 60 * MINUTE).then(None).otherwise("volume")
    )
    found = volume.compute(segment(bars))
    delta, traded = found["bvc_delta_proxy"], bars["volume"].to_numpy()
    known = ~np.isnan(delta)
    assert np.flatnonzero(~known).tolist() == [*range(50), 60]
    assert np.isnan(found["cvd_proxy"][:50]).all()
    assert found["cvd_proxy"][79] == pytest.approx(delta[known].sum(), rel=1e-9)
    assert found["cvd_ratio_proxy"][79] == pytest.approx(delta[known].sum() / traded[known].sum(), rel=1e-9)


def test_each_of_fifty_bars_must_have_traded():
    """One minute without a trade: its imbalance is unknown, and so is the mean for 50 bars; its delta is 0."""
    bars = stored(golden_series(200), first=D).with_columns(
        volume=pl.when(pl.col("ts") == D + 120 * MINUTE).then(0.0).otherwise("volume")
    )
    found = volume.compute(segment(bars))
    assert np.flatnonzero(np.isnan(found["vpin_proxy"][99:])).tolist() == list(range(21, 71))
    assert found["bvc_delta_proxy"][120] == 0.0


def test_without_trades_ratios_are_unknown():
    """A usual volume of 0 has no multiple."""
    found = volume.compute(segment(stored(closes([float(i + 100) for i in range(60)], volume=0.0), first=D)))
    for name in ("rvol", "volume_trend", "cvd_ratio_proxy", "vwap_distance"):
        assert np.isnan(found[name]).all(), name


def test_distance_to_the_mean_price_by_hand():
    """Closes 100 and 110 (low 100, high 110), one unit each: mean price (100 + 320/3)/2, and the close above it."""
    found = volume.compute(segment(stored(closes([100.0, 110.0]), first=D)))["vwap_distance"]
    assert found[1] == pytest.approx(110.0 / ((100.0 + 320.0 / 3.0) / 2.0) - 1.0, rel=1e-12)


def test_a_kind_without_volume_has_none_of_these():
    """Whatever the rows state."""
    found = volume.compute(segment(stored(golden_series(300), first=D), has_volume=False))
    assert {name for name, of in found.items() if np.isnan(of).all()} == set(found)
