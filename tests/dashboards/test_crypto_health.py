"""The crypto domain in the faces that judge all domains, and a home that was stopped."""

from datetime import date, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.crypto.health import behind
from dashboards.freshness import newest_close
from dashboards.health import report
from dashboards.sources import Sources
from market_assets.core import clock
from market_assets.settings import Settings, load, settings
from resources import stop_marker as marker
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint
from resources.stores import open_store

from . import crypto_home
from .callbacks import ask
from .crypto_home import NOW, SYMBOLS
from .test_streams import shown

MINUTE = timedelta(minutes=1)


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two symbols, whose newest 5m candle closed at 12:00, three minutes ago."""
    return crypto_home.filled(monkeypatch)


def pipeline() -> dict:
    """What health says of the data."""
    return report(settings())["components"]["data_pipeline"]


def test_fresh_symbols_are_healthy_and_late_ones_named(found: Settings, monkeypatch: pytest.MonkeyPatch):
    """7.5 minutes after its close a 5m candle is still fresh, a second later it is not."""
    assert (pipeline()["status"], pipeline()["detail"]) == ("healthy", None)
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2026-10-05T12:07:30Z")
    assert pipeline()["status"] == "healthy"
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2026-10-05T12:07:31Z")
    assert pipeline()["status"] == "degraded"
    assert pipeline()["detail"] == ", ".join(f"{name}'s last 5m candle closed 8 min ago" for name in SYMBOLS)


def test_a_listed_symbol_without_candles_is_named_and_one_that_ended_is_not(
    found: Settings, monkeypatch: pytest.MonkeyPatch
):
    """MATICUSDT ended in September 2024: nobody waits for it. Of many that are late five are named."""
    more = ("SOLUSDT", "ADAUSDT", "DOTUSDT", "LINKUSDT", "LTCUSDT", "BCHUSDT")
    names = ", ".join(f'"{name}"' for name in (*SYMBOLS, "MATICUSDT", *more))
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__SYMBOLS", f"[{names}]")
    settings.cache_clear()
    detail = pipeline()["detail"]
    assert detail == ", ".join([*(f"{name} has no 5m candle" for name in more[:5]), "1 more symbols are late"])


def test_without_candles_the_domain_does_not_count(home: object, monkeypatch: pytest.MonkeyPatch):
    """Nothing of any domain is stored: that is said, and no symbol is named."""
    crypto_home.configure(monkeypatch)
    assert "nothing is stored yet" in pipeline()["detail"]


def test_the_newest_close_is_that_of_the_newest_partition_with_rows(found: Settings):
    """By hand: BTC's last 5m candle opens at 11:55; a later partition without rows says nothing."""
    store = open_store(found)
    contract = crypto_home.contract("crypto_timeframes")
    store.write(contract, "2026-10-06|BTCUSDT", contract.empty())
    closed = newest_close(store.manifests(contract), 5 * MINUTE)
    assert closed == dict.fromkeys(SYMBOLS, datetime(2026, 10, 5, 12, tzinfo=NOW.tzinfo))
    assert behind(closed, SYMBOLS, NOW + timedelta(minutes=4.5)) == []


def metrics(found: Settings) -> dict[tuple[str, ...], float]:
    """(name, label values) -> value of everything in /metrics."""
    text = TestClient(create_app(found)).get("/metrics").text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_ages_of_candles(found: Settings):
    """Seconds since the close: minutes 12:02, 5m candles and overlays 12:00, decisions of the hour 12:00."""
    known = metrics(found)
    ages = {key[1:]: value for key, value in known.items() if key[0] == "data_freshness_seconds"}
    tables = {"crypto_klines": 60.0, "crypto_timeframes": 180.0, "crypto_overlays": 180.0, "crypto_signals": 180.0}
    assert ages == {(table, symbol): age for table, age in tables.items() for symbol in SYMBOLS}


def test_metrics_tell_what_overlays_cost(home: object, monkeypatch: pytest.MonkeyPatch):
    """Of the newest partitions alone: two symbols, 10 and 90 ms; the 300 of the day before do not count."""
    found, newest = crypto_home.configure(monkeypatch), date(2026, 10, 5)
    rows = [
        {**row, "latency_ms": 300.0 if row["day"] < newest else 90.0 if row["symbol"] == "ETHUSDT" else 10.0}
        for row in crypto_home.telemetry()
    ]
    crypto_home.write(open_store(found), "crypto_feature_telemetry", rows)
    known = {key[1:]: value for key, value in metrics(found).items() if key[0] == "overlay_latency_ms"}
    # labels by name: overlay, quantile, timeframe
    of_one = {key[1]: value for key, value in known.items() if (key[0], key[2]) == ("liquidity", "1h")}
    assert of_one == {"0.5": 10.0, "0.95": 90.0, "1": 90.0}
    assert len(known) == 3 * 5 * 7


def test_sources_of_candles_are_those_in_use(home: object, monkeypatch: pytest.MonkeyPatch):
    """One exchange, three budgets: what candles took is missing there alone. The archive and the index are named."""
    configured, at = crypto_home.configure(monkeypatch), clock.instant("2026-10-05T12:00:10Z")
    state = VendorState.of(configured.home)
    key = fingerprint("binance_usdm", None, "klines")
    rates = configured.crypto.request_budget
    Budget.of("binance_usdm", key, rates, state, wait_s=0, now=lambda: at).reserve(lambda _: None, 10)

    def facts(now: Settings) -> dict:
        return {one.name: one for one in Sources(now, now=lambda: at).facts()}

    usdm = facts(configured)["binance_usdm"]
    assert [window.lane for window in usdm.budget] == ["history", "market", "klines"]
    (candles,) = usdm.lane("klines")
    # 60 % of 2,400 a minute
    assert (candles.left, candles.limit, candles.window) == (1430, 1440, "minute (klines)")
    assert {"alternative_me", "binance_archive"} <= facts(configured).keys()
    assert not {"advisor", "binance_spot"} & facts(configured).keys()
    assert [window.window for window in facts(configured)["binance_archive"].budget] == ["second"]
    assert facts(load(vendors="sandbox"))["binance_usdm"].budget == ()


def test_sources_follow_the_market(home: object, monkeypatch: pytest.MonkeyPatch):
    """Spot has a vendor and a budget of its own; without live requests it is not asked; the model is, once it is on."""
    on = {"CRYPTO__MARKET": "spot", "CRYPTO__ADVICE__ENABLED": "true", "CRYPTO__SENTIMENT__ENABLED": "false"}
    spot = crypto_home.configure(monkeypatch, **on)
    assert not VendorState.of(spot.home).rows("SELECT 1 FROM call_totals")  # makes the file
    facts = {one.name: one for one in Sources(spot).facts()}
    # 60 % of 6,000 a minute
    assert [(window.window, window.limit) for window in facts["binance_spot"].budget] == [("minute (klines)", 3600)]
    assert facts["advisor"].budget_left == spot.crypto.advice.max_calls_per_day
    assert "alternative_me" not in facts
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__LIVE", "false")
    assert "binance_spot" not in {one.name for one in Sources(load()).facts()}
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__ARCHIVE", "false")
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__ARCHIVE", "false")
    assert "binance_archive" not in {one.name for one in Sources(load()).facts()}


def test_a_stopped_home_says_why_and_what_to_do(found: Settings):
    """Health is degraded, and its page says it first; started again it says nothing."""
    assert "This home is stopped" not in shown(found)
    with clock.frozen(NOW):
        marker.write(found, "bad prices", "ops@desk", [])
    body = report(found)
    told = body["components"]["standstill"]
    assert (body["status"], told["status"], told["reason"]) == ("degraded", "degraded", "bad prices")
    assert "by ops@desk, because: bad prices. Nothing is scheduled" in told["detail"]
    page = shown(found)
    assert "This home is stopped" in page
    assert "'children': 'market-assets start'" in page
    marker.remove(found)
    assert report(found)["components"]["standstill"]["status"] == "healthy"


def test_a_marker_that_nobody_can_read_is_told(found: Settings):
    """Neither health nor its page fails over it."""
    marker.path(found).write_text("{")
    told = report(found)["components"]["standstill"]
    assert (told["status"], told["reason"]) == ("degraded", None)
    assert "must be what `market-assets stop` writes" in told["detail"]
    assert "This home is stopped" in shown(found)


def test_the_overview_lists_the_domain(found: Settings):
    """Its card leads to its page: nine tables, all stored."""
    outputs = [("overview-domains", "children"), ("overview-tables", "children")]
    answer = ask(TestClient(create_app(found)), outputs, ("refresh", "data", {"tick": 0}))
    (card,) = [str(one) for one in answer["overview-domains"]["children"] if "'/crypto'" in str(one)]
    assert "'children': 'Crypto'" in card
    assert "9 of 9" in card
    assert "crypto_paper_trades" in str(answer["overview-tables"])
