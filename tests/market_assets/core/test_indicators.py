"""Indicators against the golden table of the specification and TA-Lib."""

import numpy as np
import polars as pl
import pytest
import talib

from market_assets.core import indicators
from tests.market_assets.core.golden_series import AT, GOLDEN, golden_series

CLOSE, HIGH, LOW, VOLUME = (pl.col(name) for name in ("close", "high", "low", "volume"))


def expressions() -> dict[str, pl.Expr]:
    line, signal, hist = indicators.macd(CLOSE)
    upper, mid, lower = indicators.bollinger(CLOSE)
    return {
        **{f"ema_{n}": indicators.ema(CLOSE, n) for n in (9, 20, 50, 200)},
        "rsi_14": indicators.rsi(CLOSE),
        "bb_upper": upper,
        "bb_mid": mid,
        "bb_lower": lower,
        "atr_14": indicators.atr(HIGH, LOW, CLOSE),
        "volume_ma_20": indicators.sma(VOLUME, 20),
        "macd_line": line,
        "macd_signal": signal,
        "macd_hist": hist,
        "momentum_10": indicators.momentum(CLOSE, 10),
    }


def test_golden_series_is_the_specified_one():
    """The generator of G gives the rows and sums that the specification prints."""
    frame = golden_series(300)
    assert frame.select("open", "high", "low", "close", "volume", "taker_buy_base").row(4) == (
        106.19, 107.71, 105.59, 107.31, 1400, 980,
    )  # fmt: skip
    sums = frame.select(pl.col("close", "high", "low", "volume", "taker_buy_base").sum()).row(0)
    assert sums == pytest.approx((31102.9, 31497.98, 30768.98, 389700, 194900), abs=1e-6)


@pytest.mark.parametrize("name", expressions())
def test_golden_table(name):
    """Every indicator has the golden value, or null in its warm-up, at the printed rows."""
    values = golden_series(300).select(expressions()[name]).to_series()
    for i, expected in zip(AT, GOLDEN[name], strict=True):
        if expected is None:
            assert values[i] is None, i
        else:
            # the table prints six significant digits; half a unit of the last one is within 1e-5
            assert values[i] == pytest.approx(expected, rel=1e-5), i


@pytest.mark.parametrize(
    ("name", "first"),
    [("ema_20", 19), ("rsi_14", 14), ("atr_14", 14), ("bb_upper", 19), ("macd_line", 25), ("macd_signal", 33),
     ("macd_hist", 33), ("momentum_10", 10), ("volume_ma_20", 19)],
)  # fmt: skip
def test_first_value_is_where_the_window_is_full(name, first):
    """Null before the stated first row, a value from it on."""
    values = golden_series(60).select(expressions()[name]).to_series()
    assert values.is_null().to_list() == [True] * first + [False] * (60 - first)


def oracle(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    close, high, low = (frame[name].to_numpy() for name in ("close", "high", "low"))
    upper, mid, lower = talib.BBANDS(close, timeperiod=20)
    return {
        **{f"ema_{n}": talib.EMA(close, n) for n in (9, 20, 50, 200)},
        "rsi_14": talib.RSI(close, 14),
        "atr_14": talib.ATR(high, low, close, 14),
        "bb_upper": upper,
        "bb_mid": mid,
        "bb_lower": lower,
        "macd_line": talib.MACD(close)[0],
        "macd_signal": talib.MACD(close)[1],
    }


@pytest.mark.parametrize(
    "name", ["ema_9", "ema_20", "ema_50", "ema_200", "rsi_14", "atr_14", "bb_upper", "bb_mid", "bb_lower"]
)
def test_agrees_with_ta_lib(name):
    """TA-Lib gives the same values at every row, warm-up included, to 1e-9."""
    frame = golden_series(700)
    ours = frame.select(expressions()[name].fill_null(float("nan"))).to_series().to_numpy()
    np.testing.assert_allclose(ours, oracle(frame)[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["macd_line", "macd_signal"])
def test_macd_agrees_with_ta_lib_once_the_seed_is_forgotten(name):
    """TA-Lib seeds the fast mean later; from row 200 on both agree."""
    frame = golden_series(700)
    ours = frame.select(expressions()[name]).to_series().to_numpy()
    np.testing.assert_allclose(ours[200:], oracle(frame)[name][200:], rtol=0, atol=1e-9)


def test_macd_has_its_own_seed():
    """At row 33 the two seeds still differ: ours is the specified one, not TA-Lib's."""
    frame = golden_series(300)
    assert frame.select(expressions()["macd_line"]).item(33, 0) == pytest.approx(-0.469125, abs=1e-6)
    assert oracle(frame)["macd_line"][33] == pytest.approx(0.00729560, abs=1e-7)


def test_bollinger_uses_the_population_deviation():
    """Upper band at row 299 of G is 122.527, not the 122.714 of the sample deviation."""
    assert golden_series(300).select(expressions()["bb_upper"]).item(299, 0) == pytest.approx(122.527, abs=5e-4)


def test_rsi_of_a_flat_series_is_50():
    """Thirty equal closes neither gain nor lose."""
    values = pl.DataFrame({"close": [7.0] * 30}).select(indicators.rsi(CLOSE)).to_series()
    assert values[14:].to_list() == [50.0] * 16


def test_atr_of_the_hand_worked_series():
    """ATR3 of the twelve bars worked by hand in the specification (its supertrend example)."""
    close = [10.0, 11, 12, 13, 12, 9, 8, 9, 12, 14, 15, 16]
    frame = pl.DataFrame({"close": close}).with_columns(high=CLOSE + 1, low=CLOSE - 1)
    ranges = frame.select(indicators.true_range(HIGH, LOW, CLOSE)).to_series().to_list()
    assert ranges == [None, 2, 2, 2, 2, 4, 2, 2, 4, 3, 2, 2]
    means = frame.select(indicators.atr(HIGH, LOW, CLOSE, 3)).to_series().to_list()
    expected = [2, 2, 2.66667, 2.44444, 2.2963, 2.8642, 2.90947, 2.60631, 2.40421]
    assert means[:3] == [None] * 3
    assert means[3:] == pytest.approx(expected, abs=5e-6)


def test_roc_volatility_and_relative_volume_by_hand():
    """roc_2 of 100, 110, 121 is 21 %; equal log returns have no volatility; volume 30 after 10, 20 is 2."""
    frame = pl.DataFrame({"close": [100.0, 110.0, 121.0], "volume": [10.0, 20.0, 30.0]})
    got = frame.select(
        roc=indicators.roc(CLOSE, 2), vol=indicators.realized_vol(CLOSE, 2), rvol=indicators.relative_volume(VOLUME, 2)
    ).row(2)
    assert got == pytest.approx((0.21, 0.0, 2.0), abs=1e-7)


def test_relative_volume_of_a_silent_past_is_unknown():
    """A mean of 0 gives null, never infinity."""
    frame = pl.DataFrame({"volume": [0.0, 0.0, 5.0]})
    assert frame.select(indicators.relative_volume(VOLUME, 2)).item(2, 0) is None


def test_two_symbols_do_not_touch():
    """On a long frame each symbol's values are those it has alone."""
    one = golden_series(120)
    other = one.with_columns(symbol=pl.lit("H"), close=CLOSE * 3 - 50, high=HIGH * 3 - 50, low=LOW * 3 - 50)
    long = pl.concat([one, other])
    every = {name: expr.over("symbol") for name, expr in expressions().items()}
    together = long.select("symbol", **every)
    for symbol, alone in (("G", one), ("H", other)):
        expected = alone.select("symbol", **expressions())
        assert together.filter(pl.col("symbol") == symbol).equals(expected)
