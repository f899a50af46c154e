"""What tests of the funding page share: the app over the home written by hand, and its callbacks by name."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.pages.funding import TABS
from dashboards.services import Services
from market_assets.settings import Settings

from . import funding_home
from .callbacks import ask

PATHS = ["/funding", *(f"/funding/{name}" for name in TABS if name)]
TICK, VERSION = ("funding-tick", "n_intervals", 0), ("funding-version", "data", "v")
LIGHT, WIDE = ("theme", "data", "light"), ("viewport", "data", 1280)
GRID = [
    ("funding-grid-note", "children"), ("funding-grid-place", "style"), ("funding-grid", "columnDefs"),
    ("funding-grid", "rowData"), ("funding-scale", "children"),
]  # fmt: skip
HISTORY = [
    ("funding-history-note", "children"), ("funding-history-place", "style"), ("funding-history-plot", "figure"),
    ("funding-history-said", "children"),
]  # fmt: skip
PAIRS = [
    ("funding-pairs-note", "children"), ("funding-pairs-place", "style"), ("funding-pairs", "rowData"),
    ("funding-pairs-said", "children"), ("funding-pairs", "selectedRows"),
]  # fmt: skip
PAIR = [
    ("pair-place", "style"), ("pair-title", "children"), ("pair-cards", "children"), ("pair-legs", "children"),
    ("pair-projections", "children"), ("pair-countdown", "data"),
]  # fmt: skip
PLOT = [("pair-plot", "figure"), ("pair-plot", "style"), ("pair-plot-note", "children")]
COMPLETENESS = [
    ("completeness-note", "children"), ("completeness-place", "style"), ("completeness-cards", "children"),
    ("completeness-grid", "rowData"), ("completeness-map", "figure"), ("completeness-map", "style"),
    ("completeness-said", "children"),
]  # fmt: skip
CONTROLS = (*("assets", "exchanges", "intervals", "min_net_apr", "min_apr", "min_oi", "holding_days", "slippage_pct"),)


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home written by hand."""
    return funding_home.filled(monkeypatch)


@pytest.fixture
def app(found: Settings) -> FastAPI:
    """The app over it."""
    return create_app(found)


@pytest.fixture
def services(app: FastAPI) -> Services:
    """What its pages share."""
    shared: Services = app.state.services
    return shared


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return funding_home.empty(monkeypatch)


def tab(client: TestClient, path: str, search: str = "") -> dict[str, dict[str, Any]]:
    outputs = [("funding-body", "children"), ("funding-tabs", "children")]
    return ask(client, outputs, ("url", "pathname", path), state=(("url", "search", search),))


def grid(client: TestClient, *, measure: str = "apr", search: str = "", least_z: str = "0", known: Any = None) -> dict:
    inputs = [
        VERSION, ("funding-measure", "value", measure), ("funding-search", "value", search),
        ("funding-least-z", "value", least_z),
    ]  # fmt: skip
    return ask(client, GRID, *inputs, state=(("funding-grid", "columnDefs", known or []),))


def history(client: TestClient, query: str, window: Any = None) -> dict:
    return ask(
        client,
        HISTORY,
        ("funding-history-query", "data", query),
        ("funding-zoom", "data", window),
        VERSION,
        LIGHT,
        WIDE,
    )


def pairs(client: TestClient, query: str) -> dict:
    asked_for = [("funding-pairs-query", "data", query), VERSION]
    return ask(client, PAIRS, *asked_for, state=(("funding-pairs", "rowData", []),))


def pair(client: TestClient, query: str) -> dict:
    return ask(client, PAIR, ("funding-pairs-query", "data", query), TICK, VERSION)


def completeness(client: TestClient, exchange: str = "all", search: str = "") -> dict:
    asked_for = [("completeness-exchange", "value", exchange), ("completeness-search", "value", search)]
    return ask(client, COMPLETENESS, *asked_for, VERSION, LIGHT)
