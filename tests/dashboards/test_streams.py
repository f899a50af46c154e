"""How collectors are judged by what they last wrote, and where that shows: health, metrics, the health page."""

import re
import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.health import report
from dashboards.streams import StreamFacts, stream
from market_assets.settings import Settings
from resources.stream.hot import hot_path

from . import crypto_home, health_page
from .crypto_home import NOW

SECOND = timedelta(seconds=1)


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty home of two symbols, at 2026-10-05 12:03."""
    return crypto_home.configure(monkeypatch)


def judged(found: Settings, **values: Any) -> StreamFacts:
    """The collector that wrote this status."""
    crypto_home.stream(found, **values).close()
    return stream(found, "crypto")


def shown(found: Settings) -> str:
    """The text of the health page, and what stands in its properties."""
    return health_page.text(create_app(found))


def samples(found: Settings) -> dict[tuple[str, ...], float]:
    """(name, label values) -> value of everything in /metrics."""
    text = TestClient(create_app(found)).get("/metrics").text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_without_a_collector_nothing_is_known(found: Settings):
    """None was ever started: not configured, no metric, no file made by asking, and the page names the command."""
    stream = report(found)["components"]["stream"]
    assert (stream["status"], stream["streams"]["crypto"]["state"]) == ("not_configured", "never")
    assert not [name for name, *_ in samples(found) if name.startswith("stream_")]
    assert not hot_path(found, "crypto").exists()
    assert "market-assets stream --domain crypto" in shown(found)


def test_one_that_hears_its_venue_is_healthy(found: Settings):
    """The last message came 89 s ago, within the 90 s after which a venue is silent."""
    one = judged(found, last_message_at=NOW - 89 * SECOND)
    assert (one.state, one.detail, one.message_age_s) == ("running", None, 89.0)
    assert report(found)["components"]["stream"]["status"] == "healthy"


@pytest.mark.parametrize(
    ("values", "state", "said"),
    [
        ({"last_message_at": NOW - 90 * SECOND}, "silent", "heard nothing for 90 s (it is connected)"),
        (
            {"last_message_at": NOW - 200 * SECOND, "last_error": "timed out"},
            "silent",
            "heard nothing for 200 s (timed out)",
        ),
        ({"connected_since": None}, "silent", "heard nothing since its start (it is connecting)"),
        ({"last_message_at": NOW, "flush_error": "no space left"}, "silent", "cannot store what it hears: no space"),
        ({"at": NOW - 11 * SECOND}, "dead", "said nothing since 2026-10-05 12:02:49Z, so it has died; start it: "),
    ],
)
def test_one_that_does_not_do_its_work_degrades_health(found: Settings, values: dict, state: str, said: str):
    """A venue that is silent, a disk that is full, a process that was killed: each is told, with what to do."""
    one = judged(found, **values)
    assert (one.state, said in str(one.detail)) == (state, True)
    body = report(found)
    assert (body["components"]["stream"]["status"], body["status"]) == ("degraded", "degraded")
    assert said in body["components"]["stream"]["detail"]
    assert said in shown(found)


def test_one_that_was_stopped_in_order_is_idle(found: Settings):
    """However long ago that was; what it left unstored is told."""
    one = judged(found, running=False, at=NOW - timedelta(days=2), unflushed_bars=3)
    assert (one.state, one.detail) == ("ended", "3 candles were not stored before it ended")
    assert report(found)["components"]["stream"]["status"] == "idle"
    assert ("stream_up", "crypto") not in samples(found)


def test_a_cache_that_is_broken_is_told(found: Settings):
    """A status that was cut short: degraded, not an error of the app."""
    crypto_home.stream(found).close()
    with sqlite3.connect(hot_path(found, "crypto")) as db:
        db.execute("UPDATE status SET body = '{'")
    db.close()
    one = stream(found, "crypto")
    assert (one.state, "not readable" in str(one.detail)) == ("dead", True)
    assert report(found)["components"]["stream"]["status"] == "degraded"
    assert "not readable" in shown(found)


def test_the_page_shows_what_it_says_of_itself(found: Settings):
    """Process, connection, last message, reconnects, unflushed, late, filled, given up, time to store."""
    crypto_home.stream(
        found,
        **{"pid": 4711, "last_message_at": NOW - 2 * SECOND, "reconnects": 3, "refusals": 1, "unflushed_bars": 4},
        **{"late_bars": 5, "filled_bars": 1_234, "given_up_bars": 6, "flushed_rows": 7_890, "flush_s": 0.0125},
        **{"last_flush_at": NOW - 7 * SECOND, "collect_p50_ms": 81.0, "collect_p95_ms": 240.0},
    ).close()
    text = shown(found)
    for said in (
        *("4711, since 2026-10-05 11:03:00Z, live", "2 s ago", "3 anew, 1 refused", "1,234, 6 given up"),
        *("7,890, 4 waiting", "2026-10-05 12:02:53Z, took 12 ms", "p50 81 ms, p95 240 ms"),
    ):
        assert said in text, said
    assert re.search(r"late candles.*?'children': '5'", text)


def test_metrics_are_those_of_the_collector(found: Settings):
    """Counts since its start are counters; what it has not measured is left out; the venue last spoke a second ago."""
    crypto_home.stream(
        found,
        **{"last_message_at": NOW - SECOND, "reconnects": 3, "late_bars": 5, "flushed_rows": 7_890},
        **{"unflushed_bars": 4, "flush_s": 0.0125, "collect_p50_ms": 81.0, "collect_p95_ms": 240.0},
    ).close()
    known = {key: value for key, value in samples(found).items() if key[0].startswith("stream_")}
    assert known == {
        ("stream_up", "crypto"): 1.0,
        ("stream_data_freshness_seconds", "crypto", "BTCUSDT"): 1.0,
        ("stream_data_freshness_seconds", "crypto", "ETHUSDT"): 1.0,
        ("stream_reconnects_total", "crypto"): 3.0,
        ("stream_late_bars_total", "crypto"): 5.0,
        ("stream_filled_bars_total", "crypto"): 0.0,
        ("stream_given_up_bars_total", "crypto"): 0.0,
        ("stream_dropped_bars_total", "crypto"): 0.0,
        ("stream_flushed_rows_total", "crypto"): 7_890.0,
        ("stream_unflushed_bars", "crypto"): 4.0,
        ("stream_flush_seconds", "crypto"): 0.0125,
        ("stream_message_delay_ms", "0.5", "crypto"): 81.0,
        ("stream_message_delay_ms", "0.95", "crypto"): 240.0,
    }
    body = TestClient(create_app(found)).get("/metrics/json").json()
    assert body["counters"]['stream_reconnects_total{stream="crypto"}'] == 3.0
    assert body["gauges"]['stream_unflushed_bars{stream="crypto"}'] == 4.0


def test_a_killed_one_grows_stale(found: Settings):
    """Its last message is all there is: down, and as old as it is."""
    crypto_home.stream(found, at=NOW - 30 * SECOND, last_message_at=NOW - 30 * SECOND).close()
    known = samples(found)
    assert known["stream_up", "crypto"] == 0.0
    assert known["stream_data_freshness_seconds", "crypto", "BTCUSDT"] == 1.0
    assert ("stream_flush_seconds", "crypto") not in known
