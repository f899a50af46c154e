"""Bars: every symbol live; series, signals, alphas, sources, the collector: tabs with an address of their own."""

from typing import Any

from dash import Dash, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.pages import (
    bars_alphas,
    bars_live,
    bars_pipeline,
    bars_series,
    bars_signals,
    bars_sources,
    tabs,
    wording,
)
from dashboards.pages.bars_shared import REFRESH_MS, TABLE_NAMES, TICK
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services

_PATH = "/bars"
#: last part of the path -> name and module of the tab
TABS: tabs.Tabs = {
    "": ("Live", bars_live),
    "series": ("Series", bars_series),
    "signals": ("Signals", bars_signals),
    "alphas": ("Alphas", bars_alphas),
    "sources": ("Sources", bars_sources),
    "pipeline": ("Pipeline", bars_pipeline),
}


def _layout() -> Component:
    return html.Div(
        [
            dcc.Interval(id="bars-tick", interval=REFRESH_MS),
            dcc.Store(id="bars-version"),
            html.Div([html.Nav(id="bars-tabs", className="tabs")], className="bars-head"),
            html.Div(id="bars-body"),
        ]
    )


def _register(app: Dash, services: Services) -> None:
    tabs.register(app, services, _PATH, TABS)

    @app.callback(Output("bars-version", "data"), TICK, State("bars-version", "data"))
    @in_thread
    def look_again(_tick: Any, shown: str | None) -> Any:
        version = services.data.version(TABLE_NAMES)
        return version if version != shown else no_update


PAGE = Page(_PATH, wording.DOMAINS["bars"], _layout, _register)
