"""Simulated minutes: whole, repeatable, never changed by the clock, and shaped like a market's."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.crypto.settings import CryptoSettings
from resources.sandbox.coin_catalogue import traded
from resources.sandbox.minutes import MINUTE_MS, Minutes, milliseconds
from resources.sandbox.synthetic import SyntheticBackend

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
MARKETS = ("binance_usdm", "binance_spot")
MARKET = SyntheticBackend(seed=7)
COLUMNS = tuple(Minutes.__dataclass_fields__)


def day(symbol: str, first: datetime, *, market: str = "binance_usdm", days: float = 1, at: datetime = NOW) -> Minutes:
    return MARKET.candles(market, symbol, first, first + timedelta(days=days), at)


def same(some: Minutes, other: Minutes) -> bool:
    return all(np.array_equal(getattr(some, name), getattr(other, name)) for name in COLUMNS)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("symbol", [*CryptoSettings().symbols, "MATICUSDT"])
def test_every_default_coin_has_whole_days(market: str, symbol: str):
    """1,440 minutes that keep the rules of a candle, in whole ticks, from 2023 on where it was listed."""
    first = datetime(2024, 12, 31, tzinfo=UTC) if symbol == "POLUSDT" else datetime(2023, 2, 14, tzinfo=UTC)
    rows, coin = day(symbol, first, market=market), traded(market)[symbol].coin
    assert rows.time_ms.tolist() == [milliseconds(first) + minute * MINUTE_MS for minute in range(1440)]
    assert (rows.low > 0).all()
    assert (rows.high >= np.maximum(rows.open, rows.close)).all()
    assert (rows.low <= np.minimum(rows.open, rows.close)).all()
    assert ((rows.taker_base >= 0) & (rows.taker_base <= rows.volume)).all()
    assert (rows.taker_quote <= rows.quote_volume).all()
    assert ((rows.volume == 0) == (rows.trades == 0)).all()
    for prices in (rows.open, rows.high, rows.low, rows.close):
        assert np.array_equal(np.round(prices, coin.price_decimals), prices)
    assert np.array_equal(np.round(rows.volume, coin.volume_decimals), rows.volume)


def test_a_minute_begins_where_the_one_before_ended():
    """Within a tick, over the ends of hours and days too."""
    rows = day("BTCUSDT", datetime(2026, 9, 1, tzinfo=UTC), days=3)
    tick = 10.0 ** -traded("binance_usdm")["BTCUSDT"].coin.price_decimals
    assert len(rows) == 3 * 1440
    assert np.abs(rows.open[1:] - rows.close[:-1]).max() < 1.01 * tick


@given(
    st.integers(0, 400 * 1440),
    st.integers(0, 3000),
    st.integers(0, 400 * 86_400),
    st.sampled_from(["POLUSDT", "SOLUSDT"]),
)
@settings(max_examples=30, deadline=None)
def test_the_past_never_changes(first: int, length: int, later_s: int, symbol: str):
    """What is closed at one instant is the same at any later one, and in any window that has it."""
    since = NOW - timedelta(days=410) + timedelta(minutes=first)
    at = since + timedelta(minutes=length, seconds=17)
    until = since + timedelta(minutes=length)
    then = MARKET.candles("binance_usdm", symbol, since, until, at)
    later = MARKET.candles("binance_usdm", symbol, since - timedelta(days=1), until, at + timedelta(seconds=later_s))
    assert same(then, later.window(milliseconds(since), None))
    assert len(then) == length


def test_a_fresh_market_draws_the_same():
    """Whatever was asked before; another seed has other minutes."""
    first = datetime(2025, 3, 1, tzinfo=UTC)
    again = SyntheticBackend(seed=7).candles("binance_usdm", "ETHUSDT", first, first + timedelta(days=1), NOW)
    other = SyntheticBackend(seed=8).candles("binance_usdm", "ETHUSDT", first, first + timedelta(days=1), NOW)
    assert same(day("ETHUSDT", first), again)
    assert not np.array_equal(other.close, again.close)


def test_the_last_minute_runs():
    """At 12:00:30 the minute 12:00 has come to what lies between its open and its end; nothing is known of 12:01."""
    at = NOW + timedelta(seconds=30)
    running = MARKET.candles("binance_usdm", "BTCUSDT", NOW, NOW + timedelta(hours=1), at)
    done = MARKET.candles("binance_usdm", "BTCUSDT", NOW, NOW + timedelta(minutes=1), NOW + timedelta(minutes=1))
    assert running.time_ms.tolist() == done.time_ms.tolist() == [milliseconds(NOW)]
    assert running.open[0] == done.open[0]
    assert running.volume[0] == pytest.approx(done.volume[0] / 2, abs=0.001)
    assert done.low[0] <= running.low[0] <= running.close[0] <= running.high[0] <= done.high[0]


def test_a_coin_costs_what_its_perpetual_is_quoted_at():
    """Within half a percent at any instant, on both markets; a thousand PEPE where the contract is of a thousand."""
    for minute, symbol in itertools.product((0, 13, 59), ("BTCUSDT", "ADAUSDT", "POLUSDT", "1000PEPEUSDT")):
        at = NOW + timedelta(minutes=minute, seconds=59)
        mark = MARKET.quotes("binance_usdm", at)[symbol].mark
        markets = MARKETS if symbol in traded("binance_spot") else MARKETS[:1]
        for market in markets:
            last = MARKET.candles(market, symbol, at - timedelta(minutes=1), at, at).close[-1]
            assert last == pytest.approx(mark, rel=0.005)


def test_a_renamed_coin_goes_on_at_its_price():
    """MATICUSDT ends with 2024-09-10, POLUSDT begins with 2024-09-13, a few percent away."""
    ended, began = datetime(2024, 9, 11, tzinfo=UTC), datetime(2024, 9, 13, tzinfo=UTC)
    for market in MARKETS:
        matic = day("MATICUSDT", ended - timedelta(days=1), market=market, days=9)
        pol = day("POLUSDT", began - timedelta(days=9), market=market, days=10)
        assert (len(matic), len(pol)) == (1440, 1440)
        assert matic.time_ms[-1] + MINUTE_MS == milliseconds(ended)
        assert pol.time_ms[0] == milliseconds(began)
        assert pol.open[0] == pytest.approx(matic.close[-1], rel=0.2)


def test_a_coin_has_no_minutes_outside_its_listing():
    """Before it, after it, on a market without it, and for names of nothing."""
    assert len(day("BTCBUSD", datetime(2023, 12, 14, tzinfo=UTC), market="binance_spot", days=2)) == 1440
    assert len(day("BTCBUSD", datetime(2023, 12, 14, tzinfo=UTC), market="binance_usdm")) == 0
    assert len(day("BTCUSDT", datetime(2019, 12, 31, tzinfo=UTC))) == 0
    assert len(day("NONEUSDT", NOW)) == 0
    assert len(day("BTCUSDT", NOW, market="nowhere")) == 0


def test_listings_are_known_when_they_begin():
    """On 2024-09-12 POLUSDT is not there yet and MATICUSDT is there still, closed."""
    at = datetime(2024, 9, 12, tzinfo=UTC)
    for market in MARKETS:
        coins = {coin.symbol: coin for coin in MARKET.coins(market, at)}
        assert "POLUSDT" not in coins
        assert coins["MATICUSDT"].closed_at == datetime(2024, 9, 11, tzinfo=UTC)
        assert coins["BTCUSDT"].trades(at)


@pytest.mark.parametrize("market", MARKETS)
def test_an_outage_is_missing_everywhere(market: str):
    """Seven minutes of 2024-03-05 exist for no coin; the price goes on behind them."""
    for symbol in ("BTCUSDT", "ADAUSDT"):
        rows = day(symbol, datetime(2024, 3, 5, tzinfo=UTC), market=market)
        assert len(rows) == 1440 - 7
        (hole,) = np.flatnonzero(np.diff(rows.time_ms) > MINUTE_MS)
        assert rows.time_ms[hole] == milliseconds(datetime(2024, 3, 5, 14, 9, tzinfo=UTC))
        assert rows.time_ms[hole + 1] == milliseconds(datetime(2024, 3, 5, 14, 17, tzinfo=UTC))


def test_quiet_coins_have_minutes_without_trades():
    """On spot some minutes of POL are empty: no volume, and the price of the minute before. None of BTC are."""
    rows = day("POLUSDT", datetime(2026, 8, 1, tzinfo=UTC), market="binance_spot", days=10)
    quiet = np.flatnonzero(rows.volume == 0)
    assert 0.001 < len(quiet) / len(rows) < 0.05
    before = rows.close[quiet - 1]
    assert all(np.array_equal(prices[quiet], before) for prices in (rows.open, rows.high, rows.low, rows.close))
    assert (day("BTCUSDT", datetime(2026, 8, 1, tzinfo=UTC), market="binance_spot", days=10).volume > 0).all()


def test_minutes_are_shaped_like_a_market():
    """Fat tails, pace in clusters, busy New York, buyers in rises, and volumes that differ by a day's hours."""
    rows = day("BTCUSDT", datetime(2026, 7, 1, tzinfo=UTC), days=60)
    moves = np.diff(np.log(rows.close))
    assert (moves**4).mean() / moves.var() ** 2 > 6
    assert 0.0003 < moves.std() < 0.0008
    assert np.abs(moves).max() < 0.03
    size = np.abs(moves) - np.abs(moves).mean()
    assert (size[:-30] * size[30:]).mean() / size.var() > 0.08
    by_hour = rows.volume.reshape(60, 24, 60).mean(axis=(0, 2))
    assert by_hour[14:17].mean() > 1.5 * by_hour[3:6].mean()
    share = rows.taker_base / rows.volume
    assert np.corrcoef(share[1:], moves)[0, 1] > 0.3
    hours = rows.coarser(60 * MINUTE_MS)
    delta, twenty = 2 * hours.taker_base - hours.volume, np.ones(20)
    flow = np.convolve(delta, twenty, "valid") / np.convolve(hours.volume, twenty, "valid")
    assert 0.1 < (flow >= 0.05).mean() < 0.5
    assert 0.1 < (flow <= -0.05).mean() < 0.5


def test_hours_trend_and_turn_in_both_directions():
    """The mean of 20 hours crosses that of 50 every few days, and is above it about as often as below."""
    for symbol in ("BTCUSDT", "ADAUSDT", "XRPUSDT"):
        close = day(symbol, datetime(2026, 6, 1, tzinfo=UTC), days=120).coarser(60 * MINUTE_MS).close
        fast, slow = (np.convolve(close, np.ones(n) / n, "valid") for n in (20, 50))
        side = np.sign(fast[30:] - slow)
        turns = (np.diff(side) != 0).sum()
        assert 120 / 14 < turns < 120
        assert 0.25 < (side > 0).mean() < 0.75
