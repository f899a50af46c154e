"""Crypto: the market, live; the paper account, the backtest lab, the advisor: tabs with an address of their own."""

from typing import Any

from dash import Dash, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.pages import crypto_account, crypto_advisor, crypto_backtest, crypto_market, tabs, wording
from dashboards.pages.crypto_shared import REFRESH_MS, TABLE_NAMES, TICK
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services

_PATH = "/crypto"
#: last part of the path -> name and module of the tab
TABS: tabs.Tabs = {
    "": ("Market", crypto_market),
    "account": ("Account", crypto_account),
    "backtest": ("Backtest lab", crypto_backtest),
    "advisor": ("Advisor", crypto_advisor),
}


def _layout() -> Component:
    return html.Div(
        [
            dcc.Interval(id="crypto-tick", interval=REFRESH_MS),
            dcc.Store(id="crypto-version"),
            html.Div([html.Nav(id="crypto-tabs", className="tabs")], className="crypto-head"),
            html.Div(id="crypto-body"),
        ]
    )


def _register(app: Dash, services: Services) -> None:
    tabs.register(app, services, _PATH, TABS)

    @app.callback(Output("crypto-version", "data"), TICK, State("crypto-version", "data"))
    @in_thread
    def look_again(_tick: Any, shown: str | None) -> Any:
        version = services.data.version(TABLE_NAMES)
        return version if version != shown else no_update


PAGE = Page(_PATH, wording.DOMAINS["crypto"], _layout, _register)
