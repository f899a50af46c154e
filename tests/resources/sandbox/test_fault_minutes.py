"""What faults do to candles, by hand: thirty minutes around an hour."""

from datetime import timedelta

import numpy as np
import pytest

from resources.sandbox.fault_minutes import spoilt
from resources.sandbox.faults import parse
from resources.sandbox.minutes import MINUTE_MS, Minutes
from tests.resources.sandbox.hand_candles import START, START_MS, HandCandles

#: 11:45 to 12:14; the hour 12 begins with number 15
AFTER = START + timedelta(hours=1)
ROWS = (
    HandCandles()
    .candles("binance_spot", "BTCUSDT", START - timedelta(minutes=16), START + timedelta(minutes=14), AFTER)
    .window(START_MS - 15 * MINUTE_MS, START_MS + 15 * MINUTE_MS)
)


def answer(*specs: str) -> Minutes:
    return spoilt(ROWS, [parse(f"binance_spot:{spec}") for spec in specs])


def numbers(rows: Minutes) -> list[int]:
    """Which of the thirty these are."""
    return ((rows.time_ms - ROWS.time_ms[0]) // MINUTE_MS).tolist()


def test_there_are_thirty_minutes():
    """As the other tests of this module count them."""
    assert numbers(answer()) == list(range(30))


def test_missing_rows():
    """One of ten, the first of them included, or those of the hours and days named."""
    assert numbers(answer("missing_rows")) == [n for n in range(30) if n % 10]
    assert numbers(answer("missing_rows:dates=2026-10-05T12")) == list(range(15))
    assert numbers(answer("missing_rows:dates=2026-10-05")) == []
    assert numbers(answer("missing_rows:dates=2026-10-06")) == list(range(30))


def test_clip_silently_starts_in_the_middle():
    """The older half is not there."""
    assert numbers(answer("clip")) == list(range(15, 30))


def test_duplicates_and_disorder():
    """A row twice; the second half first."""
    assert numbers(answer("duplicates")) == sorted([*range(30), 0, 10, 20])
    assert numbers(answer("out_of_order")) == [*range(15, 30), *range(15)]


@pytest.mark.parametrize(
    "name", ["open", "high", "low", "close", "volume", "quote_volume", "taker_base", "taker_quote"]
)
def test_nulls(name: str):
    """The values are gone, the row is not."""
    rows = answer("nulls")
    assert np.flatnonzero(np.isnan(getattr(rows, name))).tolist() == [0, 10, 20]
    assert numbers(rows) == list(range(30))


def test_correction_keeps_a_candle_whole():
    """A close of twice as much is its candle's high, of half as much its low; other hours stay as they were."""
    doubled = answer("correction:date=2026-10-05T12:factor=2")
    assert doubled.close.tolist() == [*ROWS.close[:15], *(2 * ROWS.close[15:])]
    assert doubled.high.tolist() == [*ROWS.high[:15], *(2 * ROWS.close[15:])]
    assert doubled.low.tolist() == ROWS.low.tolist()
    halved = answer("correction:date=2026-10-05T11:factor=0.5")
    assert halved.low.tolist() == [*(ROWS.close[:15] / 2), *ROWS.low[15:]]
