"""Simulated minute bars: whole sessions, repeatable, one truth that every vendor states nearly alike."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.bars.instruments import CURATED
from resources.sandbox import synthetic_bars
from resources.sandbox.bar_catalogue import LOAD_SYMBOLS, simulated
from resources.sandbox.bar_minutes import VENDORS, BarListing, MinuteBars, MinuteMarket
from resources.sandbox.synthetic import SyntheticBackend

MINUTE_MS, DAY_MS = 60_000, 86_400_000
#: Monday 2026-10-05, 00:00 UTC
MONDAY_MS = 1_791_158_400_000
MARKET = synthetic_bars.market(7)
COLUMNS = tuple(MinuteBars.__dataclass_fields__)


def listing(symbol: str) -> BarListing:
    return simulated()[symbol].listing


def rows(
    symbol: str,
    days: float = 1,
    *,
    first_ms: int = MONDAY_MS,
    vendor: str = "",
    at_ms: int = MONDAY_MS + 90 * DAY_MS,
    market: MinuteMarket = MARKET,
) -> MinuteBars:
    one = listing(symbol)
    return market.bars(one, vendor or next(iter(one.ids)), first_ms, first_ms + round(days * DAY_MS), at_ms)


def same(some: MinuteBars, other: MinuteBars) -> bool:
    return all(np.array_equal(getattr(some, name), getattr(other, name), equal_nan=True) for name in COLUMNS)


def test_every_curated_instrument_is_listed_by_its_ids():
    """Where the domain has an id for a vendor, and nowhere else; and so are load instruments at all four."""
    market = SyntheticBackend(seed=7).minute_market()
    for vendor in VENDORS:
        by_id = market.listed(vendor)
        curated = {row.ids[vendor]: row.symbol for row in CURATED if vendor in row.ids}
        assert {vendor_id: by_id[vendor_id].symbol for vendor_id in curated} == curated
        assert {by_id[name].symbol for name in by_id} >= set(LOAD_SYMBOLS)
    spelled = {"yahoo": "LOAD042-USD", "alphavantage": "LOAD042,USD", "twelvedata": "LOAD042/USD"}
    assert dict(listing("LOAD042").ids) == {**spelled, "polygon": "X:LOAD042USD"}


@pytest.mark.parametrize(
    ("symbol", "first", "last", "count"),
    [
        ("NAS100", "13:30", "19:59", 390),
        ("EURUSD", "00:00", "23:59", 1440),
        ("XAUUSD", "00:00", "23:59", 1440),
        ("US500_FUT", "00:00", "23:59", 1380),
        ("BTCUSD", "00:00", "23:59", 1440),
        ("AAPL", "13:30", "19:59", 390),
        ("LOAD999", "00:00", "23:59", 1440),
    ],
)
def test_a_monday_has_the_minutes_of_its_sessions(symbol: str, first: str, last: str, count: int):
    """By the exchanges' clocks on 2026-10-05; futures rest from 21:00 to 22:00 UTC."""
    found = rows(symbol)
    clock = [datetime.fromtimestamp(ms / 1000, UTC).strftime("%R") for ms in found.time_ms.tolist()]
    assert (clock[0], clock[-1], len(clock)) == (first, last, count)
    assert (found.high >= np.maximum(found.open, found.close)).all()
    assert (found.low <= np.minimum(found.open, found.close)).all()
    assert (found.low > 0).all()


def test_a_weekend_has_only_what_never_closes():
    """Saturday 2026-10-03."""
    lengths = {
        symbol: len(rows(symbol, first_ms=MONDAY_MS - 2 * DAY_MS))
        for symbol in ("NAS100", "EURUSD", "US30_FUT", "BTCUSD")
    }
    assert lengths == {"NAS100": 0, "EURUSD": 0, "US30_FUT": 0, "BTCUSD": 1440}


def test_price_levels_are_plausible():
    """Within a quarter of the levels of late 2026, a coin within half, on days of two years."""
    levels = {"NAS100": 24_000, "US500": 6_700, "US30": 46_000, "XAUUSD": 4_000, "EURUSD": 1.16, "GBPUSD": 1.33}
    for symbol, level in (levels | {"BTCUSD": 95_000}).items():
        for weeks in range(0, 104, 26):
            found = rows(symbol, 1, first_ms=MONDAY_MS - weeks * 7 * DAY_MS)
            assert np.abs(found.close / level - 1).max() < (0.5 if symbol == "BTCUSD" else 0.25)


@pytest.mark.parametrize("symbol", ["EURUSD", "BTCUSD", "LOAD000"])
def test_vendors_differ_by_less_than_a_tenth_of_a_percent(symbol: str):
    """They state the same minutes, not the same numbers."""
    stated = [rows(symbol, vendor=vendor) for vendor in VENDORS]
    for other in stated[1:]:
        assert np.array_equal(other.time_ms, stated[0].time_ms)
        apart = np.abs(other.close / stated[0].close - 1)
        assert 0 < apart.max() < 0.001


@pytest.mark.parametrize("symbol", ["NAS100", "XAUUSD"])
def test_a_future_lies_a_little_above(symbol: str):
    """By 0.2 to 0.6 %, nearly the same for a whole day."""
    of, future = rows(symbol), rows(f"{symbol}_FUT")
    common, ours, theirs = np.intersect1d(of.time_ms, future.time_ms, return_indices=True)
    basis = future.close[theirs] / of.close[ours] - 1
    assert len(common) >= 390
    assert basis.min() > 0.0018
    assert basis.max() < 0.0062
    assert basis.max() - basis.min() < 0.001


def test_what_is_traded_is_measured_where_it_can_be():
    """Futures, coins and stocks have a volume in every minute, whole contracts and shares; others have none."""
    for symbol in ("NAS100", "EURUSD", "XAUUSD"):
        assert np.isnan(rows(symbol).volume).all()
        assert (rows(symbol).ticks >= 1).all()
    for symbol in ("NAS100_FUT", "AAPL"):
        volume = rows(symbol).volume
        assert (volume >= 1).all()
        assert np.array_equal(volume, np.round(volume))
    assert (rows("BTCUSD").volume > 0).all()


def test_a_minute_begins_where_the_one_before_ended():
    """Within a session, over the ends of hours and days too."""
    found = rows("EURUSD", 3)
    assert np.array_equal(found.open[1:], found.close[:-1])


def test_minutes_are_shaped_like_a_market():
    """Fat tails, and pace that comes in clusters."""
    moves = np.diff(np.log(rows("BTCUSD", 20).close))
    assert (moves**4).mean() / moves.var() ** 2 > 6
    assert 0.0003 < moves.std() < 0.001
    size = np.abs(moves) - np.abs(moves).mean()
    assert (size[:-30] * size[30:]).mean() / size.var() > 0.08


@given(st.integers(0, 200 * 1440), st.integers(1, 2000), st.sampled_from(["EURUSD", "US30_FUT", "LOAD007"]))
@settings(max_examples=15, deadline=None)
def test_the_past_never_changes(first: int, length: int, symbol: str):
    """What is closed at one instant is the same at any later one, and in a market that was asked nothing before."""
    since = MONDAY_MS - first * MINUTE_MS
    until = since + length * MINUTE_MS
    then = rows(symbol, length / 1440, first_ms=since, at_ms=until)
    again = rows(symbol, length / 1440 + 1, first_ms=since - DAY_MS, market=synthetic_bars.market(7))
    assert same(then, again.window(since, until))


def test_another_seed_has_another_market():
    """Of the same instruments."""
    other = rows("BTCUSD", market=synthetic_bars.market(8))
    assert not np.array_equal(other.close, rows("BTCUSD").close)


def test_last_prices_are_those_of_the_minute():
    """At the second before its end a minute has come nearly to its close; in the night an index stays at it."""
    end = MONDAY_MS + timedelta(hours=20) // timedelta(milliseconds=1)
    close = rows("NAS100").close[-1]
    for at_ms, is_open in ((end - 1, True), (end, False), (end + 3_600_000, False)):
        price = MARKET.price(listing("NAS100"), "yahoo", at_ms)
        assert price is not None
        assert (price.is_open, price.price) == (is_open, pytest.approx(close, rel=1e-6))
