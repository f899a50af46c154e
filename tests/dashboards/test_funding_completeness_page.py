"""The completeness tab of the funding page: contract by day, what is gone, what is being fetched."""

import pytest
from starlette.testclient import TestClient

from dashboards.funding import heat
from dashboards.orchestrator import Backfill
from dashboards.pages import funding_completeness
from dashboards.services import Services

from . import funding_callbacks
from .callbacks import ask, cards
from .funding_callbacks import TICK, completeness
from .funding_home import HOUR, NOON

found, app = funding_callbacks.found, funding_callbacks.app
services = funding_callbacks.services


def test_completeness_by_contract_and_day(client: TestClient):
    """The least complete first; a cell per day of the window; what is gone is told apart."""
    shown = completeness(client)
    rows = shown["completeness-grid"]["rowData"]
    assert [(row["exchange"], row["symbol"]) for row in rows][:2] == [
        ("binance_usdm", "ETH-USDT-PERP"), ("okx", "BTC-USDT-PERP"),
    ]  # fmt: skip
    assert (rows[1]["missing"], rows[1]["n_unrecoverable"], rows[1]["history_floor"]) == (18, 4, "2026-09-22 00:00")
    found = cards(shown["completeness-cards"]["children"])
    assert found["Cannot be fetched again"][0] == "1"
    assert found["Below"] == ("3", "1 interval unknown, 2 partial high")
    trace = shown["completeness-map"]["figure"]["data"][0]
    assert (len(trace["x"]), len(trace["y"])) == (30, 11)
    # nothing of okx is stored: what lies before the 22nd cannot be fetched, the rest can
    okx = trace["z"][trace["y"].index("okx  BTC-USDT-PERP")]
    floor = trace["x"].index("2026-09-22")
    assert set(okx[:floor]) == {heat.GONE}
    assert set(okx[floor:]) == {heat.BAD}


def test_a_complete_day_is_complete(client: TestClient):
    """dydx settled from 13:00 on the 4th: 11 of 24; today all of 12, as that of noon is due only at 12:10."""
    trace = completeness(client, "dydx", "BTC")["completeness-map"]["figure"]["data"][0]
    assert trace["y"] == ["dydx  BTC-USD-PERP"]
    assert trace["customdata"][0][-2:] == ["11 of 24 settlements", "12 of 12 settlements"]
    assert trace["z"][0][-2:] == [heat.BAD, heat.GOOD]


def test_a_search_without_a_match_says_so(client: TestClient):
    """Nothing is drawn for nothing."""
    assert completeness(client, "dydx", "xyz")["completeness-said"]["children"] == "No listed contract matches."


def test_running_backfills_are_shown(services: Services, client: TestClient, monkeypatch: pytest.MonkeyPatch):
    """Those of this domain that run, with how far they are; without Dagster they are unknown, not none."""
    asked_for = [("completeness-backfills", "children")]
    assert "Backfills are unknown" in str(ask(client, asked_for, TICK))
    started = NOON - 2 * HOUR

    def backfill(name: str, status: str, asset: str) -> Backfill:
        return Backfill(name, status, (asset,), 400, 100, 3, started)

    running = [
        backfill("aaaaaaaa", "REQUESTED", "funding_rates"),
        backfill("bbbbbbbb", "REQUESTED", "btc_price"),
        backfill("cccccccc", "COMPLETED_SUCCESS", "funding_rates"),
    ]
    monkeypatch.setattr(services.orchestrator, "backfills", lambda: running)
    shown = str(ask(client, asked_for, TICK))
    assert all(part in shown for part in ("aaaaaaaa", "100 of 400", "2 h ago"))
    assert "bbbbbbbb" not in shown
    assert "cccccccc" not in shown
    monkeypatch.setattr(services.orchestrator, "backfills", list)
    assert funding_completeness.backfills(services) == []
