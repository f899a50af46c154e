"""Trends of coarser candles: the last closed one speaks, and none before there are twenty."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import talib

from market_assets.bars.transforms.features import trend
from tests.market_assets.bars.transforms.features.stored_bars import MINUTE, D, closes, segment, stored
from tests.market_assets.core.incremental.replay import random_bars


@pytest.mark.parametrize(("name", "minutes"), [("m5_trend", 5), ("m15_trend", 15)])
def test_trends_are_those_of_two_libraries(name, minutes):
    """Candles of pandas, exponential means of TA-Lib, each known from its close on."""
    bars = stored(random_bars(900), first=D + 3 * MINUTE)
    found = trend.compute(segment(bars))[name]
    series = pd.Series(bars["close"].to_numpy(), index=pd.DatetimeIndex(bars["ts"].to_list()))
    last = series.resample(f"{minutes}min").last()
    sign = np.sign(talib.EMA(last.to_numpy(), 9) - talib.EMA(last.to_numpy(), 20))
    said = pd.Series(sign, index=last.index + pd.Timedelta(minutes=minutes))
    expected = said.reindex(series.index + pd.Timedelta(minutes=1), method="ffill").to_numpy()
    assert {-1.0, 1.0} <= set(found)
    np.testing.assert_array_equal(found, expected)


def test_the_forming_candle_does_not_speak():
    """100 falling minutes from a full quarter on, then rising ones: trends appear and change at closes only."""
    prices = [200.0 - i for i in range(100)] + [101.0 + 9 * i for i in range(60)]
    found = trend.compute(segment(stored(closes(prices), first=D)))["m5_trend"]
    # the 20th candle closes with minute 99
    assert np.isnan(found[:99]).all()
    assert (found[99:104] == -1.0).all()
    turns = np.flatnonzero(np.diff(found[99:])) + 100
    assert turns.size == 1
    assert (turns[0] + 1) % 5 == 0


def test_a_candle_closes_by_the_clock_though_its_last_minutes_are_missing():
    """Two minutes before a candle's end the market pauses: the first bar after the pause hears that candle."""
    flat = closes([100.0] * 110 + [50.0] * 10)
    bars = stored(flat, first=D)
    # the candle from 110 to 115 falls to 50; its minutes 113 and 114 are missing
    gapped = bars.filter(~bars["ts"].is_in([D + 113 * MINUTE, D + 114 * MINUTE]).to_numpy())
    found = dict(zip(gapped["ts"], trend.compute(segment(gapped))["m5_trend"], strict=True))
    assert found[D + timedelta(minutes=112)] == 0.0
    assert found[D + timedelta(minutes=115)] == -1.0
