"""Funding: rates now, their history, pairs, completeness, exchanges: five tabs, each with an address of its own."""

from typing import Any

from dash import Dash, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.pages import (
    funding_completeness,
    funding_exchanges,
    funding_grid,
    funding_history,
    funding_opportunities,
    tabs,
    wording,
)
from dashboards.pages.funding_shared import REFRESH_MS, TABLE_NAMES, TICK
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services

_PATH = "/funding"
#: last part of the path -> name and module of the tab
TABS: tabs.Tabs = {
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


def _register(app: Dash, services: Services) -> None:
    tabs.register(app, services, _PATH, TABS)

    @app.callback(Output("funding-version", "data"), TICK, State("funding-version", "data"))
    @in_thread
    def look_again(_tick: Any, known: str | None) -> Any:
        version = services.data.version(TABLE_NAMES)
        return version if version != known else no_update

    @app.callback(Output("funding-health", "children"), TICK)
    @in_thread
    def show_health(_tick: Any) -> Any:
        return funding_exchanges.health_pill(services)


PAGE = Page(_PATH, wording.DOMAINS["funding"], _layout, _register)
