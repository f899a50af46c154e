"""The minute that runs, and the last price, by hand: two days of two minutes each."""

import math

import numpy as np
import pytest

from resources.sandbox.bar_minutes import BarListing, MinuteBars, MinuteMarket, regular

MINUTE_MS, DAY_MS = 60_000, 86_400_000
#: the second minute of the day falls from 100 to 90 and has been at 104 and at 88
ROWS = {
    "open": [98.0, 100.0],
    "high": [101.0, 104.0],
    "low": [97.0, 88.0],
    "close": [100.0, 90.0],
    "volume": [3.0, 10.0],
}
LISTING = BarListing(
    symbol="THING", kind="crypto", calendar="always", ids={"twelvedata": "T/USD"}, decimals=2, volume_decimals=1
)
#: start of the second minute of day 20,000
START_MS = 20_000 * DAY_MS + MINUTE_MS


def day(listing: BarListing, vendor: str, number: int) -> MinuteBars:
    """Two minutes on the days 19,990 and 20,000, the earlier ones at twice the price."""
    if number not in {19_990, 20_000}:
        return MinuteBars.empty()
    scale = 2.0 if number == 19_990 else 1.0
    columns = {name: np.array(values) * (1.0 if name == "volume" else scale) for name, values in ROWS.items()}
    return MinuteBars(np.array([0, MINUTE_MS]) + number * DAY_MS, **columns, ticks=np.array([4, 8]))


MARKET = MinuteMarket([LISTING], day)


def price(at_ms: int) -> float:
    found = MARKET.price(LISTING, "twelvedata", at_ms)
    assert found is not None
    return found.price


@pytest.mark.parametrize(
    ("second", "expected"),
    [(0, 100.0), (9, 102.0), (18, 104.0), (30, 96.0), (42, 88.0), (51, 89.0), (60, 90.0)],
)
def test_a_falling_minute_goes_to_its_high_then_to_its_low(second: int, expected: float):
    """The high after 18 seconds, the low after 42, straight lines between: 100, 104, 88, 90."""
    assert price(START_MS + second * 1000) == pytest.approx(expected)


def test_prices_of_a_minute_make_its_bar():
    """First, highest, lowest and last of a price a second are the bar that is stated."""
    seen = [price(START_MS + second * 1000) for second in range(61)]
    assert (seen[0], max(seen), min(seen), seen[-1]) == (100.0, 104.0, 88.0, 90.0)


def test_the_running_minute_has_come_so_far():
    """After 30 of 60 seconds: open and high as they are, at 96, half of the volume and of the trades."""
    rows = MARKET.bars(LISTING, "twelvedata", START_MS, START_MS + DAY_MS, START_MS + 30_000)
    (open_, high, low, close, volume) = (getattr(rows, name).tolist() for name in ROWS)
    assert (open_, high, low, close, volume) == ([100.0], [104.0], [96.0], [96.0], [5.0])
    assert rows.ticks.tolist() == [4]


def test_nothing_is_known_of_later_minutes():
    """A millisecond before the second minute begins there is one; when it is over both are whole."""
    first_ms = START_MS - MINUTE_MS
    assert len(MARKET.bars(LISTING, "twelvedata", first_ms, START_MS + DAY_MS, START_MS - 1)) == 1
    both = MARKET.bars(LISTING, "twelvedata", first_ms, START_MS + DAY_MS, START_MS + MINUTE_MS)
    assert both.close.tolist() == [100.0, 90.0]


def test_the_day_so_far_goes_with_the_price():
    """Open of the first minute, highest and lowest of both, 3 and half of 10; the day before ended at 180."""
    found = MARKET.price(LISTING, "twelvedata", START_MS + 30_000)
    assert found is not None
    assert (found.open, found.high, found.low, found.volume, found.previous) == (98.0, 104.0, 96.0, 8.0, 180.0)
    assert (found.is_open, found.at_ms) == (True, START_MS + 30_000)


def test_a_closed_market_keeps_its_last_price_and_its_instant():
    """The price of 00:02 for nine days; on the tenth day without any there is none."""
    last = MARKET.price(LISTING, "twelvedata", START_MS + 9 * DAY_MS)
    assert last is not None
    assert (last.price, last.is_open, last.at_ms) == (90.0, False, START_MS + MINUTE_MS)
    assert MARKET.price(LISTING, "twelvedata", START_MS + 11 * DAY_MS) is None


def test_windows_are_whole_days_cut():
    """Newest day first where so asked, each day oldest minute first."""
    opens = [
        rows.time_ms.tolist()
        for rows in MARKET.days(
            LISTING, "twelvedata", 19_990 * DAY_MS, START_MS + DAY_MS, START_MS + DAY_MS, newest_first=True
        )
        if len(rows)
    ]
    first, second = (number * DAY_MS for number in (19_990, 20_000))
    assert opens == [[second, second + MINUTE_MS], [first, first + MINUTE_MS]]


def test_regular_rows_lie_in_sessions():
    """2026-10-05 at 13:29 UTC New York's exchange is closed, at 13:30 it opens; an index has no volume to lose."""
    opens_ms = 1_791_207_000_000
    unmeasured = np.full(2, math.nan)
    rows = MinuteBars(np.array([opens_ms - MINUTE_MS, opens_ms]), *[unmeasured] * 5, np.array([1, 1]))
    assert regular(rows, "XNYS").time_ms.tolist() == [opens_ms]
    assert len(regular(MinuteBars.empty(), "XNYS")) == 0
