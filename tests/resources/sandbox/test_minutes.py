"""Candles in arrays, by hand: windows, coarser candles, a minute that still runs."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from resources.sandbox.minutes import MINUTE_MS, Coin, Minutes, milliseconds
from tests.resources.sandbox.hand_candles import START, START_MS, HandCandles, coin

NOON = START.replace(second=0)
BTC = coin("binance_usdm", "BTCUSDT")


def minutes(before: int, at: datetime = START) -> Minutes:
    """So many minutes before noon, and the one running at noon."""
    return HandCandles().candles("binance_usdm", "BTCUSDT", NOON - timedelta(minutes=before), at, at)


def one(**values: float) -> Minutes:
    """One minute from noon on: 100 to 104, 99 to 106, 10 coins of which takers bought 4, in 7 trades."""
    usual = {"open": 100.0, "high": 106.0, "low": 99.0, "close": 104.0, "volume": 10.0, "quote_volume": 1020.0}
    usual |= {"taker_base": 4.0, "taker_quote": 408.0, **values}
    columns = {name: np.array([value]) for name, value in usual.items()}
    return Minutes(time_ms=np.array([START_MS]), trades=np.array([7]), **columns)


def test_a_window_has_its_first_minute_and_not_its_last():
    """Bounds that lie between minutes cut there; None is no bound."""
    rows = minutes(5)
    assert rows.time_ms.tolist() == [START_MS + number * MINUTE_MS for number in range(-5, 1)]
    first, last = START_MS - 3 * MINUTE_MS, START_MS - MINUTE_MS
    assert rows.window(first, last).time_ms.tolist() == [first, first + MINUTE_MS]
    assert rows.window(first + 1, last + 1).time_ms.tolist() == [first + MINUTE_MS, last]
    assert len(rows.window(None, None)) == 6
    assert len(rows.window(last, first)) == 0
    assert rows.newest(2).time_ms.tolist() == [last, START_MS]


def test_five_minutes_are_one_candle():
    """155 is the first open and 159.5 the last close; sums are five times 2 coins and 4 trades."""
    rows = minutes(5).window(None, START_MS).coarser(5 * MINUTE_MS)
    found = {name: getattr(rows, name).tolist() for name in rows.__dataclass_fields__}
    assert found == {
        "time_ms": [START_MS - 5 * MINUTE_MS],
        **{"open": [155.0], "high": [160.5], "low": [154.0], "close": [159.5]},
        **{"volume": [10.0], "quote_volume": [1570.0], "trades": [20], "taker_base": [2.5], "taker_quote": [392.5]},
    }


def test_a_coarser_candle_is_made_of_the_minutes_there_are():
    """Ten minutes on the grid of five, without the four that open one of them, and nothing from nothing."""
    rows = minutes(10).take([0, 1, 2, 3, 4, 9]).coarser(5 * MINUTE_MS)
    assert rows.time_ms.tolist() == [START_MS - 10 * MINUTE_MS, START_MS - 5 * MINUTE_MS]
    assert (rows.open.tolist(), rows.close.tolist(), rows.volume.tolist()) == ([150.0, 159.0], [154.5, 159.5], [10, 2])
    assert len(Minutes.empty().coarser(MINUTE_MS)) == 0


def test_a_running_minute_is_its_share():
    """15 of 60 seconds: a quarter of the way from 100 to 104, and a quarter of what lies beyond on either side."""
    rows = one().begun(START, BTC)
    prices = [float(column[0]) for column in (rows.open, rows.high, rows.low, rows.close)]
    # 106 lies 2 above the higher end, 99 lies 1 below the lower one
    assert prices == [100.0, 101.5, 99.75, 101.0]
    assert (rows.volume[0], rows.taker_base[0], rows.quote_volume[0], rows.taker_quote[0]) == (2.5, 1.0, 255.0, 102.0)
    assert rows.trades.tolist() == [1]
    assert rows.unfinished(START)


def test_a_minute_has_run_when_the_next_begins():
    """Nothing of a minute before it opens, its open when it does, all of it 60 seconds later."""
    rows = one()
    assert len(rows.begun(NOON - timedelta(milliseconds=1), BTC)) == 0
    opening = rows.begun(NOON, BTC)
    assert (opening.close[0], opening.high[0], opening.low[0], opening.volume[0]) == (100.0, 100.0, 100.0, 0.0)
    last = rows.begun(NOON + timedelta(seconds=60, milliseconds=-1), BTC)
    assert last.unfinished(NOON + timedelta(seconds=60, milliseconds=-1))
    after = rows.begun(NOON + timedelta(seconds=60), BTC)
    assert not after.unfinished(NOON + timedelta(seconds=60))
    assert (after.close[0], after.volume[0], after.trades[0]) == (104.0, 10.0, 7)


@pytest.mark.parametrize(
    ("at", "expected"), [("2024-09-10T23:59", True), ("2024-09-11T00:00", False), ("2020-09-30T23:59", False)]
)
def test_a_coin_trades_inside_its_listing(at: str, expected: bool):
    """From the first instant on, and not at the last."""
    listed, closed = datetime(2020, 10, 1, tzinfo=UTC), datetime(2024, 9, 11, tzinfo=UTC)
    matic = Coin(market="binance_spot", symbol="M", base="M", quote="Q", listed_at=listed, closed_at=closed)
    assert matic.trades(datetime.fromisoformat(at).replace(tzinfo=UTC)) is expected


def test_milliseconds_are_rounded_down():
    """Microseconds of an instant do not make it later."""
    assert milliseconds(START.replace(microsecond=999_999)) == START_MS + 15_999
