"""The collector of bars by what it last wrote: health, metrics, the health page."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.health import report
from dashboards.streams import StreamFacts, stream
from market_assets.core import clock
from market_assets.settings import Settings
from market_assets.tables import contract
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint
from resources.source_calls import SourceCalls
from resources.stores import open_store
from tests.resources.stream.bars.redis_server import redis_server

from . import bars_collector, health_page, stored_home
from .bars_collector import SECOND, WAITS, counted, source, status, symbol
from .stored_home import NOW

SATURDAY = datetime(2026, 10, 3, 12, 0, tzinfo=UTC)
EURUSD_ONLY = {"BARS__SYMBOLS": '["EURUSD"]'}
#: labels of every metric that the specification names
SPECIFIED = {
    "stream_data_freshness_seconds": {"stream", "symbol"},
    "stream_effective_interval_seconds": {"stream", "symbol", "source"},
    "stream_collect_latency_ms_bucket": {"stream", "source", "le"},
    "stream_update_latency_ms_bucket": {"stream", "le"},
    "stream_cycle_latency_ms": {"stream", "quantile"},
    "stream_missed_seconds_total": {"stream"},
    "stream_flush_seconds": {"stream"},
    "stream_flushed_rows_total": {"stream"},
    "stream_unflushed_bars": {"stream"},
    "stream_late_bars_total": {"stream"},
    "stream_warm": {"stream", "symbol"},
    "source_calls_total": {"source", "outcome"},
    "source_state": {"source"},
    "budget_remaining": {"source", "window"},
    "hot_cache_hits_total": set(),
    "hot_cache_misses_total": set(),
    "data_freshness_seconds": {"asset", "symbol"},
}


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty home of two symbols, on a Monday."""
    return bars_collector.configure(monkeypatch)


def judged(found: Settings, **changed: Any) -> StreamFacts:
    """The collector that wrote this status."""
    bars_collector.write(found, status(**changed))
    return stream(found, "bars")


def stored_minutes(found: Settings, *last: tuple[str, datetime]) -> None:
    """Of each symbol the one minute that opened then."""
    plain = stored_home.StoredHome(lambda _: found, dict).row("bars_minute")
    rows = [{**plain, "symbol": name, "ts": ts, "source": "yahoo"} for name, ts in last]
    rows = [row | {"timeframe": "1m", "instrument_kind": "crypto"} for row in rows]
    stored_home.StoredHome(lambda _: found, dict).write(open_store(found), "bars_minute", rows)


def shown(found: Settings) -> str:
    """The health page."""
    return health_page.text(create_app(found))


def test_one_whose_markets_are_heard_is_running(found: Settings):
    """The quotes of both symbols came a second ago; ages are told by symbol."""
    one = judged(found)
    assert (one.state, one.detail, one.message_age_s, one.ages) == (
        *("running", None, 1.0),
        {"BTCUSD": 1.0, "EURUSD": 1.0},
    )


@pytest.mark.parametrize(
    ("changed", "state", "said"),
    [
        # one symbol that is still heard of: it runs
        ({"symbols": (symbol("BTCUSD", 61.0), symbol("EURUSD", 60.0))}, "running", None),
        (
            {"symbols": (symbol("BTCUSD", 61.0), symbol("EURUSD", 75.0))},
            "silent",
            f"it has heard nothing of any open market for 61 s (twelvedata: {WAITS})",
        ),
        ({"flush_error": "no space left"}, "silent", "it cannot store what it hears: no space left"),
        ({"at": NOW - 11 * SECOND}, "dead", "it has said nothing since 2026-10-05 12:02:49Z, so it has died; start it"),
        # one that is to say something every 20 s only
        ({"at": NOW - 11 * SECOND, "interval_s": 20.0}, "running", None),
        ({"running": False}, "ended", None),
        ({"running": False, "unflushed_bars": 3}, "ended", "3 bars were not stored before it ended"),
    ],
)
def test_states(found: Settings, changed: dict, state: str, said: str | None):
    """Silent beyond the error limit of every open market, or while nothing can be stored; dead after 10 s."""
    one = judged(found, **changed)
    assert one.state == state
    assert str(one.detail).startswith(said) if said else one.detail is None


def test_with_all_markets_closed_it_is_running(home: object, monkeypatch: pytest.MonkeyPatch):
    """On a Saturday: running, healthy, and market_open is false; nothing has an age."""
    found = bars_collector.configure(monkeypatch, SATURDAY, **EURUSD_ONLY)
    closed = status(SATURDAY, symbols=(symbol("EURUSD", None, at=SATURDAY - timedelta(hours=15)),))
    bars_collector.write(found, closed)
    body = report(found)["components"]
    assert (body["stream"]["status"], body["stream"]["streams"]["bars"]["state"]) == ("healthy", "running")
    pipeline = body["data_pipeline"]
    assert (pipeline["status"], pipeline["market_open"], pipeline["detail"]) == ("healthy", False, None)
    assert (pipeline["data_freshness_seconds"], pipeline["active_symbols"]) == (None, 1)


@pytest.mark.parametrize(
    ("age_s", "status_of_pipeline", "status_of_stream"),
    [(10.0, "healthy", "healthy"), (11.0, "degraded", "healthy"), (61.0, "degraded", "degraded")],
)
def test_the_pipeline_is_degraded_above_10_s_and_the_stream_above_60(
    found: Settings, age_s: float, status_of_pipeline: str, status_of_stream: str
):
    """Of symbols whose quotes come every second; the late ones are named, and nothing is unhealthy."""
    bars_collector.write(found, status(symbols=(symbol("BTCUSD", age_s), symbol("EURUSD", age_s))))
    body = report(found)["components"]
    pipeline = body["data_pipeline"]
    assert (pipeline["status"], body["stream"]["status"]) == (status_of_pipeline, status_of_stream)
    assert (pipeline["market_open"], pipeline["data_freshness_seconds"]) == (True, age_s)
    late = f"BTCUSD's last quote is {age_s:.0f} s old, EURUSD's last quote is {age_s:.0f} s old"
    assert (pipeline["detail"], pipeline["stale_symbols"]) == ((late, 2) if age_s > 10 else (None, 0))


def test_without_a_collector_stored_minutes_are_judged(home: object, monkeypatch: pytest.MonkeyPatch):
    """More than 15 minutes of its market beyond the cadence of the runs is late.

    Gold has no source without a key, so its lack says nothing; the pound has one.
    """
    found = bars_collector.configure(monkeypatch, BARS__SYMBOLS='["BTCUSD", "EURUSD", "GBPUSD", "XAUUSD"]')
    grace = timedelta(minutes=5, seconds=60 + 130)
    newest = NOW - timedelta(minutes=16) - grace
    stored_minutes(found, ("BTCUSD", newest), ("EURUSD", newest - timedelta(minutes=1)))
    pipeline = report(found)["components"]["data_pipeline"]
    assert (pipeline["status"], pipeline["stale_symbols"], pipeline["market_open"]) == ("degraded", 2, True)
    assert pipeline["detail"] == "EURUSD's last minute closed 24 min of its market ago, GBPUSD has no minute bar"
    assert pipeline["data_freshness_seconds"] == (NOW - newest).total_seconds()


def test_without_bars_nothing_is_said_of_their_markets(found: Settings):
    """Neither stored nor collected: not configured, market_open null, and the page names the command."""
    body = report(found)["components"]
    assert body["stream"]["streams"]["bars"]["state"] == "never"
    assert body["data_pipeline"]["market_open"] is None
    assert (body["redis"]["status"], body["redis"]["detail"]) == ("not_configured", None)
    assert "market-assets stream --domain bars" in shown(found)


def test_redis_that_does_not_answer_is_an_error(found: Settings, home: Path, monkeypatch: pytest.MonkeyPatch):
    """By the collector's word, or by our own question; the password in the address is not shown. Health is degraded."""
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@127.0.0.1:9/0")
    at_redis = bars_collector.configure(monkeypatch)
    bars_collector.write(at_redis, status(redis="error", redis_error="Connection refused"))
    body = report(at_redis)
    told = body["components"]["redis"]
    assert (told["status"], told["detail"]) == ("error", "Connection refused")
    assert body["status"] == "degraded"
    # what it said before it was stopped is not what holds now
    bars_collector.write(at_redis, status(running=False, redis="error", redis_error="old"))
    ours = report(at_redis)["components"]["redis"]
    assert ours["status"] == "error"
    assert "old" not in ours["detail"]
    assert "hunter2" not in str(report(at_redis))


def test_redis_that_answers_is_healthy(home: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A real one, which has nothing yet."""
    with redis_server(tmp_path) as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        found = bars_collector.configure(monkeypatch)
        told = report(found)["components"]["redis"]
        assert (told["status"], told["detail"]) == ("healthy", None)


def test_a_source_that_did_badly_today_is_not_healthy(found: Settings):
    """By the rules of bars_source_health: 80 % answered is too few, 5 s too slow; one not asked is not judged."""
    state, calls = VendorState.of(found.home), SourceCalls(found.home)
    state.record_call("yahoo", "ok", NOW, 120.0)
    calls.note("yahoo", "ok", NOW, n=8, latency_ms=100.0)
    calls.note("yahoo", "error", NOW, n=2)
    calls.note("polygon", "ok", NOW, n=9, latency_ms=6_000.0)
    calls.note("alphavantage", "not_entitled", NOW)
    known = report(found)["data_sources"]
    healthy = {name: known[name]["is_healthy"] for name in (*found.bars.sources, "fred")}
    assert healthy == {"yahoo": False, "alphavantage": True, "twelvedata": True, "polygon": False, "fred": True}
    assert known["twelvedata"] == {
        **{"state": "closed", "total_calls": 0, "success_rate": None, "latency_p95_ms": None},
        **{"is_healthy": True, "budget_left": 800, "budget_left_ratio": 1.0},
    }


def test_every_metric_of_the_specification_is_there(found: Settings):
    """With its labels, in the text and in JSON, and no family is declared twice."""
    measured = {"flush_s": 0.0125, "cycle_p50_ms": 4.0, "cycle_p95_ms": 8.0, "cycle_p99_ms": 12.0}
    bars_collector.write(found, status(**measured, missed_seconds=2, late_bars=5, unflushed_bars=4, flushed_rows=7))
    stored_minutes(found, ("BTCUSD", NOW - timedelta(minutes=3)))
    vendors = VendorState.of(found.home)
    vendors.record_call("yahoo", "ok", NOW, 120.0)
    vendors.record_call("yahoo", "budget", NOW)
    rates, key = found.vendor("yahoo").budget, fingerprint("yahoo", None)
    Budget.of("yahoo", key, rates, vendors, wait_s=0, now=clock.wall).reserve(lambda _: None)
    client = TestClient(create_app(found))
    client.app.state.services.bars_hot.latest("BTCUSD")
    text = client.get("/metrics").text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(set(names)) == len(names)
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    labels = {one.name: set(one.labels) for one in samples if one.labels.get("stream", "bars") == "bars"}
    assert {name: labels.get(name) for name in SPECIFIED} == SPECIFIED
    for line in (
        'stream_effective_interval_seconds{source="twelvedata",stream="bars",symbol="EURUSD"} 324.0',
        'stream_missed_seconds_total{stream="bars"} 2.0',
        'stream_cycle_latency_ms{quantile="0.99",stream="bars"} 12.0',
        'data_freshness_seconds{asset="bars_minute",symbol="BTCUSD"} 120.0',
        'source_calls_total{outcome="budget",source="yahoo"} 1.0',
        'source_calls_total{outcome="ok",source="yahoo"} 1.0',
        'source_state{source="twelvedata"} 0.0',
        f'budget_remaining{{source="yahoo",window="day"}} {rates.per_day - 1:.1f}',
        "hot_cache_hits_total 0.0",
        "hot_cache_misses_total 1.0",
    ):
        assert line in text.splitlines(), line
    told = client.get("/metrics/json").json()
    flat = {name.partition("{")[0] for part in told.values() for name in part}
    assert {name.removesuffix("_bucket") for name in SPECIFIED} <= flat


def test_histograms_are_those_of_the_collector(found: Settings):
    """Buckets add up in the text; JSON tells percentiles by their upper ends, and no extreme that nobody measured."""
    slow = source("polygon", collect_ms=counted((5.0, 98), (200.0, 1), total=700.0))
    # one answer took longer than every bound
    above = dataclasses.replace(slow.collect_ms, counts=(*slow.collect_ms.counts[:-1], 1), total=5_000_700.0)
    bars_collector.write(
        found, status(sources=(source("polygon", collect_ms=above), source("yahoo", collect_ms=counted())))
    )
    client = TestClient(create_app(found))
    text = client.get("/metrics").text
    assert 'stream_collect_latency_ms_bucket{le="5",source="polygon",stream="bars"} 98.0' in text
    assert 'stream_collect_latency_ms_bucket{le="200",source="polygon",stream="bars"} 99.0' in text
    assert 'stream_collect_latency_ms_bucket{le="+Inf",source="polygon",stream="bars"} 100.0' in text
    told = client.get("/metrics/json").json()["histograms"]
    nothing = dict.fromkeys(("min", "max", "mean", "p50", "p95", "p99"))
    polygon = {**nothing, "count": 100, "mean": 50_007.0, "p50": 5.0, "p95": 5.0, "p99": 200.0}
    assert told['stream_collect_latency_ms{source="polygon",stream="bars"}'] == polygon
    assert told['stream_collect_latency_ms{source="yahoo",stream="bars"}'] == {**nothing, "count": 0}
    # 3 of 4 within 1 ms, the fourth within 2
    values = {**nothing, "count": 4, "mean": 1.0, "p50": 1.0, "p95": 2.0, "p99": 2.0}
    assert told['stream_update_latency_ms{stream="bars"}'] == values


def test_one_that_was_stopped_has_no_ages(found: Settings):
    """What it counted stays; how it stands does not."""
    bars_collector.write(found, status(running=False, flushed_rows=7))
    text = TestClient(create_app(found)).get("/metrics").text
    assert 'stream_flushed_rows_total{stream="bars"} 7.0' in text
    for name in ("stream_up", "stream_warm", "stream_effective_interval_seconds", "stream_data_freshness_seconds"):
        assert f"{name}{{" not in text, name


def test_the_page_shows_the_collector_and_the_trust_in_sources(found: Settings):
    """Markets, warm values, cycles, each source with why it is slower; the newest day's trust beside the breaker."""
    VendorState.of(found.home).record_call("yahoo", "ok", NOW, 120.0)
    plain = dict.fromkeys(contract("bars_source_health").columns)
    counts = ("total_calls", "ok", "partial", "empty", "invalid", "quota", "error", "skipped", "credits_used", "opens")
    plain |= dict.fromkeys((*counts, "rows_served", "n_compared"), 0)
    days = ((NOW.date() - timedelta(days=1), 0.11), (NOW.date(), 0.43))
    rows = [{**plain, "day": day, "source": "yahoo", "trust_score": trust} for day, trust in days]
    stored_home.StoredHome(lambda _: found, dict).write(open_store(found), "bars_source_health", rows)
    changed = {"cycle_p50_ms": 4.0, "cycle_p95_ms": 8.0, "cycle_p99_ms": 12.0, "missed_seconds": 3, "redis": "ok"}
    stale = symbol("EURUSD", 11.0, is_stale=True, is_warm=False)
    bars_collector.write(found, status(**changed, warming=True, symbols=(symbol("BTCUSD"), stale)))
    text = shown(found)
    for said in (
        *("2 of 2, 1 of them stale", "1 of 2 symbols, warming", "p50 4.00 ms, p95 8.00 ms, p99 12 ms, 3 s missed"),
        *("polling, 2 symbols every 1 s", f"slower, 2 symbols every 324 s ({WAITS})", "'0.43'", "cycles every 1 s"),
    ):
        assert said in text, said
    assert "0.11" not in text
