"""The last closed bars, in memory."""

from hypothesis import given, settings
from hypothesis import strategies as st

from resources.stream.bars.ring import Ring, micros
from resources.stream.candle import MINUTE
from tests.resources.stream.bars.bar_series import bar, series
from tests.resources.stream.bars.scripted_source import START


def test_bars_come_back_as_they_went_in() -> None:
    """Every field, unknown ones included; each symbol's own."""
    ring = Ring(["BTCUSD", "EURUSD"], keep=10)
    first = bar(
        "EURUSD", volume=None, trade_count=7, instrument_kind="spot", fallback_level=2, origin="rest", source="polygon"
    )
    second = bar("EURUSD", START + MINUTE, 3)
    assert ring.append(1, first)
    assert ring.append(1, second)
    assert ring.after(1, None) == [first, second]
    assert (ring.last(1), ring.last(0), len(ring)) == (second, None, 2)
    assert ring.after(1, micros(START)) == [second]
    assert (ring.has(1, START), ring.has(1, START + 2 * MINUTE)) == (True, False)


def test_an_older_bar_is_not_appended() -> None:
    """It has to be put in its place, which is told."""
    ring = Ring(["BTCUSD"], keep=10)
    ring.append(0, bar("BTCUSD", START))
    assert not ring.append(0, bar("BTCUSD", START))
    earlier, known = bar("BTCUSD", START - MINUTE), bar("BTCUSD", START, close=1.0)
    assert ring.insert(0, [known, earlier]) == [earlier]
    assert [one.ts for one in ring.after(0, None)] == [START - MINUTE, START]
    assert ring.revision == [1]
    assert ring.insert(0, [earlier]) == []
    assert ring.revision == [1]


@settings(deadline=None, max_examples=25)
@given(appended=st.integers(0, 300), keep=st.integers(1, 40), inserted=st.integers(0, 60))
def test_only_the_newest_are_kept(appended: int, keep: int, inserted: int) -> None:
    """As many as asked for, in order, however they came."""
    ring = Ring(["BTCUSD"], keep=keep)
    bars = series("BTCUSD", inserted + appended)
    ring.insert(0, bars[:inserted])
    for one in bars[inserted:]:
        assert ring.append(0, one)
    assert ring.after(0, None) == bars[-keep:]
    assert list(ring.closes(0, 3)) == [one.close for one in bars[-min(keep, 3) :]]


def test_a_bar_older_than_all_that_are_kept_is_not_taken() -> None:
    """However often it is brought."""
    ring = Ring(["BTCUSD"], keep=5)
    bars = series("BTCUSD", 7)
    assert ring.insert(0, bars) == bars[-5:]
    assert ring.insert(0, bars) == []
    assert ring.revision == [1]
