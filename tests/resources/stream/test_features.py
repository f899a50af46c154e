"""Overlays of the running bar: the values of bars made elsewhere, in whatever order minutes come."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from market_assets.core.candles import coarser
from market_assets.core.incremental import Bar
from market_assets.crypto.schemas import CryptoTimeframes
from market_assets.crypto.transforms.incremental import LiveOverlays
from market_assets.crypto.transforms.timeframes import timeframes
from market_assets.settings import load, settings
from resources.crypto_fetch import KLINES
from resources.stores import open_store
from resources.stream.candle import MINUTE, Candle
from resources.stream.features import LiveFeatures
from resources.stream.hot import Features
from tests.resources.stream.scripted_venue import START, candle

HOUR = timedelta(hours=1)
SYMBOL = "BTCUSDT"
DAYS = 2
MIDNIGHT = START.replace(hour=0)


def minutes(n: int) -> list[Candle]:
    """Minutes from midnight on, whose prices move."""
    found: list[Candle] = []
    for i in range(n):
        base = candle(SYMBOL, MIDNIGHT + i * MINUTE, "binance_stream")
        up = (i * 7919 % 101 - 50) / 25 + 5 * (i % 600) / 600
        prices = {name: getattr(base, name) + up for name in ("open", "high", "low", "close")}
        found.append(base._replace(**prices, volume=10.0 + i % 13, taker_buy_base=3.0 + i % 7))
    return found


def bars(closed: list[Candle]) -> list[Bar]:
    """Hours out of minutes, by the batch side's own function."""
    frame = pl.DataFrame([one._asdict() for one in closed])
    found = coarser(frame, HOUR, ("volume", "taker_buy_base"))
    return [Bar._make(row) for row in found.select(Bar._fields).iter_rows()]


def assert_values(found: Features | None, wanted: dict[str, Any] | None) -> None:
    assert found is not None
    assert wanted is not None
    assert found.ts == wanted["ts"]
    for name in wanted.keys() - {"symbol", "timeframe", "ts"}:
        value = wanted[name]
        is_number = isinstance(value, float | tuple)
        assert found.values[name] == (pytest.approx(value, rel=1e-9) if is_number else value), name


def fed(live: LiveFeatures, closed: list[Candle], settled: int) -> Features | None:
    """What comes of these minutes, with nothing missing before that many minutes from midnight."""
    found = live(closed, {SYMBOL: MIDNIGHT + settled * MINUTE})
    return found[0] if found else None


@pytest.fixture
def live() -> LiveFeatures:
    made = LiveFeatures(load(), (SYMBOL,))
    made.seed(MIDNIGHT + timedelta(hours=3))
    return made


def test_a_closed_bar_has_the_values_of_its_hour(live: LiveFeatures) -> None:
    """After the last minute of an hour the values are those of the hour made of them; then it forms anew."""
    series, peer = minutes(30 * 60), LiveOverlays(SYMBOL, "1h", settings().crypto)
    hours = bars(series)
    for n, hour in enumerate(hours):
        found = fed(live, series[60 * n : 60 * (n + 1)], 60 * (n + 1))
        assert_values(found, peer.update(hour))
        assert found is not None
        assert (found.values["is_forming"], found.values["complete"]) == (False, True)
    more = minutes(30 * 60 + 20)
    found = fed(live, more[30 * 60 :], 30 * 60 + 20)
    assert_values(found, peer.peek(bars(more)[-1]))
    assert found is not None
    assert found.values["is_forming"]


def test_the_order_of_arrival_changes_nothing(live: LiveFeatures) -> None:
    """While a hole is being asked for nothing is told; once it is filled the values are as if it had never been."""
    series, peer = minutes(150), LiveOverlays(SYMBOL, "1h", settings().crypto)
    hole = slice(40, 70)
    assert_values(fed(live, series[:40], 40), peer.peek(bars(series[:40])[0]))
    assert fed(live, series[70:150], 40) is None
    found = fed(live, series[hole], 150)
    for hour in bars(series)[:2]:
        peer.update(hour)
    assert_values(found, peer.peek(bars(series)[-1]))


def test_a_hole_that_stays_makes_an_incomplete_bar(live: LiveFeatures) -> None:
    """Minutes that were given up are missing in their bar, which says so; the next one is whole again."""
    series = minutes(120)
    found = fed(live, [*series[:10], *series[20:60]], 60)
    assert found is not None
    assert found.values["complete"] is False
    found = fed(live, series[60:], 120)
    assert found is not None
    assert found.values["complete"] is True


def test_nothing_new_is_no_news(live: LiveFeatures) -> None:
    """Minutes that came before, or of bars that are over, tell nothing."""
    series = minutes(70)
    assert fed(live, series, 70) is not None
    assert fed(live, series, 70) is None
    assert fed(live, [], 70) is None


def test_it_goes_on_from_stored_bars() -> None:
    """Seeded from what the graph has stored it knows the history, and the next hour follows the last stored one."""
    series = minutes(40 * 60)
    rows = [{**one._asdict(), "timeframe": "1m"} for one in series]
    klines = KLINES.conform(pl.DataFrame(rows, schema_overrides={"trade_count": pl.Int64}))
    stored = timeframes(klines, KLINES.empty(), MIDNIGHT + 40 * HOUR)
    table = CryptoTimeframes.contract()
    for key, frame in table.split(stored).items():
        open_store(settings()).write(table, key, frame)
    live = LiveFeatures(load(), (SYMBOL,))
    live.seed(MIDNIGHT + 40 * HOUR)
    peer = LiveOverlays(SYMBOL, "1h", settings().crypto)
    for hour in bars(series):
        peer.update(hour)
    later = minutes(41 * 60)
    found = fed(live, later, 41 * 60)
    assert_values(found, peer.update(bars(later)[-1]))
    assert found is not None
    assert found.values["n_history"] == 40
