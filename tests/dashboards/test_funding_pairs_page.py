"""The opportunities tab of the funding page: filters, costs, one pair in detail."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from . import funding_callbacks
from .callbacks import ask, cards
from .funding_callbacks import CONTROLS, LIGHT, PLOT, VERSION, WIDE, pair, pairs, tab

found, app = funding_callbacks.found, funding_callbacks.app


def test_controls_become_an_address(client: TestClient):
    """What the controls hold, and which pair is open."""
    values: dict[str, Any] = dict.fromkeys(CONTROLS) | {"assets": ["BTC"], "holding_days": 30, "slippage_pct": 0}
    inputs = [(f"pairs-{name}", "value", values[name]) for name in CONTROLS]
    shown = ask(client, [("funding-pairs-query", "data")], *inputs, ("funding-pair", "data", "BTC:dydx:bybit"))
    query = "?assets=BTC&holding_days=30&slippage_pct=0&pair=BTC:dydx:bybit"
    assert shown["funding-pairs-query"]["data"] == query
    opened = str(tab(client, "/funding/opportunities", query))
    assert all(part in opened for part in ("'value': ['BTC']", "'value': 30.0", "'value': 0.0"))


def test_opportunities_under_edited_costs(client: TestClient):
    """PEPE of the spec's golden, held 30 days without slippage; the chosen row stays chosen."""
    shown = pairs(client, "?assets=PEPE&holding_days=30&slippage_pct=0&pair=PEPE:binance_usdm:hyperliquid")
    (row,) = shown["funding-pairs"]["rowData"]
    assert row["gross_apr_pct"] == pytest.approx(32.85)
    assert row["net_apr_pct"] == pytest.approx(32.85 - 0.19 * 365 / 30)
    assert shown["funding-pairs"]["selectedRows"] == {"ids": [row["id"]]}
    assert "0 % slippage, held 30 days" in shown["funding-pairs-said"]["children"]
    assert len(pairs(client, "")["funding-pairs"]["rowData"]) == 5


def test_a_pair_in_detail(client: TestClient):
    """Legs, projections, breakeven; dydx says no time, so one interval after its last settlement at noon counts."""
    shown = pair(client, "?pair=BTC:dydx:bybit")
    assert shown["pair-title"]["children"] == "BTC: long dydx, short bybit"
    found = cards(shown["pair-cards"]["children"])
    assert found["Gross APR"][0] == "13.14 %"
    # 2 (5 + 5.5) bps and 0.04 %: 0.25 %; 0.25 / 100 / 1.5e-5 hours
    assert found["Round trip"][0] == "0.250 %"
    assert found["Breakeven"][0] == "6.94 d"
    assert shown["pair-countdown"]["data"]["seconds"] == [57 * 60, 3 * 3600 + 57 * 60]
    legs = str(shown["pair-legs"]["children"])
    assert all(part in legs for part in ("BTC-USD-PERP", "0:57:00", "3:57:00", "40 M USD", "5.5 bps"))
    assert "13.1400 %" in str(shown["pair-projections"]["children"])


def test_the_history_of_a_pair(client: TestClient):
    """24 hours of bybit minus binance_usdm at +10.95, with the band turned to 1 to 12."""
    inputs = [("funding-pairs-query", "data", "?pair=BTC:binance_usdm:bybit"), VERSION, LIGHT, WIDE]
    shown = ask(client, PLOT, *inputs)
    line = shown["pair-plot"]["figure"]["data"][0]
    assert (line["line"]["shape"], set(line["y"]), len(line["x"])) == ("hv", {10.95}, 25)
    assert "5th to 95th: 1.0 to 12.0 %" in str(shown["pair-plot"]["figure"]["layout"]["annotations"])
    other = ask(client, PLOT, ("funding-pairs-query", "data", "?pair=SOL:binance_usdm:dydx"), VERSION, LIGHT, WIDE)
    assert "no hour of the last 30 days was settled at both" in str(other["pair-plot-note"])


def test_a_pair_that_is_gone_says_so(client: TestClient):
    """A shared address outlives its pair; without one the panel is hidden."""
    assert "not among those of the newest round" in str(pair(client, "?pair=BTC:okx:bybit")["pair-cards"])
    assert pair(client, "")["pair-place"]["style"] == {"display": "none"}
