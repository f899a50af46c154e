"""Funding: rates now, their history, pairs, completeness, exchanges: five tabs, each with an address of its own."""

from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.pages import (
    funding_completeness,
    funding_exchanges,
    funding_grid,
    funding_history,
    funding_opportunities,
    widgets,
    wording,
)
from dashboards.pages.funding_shared import REFRESH_MS, TABLE_NAMES, TICK
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services

_PATH = "/funding"
#: last part of the path -> name and module of the tab
TABS = {
    "": ("Rates", funding_grid),
    "history": ("History", funding_history),
    "opportunities": ("Opportunities", funding_opportunities),
    "completeness": ("Completeness", funding_completeness),
    "exchanges": ("Exchanges", funding_exchanges),
}


def _layout() -> Component:
    return html.Div(
        [
            dcc.Interval(id="funding-tick", interval=REFRESH_MS),
            dcc.Store(id="funding-version"),
            html.Div(
                [
                    html.Nav(id="funding-tabs", className="tabs"),
                    html.Div(className="spacer"),
                    html.Div(id="funding-health"),
                ],
                className="funding-head",
            ),
            html.Div(id="funding-body"),
        ]
    )


def tab_of(path: str) -> str | None:
    """The tab a path names (`/funding/history`), None where there is no such tab."""
    rest = path.removeprefix(_PATH).strip("/")
    return rest if rest in TABS else None


def _register(app: Dash, services: Services) -> None:
    for _, tab in TABS.values():
        tab.register(app, services)

    @app.callback(
        Output("funding-body", "children"),
        Output("funding-tabs", "children"),
        Input("url", "pathname"),
        State("url", "search"),
    )
    @in_thread
    def open_tab(path: str | None, search: str | None) -> Any:
        chosen = tab_of(path or _PATH)
        if chosen is None:
            known = ", ".join(f"{_PATH}/{name}".rstrip("/") for name in TABS)
            return widgets.panel("No such tab", html.P(f"There is no tab at {path}. Tabs: {known}.")), _tabs(None)
        return TABS[chosen][1].layout(services, search or ""), _tabs(chosen)

    @app.callback(Output("funding-version", "data"), TICK, State("funding-version", "data"))
    @in_thread
    def look_again(_tick: Any, known: str | None) -> Any:
        version = services.data.version(TABLE_NAMES)
        return version if version != known else no_update

    @app.callback(Output("funding-health", "children"), TICK)
    @in_thread
    def show_health(_tick: Any) -> Any:
        return funding_exchanges.health_pill(services)


def _tabs(current: str | None) -> list[Component]:
    return [
        dcc.Link(
            title,
            href=f"{_PATH}/{name}".rstrip("/"),
            className="page-tab current" if name == current else "page-tab",
        )
        for name, (title, _) in TABS.items()
    ]


PAGE = Page(_PATH, wording.DOMAINS["funding"], _layout, _register)
