"""REST routes of minute bars, over a home written by hand (`bars_home.py`)."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.settings import Settings

from . import bars_home
from .bars_home import MINUTE, NOW

LIVE = "/api/v1/indicators/BTCUSD"
ANALYTICS = tuple(f"/api/analytics/{name}" for name in ("overview", "alphas", "risk", "compliance"))
NEEDY = ("/api/signals", "/api/scanner/stats", "/api/bars/BTCUSD", "/api/v1/bars/BTCUSD?timeframe=1h", *ANALYTICS)
READS = (*NEEDY, "/api/sources", LIVE)


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home."""
    return bars_home.filled(monkeypatch)


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return bars_home.reader(monkeypatch)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return bars_home.empty(monkeypatch)


# --- what is answered ----------------------------------------------------------------------------------------------


def test_signals_are_sized_for_the_account(client: TestClient):
    """The golden one of the specification: 1,000 of equity hold 12.51 lots."""
    body = client.get("/api/signals?equity=1000").json()
    best = body["signals"][0]
    assert (best["symbol"], best["lots"], best["q_star"]) == ("BTCUSD", 12.51, 9.4983)
    assert best["es95"] == pytest.approx(9.99404, rel=1e-5)
    assert (best["features"], best["signal_time"]) == ({"ema_slope": 0.002, "roc_5": 0.004}, "2026-10-05T12:01:00Z")
    assert (body["count"], body["timestamp"]) == (2, "2026-10-05T12:03:00Z")
    assert set(best) == {
        *("symbol", "action", "confidence", "q_star", "es95", "stop_loss", "take_profit_1", "take_profit_2", "lots"),
        *("alpha_id", "regime", "features", "grade", "p_win", "n_outcomes", "signal_time", "stale", "accepted"),
        "reject_reasons",
    }
    every = client.get("/api/signals?equity=1000&include_rejected=true&top=1").json()["signals"]
    assert [(one["accepted"], one["grade"]) for one in every] == [(True, "A+"), (False, "unproven")]


def test_one_stored_signal_is_one_element(home: object, monkeypatch: pytest.MonkeyPatch):
    """And after its quarter of an hour none, which is no failure."""
    configured = bars_home.configure(monkeypatch)
    app = create_app(configured)
    signal = bars_home.signal("NAS100", NOW - 16 * MINUTE)
    bars_home.write(app.state.services.data.store, "bars_signals", [signal])
    answer = TestClient(app).get("/api/signals")
    assert (answer.status_code, answer.json()["count"]) == (200, 1)
    monkeypatch.setenv("MARKET_ASSETS_NOW", (NOW + timedelta(seconds=1)).isoformat())
    later = TestClient(create_app(configured)).get("/api/signals")
    assert (later.status_code, later.json()["signals"]) == (200, [])


def test_the_scanner_says_why_not(client: TestClient):
    """Counts of the newest day."""
    body = client.get("/api/scanner/stats").json()
    assert (body["symbols_scanned"], body["fired"], body["accepted"]) == (2, 5, 4)
    assert (body["rejected_by_reason"], body["profile"]) == ({"unproven": 1}, "production")
    assert (body["last_scan"], len(body["alphas"])) == ("2026-10-05T12:02:00Z", 6)


def test_both_paths_of_bars_answer_alike(client: TestClient):
    """By time, with where they came from; variants are names too."""
    query = "?start=2026-10-05T09:00:00Z&end=2026-10-05T10:00:00Z&timeframe=1h"
    body = client.get(f"/api/v1/bars/btcusd{query}").json()
    assert client.get(f"/api/bars/BTCUSD{query}").json() == body
    assert (body["symbol"], body["timeframe"], body["count"]) == ("BTCUSD", "1h", 2)
    assert [(bar["n_minutes"], bar["source"], bar["fallback_level"]) for bar in body["data"]] == [
        (59, "yahoo", 0),
        (60, "twelvedata", 2),
    ]
    assert client.get("/api/bars/us100").json()["symbol"] == "NAS100"


def test_bars_come_page_by_page(client: TestClient):
    """With a start; without one the newest 500."""
    page = client.get("/api/bars/BTCUSD?start=2026-10-05T09:29:00Z&limit=2").json()
    assert [bar["ts"][11:16] for bar in page["data"]] == ["09:29", "09:31"]
    assert page["next_start"] == "2026-10-05T09:32:00Z"
    newest = client.get("/api/bars/BTCUSD").json()
    assert (newest["count"], newest["data"][-1]["ts"], newest["next_start"]) == (500, "2026-10-05T12:01:00Z", None)


def test_sources_say_what_is_left(client: TestClient):
    """In the order of preference, with budgets, trust and rows of today."""
    body = client.get("/api/sources").json()
    yahoo = body["sources"][0]
    assert [one["source"] for one in body["sources"]] == ["yahoo", "alphavantage", "twelvedata", "polygon"]
    assert (yahoo["enabled"], yahoo["state"], yahoo["rows_served"]) == (True, "closed", 1362)
    assert {one["window"]: one["limit"] for one in yahoo["budget"]} == {"minute": 60, "day": 2000}
    assert body["sources"][1]["enabled"] is False


def test_analytics_are_of_the_outcomes(client: TestClient):
    """Equity, alphas, risk, rules."""
    overview, alphas, risk, compliance = (client.get(path).json() for path in ANALYTICS)
    assert [round(point["equity"], 9) for point in overview["curve"]] == [1020.0, 1010.0, 1030.0]
    assert overview["metrics"]["null_reason"] == "3 daily returns of the 30 that ratios need"
    assert (alphas["alphas"][0]["expectancy_r"], len(alphas["reliability"])) == (1.0, 10)
    assert (risk["n_obs"], risk["es95_ratio"], len(risk["correlations"])) == (3, None, 9)
    assert [rule["passed"] for rule in compliance["rules"]] == [True, True, False, None]
    assert client.get("/api/analytics/overview?start=2026-10-05&equity=5000").json()["curve"][0]["equity"] == 5100.0


# --- what all of them have in common -------------------------------------------------------------------------------


def test_without_data_a_route_is_503(empty_client: TestClient):
    """Not materialised, with the command; how symbols and sources stand is a question that always has an answer."""
    for path in NEEDY:
        answer = empty_client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_materialised"), path
        assert "dagster asset materialize" in answer.json()["detail"]
    assert empty_client.get("/api/sources").json()["sources"][0]["trust_score"] is None
    nothing = empty_client.get(LIVE).json()
    assert (nothing["state"], nothing["price"], set(nothing["indicators"].values())) == ("NO DATA", None, {None})


@pytest.mark.parametrize("path", READS)
def test_every_route_answers_as_of_an_instant_and_repeats_it(client: TestClient, path: str):
    """A naive instant is refused."""
    joined = "&" if "?" in path else "?"
    body = client.get(f"{path}{joined}as_of=2026-10-05T12:04:00Z").json()
    assert body["as_of"] == "2026-10-05T12:04:00Z"
    naive = client.get(f"{path}{joined}as_of=2026-10-05T12:03:00")
    assert (naive.status_code, naive.json()["code"]) == (422, "invalid_request")


def test_before_anything_was_published_nothing_is_known(client: TestClient):
    """The versions of then, not of now."""
    then = "as_of=2026-10-05T12:02:00Z"
    assert client.get(f"/api/bars/BTCUSD?{then}").json()["data"] == []
    assert client.get(f"/api/signals?{then}").json()["signals"] == []
    assert client.get(f"{LIVE}?{then}").json()["state"] == "NO DATA"
    assert client.get(f"/api/analytics/overview?{then}").json()["curve"] == []
    assert client.get(f"/api/scanner/stats?{then}").json()["last_scan"] is None
    assert client.get(f"/api/sources?{then}").json()["sources"] == []


@pytest.mark.parametrize(
    ("path", "code", "near"),
    [
        ("/api/bars/NDAQ", "unknown_symbol", "NDAQ"),
        ("/api/v1/bars/EURUSDX", "unknown_symbol", "EURUSD"),
        ("/api/v1/indicators/BTCUSDT", "unknown_symbol", "BTCUSD"),
        ("/api/bars/BTCUSD?timeframe=2h", "unknown_timeframe", "1m, 5m, 15m, 30m, 1h, 4h"),
        ("/api/bars/..%2F..%2Fstate", "not_found", ""),
        ("/api/bars/2026-10-05%7CBTCUSD", "unknown_symbol", "BTCUSD"),
    ],
)
def test_an_unknown_name_is_404_with_the_near_ones(client: TestClient, path: str, code: str, near: str):
    """Nothing is guessed: the stock of an exchange operator is no index."""
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert near in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        *(f"/api/signals?equity={equity}" for equity in ("0", "-1", "nan", "inf", "x")),
        *("/api/signals?top=0", "/api/signals?include_rejected=maybe", "/api/analytics/overview?equity=0"),
        *("/api/bars/BTCUSD?limit=0", "/api/bars/BTCUSD?start=2026-10-05&end=2026-10-04"),
        *("/api/bars/BTCUSD?start=yesterday", f"{LIVE}?live=perhaps", "/api/analytics/risk?days=31"),
    ],
)
def test_a_bad_parameter_is_422(client: TestClient, query: str):
    """Refused, and said why."""
    answer = client.get(query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_page_has_as_many_rows_as_the_settings_allow(found: Settings):
    """Whatever is asked for."""
    few = TestClient(create_app(found.model_copy(update={"api": found.api.model_copy(update={"page_rows": 3})})))
    assert few.get("/api/bars/BTCUSD?limit=50").json()["count"] == 3
    assert len(few.get("/api/analytics/overview").json()["curve"]) == 3


def test_sandbox_data_are_marked(home: object, monkeypatch: pytest.MonkeyPatch):
    """Every answer says so, by what is set and by what is stored."""
    configured = bars_home.configure(monkeypatch, VENDORS="sandbox")
    app = create_app(configured)
    bars = bars_home.minutes("BTCUSD", NOW - 9 * MINUTE, NOW - 2 * MINUTE, 100.0, 1.0, "crypto", 1.0)
    bars_home.write(app.state.services.data.store, "bars_minute", bars, source="-sandbox")
    bars_home.write(app.state.services.data.store, "bars_signals", [bars_home.signal("BTCUSD", NOW - 2 * MINUTE)])
    for client in (TestClient(app), TestClient(create_app(configured.model_copy(update={"vendors": "live"})))):
        for path in ("/api/signals", "/api/bars/BTCUSD", "/api/sources", LIVE, f"{LIVE}?live=false"):
            assert client.get(path).json()["demo"] is True, path


def test_live_data_are_not_marked(client: TestClient):
    """No demo anywhere."""
    for path in READS:
        assert '"demo"' not in client.get(path).text, path


def test_an_open_bind_wants_a_key(found: Settings):
    """Reads too, where others can reach the port."""
    client = TestClient(create_app(found.model_copy(update={"api": found.api.model_copy(update={"host": "0.0.0.0"})})))
    assert client.get(LIVE).status_code == 401
    assert client.get(LIVE, headers={"X-API-Key": bars_home.KEY}).status_code == 200


def test_the_reads_are_all_there_are(client: TestClient):
    """What is asked above is every read of the document that is tagged bars."""
    document = client.get("/openapi.json").json()["paths"]
    reads = {path for path, methods in document.items() if methods.get("get", {}).get("tags") == ["bars"]}
    assert {path.split("?")[0].replace("BTCUSD", "{symbol}") for path in READS} == reads
