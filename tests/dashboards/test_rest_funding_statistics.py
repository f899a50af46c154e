"""The funding domain in numbers over REST, over a home written by hand (`funding_home.py`)."""

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.funding.settings import VenueSettings

from . import funding_home
from .funding_home import EXCHANGES, OPEN

#: predicted yearly percent of every contract whose rate is known
APRS = [10.95, 21.9, 0.0, 0.0, 10.95, 21.9, -32.85, 8.76, 87.6, 43.8]


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return funding_home.reader(monkeypatch)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return TestClient(create_app(funding_home.configure(monkeypatch)))


def test_statistics(client: TestClient):
    """All contracts in numbers; what is unknown counts as a contract and not as 0 % a year."""
    body = client.get("/api/statistics").json()
    assert body == {
        "total_contracts": len(OPEN),
        "active_exchanges": 5,
        "unique_assets": 4,
        "avg_apr": pytest.approx(sum(APRS) / len(APRS)),
        "highest_apr": pytest.approx(87.6),
        "highest_symbol": "SOL-USD-PERP",
        "highest_exchange": "dydx",
        "lowest_apr": pytest.approx(-32.85),
        "lowest_symbol": "ETH-USDT-PERP",
        "lowest_exchange": "bybit",
        "total_open_interest": pytest.approx(5e9 + 1e9 + 2e9 + 1e8 + 3e6 + 3e9 + 1e9 + 4e7 + 1e7 + 2e6),
        "contracts_by_exchange": {"binance_usdm": 5, "bybit": 2, "dydx": 2, "hyperliquid": 1, "okx": 1},
        "last_update": "2026-10-05T12:00:00Z",
        "as_of": None,
    }


def test_summary(client: TestClient):
    """Exchange by exchange; okx, which stated nothing, has nulls and not zeros."""
    body = client.get("/api/statistics/summary").json()
    lines = {line["exchange"]: line for line in body["exchanges"]}
    assert lines["binance_usdm"]["median_apr"] == pytest.approx(10.95)
    assert lines["binance_usdm"]["positive_share"] == pytest.approx(3 / 5)
    assert (lines["bybit"]["lowest_apr"], lines["bybit"]["highest_apr"]) == pytest.approx((-32.85, 21.9))
    okx = lines["okx"]
    assert okx["contracts"] == 1
    assert {okx[name] for name in ("avg_apr", "median_apr", "positive_share", "open_interest_usd")} == {None}
    # z of 2.5, -3.5 and 0.5
    assert (body["contracts_with_z_score"], body["high_deviation_count"], body["extreme_count"]) == (3, 2, 1)
    assert body["avg_abs_z_score"] == pytest.approx(6.5 / 3)
    assert (body["zones"], body["confidence"]) == ({"stable": 4}, {"low": 1, "very_high": 3})


def test_extreme_values(client: TestClient):
    """Above zero the highest first, below it the lowest first; zero is neither."""
    body = client.get("/api/statistics/extreme-values").json()
    assert [row["apr"] for row in body["highest_positive"]] == pytest.approx(
        sorted((apr for apr in APRS if apr > 0), reverse=True)
    )
    assert [row["apr"] for row in body["highest_negative"]] == pytest.approx([-32.85])
    assert len(client.get("/api/statistics/extreme-values?limit=2").json()["highest_positive"]) == 2


def test_assets_and_their_groups(client: TestClient):
    """By the range of rates, and by open interest; the same lines."""
    groups, assets = (client.get(path).json() for path in ("/api/group-by-asset", "/api/assets"))
    assert [line["asset"] for line in groups["data"]] == ["SOL", "ETH", "PEPE", "BTC"]
    assert [line["asset"] for line in assets["data"]] == ["BTC", "ETH", "SOL", "PEPE"]
    assert (groups["total_assets"], assets["total_assets"]) == (4, 4)
    btc = assets["data"][0]
    assert (btc["contracts"], btc["exchanges"]) == (5, ["binance_usdm", "bybit", "dydx", "okx"])
    assert (btc["lowest_apr"], btc["highest_apr"]) == pytest.approx((8.76, 21.9))
    assert btc["apr_range"] == pytest.approx(21.9 - 8.76)


def test_exchanges_say_how_they_do(client: TestClient):
    """In the order of the settings, with age and completeness."""
    body = client.get("/api/exchanges").json()
    assert [state["exchange"] for state in body["exchanges"]] == list(EXCHANGES)
    assert body["total"] == 5
    okx = body["exchanges"][-1]
    assert (okx["age_min"], okx["last_update"], okx["memory_days"]) == (43.0, "2026-10-05T11:20:00Z", 90.0)
    assert okx["newest_settlement"] is None


def test_collection_metrics_are_of_the_last_look(client: TestClient):
    """Duration, rows, rows a second; okx is stale after 30 minutes."""
    body = client.get("/api/health/collection-metrics").json()
    looks = {line["name"]: line for line in body["exchanges"]}
    assert looks["binance_usdm"] == {
        "name": "binance_usdm",
        "duration_ms": 250.0,
        "record_count": 5,
        "status": "ok",
        "speed_contracts_per_sec": 20.0,
        "collected_at": "2026-10-05T12:00:00Z",
        "age_min": 3.0,
    }
    assert looks["okx"]["status"] == "stale"
    assert body["total_records"] == len(OPEN)


@pytest.mark.parametrize(("minute", "status"), [(10, "ok"), (11, "late"), (30, "late"), (31, "stale")])
def test_a_look_grows_old(home: object, monkeypatch: pytest.MonkeyPatch, minute: int, status: str):
    """Late after 10 minutes, stale after 30."""
    configured = funding_home.configure(monkeypatch)
    funding_home.fill(configured)
    monkeypatch.setenv("MARKET_ASSETS_NOW", f"2026-10-05T12:{minute}:00Z")
    body = TestClient(create_app(configured)).get("/api/health/collection-metrics").json()
    assert body["exchanges"][0]["status"] == status


def test_before_anything_is_stored_exchanges_are_missing(empty_client: TestClient):
    """No data is no error here: each exchange is named, and every number is null."""
    looks = empty_client.get("/api/health/collection-metrics").json()
    assert [line["status"] for line in looks["exchanges"]] == ["missing"] * 5
    assert {line["record_count"] for line in looks["exchanges"]} == {None}
    assert looks["total_records"] == 0
    assert {state["contracts"] for state in empty_client.get("/api/exchanges").json()["exchanges"]} == {None}


# --- settings ------------------------------------------------------------------------------------------------------


def test_settings_show_what_is_in_force(home: object, monkeypatch: pytest.MonkeyPatch):
    """Defaults and what was set, but neither a secret nor the login of a proxy."""
    configured = funding_home.configure(monkeypatch, FUNDING__OPP__HOLDING_DAYS="14", FUNDING__WINDOW_DAYS="20")
    own = VenueSettings(base_url="https://me:hunter2@proxy.example/bybit")
    venues = configured.funding.venues.model_copy(update={"bybit": own})
    funding = configured.funding.model_copy(update={"venues": venues})
    answer = TestClient(create_app(configured.model_copy(update={"funding": funding}))).get("/api/settings")
    shown = answer.json()["funding"]
    assert answer.json()["read_only"] is True
    assert (shown["opp"]["holding_days"], shown["window_days"]) == (14.0, 20)
    assert (shown["snapshot_min"], shown["taker_fee_bps"]["hyperliquid"]) == (5, 4.5)
    assert shown["exchanges"] == list(EXCHANGES)
    assert shown["venues"]["bybit"]["base_url"] == "https://proxy.example/bybit"
    assert "hunter2" not in answer.text
    assert funding_home.KEY not in answer.text


def test_settings_are_not_changed_over_http(client: TestClient):
    """PUT is gone, and says where they are changed."""
    answer = client.put("/api/settings", json={"funding": {}})
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    assert "config file" in answer.json()["detail"]


# --- health --------------------------------------------------------------------------------------------------------


def pipeline(client: TestClient) -> dict:
    found: dict = client.get("/health").json()["components"]["data_pipeline"]
    return found


def test_health_names_the_exchange_that_was_not_looked_at(client: TestClient):
    """okx was last looked at 43 minutes ago: degraded, and the others do not hide it."""
    found = pipeline(client)
    assert found["status"] == "degraded"
    assert found["detail"] == "okx was last looked at 43 min ago"


@pytest.mark.parametrize(("minute", "status"), [(30, "healthy"), (31, "degraded")])
def test_health_of_a_desk_with_funding_alone(home: object, monkeypatch: pytest.MonkeyPatch, minute: int, status: str):
    """Healthy while every exchange in use was looked at within half an hour, also past the ten minutes of the check."""
    four = '["binance_usdm","bybit","dydx","hyperliquid"]'
    configured = funding_home.configure(monkeypatch, FUNDING__EXCHANGES=four)
    funding_home.fill(configured)
    monkeypatch.setenv("MARKET_ASSETS_NOW", f"2026-10-05T12:{minute}:00Z")
    assert pipeline(TestClient(create_app(configured)))["status"] == status


def test_an_exchange_that_was_never_looked_at_degrades(home: object, monkeypatch: pytest.MonkeyPatch):
    """In use and nothing stored of it."""
    configured = funding_home.configure(monkeypatch, FUNDING__EXCHANGES='["binance_usdm","gate"]')
    funding_home.fill(configured)
    assert pipeline(TestClient(create_app(configured)))["detail"] == "gate was never looked at"


def test_many_late_exchanges_are_counted(home: object, monkeypatch: pytest.MonkeyPatch):
    """Twenty are in use and four were looked at: of the others five are named."""
    configured = funding_home.configure(monkeypatch)
    funding_home.fill(configured)
    monkeypatch.delenv("MARKET_ASSETS_FUNDING__EXCHANGES")
    from market_assets.settings import settings

    settings.cache_clear()
    detail = pipeline(TestClient(create_app(settings())))["detail"]
    assert detail.count("was") == 5
    assert detail.endswith("11 more exchanges are late")


def test_funding_without_data_is_idle(empty_client: TestClient):
    """A desk that has not begun with it is not blamed for it."""
    assert "looked at" not in (pipeline(empty_client)["detail"] or "")


def test_performance_knows_the_zscores(client: TestClient):
    """As they are stored; how long they took is not, and stays null."""
    body = client.get("/api/health/performance").json()
    assert body["database"]["total_contracts"] == len(OPEN)
    assert body["database"]["avg_abs_zscore"] == pytest.approx(6.5 / 3)
    assert body["zscore_calculation"] == {
        "last_run": "2026-10-05T12:03:00Z",
        "seconds_ago": 0.0,
        "total_contracts": len(OPEN),
        "extreme_contracts": 1,
        "performance": None,
    }


def test_performance_before_the_first_zscore_is_null(empty_client: TestClient):
    """Nothing stored: null, and no error."""
    body = empty_client.get("/api/health/performance").json()
    assert set(body["zscore_calculation"].values()) == {None}
    assert (body["database"]["total_contracts"], body["database"]["avg_abs_zscore"]) == (None, None)


def test_freshness_of_snapshots_is_measured(client: TestClient):
    """Seconds since the newest look, exchange by exchange."""
    text = client.get("/metrics").text
    assert 'data_freshness_seconds{asset="funding_snapshot",symbol="bybit"} 180.0' in text
    assert 'data_freshness_seconds{asset="funding_snapshot",symbol="okx"} 2580.0' in text


def test_sources_have_two_budgets(home: object, monkeypatch: pytest.MonkeyPatch):
    """An exchange's settled history and its current state are counted apart, and both are shown."""
    from market_assets.core import clock
    from resources.http.budget import Budget
    from resources.http.state import VendorState, fingerprint

    configured = funding_home.configure(monkeypatch)
    state = VendorState.of(configured.home)
    state.record_call("binance_usdm", "ok", clock.wall(), latency_ms=10.0)
    venue = configured.funding.venues.binance_usdm
    for lane, rates, n in (("history", venue.budget, 3), ("market", venue.market_budget, 7)):
        key = fingerprint("binance_usdm", None, lane)
        budget = Budget.of("binance_usdm", key, rates, state, wait_s=1.0, now=lambda: clock.instant("2026-10-05"))
        for _ in range(n):
            budget.reserve(lambda _: None)
    from dashboards.sources import Sources

    found = {one.name: one for one in Sources(configured, now=lambda: clock.instant("2026-10-05")).facts()}
    windows = {window.window: (window.left, window.limit) for window in found["binance_usdm"].budget}
    del windows["minute (klines)"]  # those of its candles
    assert windows == {"5 minutes (history)": (497, 500), "second (market)": (13, 20)}
    assert found["binance_usdm"].budget_left == 497
    assert [window.window for window in found["polygon"].budget] == ["minute"]
    assert (
        'budget_remaining{source="bybit",window="second (market)"}'
        in TestClient(create_app(configured)).get("/metrics").text
    )
