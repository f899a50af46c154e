"""What all REST routes of the funding domain have in common, over a home written by hand (`funding_home.py`)."""

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.settings import Settings

from . import funding_home
from .funding_home import MINUTE, NOON, NOW, OPEN


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home."""
    return funding_home.filled(monkeypatch)


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return funding_home.reader(monkeypatch)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return funding_home.empty(monkeypatch)


READS = (
    "/api/funding-rates",
    "/api/top-apr/5",
    "/api/funding-rates-grid",
    "/api/contracts-with-zscores",
    "/api/current-funding/BTC",
    "/api/statistics",
    "/api/statistics/summary",
    "/api/statistics/extreme-values",
    "/api/group-by-asset",
    "/api/assets",
    "/api/arbitrage/opportunities",
    "/api/arbitrage/opportunities-v2",
    "/api/arbitrage/opportunity-detail/BTC/dydx/bybit",
    "/api/arbitrage/assets/search?q=btc",
    "/api/historical/BTC-USDT-PERP",
    "/api/historical-funding/BTC-USDT-PERP",
    "/api/historical-funding-by-asset/BTC",
    "/api/historical-funding-by-contract/bybit/BTC-USDT-PERP",
    "/api/funding-sparkline/BTC-USDT-PERP",
    "/api/backfill/verify",
)


@pytest.mark.parametrize("path", READS)
def test_without_data_a_route_is_503(empty_client: TestClient, path: str):
    """Not materialised, with the command to run; never an empty answer that looks like a quiet market."""
    answer = empty_client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_materialised")


@pytest.mark.parametrize("path", READS)
def test_every_route_answers_as_of_an_instant_and_repeats_it(client: TestClient, path: str):
    """A list repeats it in every row; an instant before the first publication has no rows, or nobody so named."""
    then = "2026-10-05T12:03:00Z"
    joined = "&" if "?" in path else "?"
    body = client.get(f"{path}{joined}as_of={then}").json()
    assert {row["as_of"] for row in (body if isinstance(body, list) else [body])} == {then}
    early = client.get(f"{path}{joined}as_of=2026-10-01T00:00:00Z")
    assert early.status_code in (200, 404)
    naive = client.get(f"{path}{joined}as_of=2026-10-05T12:03:00")
    assert (naive.status_code, naive.json()["code"]) == (422, "invalid_request")


def test_as_of_shows_what_had_arrived(client: TestClient):
    """At 12:03 less a second everything had been looked at, but nothing of the contracts was published yet."""
    assert client.get("/api/funding-rates", params={"as_of": (NOW - MINUTE / 60).isoformat()}).json() == []
    assert len(client.get("/api/funding-rates", params={"as_of": (NOW + MINUTE).isoformat()}).json()) == len(OPEN)


@pytest.mark.parametrize("path", ["/api/funding-rates", "/api/funding-rates-grid", "/api/contracts-with-zscores"])
def test_an_answer_is_kept_until_something_is_published(found: Settings, path: str):
    """The second time it comes from the cache; a new look is seen at once."""
    client = TestClient(create_app(found))
    assert [client.get(path).headers["X-Cache"] for _ in range(2)] == ["miss", "hit"]
    app = client.app.state.services
    later = [row for row in funding_home.looks(NOON + 5 * MINUTE) if row["exchange"] == "bybit"]
    funding_home.write(app.data.store, "funding_snapshot", later)
    app.data._manifests.clear()  # the list of publications is asked for once a second
    assert client.get(path).headers["X-Cache"] == "miss"
    assert "12:05:00Z" in client.get("/api/contracts-with-zscores").text


def test_the_frame_is_made_once_for_all_routes(found: Settings, monkeypatch: pytest.MonkeyPatch):
    """Lists, grid and statistics share what was read, as long as it is published so."""
    from market_assets.funding import readers

    client, calls = TestClient(create_app(found)), []
    real = readers.current_contracts
    monkeypatch.setattr(readers, "current_contracts", lambda **asked: calls.append(asked) or real(**asked))
    for path in ("/api/funding-rates", "/api/funding-rates-grid", "/api/statistics", "/api/contracts-with-zscores"):
        assert client.get(path).status_code == 200
    assert len(calls) == 1
    client.post("/api/cache/clear", headers={"X-API-Key": funding_home.KEY})
    client.get("/api/statistics")
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("path", "code", "near"),
    [
        ("/api/funding-rates?exchange=bybt", "unknown_exchange", "bybit"),
        ("/api/funding-rates?base_asset=BTCC", "unknown_asset", "BTC"),
        ("/api/contracts-with-zscores?exchanges=bybit,okex", "unknown_exchange", "okx"),
        ("/api/current-funding/SOLA", "unknown_asset", "SOL"),
        ("/api/historical/BTC-USDT-PER", "unknown_symbol", "BTC-USDT-PERP"),
        ("/api/historical/BTC-USDC-PERP?exchange=bybit", "unknown_symbol", "BTC-USDT-PERP"),
        ("/api/historical-funding-by-asset/ETC", "unknown_asset", "ETH"),
        ("/api/historical-funding-by-contract/dydxx/BTC-USD", "unknown_exchange", "dydx"),
        ("/api/historical-funding-by-contract/dydx/BTC-USDX", "unknown_symbol", "BTC-USD-PERP"),
        ("/api/funding-sparkline/ETH-USDT", "unknown_symbol", "ETH-USDT-PERP"),
        ("/api/arbitrage/opportunities-v2?assets=BTC,ETHH", "unknown_asset", "ETH"),
        ("/api/arbitrage/opportunity-detail/BTC/dydx/byby", "unknown_exchange", "bybit"),
        ("/api/backfill/verify?symbol=ETHUSD", "unknown_symbol", "ETHUSDT"),
    ],
)
def test_an_unknown_name_is_404_with_the_near_ones(client: TestClient, path: str, code: str, near: str):
    """Whatever is misspelt, and wherever: the answer says what it might have been."""
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert near in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "/api/funding-rates?limit=0",
        "/api/funding-rates?sort_by=volume",
        "/api/funding-rates?min_apr=nan",
        "/api/top-apr/0",
        "/api/contracts-with-zscores?min_abs_zscore=-1",
        "/api/contracts-with-zscores?sort=random",
        "/api/historical/BTC-USDT-PERP?days=0",
        "/api/historical/BTC-USDT-PERP?days=366",
        "/api/historical-funding-by-asset/BTC?interval=3",
        "/api/funding-sparkline/BTC-USDT-PERP?hours=721",
        "/api/backfill/verify?threshold=101",
    ],
)
def test_a_bad_parameter_is_422(client: TestClient, query: str):
    """Refused with the name of the parameter."""
    answer = client.get(query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_sandbox_data_is_marked(home: object, monkeypatch: pytest.MonkeyPatch):
    """An object carries the mark, of a list every row; live data carry none."""
    configured = funding_home.configure(monkeypatch, VENDORS="sandbox")
    funding_home.fill(configured, source="-sandbox")
    client = TestClient(create_app(configured))
    assert all(row["demo"] is True for row in client.get("/api/funding-rates").json())
    for path in ("/api/funding-rates-grid", "/api/statistics", "/api/arbitrage/opportunities", "/api/exchanges"):
        assert client.get(path).json()["demo"] is True, path


def test_live_data_are_not_marked(client: TestClient):
    """No demo anywhere."""
    for path in READS:
        assert '"demo"' not in client.get(path).text, path


def test_older_paths_stay(client: TestClient):
    """The btc routes of like names answer as they did."""
    assert client.get("/api/stats").json().keys() >= {"btc_price"}
    assert client.get("/api/features").json()["error"]["code"] == "not_materialised"
    assert client.get("/api/performance").json()["error"]["code"] == "not_materialised"
