"""Health, metrics, alerts and backfills: everything is measured, and what is not known is null."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.health import report, worst
from dashboards.orchestrator import Backfill
from dashboards.rest.health import progress
from market_assets.btc.readers import get_table_states
from market_assets.core import clock
from market_assets.settings import Settings, settings
from resources.stores.protocol import PartitionStore

from . import btc_hours
from .dagster_home import evaluate, heartbeat, instance


def test_health_without_dagster_is_unknown_not_healthy(client: TestClient):
    """No instance to ask: scheduler_running is null, its component unknown, the whole degraded."""
    answer = client.get("/health")
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "degraded")
    assert body["scheduler_running"] is None
    assert body["components"]["scheduler"]["status"] == "unknown"
    assert set(body) == {"status", "timestamp", "scheduler_running", "components", "performance", "data_sources"}
    assert set(body["components"]) >= {"storage", "scheduler", "stream", "redis", "data_pipeline"}


def test_a_fresh_process_has_measured_nothing(client: TestClient):
    """Before the first request there is no percentile and no hit rate: null, not a plausible number."""
    body = client.get("/health").json()
    assert body["performance"] == {"p50_ms": None, "p95_ms": None, "p99_ms": None}
    assert body["components"]["data_pipeline"]["cache_hit_rate"] is None
    cache = client.get("/api/health/cache").json()
    assert cache["metrics"] == {"entries": 0, "hits": 0, "misses": 0, "hit_rate": None, "evictions": 0}


def test_killing_the_scheduler_degrades_health(configured: Settings, store: PartitionStore):
    """With recent heartbeats the scheduler runs; when they are older than 120 s health is degraded."""
    found = instance()
    heartbeat(found)
    alive = TestClient(create_app(configured)).get("/health").json()
    assert (alive["scheduler_running"], alive["components"]["scheduler"]["status"]) == (True, "healthy")
    heartbeat(found, age_s=180)
    dead = TestClient(create_app(configured)).get("/health")
    assert (dead.status_code, dead.json()["status"]) == (200, "degraded")
    assert dead.json()["scheduler_running"] is False
    assert dead.json()["components"]["scheduler"]["status"] == "degraded"


def test_never_started_daemons_are_not_running(configured: Settings, store: PartitionStore):
    """An instance without any heartbeat has no running scheduler."""
    instance()
    assert report(configured)["scheduler_running"] is False


def test_the_overall_word_is_the_worst_component():
    """Unknown counts as degraded, what is not configured does not count, and unhealthy outranks all."""
    assert worst(["healthy", "not_configured", "idle"]) == "healthy"
    assert worst(["healthy", "unknown"]) == "degraded"
    assert worst(["degraded", "unhealthy", "healthy"]) == "unhealthy"


def test_an_unreadable_store_is_unhealthy(configured: Settings):
    """A database that does not answer is 503 here and in /api/health, and the address shows no password."""
    from pydantic import SecretStr

    dead = configured.model_copy(
        update={"store": "postgres", "postgres_url": SecretStr("postgresql://u:hunter2@127.0.0.1:9/none")}
    )
    client = TestClient(create_app(dead), raise_server_exceptions=False)
    for path in ("/health", "/api/health"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy"), path
        assert "hunter2" not in answer.text
    assert client.get("/api/v1/status").status_code == 503


def test_the_pipeline_counts_its_symbols(client: TestClient):
    """Of three active symbols one is stale; none of the three is healthy."""
    pipeline = client.get("/health").json()["components"]["data_pipeline"]
    assert (pipeline["active_symbols"], pipeline["stale_symbols"], pipeline["status"]) == (3, 1, "degraded")


def test_a_domain_without_data_does_not_count_where_another_has_some(monkeypatch: pytest.MonkeyPatch):
    """A desk with bitcoin alone is healthy while its tables are fresh; a late one is named."""
    found = btc_hours.configure(monkeypatch)
    btc_hours.fill(found)
    pipeline = report(settings())["components"]["data_pipeline"]
    assert pipeline["active_symbols"] is None
    stale = [name for name, state in get_table_states().items() if state["status"] in {"late", "stale"}]
    assert all(f"{name} is " in pipeline["detail"] for name in stale)
    assert pipeline["status"] == ("degraded" if stale else "healthy")
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2024-06-12T04:00:00Z")
    late = report(settings())["components"]["data_pipeline"]
    assert late["status"] == "degraded"
    assert "btc_processed is late" in late["detail"]


def test_alerts_are_the_checks_whose_latest_evaluation_failed(configured: Settings):
    """A failed check is listed with its severity; once it passes it is gone. Without Dagster there is none."""
    assert TestClient(create_app(configured)).get("/observability/alerts").json()["alerts"] == []
    found = instance()
    evaluate(found, passed=False, severity="WARN")
    listed = TestClient(create_app(configured)).get("/observability/alerts").json()
    assert listed["count"] == 1
    alert = listed["alerts"][0]
    assert (alert["asset"], alert["check"]) == ("equities_daily_bars", "newest_due_session")
    assert (alert["severity"], alert["description"]) == ("WARN", "AAPL lacks 2024-01-11")
    evaluate(found, passed=True)
    assert TestClient(create_app(configured)).get("/observability/alerts").json()["alerts"] == []


def test_no_backfill_is_completed_and_no_dagster_is_not(configured: Settings):
    """Dagster without a backfill: completed. Dagster that cannot be asked: 503, never "completed"."""
    unknown = TestClient(create_app(configured)).get("/api/backfill-status")
    assert (unknown.status_code, unknown.json()["code"]) == (503, "orchestrator_unavailable")
    instance()
    body = TestClient(create_app(configured)).get("/api/backfill-status").json()
    assert (body["running"], body["progress"], body["completed"], body["backfills"]) == (False, 100.0, True, [])


def test_a_broken_status_store_is_503(configured: Settings, home: Path):
    """A run storage that is no database is a failure, not an answer."""
    instance()
    runs = home / "dagster" / "history" / "runs.db"
    runs.unlink()
    shutil.rmtree(runs, ignore_errors=True)
    runs.write_bytes(b"this is not a database, and says so in more than a hundred bytes" * 4)
    answer = TestClient(create_app(configured), raise_server_exceptions=False).get("/api/backfill-status")
    assert (answer.status_code, answer.json()["code"]) == (503, "orchestrator_unavailable")


def test_progress_counts_done_and_failed():
    """Half done and a tenth failed of 10 partitions is 60 percent; an unknown total is unknown."""
    at = clock.instant("2024-01-12")
    running = Backfill("b", "REQUESTED", (), partitions_total=10, done=5, failed=1, started_at=at)
    assert progress([running]) == 60.0
    assert progress([]) == 100.0
    assert progress([Backfill("b", "REQUESTED", (), None, None, None, at)]) is None


def test_metrics_are_prometheus_text(client: TestClient):
    """The text parses, counts requests by route template, and carries the stored rows."""
    client.get("/api/v1/historical/AAPL")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    routes = {sample.labels["route"] for sample in families["http_requests"].samples}
    assert "/api/v1/historical/{symbol}" in routes
    rows = {sample.labels["asset"]: sample.value for sample in families["table_rows"].samples}
    assert (rows["equities_scored_bars"], rows["equities_features"]) == (8.0, 0.0)


def test_freshness_counts_from_when_the_missing_session_was_due(client: TestClient):
    """AAPL lacks 2024-01-09, due at its close 21:00Z plus 120 minutes: 49 hours before 2024-01-12 00:00Z."""
    text = client.get("/metrics").text
    assert 'data_freshness_seconds{asset="equities_daily_bars",symbol="AAPL"} 176400.0' in text
    assert 'symbol="MSFT"' not in text  # nothing stored: left out, not zero


def test_metrics_json_has_the_same_counts(client: TestClient):
    """Counters, gauges and histograms; two paths, one shape."""
    for _ in range(3):
        client.get("/api/v1/symbols")
    body = client.get("/metrics/json").json()
    assert body["counters"]['http_requests_total{method="GET",route="/api/v1/symbols",status="200"}'] == 3.0
    histogram = body["histograms"]['http_request_duration_ms{route="/api/v1/symbols"}']
    assert set(histogram) == {"count", "min", "max", "mean", "p50", "p95", "p99"}
    assert histogram["count"] == 3
    assert set(client.get("/observability/metrics").json()) == set(body)


def test_performance_says_null_where_another_domain_measures(client: TestClient):
    """The z-score fields belong to a domain that is not there: null. The store's time is measured."""
    client.get("/api/v1/symbols")
    body = client.get("/api/health/performance").json()
    assert body["database"]["connected"] is True
    assert body["database"]["query_time_ms"] > 0
    assert set(body["zscore_calculation"].values()) == {None}
    assert body["performance_metrics"]["/api/v1/symbols"]["count"] == 1
    assert client.get("/performance/summary").json()["machine"]["process_rss_bytes"] > 0


def test_shutdown_is_gone(client: TestClient):
    """POST /api/shutdown answers 410 with a hint, and the app goes on."""
    answer = client.post("/api/shutdown")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    assert "supervisor" in answer.json()["detail"]
    assert client.get("/api/health").status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_api_path_is_json(client: TestClient, method: str):
    """Nothing under /api answers with a page."""
    answer = client.request(method, "/api/v2/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_source_state_is_shown_as_all_processes_see_it(configured: Settings, store: PartitionStore):
    """An open breaker and the calls behind it appear under the vendor's name; a vendor never called has no rate."""
    from resources.http.breaker import Breaker
    from resources.http.state import VendorState

    state = VendorState.of(configured.home)
    state.record_call("polygon", "ok", clock.now(), latency_ms=120.0)
    breaker = Breaker("polygon", state)
    for _ in range(5):
        breaker.failed(probe=False)
    body = report(configured)
    assert body["data_sources"]["polygon"] == {
        "state": "open",
        "total_calls": 1,
        "success_rate": 1.0,
        "latency_p95_ms": 120.0,
        "is_healthy": False,
        "budget_left": 5,
        "budget_left_ratio": 1.0,
    }
    assert body["data_sources"]["yahoo"]["success_rate"] is None
    assert body["components"]["sources"]["status"] == "degraded"


def test_health_is_json_without_nan(client: TestClient):
    """Every body parses by a parser that refuses NaN."""

    def refuse(value: str) -> None:
        raise AssertionError(f"{value} left the API")

    for path in ("/health", "/metrics/json", "/performance/summary", "/api/health/performance"):
        json.loads(client.get(path).text, parse_constant=refuse)


def test_the_report_of_the_command_line_is_plain_json(configured: Settings, store: PartitionStore):
    """`market-assets health` prints it as it is: no instants, no tuples."""
    found = report(configured)
    assert json.loads(json.dumps(found)) == found


def test_the_api_documents_itself_without_other_hosts(client: TestClient):
    """/docs lists every documented path and loads nothing from elsewhere."""
    page = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page
    assert "https://" not in page


def test_sqlite_is_only_read_for_sources(configured: Settings, store: PartitionStore):
    """Asking for sources on a home where no vendor was called creates no file."""
    report(configured)
    assert not (configured.home / "state" / "vendors.sqlite").exists()
    assert sqlite3.connect(configured.home / "state" / "api_keys.sqlite").execute("SELECT 1").fetchone() == (1,)
