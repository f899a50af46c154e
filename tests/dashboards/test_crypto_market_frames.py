"""Candles of the market tab: stored ones with those that closed since; the view of an address."""

import functools
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.crypto import frames
from dashboards.crypto.query import LAYERS, MarketQuery

from . import crypto_home as home

MINUTES = home.minutes("BTCUSDT").select(frames.COLUMNS)


def test_pushed_minutes_follow_the_stored_ones():
    """A minute that is stored stands as it is stored; newer ones are added, in the order of their time."""
    newer = [home.candle("BTCUSDT", home.LAST + n * home.MINUTE) for n in (2, 1)]
    other = home.candle("BTCUSDT", home.LAST)._replace(close=1.0)
    found = frames.with_pushed(MINUTES, [*newer, other])
    assert found["ts"].to_list()[-3:] == [home.LAST + n * home.MINUTE for n in range(3)]
    assert found["close"].to_list()[-3:] == [63_601.0 + n for n in range(3)]
    assert frames.with_pushed(frames.EMPTY, newer).height == 2
    assert frames.with_pushed(MINUTES, []).equals(MINUTES)


def test_minutes_make_the_candles_that_are_not_stored_yet():
    """By hand: the 5m candle of 12:00 has closed with its fifth minute, at 63,604; that of 12:05 runs since 12:05."""
    table, plain = home.contract("crypto_timeframes"), home.row("crypto_timeframes")
    rows = [plain | bar for bar in home.timeframe("BTCUSDT", "5m")]
    stored = pl.DataFrame(rows, schema=table.schema).select(frames.COLUMNS)
    assert stored["ts"].max() == home.LAST.replace(minute=55, hour=11)
    pushed = [home.candle("BTCUSDT", home.LAST + n * home.MINUTE) for n in range(1, 6)]
    found = frames.series(stored, frames.with_pushed(MINUTES, pushed[:3]), "5m")
    assert found.closed["ts"].max() == home.LAST.replace(minute=0)
    closed = found.closed.row(-1, named=True)
    assert [closed[name] for name in ("open", "high", "low", "close", "volume")] == [
        63_599,
        63_604.5,
        63_598.5,
        63_604,
        50,
    ]
    assert found.running.is_empty()
    before = frames.series(stored, frames.with_pushed(MINUTES, pushed[:2]), "5m")
    assert before.closed["ts"].max() == stored["ts"].max()
    assert before.running["close"].to_list() == [63_603.0]
    after = frames.series(stored, frames.with_pushed(MINUTES, pushed), "5m")
    assert after.running["volume"].to_list() == [20.0]


def test_minutes_alone_are_the_candles_of_1m():
    """There is nothing of the running minute but what is pushed of it."""
    found = frames.series(frames.EMPTY, MINUTES, "1m")
    assert found.closed.equals(MINUTES)
    assert found.running.is_empty()


def test_the_change_over_24_hours():
    """63,601 over 62,161, whichever candles are shown; unknown where nothing closed then, or long before only."""
    assert frames.change_24h(MINUTES) == pytest.approx(100 * (63_601 / 62_161 - 1))
    then = home.LAST - timedelta(days=1)
    gap = MINUTES.filter(~pl.col("ts").is_between(then - timedelta(minutes=30), then))
    assert frames.change_24h(gap) == pytest.approx(100 * (63_601 / 62_130 - 1))
    assert frames.change_24h(MINUTES.filter(pl.col("ts") > then)) is None
    assert frames.change_24h(MINUTES.clear()) is None


@functools.cache
def overlays(timeframe: str) -> pl.DataFrame:
    rows = [home.overlay(bar) for bar in home.timeframe("BTCUSDT", timeframe)]
    table = home.contract("crypto_overlays")
    plain = home.row("crypto_overlays")
    return pl.DataFrame([plain | row for row in rows], schema=table.schema)


def test_overlays_stand_on_their_own_candle():
    """Each on the candle at whose close it was known; a candle without one has nulls, not those of its neighbour."""
    bars = pl.DataFrame(home.timeframe("BTCUSDT", "1h")).select("ts", "open", "high", "low", "close", "volume")
    candles = frames.shown(bars, 1000)
    rows = overlays("1h").filter(pl.col("ts") != candles["ts"][5])
    found = frames.placed(candles, rows, "1h")
    assert found["ts"].to_list() == candles["ts"].to_list()
    assert [n for n, value in enumerate(found["ema_10"]) if value is None] == [5]
    assert found["ema_10"][6] == candles["close"][6]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 59))
def test_minutes_never_see_an_overlay_of_a_later_close(minute: int):
    """A 5m candle that closes at 10:05 is on the minutes from 10:04 to 10:08: of 10:03 it is not known."""
    ten = home.NOW.replace(hour=10, minute=0)
    candles = frames.shown(MINUTES.filter(pl.col("ts") == ten + minute * home.MINUTE), 10)
    found = frames.placed(candles, overlays("5m"), "1m")
    closes = (minute + 1) // 5 * 5
    assert found["ema_10"].to_list() == [60_000.0 + ((ten - home.FIRST) // home.MINUTE + closes - 1)]


def test_minutes_without_a_recent_overlay_have_none():
    """What closed longer ago than a 5m candle lasts says nothing of a minute."""
    candles = frames.shown(MINUTES.tail(10), 10)
    rows = overlays("5m").filter(pl.col("available_at") <= home.LAST - 7 * home.MINUTE)
    # the last one that is left closed at 11:50; the ten minutes are 11:52 to 12:01
    assert [value is not None for value in frames.placed(candles, rows, "1m")["ema_10"]] == [True] * 2 + [False] * 8


def test_a_view_is_read_from_its_address_and_written_back():
    """What is not stated is usual; what is stated wrongly counts as not stated."""
    stated = MarketQuery.of("?symbol=ETHUSDT&timeframe=15m&range=50&layers=regime,nonsense,signals")
    assert stated == MarketQuery("ETHUSDT", "15m", "50", ("regime", "signals"))
    assert MarketQuery.of(stated.text) == stated
    assert MarketQuery.of("?timeframe=7m&range=3") == MarketQuery()
    assert MarketQuery().text == ""
    assert MarketQuery.stated(layers=[]).text == "?layers=none"
    assert MarketQuery.of("?layers=none").layers == ()
    assert list(MarketQuery().layers) == list(LAYERS)
