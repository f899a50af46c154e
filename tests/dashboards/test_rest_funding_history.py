"""Settled funding over REST, over a home written by hand (`funding_home.py`)."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app

from . import funding_home
from .funding_home import HOUR, NOON

DYDX = "/api/historical-funding-by-contract/dydx/BTC-USD-PERP"


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return funding_home.reader(monkeypatch)


def stamps(rows: list[dict]) -> list[str]:
    return [row["funding_time"] for row in rows]


@pytest.mark.parametrize("path", ["/api/historical", "/api/historical-funding"])
def test_history_of_a_symbol(client: TestClient, path: str):
    """Settled rates by time, a zero among them, each with its own interval; two paths, one answer."""
    body = client.get(f"{path}/BTC-USDT-PERP").json()
    assert (body["symbol"], body["days"], body["count"]) == ("BTC-USDT-PERP", 30, 3)
    assert body["exchanges"] == ["binance_usdm", "bybit", "okx"]
    assert [row["funding_rate"] for row in body["data"]] == [-0.0003, 0.0, 0.0001]
    assert stamps(body["data"])[0] == "2026-10-04T16:00:00Z"
    first = body["data"][0]
    assert (first["interval_hours"], first["rate_1h"]) == (8.0, pytest.approx(-3.75e-05))
    assert first["apr"] == pytest.approx(-32.85)


def test_the_interval_of_an_event_is_that_of_then(client: TestClient):
    """Across the switch from 4 h to 1 h the rate per hour stays, though the native one is a fourth."""
    body = client.get("/api/historical/ETH-USDT-PERP", params={"exchange": "bybit"}).json()
    assert [row["interval_hours"] for row in body["data"]] == [4.0, 4.0, 1.0, 1.0]
    assert [row["funding_rate"] for row in body["data"]] == [0.0004, 0.0004, 0.0001, 0.0001]
    assert {row["rate_1h"] for row in body["data"]} == {0.0001}
    assert body["exchanges"] == ["bybit"]


def test_an_exchanges_own_name_is_taken_too(client: TestClient):
    """In any case; it means the contracts of those exchanges that call it so, and of no other."""
    body = client.get("/api/historical/btcusdt").json()
    assert (body["count"], body["exchanges"]) == (3, ["binance_usdm", "bybit"])
    assert client.get("/api/historical/BTC-USD").json()["exchanges"] == ["dydx"]
    assert client.get("/api/historical/OLDUSDT").json()["count"] == 0  # closed, and still known


def test_a_name_with_a_slash_is_a_name(home: object, monkeypatch: pytest.MonkeyPatch):
    """Some exchanges spell it BTC/USDT-P."""
    configured = funding_home.configure(monkeypatch)
    store = funding_home.fill(configured)
    funding_home.write(
        store,
        "funding_contracts",
        [
            {**funding_home.contracts()[0], "exchange": "hibachi", "native_symbol": "BTC/USDT-P"},
        ],
    )
    client = TestClient(create_app(configured))
    for name in ("BTC/USDT-P", "BTC%2FUSDT-P"):
        assert client.get(f"/api/historical/{name}").json()["exchanges"] == ["hibachi"], name
        assert client.get(f"/api/historical-funding-by-contract/hibachi/{name}").json()["count"] == 0, name


def test_days_count_back_from_now(client: TestClient):
    """One day before 12:03 begins at 12:03: of dydx's 24 hours all but that of noon the day before are inside."""
    body = client.get(DYDX, params={"days": 1}).json()
    assert (body["count"], stamps(body["data"])[0]) == (24, "2026-10-04T13:00:00Z")
    assert client.get("/api/historical/BTC-USDT-PERP?days=1").json()["count"] == 3


def test_as_of_counts_back_from_then(client: TestClient):
    """Nothing after that instant is shown, whenever it was published."""
    later = (NOON + timedelta(days=1)).isoformat()
    assert client.get(DYDX, params={"days": 1, "as_of": later}).json()["count"] == 1
    assert client.get(DYDX, params={"days": 1, "as_of": later}).json()["as_of"] == "2026-10-06T12:00:00Z"


def test_history_of_a_contract(client: TestClient):
    """House name and asset of what was asked for by the exchange's name."""
    body = client.get("/api/historical-funding-by-contract/dydx/btc-usd").json()
    assert (body["exchange"], body["symbol"], body["base_asset"]) == ("dydx", "BTC-USD-PERP", "BTC")
    assert [row["apr"] for row in body["data"]] == pytest.approx([8.76] * 24)
    assert set(body["data"][0]) == {
        *("exchange", "symbol", "funding_time", "funding_rate", "interval_hours", "interval_source"),
        *("rate_1h", "rate_8h", "apr", "mark_price"),
    }


def test_history_of_an_asset(client: TestClient):
    """All its contracts by time; `interval` chooses those settlements that came so far apart."""
    body = client.get("/api/historical-funding-by-asset/btc").json()
    assert (body["asset"], body["count"]) == ("BTC", 27)
    assert stamps(body["data"]) == sorted(stamps(body["data"]))
    assert body["exchanges"] == ["binance_usdm", "bybit", "dydx", "okx"]
    hourly = client.get("/api/historical-funding-by-asset/ETH", params={"interval": 1}).json()
    assert ([row["funding_rate"] for row in hourly["data"]], hourly["interval"]) == ([0.0001, 0.0001], 1.0)


def test_a_sparkline_is_a_series_an_exchange(client: TestClient):
    """Oldest first; exchanges that settled nothing have none."""
    body = client.get("/api/funding-sparkline/BTC-USDT-PERP").json()
    assert (body["symbol"], body["hours"], list(body["exchanges"])) == ("BTC-USDT-PERP", 48, ["binance_usdm"])
    series = body["exchanges"]["binance_usdm"]
    assert series["apr"] == pytest.approx([-32.85, 0.0, 10.95])
    assert len(series["times"]) == len(series["rate_1h"]) == 3
    short = client.get("/api/funding-sparkline/BTC-USDT-PERP", params={"hours": 5}).json()
    assert short["exchanges"]["binance_usdm"]["rate_1h"] == [1.25e-5]


def test_too_much_is_refused_and_not_cut(home: object, monkeypatch: pytest.MonkeyPatch):
    """More rows than api.page_rows, or more partitions than an answer is read from: 422 with what to do."""
    configured = funding_home.configure(monkeypatch, API__PAGE_ROWS="20")
    store = funding_home.fill(configured)
    client = TestClient(create_app(configured))
    answer = client.get(DYDX)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_rows")
    assert "fewer days" in answer.json()["detail"]
    assert client.get(DYDX, params={"days": 1, "as_of": (NOON - 6 * HOUR).isoformat()}).status_code == 200
    many = [
        {**funding_home.contracts()[0], "exchange": name}
        for name in ("bitget", "gate", "kucoin", "mexc", "deribit", "aster")
    ]
    funding_home.write(store, "funding_contracts", many)
    wide = TestClient(create_app(configured)).get("/api/historical/BTC-USDT-PERP", params={"days": 365})
    assert (wide.status_code, wide.json()["code"]) == (422, "too_many_partitions")
