"""The base overlay against TA-Lib."""

import numpy as np
import pytest
import talib

from market_assets.crypto.schemas import CryptoOverlays
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.overlays import indicators
from market_assets.crypto.transforms.overlays.given import Given
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import START, random_bars

GIVEN = Given(settings=CryptoSettings(), timeframe="1h", frames={}, first=START)


def test_columns_are_those_of_the_contract():
    """Names and types as stored, one row for each bar."""
    found = indicators.compute(golden_series(80), GIVEN)
    schema = CryptoOverlays.contract().schema
    assert found.schema == {name: schema[name] for name in indicators.COLUMNS}
    assert found.height == 80


@pytest.mark.parametrize("bars", [golden_series(700), random_bars(700)], ids=["golden", "random"])
@pytest.mark.parametrize("name", ["ema_10", "ema_21", "ema_55", "rsi_14", "atr_14"])
def test_values_are_those_of_ta_lib(bars, name):
    """At every row, warm-up included, to 1e-9."""
    high, low, close = (bars[column].to_numpy() for column in ("high", "low", "close"))
    n = int(name.rpartition("_")[2])
    oracle = {"ema": talib.EMA(close, n), "rsi": talib.RSI(close, n), "atr": talib.ATR(high, low, close, n)}
    ours = indicators.compute(bars, GIVEN)[name].fill_null(float("nan")).to_numpy()
    np.testing.assert_allclose(ours, oracle[name.partition("_")[0]], rtol=0, atol=1e-9)


def test_later_bars_change_nothing():
    """Cut at any of these rows, what remains is the same to the last bit."""
    bars = random_bars(300)
    whole = indicators.compute(bars, GIVEN)
    for cut in (0, 1, 14, 55, 120, 299):
        assert indicators.compute(bars[:cut], GIVEN).equals(whole[:cut])


def test_close_is_the_bar_s():
    """The close passes through unchanged."""
    bars = golden_series(5)
    assert indicators.compute(bars, GIVEN)["close"].to_list() == [100, 102.37, 104.5, 106.19, 107.31]
