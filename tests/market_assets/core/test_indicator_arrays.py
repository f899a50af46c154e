"""The 16 live values against the golden table, TA-Lib and the expressions they are the array form of."""

import numpy as np
import polars as pl
import pytest
import talib

from market_assets.bars.schemas import VALUES
from market_assets.core import indicator_arrays, indicators
from market_assets.core.indicator_arrays import COLUMNS, FIRST, live_values
from tests.market_assets.core.golden_series import AT, GOLDEN, golden_series
from tests.market_assets.core.incremental.replay import random_bars

FIELDS = ("high", "low", "close", "volume")


def of(frame: pl.DataFrame, bars_a_session: int) -> dict[str, np.ndarray]:
    """The live values of bars whose sessions all have as many."""
    return live_values(*(frame[name].to_numpy() for name in FIELDS), range(0, frame.height, bars_a_session))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """Of G, whose bars are hours."""
    return of(golden_series(700), 24)


def test_the_columns_are_those_that_are_stored(golden):
    """Names and order of the bars domain's table."""
    assert tuple(golden) == COLUMNS == VALUES


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_table(golden, name):
    """Every value of the table to the printed digits, NaN where it has none."""
    expected = [np.nan if value is None else value for value in GOLDEN[name]]
    np.testing.assert_allclose(golden[name][list(AT)], expected, rtol=1e-5)


def test_each_column_begins_where_it_says(golden):
    """NaN before the stated first row, a value from it on."""
    for name, first in zip(COLUMNS, FIRST, strict=True):
        assert np.isnan(golden[name]).tolist() == [True] * first + [False] * (700 - first), name


def test_agrees_with_ta_lib(golden):
    """To 1e-9 at every row; the MACD once its seeds are forgotten."""
    frame = golden_series(700)
    high, low, close, volume = (frame[name].to_numpy() for name in FIELDS)
    upper, mid, lower = talib.BBANDS(close, timeperiod=20)
    expected = {
        **{f"ema_{n}": talib.EMA(close, n) for n in (9, 20, 50, 200)},
        "rsi_14": talib.RSI(close, 14),
        "atr_14": talib.ATR(high, low, close, 14),
        "momentum_10": talib.MOM(close, 10),
        "volume_ma_20": talib.SMA(volume, 20),
        "bb_upper": upper,
        "bb_mid": mid,
        "bb_lower": lower,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(golden[name], values, rtol=0, atol=1e-9, err_msg=name)
    for name, values in zip(("macd_line", "macd_signal", "macd_hist"), talib.MACD(close), strict=True):
        np.testing.assert_allclose(golden[name][200:], values[200:], rtol=0, atol=1e-9, err_msg=name)


def test_agrees_with_the_expressions():
    """Jumps, calm and flat stretches: the same values as `core.indicators`, NaN where that is null."""
    frame = random_bars(3_000)
    high, low, close, volume = (pl.col(name) for name in FIELDS)
    line, signal, histogram = indicators.macd(close)
    upper, middle, lower = indicators.bollinger(close)
    expected = frame.select(
        **{f"ema_{n}": indicators.ema(close, n) for n in (9, 20, 50, 200)},
        rsi_14=indicators.rsi(close),
        bb_upper=upper,
        bb_mid=middle,
        bb_lower=lower,
        atr_14=indicators.atr(high, low, close),
        volume_ma_20=indicators.sma(volume, 20),
        macd_line=line,
        macd_signal=signal,
        macd_hist=histogram,
        momentum_10=indicators.momentum(close, 10),
    )
    found = of(frame, 1_440)
    for name in expected.columns:
        values = expected[name].fill_null(np.nan).to_numpy()
        np.testing.assert_allclose(found[name], values, rtol=1e-11, atol=1e-10, err_msg=name)


def test_later_bars_change_nothing():
    """The values of the first bars are bit for bit those that these bars have alone."""
    frame = random_bars(1_000)
    whole = of(frame, 90)
    for n in (1, 13, 14, 15, 34, 200, 201, 777):
        for name, values in of(frame.head(n), 90).items():
            np.testing.assert_array_equal(values, whole[name][:n], err_msg=f"{name} of {n}")


def test_long_series_are_shared_out_without_a_difference(monkeypatch):
    """Two threads give the bits of one, and the arrays that came in stay as they were."""
    frame = random_bars(1_000)
    before = frame.clone()
    alone = of(frame, 90)
    monkeypatch.setattr(indicator_arrays, "_LONG", 0)
    for name, values in of(frame, 90).items():
        np.testing.assert_array_equal(values, alone[name], err_msg=name)
    assert frame.equals(before)


def test_a_flat_series_neither_gains_nor_loses():
    """Thirty equal bars: RSI 50, no range, bands on the mean, no momentum."""
    flat = np.full(30, 7.1)
    found = live_values(flat, flat, flat, np.ones(30), [])
    assert found["rsi_14"][14:].tolist() == [50.0] * 16
    assert found["atr_14"][14:].tolist() == [0.0] * 16
    assert found["bb_upper"][19:].tolist() == found["bb_lower"][19:].tolist() == found["bb_mid"][19:].tolist()
    assert found["momentum_10"][10:].tolist() == [0.0] * 20


def test_vwap_by_hand():
    """Prices 10, 20, 30, 40 with volumes 0, 1, unknown, 3, and a session that begins with the last one."""
    price = np.array([10.0, 20.0, 30.0, 40.0])
    volume = np.array([0.0, 1.0, np.nan, 3.0])
    of_one = live_values(price, price, price, volume, [])["vwap"]
    np.testing.assert_allclose(of_one, [np.nan, 20.0, np.nan, (20 + 3 * 40) / 4])
    of_two = live_values(price, price, price, volume, [0, 3])["vwap"]
    np.testing.assert_allclose(of_two, [np.nan, 20.0, np.nan, 40.0])


def test_without_volume_only_its_two_columns_are_unknown():
    """No volume: neither VWAP nor a mean of it, everything else as with one."""
    frame = golden_series(260)
    with_one = of(frame, 24)
    without = of(frame.with_columns(volume=pl.lit(np.nan)), 24)
    for name, values in without.items():
        if name in {"vwap", "volume_ma_20"}:
            assert np.isnan(values).all()
        else:
            np.testing.assert_array_equal(values, with_one[name])
