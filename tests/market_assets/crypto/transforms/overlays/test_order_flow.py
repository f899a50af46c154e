"""Order flow: the golden rows, mirrored candles, days and empty bars."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.crypto.schemas import CryptoOverlays
from market_assets.crypto.transforms.overlays import order_flow
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import random_bars
from tests.market_assets.crypto.transforms.overlays.surroundings import given_with

GOLDEN = {
    "ofi_20": {19: 0.00389105, 24: -0.00694981, 100: -0.00538462, 299: 0.00389105},
    "cvd_day": {19: 100, 24: 520, 100: -140, 299: 820},
    "candle_imbalance_proxy_20": {100: -0.0576923, 299: 0.0428016},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_rows(name):
    """The series G, as printed."""
    found = order_flow.compute(golden_series(300), given_with())[name]
    for i, expected in GOLDEN[name].items():
        assert found[i] == pytest.approx(expected, rel=1e-5), i


def test_change_is_over_five_bars():
    """From row 24 on, 5 rows after the first imbalance; at row 24 the difference of the printed values."""
    found = order_flow.compute(golden_series(40), given_with())["ofi_chg_5"]
    assert found.is_null().to_list() == [True] * 24 + [False] * 16
    assert found[24] == pytest.approx(-0.00694981 - 0.00389105, rel=1e-5)


@pytest.mark.parametrize("n", [0, 1, 19, 20, 300])
def test_columns_are_those_of_the_contract(n):
    """Names and types as stored, one row for each bar, however few there are."""
    found = order_flow.compute(golden_series(300)[:n], given_with())
    schema = CryptoOverlays.contract().schema
    assert found.schema == {name: schema[name] for name in order_flow.COLUMNS}
    assert found.height == n


def test_delta_begins_anew_at_midnight():
    """Hourly bars from midnight: row 24 has its own delta alone."""
    found = order_flow.compute(golden_series(50), given_with())
    assert found["cvd_day"][24] == found["delta"][24] == 520.0
    assert found["cvd_day"][47] == pytest.approx(found["delta"][24:48].sum())


candles = st.tuples(st.integers(1, 999), st.integers(1, 999), st.integers(0, 99), st.integers(0, 99), st.integers(0, 9))


@settings(max_examples=40, deadline=None)
@given(st.lists(candles, min_size=20, max_size=40))
def test_mirrored_candles_turn_the_proxy(drawn):
    """Prices upside down, in whole numbers, so that turning them is exact: every value changes its sign alone."""
    times = golden_series(len(drawn))["ts"]
    rows = [(o, max(o, c) + up, min(o, c) - down, c, float(v)) for o, c, up, down, v in drawn]
    bars = pl.DataFrame(rows, schema=["open", "high", "low", "close", "volume"], orient="row").with_columns(
        pl.col("open", "high", "low", "close").cast(pl.Float64), ts=times, taker_buy_base=pl.col("volume") / 2
    )
    mirrored = bars.with_columns(
        open=5000 - pl.col("open"), high=5000 - pl.col("low"), low=5000 - pl.col("high"), close=5000 - pl.col("close")
    )
    proxy, turned = (
        order_flow.compute(one, given_with())["candle_imbalance_proxy_20"].fill_null(0.0).to_numpy()
        for one in (bars, mirrored)
    )
    assert np.array_equal(turned, -proxy)


def test_a_body_must_exceed_six_tenths_of_the_range():
    """Bought, sold, and neither with a body of exactly 0.6."""
    side = order_flow.body_side(
        np.array([10.0, 17.0, 10.0, 10.0]), np.full(4, 20.0), np.full(4, 10.0), np.array([17.0, 10.0, 16.0, 10.0])
    )
    assert side.tolist() == [1.0, -1.0, 0.0, 0.0]


def test_without_volume_an_imbalance_is_unknown():
    """20 bars without a trade: the delta is a measured 0, its share is null."""
    still = golden_series(25).with_columns(volume=0.0, taker_buy_base=0.0)
    row = order_flow.compute(still, given_with()).row(24, named=True)
    assert row == {"delta": 0, "ofi_20": None, "ofi_chg_5": None, "cvd_day": 0, "candle_imbalance_proxy_20": None}


@pytest.mark.parametrize(("share", "imbalance"), [(1.0, 1.0), (0.0, -1.0)])
def test_one_sided_flow_is_one_and_no_more(share, imbalance):
    """Only buys or only sells give exactly 1 or -1, whatever the rounding of the volumes."""
    bars = random_bars(400).with_columns(taker_buy_base=pl.col("volume") * share)
    assert set(order_flow.compute(bars, given_with())["ofi_20"].drop_nulls()) == {imbalance}


def test_later_bars_change_nothing():
    """Cut at any of these rows, what remains is the same to the last bit."""
    bars = random_bars(300)
    whole = order_flow.compute(bars, given_with())
    for cut in (1, 20, 25, 150, 299):
        assert order_flow.compute(bars[:cut], given_with()).equals(whole[:cut])
