"""The crypto domain's market over REST, over a home written by hand (`crypto_home.py`)."""

import pytest
from starlette.testclient import TestClient

from market_assets.crypto.readers import OVERLAY_COLUMNS

from . import crypto_home

API = "/api/v1/crypto"


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return crypto_home.reader(monkeypatch)


def test_a_candle(client: TestClient):
    """Minute 3,601 of the home: names, numbers and instants, and no more than that."""
    body = client.get(f"{API}/klines/btcusdt?limit=1").json()
    assert body == {
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "count": 1,
        "next_start": None,
        "as_of": None,
        "data": [
            {
                "ts": "2026-10-05T12:01:00Z",
                **{"open": 63_600.0, "high": 63_601.5, "low": 63_599.5, "close": 63_601.0},
                **{"volume": 10.0, "quote_volume": 636_010.0, "trade_count": 5},
                **{"taker_buy_base": 6.0, "taker_buy_quote": 381_606.0, "source": "binance_rest"},
            }
        ],
    }


def test_a_bar_says_what_it_was_built_from(client: TestClient):
    """The five minutes from 06:30 of the 4th lack one."""
    span = "start=2026-10-04T06:30:00Z&end=2026-10-04T06:30:00Z"
    (bar,) = client.get(f"{API}/klines/ETHUSDT?timeframe=5m&{span}").json()["data"]
    assert (bar["n_minutes"], bar["complete"], bar["volume"]) == (4, False, 40.0)
    # 06:35 of the 4th is minute 1,834; the same of the 3rd was 394
    assert bar["change_24h_pct"] == pytest.approx(100 * (3_816.6 / 3_960.6 - 1))


def test_without_a_start_the_newest_500(client: TestClient):
    """Oldest first, and no next page."""
    body = client.get(f"{API}/klines/BTCUSDT").json()
    assert (body["count"], body["next_start"]) == (500, None)
    assert body["data"][0]["ts"] == "2026-10-05T03:42:00Z"
    assert body["data"][-1]["ts"] == "2026-10-05T12:01:00Z"
    assert client.get(f"{API}/klines/BTCUSDT?end=2026-10-03&limit=2").json()["data"][-1]["ts"] == "2026-10-03T23:59:00Z"


def test_pages_follow_one_another(client: TestClient):
    """From a start on, `next_start` leads through everything once, and ends at the last, shorter page."""
    path, found, sizes = f"{API}/klines/ETHUSDT?end=2026-10-04T00:59:00Z&limit=600", [], []
    start: str | None = "2026-10-03"
    while start is not None:
        page = client.get(f"{path}&start={start}").json()
        found += [bar["ts"] for bar in page["data"]]
        sizes.append(page["count"])
        start = page["next_start"]
    assert sizes == [600, 600, 300]
    assert len(set(found)) == 1500
    assert found == sorted(found)
    # exactly one page: nothing is left
    assert client.get(f"{path}&start=2026-10-04T00:50:00Z").json()["next_start"] is None
    exact = client.get(f"{API}/klines/ETHUSDT?start=2026-10-04&end=2026-10-04T00:09:00Z&limit=10").json()
    assert (exact["count"], exact["next_start"]) == (10, None)


def test_only_the_overlays_asked_for(client: TestClient):
    """Whose row it is, and the columns of those named; all six and the plain indicators without names."""
    body = client.get(f"{API}/overlays/BTCUSDT?overlays=regime,%20order_flow&limit=1").json()
    assert (body["overlays"], body["count"], body["timeframe"]) == (["regime", "order_flow"], 1, "1h")
    (row,) = body["data"]
    assert set(row) == {
        *("symbol", "timeframe", "ts", "available_at", "n_history", "is_warm", "complete"),
        *(*OVERLAY_COLUMNS["regime"], *OVERLAY_COLUMNS["order_flow"]),
    }
    assert (row["regime"], row["ofi_20"], row["ts"]) == ("TRENDING_LOW_VOL", 0.12, "2026-10-05T11:00:00Z")
    everything = client.get(f"{API}/overlays/BTCUSDT?overlays=&limit=1").json()
    assert everything["overlays"] == [
        "base",
        "supertrend",
        "chandelier",
        "liquidity",
        "order_flow",
        "regime",
        "alignment",
    ]
    assert everything["data"][0]["zone_supports"] == pytest.approx([63_599 * 0.995, 63_599 * 0.985])


def test_overlays_page_as_candles_do(client: TestClient):
    """The fifteen 4h bars in two pages."""
    first = client.get(f"{API}/overlays/ETHUSDT?timeframe=4h&overlays=base&start=2026-10-03&limit=10").json()
    rest = client.get(f"{API}/overlays/ETHUSDT?timeframe=4h&overlays=base&start={first['next_start']}").json()
    assert (first["count"], rest["count"], rest["next_start"]) == (10, 5, None)


def test_signals_are_tradeable_ones_unless_all_are_asked_for(client: TestClient):
    """Newest first; by symbol and action; HOLD is no trade."""
    body = client.get(f"{API}/signals").json()
    assert (body["count"], body["timestamp"]) == (2, "2026-10-05T12:03:00Z")
    assert [(row["symbol"], row["action"]) for row in body["signals"]] == [
        ("ETHUSDT", "ENTER_SHORT"),
        ("BTCUSDT", "ENTER_LONG"),
    ]
    longs = client.get(f"{API}/signals?tradeable=false&action=ENTER_LONG").json()["signals"]
    assert [row["feature_confidence"] for row in longs] == [0.5, 0.79]
    assert client.get(f"{API}/signals?tradeable=false&symbol=ETHUSDT&limit=7").json()["count"] == 7
    assert client.get(f"{API}/signals?action=HOLD").json()["signals"] == []


def test_a_signal_has_its_levels_and_votes(client: TestClient):
    """Three targets above, the stop below; numbers that are unknown are null."""
    (row,) = client.get(f"{API}/signals?symbol=BTCUSDT").json()["signals"]
    # the candle of 09:00 of the 4th closes with minute 2,039
    assert (row["price"], row["stop_price"]) == (62_039.0, pytest.approx(62_039 * 0.98))
    assert row["targets"] == pytest.approx([62_039 * 1.02, 62_039 * 1.04, 62_039 * 1.06])
    assert (row["vote_supertrend"], row["vote_liquidity"], row["n_plus"]) == (1, 0, 5)
    assert row["signal_time"] == "2026-10-04T10:00:00Z"


def test_advice_is_labelled(client: TestClient):
    """Every row says who speaks; the rules are never a model."""
    rows = client.get(f"{API}/advice").json()["data"]
    assert {(row["advisor_source"], row["model"]) for row in rows} == {("rule", None), ("llm", "deepseek-v4-flash")}
    assert [row["status"] for row in client.get(f"{API}/advice?symbol=ETHUSDT&call=signal").json()["data"]] == ["ok"]
    assert client.get(f"{API}/advice?advisor_source=rule").json()["count"] == 1


def test_telemetry(client: TestClient):
    """By overlay, symbol and timeframe."""
    rows = client.get(f"{API}/telemetry?overlay=liquidity&symbol=BTCUSDT&timeframe=1h").json()["data"]
    assert [(row["day"], row["latency_ms"]) for row in rows] == [("2026-10-05", 300.0), ("2026-10-04", 300.0)]
    assert client.get(f"{API}/telemetry").json()["count"] == 140


def test_how_symbols_stand(client: TestClient):
    """In the order of the settings; ages in lengths of the timeframe."""
    body = client.get(f"{API}/symbols").json()
    assert [(row["symbol"], row["age_bars"]) for row in body["data"]] == [("BTCUSDT", 1.0), ("ETHUSDT", 1.0)]
    assert client.get(f"{API}/symbols?timeframe=4h").json()["data"][0]["age_bars"] == pytest.approx(3 / 240)
