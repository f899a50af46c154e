"""The 16 values of closed and forming bars."""

from collections.abc import Sequence

import numpy as np
import pytest

from resources.stream.bars.live_values import LiveValues
from resources.stream.bars.records import LiveBar
from resources.stream.bars.ring import Ring
from resources.stream.bars.watched import Watched
from resources.stream.candle import MINUTE
from tests.resources.stream.bars.bar_series import bar, series
from tests.resources.stream.bars.scripted_source import START, settings_of

SYMBOLS = ("BTCUSD", "EURUSD")


def memory(warm_bars: int = 250) -> tuple[Ring, LiveValues]:
    watched = Watched(settings_of(*SYMBOLS))
    ring = Ring(SYMBOLS, keep=400)
    return ring, LiveValues(watched, ring, lambda symbol: symbol == "BTCUSD", warm_bars)


def feed(ring: Ring, values: LiveValues, bars: Sequence[LiveBar], row: int = 0) -> None:
    for one in bars:
        ring.append(row, one)
        values.update([(row, one)])


def test_values_are_those_of_a_plain_mean() -> None:
    """The middle band is the mean of 20 closes, momentum the difference to ten bars ago; unknown before that."""
    ring, values = memory()
    bars = series("BTCUSD", 30)
    feed(ring, values, bars[:5])
    assert np.isnan(values.closed[0][1:]).sum() == 14
    feed(ring, values, bars[5:])
    named = dict(zip(("close", "bb_mid", "momentum_10"), values.closed[0][[0, 7, 15]], strict=True))
    assert named["close"] == bars[-1].close
    assert named["bb_mid"] == pytest.approx(sum(one.close for one in bars[-20:]) / 20)
    assert named["momentum_10"] == pytest.approx(bars[-1].close - bars[-11].close)


def test_a_bar_that_comes_late_leaves_the_values_as_if_it_had_come_in_time() -> None:
    """A hole in the history, or none before: made anew from the ring, the values are the same to the last bit."""
    bars = series("BTCUSD", 300)
    ring, values = memory()
    feed(ring, values, bars)
    late_ring, late = memory()
    feed(late_ring, late, [*bars[200:250], *bars[260:]])
    assert not np.array_equal(late.closed[0], values.closed[0], equal_nan=True)
    late_ring.insert(0, [*bars[:200], *bars[250:260]])
    late.remake([0], wait=True)
    assert np.array_equal(late.closed[0], values.closed[0], equal_nan=True)
    following = bar("BTCUSD", START, 300)
    feed(ring, values, [following])
    feed(late_ring, late, [following])
    assert np.array_equal(late.closed[0], values.closed[0], equal_nan=True)
    assert late.bars(0) == values.bars(0) == 301


def test_what_closes_while_values_are_made_anew_is_applied_on_top() -> None:
    """The loop goes on meanwhile; nothing it saw is lost."""
    bars = series("BTCUSD", 300)
    ring, values = memory()
    feed(ring, values, bars)
    other_ring, other = memory()
    feed(other_ring, other, bars[100:280])
    other_ring.insert(0, bars[:100])
    other.remake([0])
    feed(other_ring, other, bars[280:])
    other.remake([], wait=True)
    assert np.array_equal(other.closed[0], values.closed[0], equal_nan=True)


def test_it_is_warm_after_enough_bars_of_one_kind() -> None:
    """A change of the instrument begins anew; while bars are put between others it is not warm."""
    ring, values = memory(warm_bars=100)
    bars = series("BTCUSD", 120)
    feed(ring, values, bars[:99])
    assert not values.is_warm(0)
    feed(ring, values, bars[99:])
    assert values.is_warm(0)
    assert values.is_warming
    feed(ring, values, [bar("BTCUSD", START, 120, instrument_kind="future")])
    assert (values.bars(0), values.is_warm(0)) == (1, False)
    values.remake([0], wait=True)
    assert values.bars(0) == 1


def test_a_forming_bar_changes_nothing() -> None:
    """What it would give is what it gives once it has closed."""
    ring, values = memory()
    feed(ring, values, series("BTCUSD", 250))
    before = values.closed[0].copy()
    forming = bar("BTCUSD", START, 250)
    peeked = values.peek([(0, forming)])[0]
    assert np.array_equal(values.closed[0], before, equal_nan=True)
    feed(ring, values, [forming])
    assert np.array_equal(values.closed[0], peeked, equal_nan=True)
    assert len(values.peek([])) == 0
    assert values.update_ms.facts().total > 0


def test_symbols_without_volume_have_none_in_their_values() -> None:
    """EURUSD has no VWAP and no mean of volumes, whatever its bars state; an hour without a bar is no bar."""
    ring, values = memory()
    feed(ring, values, [one._replace(symbol="EURUSD") for one in series("EURUSD", 30)], row=1)
    vwap, volume_ma = values.closed[1][10], values.closed[1][11]
    assert np.isnan(vwap)
    assert np.isnan(volume_ma)
    feed(ring, values, [bar("EURUSD", START + 60 * MINUTE)], row=1)
    assert values.bars(1) == 31
