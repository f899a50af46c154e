"""The REST API over contracts of the funding domain, over a home written by hand (`funding_home.py`)."""

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.settings import Settings

from . import funding_home
from .funding_home import OPEN

RATE_FIELDS = {
    *(
        "exchange",
        "symbol",
        "base_asset",
        "quote_asset",
        "funding_rate",
        "funding_interval_hours",
        "rate_1h",
        "rate_8h",
    ),
    *("apr", "apy", "index_price", "mark_price", "open_interest", "open_interest_usd", "contract_type", "market_type"),
    *("last_updated", "mean_30d", "std_dev_30d", "mean_30d_apr", "std_dev_30d_apr", "current_z_score"),
    *("current_percentile", "current_percentile_apr"),
}
CELL_FIELDS = {
    *("funding_rate", "rate_8h", "apr", "funding_interval_hours", "z_score", "percentile", "mean_30d", "std_dev_30d"),
    "symbol",
}


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home."""
    return funding_home.filled(monkeypatch)


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return funding_home.reader(monkeypatch)


def rates(client: TestClient, **query: object) -> dict[tuple[str, str], dict]:
    body = client.get("/api/funding-rates", params=query).json()
    return {(row["exchange"], row["symbol"]): row for row in body}


# --- funding-rates -------------------------------------------------------------------------------------------------


def test_funding_rates_are_a_list_of_the_shape_clients_know(client: TestClient):
    """Every open contract with exactly the fields of the spec; instants end in Z."""
    body = client.get("/api/funding-rates").json()
    assert len(body) == len(OPEN)
    assert set(body[0]) == RATE_FIELDS
    assert body[0]["last_updated"] == "2026-10-05T12:00:00Z"


@pytest.mark.parametrize(
    ("contract", "native", "interval", "rate_1h", "rate_8h", "apr", "apy"),
    [
        # of the spec: 0.0001 at 8 h, 4 h; -0.0003 at 8 h; zero
        (("binance_usdm", "BTC-USDT-PERP"), 0.0001, 8, 1.25e-05, 0.0001, 10.95, 11.5702),
        (("bybit", "BTC-USDT-PERP"), 0.0001, 4, 2.5e-05, 0.0002, 21.9, 24.475),
        (("dydx", "SOL-USD-PERP"), 0.0001, 1, 0.0001, 0.0008, 87.6, 139.876),
        (("bybit", "ETH-USDT-PERP"), -0.0003, 8, -3.75e-05, -0.0003, -32.85, -28.0104),
        (("binance_usdm", "ETH-USDT-PERP"), 0.0, 8, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_rates_of_different_intervals_compare(client, contract, native, interval, rate_1h, rate_8h, apr, apy):
    """The golden values of the spec: 0.0001 at 1 h earns eight times what it does at 8 h."""
    row = rates(client)[contract]
    assert (row["funding_rate"], row["funding_interval_hours"]) == (native, interval)
    shown = (row["rate_1h"], row["rate_8h"], row["apr"], row["apy"])
    assert shown == pytest.approx((rate_1h, rate_8h, apr, apy), rel=5e-6)


def test_dydx_is_hourly(client: TestClient):
    """0.00001 an hour is 8.76 % a year, not a seventh of it."""
    assert rates(client)["dydx", "BTC-USD-PERP"]["apr"] == pytest.approx(8.76)


def test_zero_is_shown_and_a_missing_rate_is_null(client: TestClient):
    """A rate of 0 survives; an exchange that said nothing has null, not 0."""
    found = rates(client)
    assert found["binance_usdm", "SOL-USDT-PERP"]["funding_rate"] == 0.0
    missing = found["okx", "BTC-USDT-PERP"]
    assert [missing[name] for name in ("funding_rate", "rate_1h", "rate_8h", "apr", "apy")] == [None] * 5
    assert (missing["open_interest"], missing["open_interest_usd"]) == (None, None)


def test_open_interest_is_in_units_of_the_asset(client: TestClient):
    """5e9 USD at 50,000 are 100,000 BTC, whatever the exchange counts in."""
    row = rates(client)["binance_usdm", "BTC-USDT-PERP"]
    assert (row["open_interest"], row["open_interest_usd"]) == (100_000.0, 5e9)


def test_statistics_stand_beside(client: TestClient):
    """z and percentile are of the rate that is shown; without statistics null, never 50."""
    found = rates(client)
    btc, eth = found["binance_usdm", "BTC-USDT-PERP"], found["bybit", "ETH-USDT-PERP"]
    assert (btc["current_z_score"], btc["current_percentile"], btc["mean_30d_apr"]) == (2.5, 97.0, 17.52)
    assert (eth["current_z_score"], eth["current_percentile"], eth["mean_30d"]) == (None, None, None)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ({}, ("dydx", "SOL-USD-PERP")),
        ({"sort_by": "funding_rate"}, ("binance_usdm", "BTC-USDC-PERP")),
        ({"sort_by": "open_interest"}, ("binance_usdm", "BTC-USDT-PERP")),
        ({"sort_by": "symbol", "sort_order": "asc"}, ("hyperliquid", "1000PEPE-USDC-PERP")),
        ({"sort_by": "exchange"}, ("okx", "BTC-USDT-PERP")),
        ({"sort_order": "asc"}, ("bybit", "ETH-USDT-PERP")),
    ],
)
def test_rates_come_in_the_order_asked_for(client: TestClient, query: dict, first: tuple[str, str]):
    """By APR, the highest first, unless asked otherwise."""
    assert next(iter(rates(client, **query))) == first


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_what_is_unknown_comes_last(client: TestClient, order: str):
    """In either direction: null is no number to be sorted among numbers."""
    assert list(rates(client, sort_order=order))[-1] == ("okx", "BTC-USDT-PERP")


def test_rates_are_filtered(client: TestClient):
    """By exchange and asset, whatever the case of the name; bounds are inclusive, and null passes none."""
    assert {exchange for exchange, _ in rates(client, exchange="BYBIT")} == {"bybit"}
    assert len(rates(client, base_asset="btc")) == 5
    assert set(rates(client, min_apr=0, max_apr=0)) == {
        ("binance_usdm", "ETH-USDT-PERP"),
        ("binance_usdm", "SOL-USDT-PERP"),
    }
    assert len(rates(client, min_apr=-1000)) == len(OPEN) - 1
    assert len(rates(client, limit=3)) == 3


def test_top_apr(client: TestClient):
    """The highest three, without what is unknown."""
    body = client.get("/api/top-apr/3").json()
    assert [row["apr"] for row in body] == pytest.approx([87.6, 43.8, 21.9])
    assert len(client.get("/api/top-apr/100").json()) == len(OPEN) - 1
    assert set(body[0]) == RATE_FIELDS


# --- grid ----------------------------------------------------------------------------------------------------------


def test_the_grid_is_asset_by_exchange(client: TestClient):
    """A cell is the largest contract; zero is shown, a rate nobody stated is null, no contract is no cell."""
    body = client.get("/api/funding-rates-grid").json()
    assert set(body) == {"data", "total_assets", "timestamp", "as_of"}
    grid = {line["asset"]: line["exchanges"] for line in body["data"]}
    assert (list(grid), body["total_assets"]) == (["BTC", "ETH", "PEPE", "SOL"], 4)
    assert set(grid["BTC"]) == {"binance_usdm", "bybit", "dydx", "okx"}
    assert set(grid["BTC"]["bybit"]) == CELL_FIELDS
    assert grid["BTC"]["binance_usdm"]["symbol"] == "BTC-USDT-PERP"
    assert grid["ETH"]["binance_usdm"]["funding_rate"] == 0.0
    assert grid["BTC"]["okx"]["funding_rate"] is None
    assert grid["PEPE"]["hyperliquid"]["symbol"] == "1000PEPE-USDC-PERP"


# --- z-scores ------------------------------------------------------------------------------------------------------


def test_contracts_with_zscores(client: TestClient):
    """The furthest from their own first, unknown last; more than two deviations are counted."""
    body = client.get("/api/contracts-with-zscores").json()
    assert [row["z_score"] for row in body["contracts"]][:4] == [-3.5, 2.5, 0.5, None]
    assert (body["total"], body["high_deviation_count"]) == (len(OPEN), 2)
    assert body["updated_at"] == "2026-10-05T12:00:00Z"
    low = next(row for row in body["contracts"] if row["completeness_pct"] == 40.0)
    assert (low["confidence"], low["z_score"], low["percentile"]) == ("low", None, None)


def test_zscores_are_filtered_and_sorted(client: TestClient):
    """By size, exchanges, and part of a name of ours or of the exchange's own."""

    def symbols(**query: object) -> list[tuple[str, str]]:
        body = client.get("/api/contracts-with-zscores", params=query).json()
        assert body["total"] == len(body["contracts"])
        return [(row["exchange"], row["symbol"]) for row in body["contracts"]]

    assert symbols(min_abs_zscore=2.5) == [("bybit", "BTC-USDT-PERP"), ("binance_usdm", "BTC-USDT-PERP")]
    assert symbols(sort="zscore_asc")[0] == ("bybit", "BTC-USDT-PERP")
    assert symbols(sort="zscore_desc")[0] == ("binance_usdm", "BTC-USDT-PERP")
    assert symbols(exchanges="dydx, hyperliquid", sort="symbol")[0][1] == "1000PEPE-USDC-PERP"
    assert symbols(search="kpepe") == [("hyperliquid", "1000PEPE-USDC-PERP")]
    assert symbols(search="%") == []


# --- next settlement -----------------------------------------------------------------------------------------------


def seconds(client: TestClient, asset: str = "BTC") -> dict[tuple[str, str], float | None]:
    body = client.get(f"/api/current-funding/{asset}").json()
    assert body["count"] == len(body["data"])
    return {(row["exchange"], row["symbol"]): row["seconds_until_funding"] for row in body["data"]}


def test_current_funding_counts_to_the_next_settlement(client: TestClient):
    """At 12:03 the next is at 16:00 by what the exchange says; where it says nothing, an interval after the last."""
    found = seconds(client)
    assert found["binance_usdm", "BTC-USDT-PERP"] == (4 * 60 - 3) * 60
    assert found["dydx", "BTC-USD-PERP"] == 57 * 60  # settled at 12:00, hourly
    assert found["okx", "BTC-USDT-PERP"] is None  # neither said nor settled
    assert set(seconds(client, "sol").values()) == {(4 * 60 - 3) * 60, None}


def test_a_settlement_that_has_passed_goes_on_by_its_interval(found: Settings, monkeypatch: pytest.MonkeyPatch):
    """The look of noon says 16:00; at 17:00 the next of a 4-hour contract is at 20:00, of an 8-hour one at 24:00."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2026-10-05T17:00:00Z")
    shown = seconds(TestClient(create_app(found)))
    assert shown["bybit", "BTC-USDT-PERP"] == 3 * 3600
    assert shown["binance_usdm", "BTC-USDT-PERP"] == 7 * 3600
    assert shown["dydx", "BTC-USD-PERP"] == 0  # at the settlement itself it is due now
