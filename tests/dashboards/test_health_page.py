"""What the health page and the gauges say of operations."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.core import clock
from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.book import IncidentBook
from resources.alerting.round import AlertRound, Collected

from . import dagster_home, health_page, ops_home
from .callbacks import cards


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """An app over two backups, a drill that failed, and conditions of two days."""
    return TestClient(create_app(ops_home.HOME.filled(monkeypatch)))


def test_the_page_tells_components_backups_and_incidents(client: TestClient):
    """What is wrong stands in words: the drill, the incident, and that no round has told what ticks."""
    dagster_home.instance()
    since = clock.wall() - timedelta(hours=3)
    wrong = Finding("btc_price", "freshness", "", "ERROR", "The newest hour is old.", since)
    book = IncidentBook(client.app.state.services.settings.home)
    AlertRound(AlertSettings(settle_s=0), book, lambda now: Collected((wrong,))).run(clock.wall())
    filled = health_page.filled(client.app)
    page = {name: str(part) for name, part in filled.items()}
    assert "Backup 20261005T030000Z could not be restored as it was: bars_signals: 2 rows differ" in page["components"]
    assert "btc_price freshness: The newest hour is old" in page["components"]
    assert "NOT as it was, 2026-10-05 12:03:00Z" in page["right"]
    assert "no round of alerts has told yet what ticks" in page["right"]
    assert all(said in page["left"] for said in ("'/alerts/1'", "The newest hour is old.", "3 h ago", "'missing'"))
    told = cards(filled["cards"])
    assert told["Last backup"] == ("9 h ago", "taken 9 h ago, its last restore differed")
    assert (told["Open errors"][0], told["Tables late"][0]) == ("1", "0")


def test_gauges_tell_ages_and_conditions(client: TestClient):
    """Seconds since 03:00; days by table and condition. A restore that differed is not verified: left out."""
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    assert [sample.value for sample in families["backup_age_seconds"].samples] == [(9 * 60 + 3) * 60]
    assert families.get("restore_verified_age_seconds") is None or not families["restore_verified_age_seconds"].samples
    counts = {
        (sample.labels["dataset"], sample.labels["condition"]): sample.value for sample in families["condition"].samples
    }
    assert counts == {
        ("bars_signals", "degraded"): 2,
        ("crypto_klines", "missing"): 1,
        ("crypto_klines", "ok"): 1,
        ("funding_snapshot", "late"): 1,
        ("funding_snapshot", "ok"): 1,
    }
    assert 0 < families["disk_used_ratio"].samples[0].value < 1
