"""Crypto: the market, live; the paper account, the backtest lab, the advisor: tabs with an address of their own."""

from types import ModuleType
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.pages import crypto_account, crypto_advisor, crypto_backtest, crypto_market, widgets, wording
from dashboards.pages.crypto_shared import REFRESH_MS, TABLE_NAMES, TICK
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services

_PATH = "/crypto"
#: last part of the path -> name and module of the tab; a module has `layout(services, search)` and `register`
TABS: dict[str, tuple[str, ModuleType]] = {
    "": ("Market", crypto_market),
    "account": ("Account", crypto_account),
    "backtest": ("Backtest lab", crypto_backtest),
    "advisor": ("Advisor", crypto_advisor),
}


def tab_of(path: str) -> str:
    """The tab that a path names (`/crypto/account`), whether or not there is such a tab."""
    return path.removeprefix(_PATH).strip("/")


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
    for _, tab in TABS.values():
        tab.register(app, services)

    @app.callback(
        Output("crypto-body", "children"),
        Output("crypto-tabs", "children"),
        Input("url", "pathname"),
        State("url", "search"),
    )
    @in_thread
    def open_tab(path: str | None, search: str | None) -> Any:
        chosen = tab_of(path or _PATH)
        if chosen not in TABS:
            listed = ", ".join(f"{_PATH}/{name}".rstrip("/") for name in TABS)
            return widgets.panel("No such tab", html.P(f"There is no tab at {path}. Tabs: {listed}.")), _links()
        return TABS[chosen][1].layout(services, search or ""), _links(chosen)

    @app.callback(Output("crypto-version", "data"), TICK, State("crypto-version", "data"))
    @in_thread
    def look_again(_tick: Any, shown: str | None) -> Any:
        version = services.data.version(TABLE_NAMES)
        return version if version != shown else no_update


def _links(current: str | None = None) -> list[Component]:
    return [
        dcc.Link(
            title,
            href=f"{_PATH}/{name}".rstrip("/"),
            className="page-tab current" if name == current else "page-tab",
        )
        for name, (title, _) in TABS.items()
    ]


PAGE = Page(_PATH, wording.DOMAINS["crypto"], _layout, _register)
