"""A series applies bars in order once, counts the late ones, and can be put down and taken up again."""

import json

import pytest

from market_assets.core.incremental import Atr, Ema, Macd, Series, Sma, StateMismatch, Supertrend, VolumeMa
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import bars_of


def started(bars=()) -> Series:
    series = Series("BTCUSDT", [Ema(9), Macd(), Supertrend()])
    for bar in bars:
        series.update(bar)
    return series


def test_values_are_named():
    """One dict of every indicator's columns: the golden values of G at row 299."""
    series = started(bars_of(golden_series(299)))
    values = series.update(bars_of(golden_series(300))[-1])
    assert tuple(values) == series.columns
    expected = {
        "ema_9": 116.498, "macd_line": 3.17149, "macd_signal": 3.99587, "macd_hist": -0.824377, "st_upper": 122.458,
        "st_lower": 113.757, "st_dir": 1, "st_strength": 1.13515, "st_consistency": 1,
    }  # fmt: skip
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert values["st_is_warm"] is True


@pytest.mark.parametrize("late", [5, 40, 49], ids=["long ago", "lately", "the last one again"])
def test_a_late_bar_is_counted_and_not_applied(late):
    """A bar at or before the last one gives no values and leaves everything as it was, but for the count."""
    bars = bars_of(golden_series(60))
    series, undisturbed = started(bars[:50]), started(bars[:50])
    assert series.update(bars[late]._replace(close=1.0)) is None
    assert series.late_bars == 1
    assert series.last == bars[49].ts
    assert [series.update(bar) for bar in bars[50:]] == [undisturbed.update(bar) for bar in bars[50:]]
    assert (series.late_bars, undisturbed.late_bars) == (1, 0)


def test_a_missing_bar_inserts_nothing():
    """Indicators go by rows: after a gap the next bar is simply the next row."""
    bars = bars_of(golden_series(60))
    gap = started(bars[:30])
    moved = started(bars[:30])
    assert gap.update(bars[40]) == moved.update(bars[40]._replace(ts=bars[30].ts))


def test_a_peek_keeps_nothing():
    """Looking at the forming bar changes neither values nor the last instant; a bar that is over is not forming."""
    bars = bars_of(golden_series(60))
    series = started(bars[:50])
    before = series.to_state()
    peeked = series.peek(bars[50])
    assert series.peek(bars[49]) is None
    assert series.to_state() == before
    assert peeked == series.update(bars[50])


def test_a_series_is_rebuilt_from_stored_bars():
    """When a late bar was different, the stored bars are replayed: as if the corrected one had come in time."""
    bars = bars_of(golden_series(60))
    corrected = [*bars[:20], bars[20]._replace(close=90.0, low=89.0), *bars[21:50]]
    series = started(bars[:50])
    series.update(corrected[20])
    series.rebuild(corrected)
    assert series.late_bars == 1
    assert series.update(bars[50]) == started(corrected).update(bars[50])
    assert series.update(bars[51]) != started(bars[:51]).update(bars[51])


def test_a_series_goes_on_from_its_state():
    """Symbol, last instant, count and every indicator survive JSON."""
    bars = bars_of(golden_series(300))
    series = started(bars[:290])
    series.update(bars[0])
    again = Series.from_state(
        json.loads(json.dumps(series.to_state(), allow_nan=False)), [Ema(9), Macd(), Supertrend()]
    )
    assert (again.symbol, again.last, again.late_bars) == ("BTCUSDT", bars[289].ts, 1)
    assert again.update(bars[289]) is None
    assert [again.update(bar) for bar in bars[290:]] == [series.update(bar) for bar in bars[290:]]


def test_an_empty_series_goes_on_from_its_state():
    """Without a bar there is no last instant to compare with."""
    again = Series.from_state(started().to_state(), [Ema(9), Macd(), Supertrend()])
    assert again.last is None
    assert again.update(bars_of(golden_series(1))[0]) is not None


@pytest.mark.parametrize(
    "indicators",
    [[Ema(10), Macd(), Supertrend()], [Ema(9), Macd(), Supertrend(k=2.0)], [Ema(9), Macd()], [Sma(9), Macd(), Atr()]],
    ids=["length", "factor", "fewer", "others"],
)
def test_a_state_of_other_indicators_is_refused(indicators):
    """Retuned settings do not go on from what was computed with the old ones; the message says what to do."""
    state = started(bars_of(golden_series(40))).to_state()
    with pytest.raises(StateMismatch, match=r"BTCUSDT.*rebuild it from stored bars"):
        Series.from_state(state, indicators)


def test_two_indicators_of_one_name_are_refused():
    """Values are kept by column, so a column can be given once."""
    with pytest.raises(ValueError, match="different columns"):
        Series("BTCUSDT", [VolumeMa(20), VolumeMa(20)])


def test_a_naive_instant_is_refused():
    """An instant without a zone says nothing about order."""
    bar = bars_of(golden_series(1))[0]
    with pytest.raises(ValueError, match="aware"):
        started().update(bar._replace(ts=bar.ts.replace(tzinfo=None)))
