"""What all REST routes of the crypto domain have in common, over a home written by hand (`crypto_home.py`)."""

import polars as pl
import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.rest.answers import encode
from market_assets.settings import Settings

from . import crypto_home
from .crypto_home import HOUR, MINUTE, NOW

API = "/api/v1/crypto"
NEEDY = (
    *(f"{API}/klines/BTCUSDT", f"{API}/klines/BTCUSDT?timeframe=1h", f"{API}/overlays/BTCUSDT"),
    *(f"{API}/signals", f"{API}/advice", f"{API}/telemetry", f"{API}/paper-trades", f"{API}/positions"),
    *(f"{API}/equity", f"{API}/success-metrics"),
)
READS = (*NEEDY, f"{API}/symbols")


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home."""
    return crypto_home.filled(monkeypatch)


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return crypto_home.reader(monkeypatch)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return crypto_home.empty(monkeypatch)


def rows_of(body: dict) -> list[dict]:
    return body.get("data", body.get("signals"))


def test_without_data_a_route_is_503(empty_client: TestClient):
    """Not materialised, with the command to run; never an empty answer that looks like a quiet market.

    Only how symbols stand is a question that always has an answer.
    """
    for path in NEEDY:
        answer = empty_client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_materialised"), path
        assert "dagster asset materialize" in answer.json()["detail"]
    (btc, eth) = empty_client.get(f"{API}/symbols").json()["data"]
    assert {value for name, value in {**btc, **eth}.items() if name != "symbol"} == {None}


@pytest.mark.parametrize("path", READS)
def test_every_route_answers_as_of_an_instant_and_repeats_it(client: TestClient, path: str):
    """What was published then; nothing was before the home was filled; a naive instant is refused."""
    joined = "&" if "?" in path else "?"
    for then, is_known in (("2026-10-05T12:04:00Z", True), ("2026-10-05T12:02:00Z", False)):
        body = client.get(f"{path}{joined}as_of={then}").json()
        assert body["as_of"] == then
        assert (
            any(row.get("close") or row.get("day") or row.get("ts") or row.get("scope") for row in rows_of(body))
            == is_known
        )
    naive = client.get(f"{path}{joined}as_of=2026-10-05T12:03:00")
    assert (naive.status_code, naive.json()["code"]) == (422, "invalid_request")


def test_a_version_that_is_gone_is_410(found: Settings, monkeypatch: pytest.MonkeyPatch):
    """The running day is rewritten all the time; only its last versions are kept."""
    client = TestClient(create_app(found))
    store = client.app.state.services.data.store
    table = crypto_home.contract("crypto_timeframes")
    day = store.read(table, ["2026-10-05|BTCUSDT"])
    for n in range(1, found.retention.versions + 3):
        monkeypatch.setenv("MARKET_ASSETS_NOW", (NOW + n * HOUR).isoformat())
        crypto_home.write(store, "crypto_timeframes", day.with_columns(close=pl.col("close") + n / 1000))
    path = f"{API}/klines/BTCUSDT?timeframe=1h&start=2026-10-05"
    gone = client.get(f"{path}&as_of={NOW + MINUTE:%Y-%m-%dT%H:%M:%SZ}")
    assert (gone.status_code, gone.json()["code"]) == (410, "version_pruned")
    assert client.get(path).json()["data"][-1]["close"] == pytest.approx(63_599 + n / 1000)


@pytest.mark.parametrize(
    ("path", "code", "near"),
    [
        ("/klines/BTCUSD", "unknown_symbol", "BTCUSDT"),
        ("/overlays/ETHUSD", "unknown_symbol", "ETHUSDT"),
        ("/signals?symbol=BTC-USDT", "unknown_symbol", "BTCUSDT"),
        ("/advice?symbol=BTCUSDC", "unknown_symbol", "BTCUSDT"),
        ("/paper-trades?symbol=ETHUSD", "unknown_symbol", "ETHUSDT"),
        ("/success-metrics?scope=ETHUSD", "unknown_symbol", "ETHUSDT"),
        ("/telemetry?overlay=regimes", "unknown_overlay", "regime"),
        ("/overlays/BTCUSDT?overlays=base,order-flow", "unknown_overlay", "order_flow"),
        ("/klines/BTCUSDT?timeframe=2h", "unknown_timeframe", "1m, 5m, 15m, 1h, 4h, 1d"),
        ("/klines/BTCUSDT?timeframe=1M", "unknown_timeframe", "1m"),
        ("/overlays/BTCUSDT?timeframe=1m", "unknown_timeframe", "5m, 15m, 1h, 4h, 1d"),
        ("/symbols?timeframe=7d", "unknown_timeframe", "1d"),
    ],
)
def test_an_unknown_name_is_404_with_the_near_ones(client: TestClient, path: str, code: str, near: str):
    """Whatever is misspelt, and wherever: the answer says what it might have been."""
    answer = client.get(f"{API}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert near in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "/klines/BTCUSDT?limit=0",
        "/klines/BTCUSDT?limit=50001",
        "/klines/BTCUSDT?start=yesterday",
        "/klines/BTCUSDT?start=2026-10-04T00:00:00",
        "/klines/BTCUSDT?start=2026-10-05&end=2026-10-04",
        "/klines/BTCUSDT?start=2026-10-05T12:00:00Z&end=2026-10-05T11:59:00Z",
        "/klines/BTCUSDT?end=99999-01-01",
        "/overlays/BTCUSDT?limit=x",
        "/signals?action=BUY",
        "/signals?tradeable=maybe",
        "/advice?call=horoscope",
        "/advice?advisor_source=oracle",
        "/paper-trades?status=lost",
        "/success-metrics?window=1y",
        "/equity?limit=-1",
    ],
)
def test_a_bad_parameter_is_422(client: TestClient, query: str):
    """Refused, and said why."""
    answer = client.get(f"{API}{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "name",
    [
        "BTCUSDT' OR '1'='1",
        "BTCUSDT;DROP TABLE crypto_klines",
        "..%2F..%2Fstate",
        "2026-10-05%7CBTCUSDT",
        "%00",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "BTCUSDT%0A",
        "ＢＴＣＵＳＤＴ",
    ],
)
def test_a_name_is_only_ever_a_name(client: TestClient, name: str):
    """Text that means something elsewhere means nothing here: no such symbol, and nothing is harmed."""
    for path in (f"/klines/{name}", f"/overlays/{name}", f"/signals?symbol={name}", f"/paper-trades?symbol={name}"):
        answer = client.get(f"{API}{path}")
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/json"
    assert client.get(f"{API}/overlays/BTCUSDT", params={"overlays": name}).status_code in (404, 422)
    assert client.get(f"{API}/klines/BTCUSDT?limit=1").json()["count"] == 1


def test_a_page_has_as_many_rows_as_the_settings_allow(found: Settings):
    """Whatever is asked for: api.page_rows at most, and the rest on the next page."""
    few = found.model_copy(update={"api": found.api.model_copy(update={"page_rows": 3})})
    client = TestClient(create_app(few))
    for path in READS:
        assert len(rows_of(client.get(f"{path}{'&' if '?' in path else '?'}limit=50").json())) <= (
            12 if "metrics" in path else 3
        ), path
    page = client.get(f"{API}/klines/BTCUSDT?start=2026-10-03&limit=50").json()
    assert (page["count"], page["next_start"]) == (3, "2026-10-03T00:03:00Z")


@pytest.mark.parametrize("path", [f"{API}/klines/BTCUSDT", f"{API}/symbols"])
def test_an_answer_is_kept_until_something_is_published(found: Settings, path: str):
    """The second time it comes from the cache; a new candle is seen at once."""
    client = TestClient(create_app(found))
    assert [client.get(path).headers["X-Cache"] for _ in range(2)] == ["miss", "hit"]
    data = client.app.state.services.data
    table = crypto_home.contract("crypto_klines")
    day = data.store.read(table, ["2026-10-05|BTCUSDT"])
    crypto_home.write(data.store, "crypto_klines", day.with_columns(ts=pl.col("ts") + MINUTE))
    data._manifests.clear()  # the list of publications is asked for once a second
    answer = client.get(path)
    assert answer.headers["X-Cache"] == "miss"
    assert "2026-10-05T12:02:00Z" in answer.text


def test_sandbox_data_are_marked(home: object, monkeypatch: pytest.MonkeyPatch):
    """Every answer says so."""
    configured = crypto_home.configure(monkeypatch, VENDORS="sandbox")
    crypto_home.fill(configured, source="-sandbox")
    client = TestClient(create_app(configured))
    for path in READS:
        assert client.get(path).json()["demo"] is True, path


def test_live_data_are_not_marked(client: TestClient):
    """No demo anywhere."""
    for path in READS:
        assert '"demo"' not in client.get(path).text, path


def test_an_open_bind_wants_a_key(found: Settings):
    """Reads too, where others can reach the port."""
    client = TestClient(create_app(found.model_copy(update={"api": found.api.model_copy(update={"host": "0.0.0.0"})})))
    assert client.get(f"{API}/signals").status_code == 401
    assert client.get(f"{API}/signals", headers={"X-API-Key": crypto_home.KEY}).status_code == 200


def test_what_is_not_a_number_leaves_as_null():
    """JSON knows neither NaN nor infinity."""
    assert encode({"a": float("nan"), "b": [float("inf"), 0.0]}) == b'{"a":null,"b":[null,0.0]}'


# --- the OpenAPI document ------------------------------------------------------------------------------------------


def test_the_reads_are_all_there_are(client: TestClient):
    """What is asked above is every read of the document that is tagged crypto."""
    document = client.get("/openapi.json").json()["paths"]
    reads = {path for path, methods in document.items() if methods.get("get", {}).get("tags") == ["crypto"]}
    assert {path.split("?")[0].replace("BTCUSDT", "{symbol}") for path in READS} == reads
