"""Funding: rates now, their history, pairs, completeness, exchanges: five tabs, each with an address of its own."""

from typing import Any

from dash import Dash, Output, html

from dashboards.pages import (
    funding_completeness,
    funding_exchanges,
    funding_grid,
    funding_history,
    funding_opportunities,
    tabs,
)
from dashboards.pages.funding_shared import REFRESH_MS, TABLE_NAMES, TICK
from dashboards.pages.page import in_thread
from dashboards.services import Services

#: last part of the path -> name and module of the tab
TABS: tabs.Tabs = {
    "": ("Rates", funding_grid),
    "history": ("History", funding_history),
    "opportunities": ("Opportunities", funding_opportunities),
    "completeness": ("Completeness", funding_completeness),
    "exchanges": ("Exchanges", funding_exchanges),
}


def _register(app: Dash, services: Services) -> None:
    @app.callback(Output("funding-health", "children"), TICK)
    @in_thread
    def show_health(_tick: Any) -> Any:
        return funding_exchanges.health_pill(services)


PAGE = tabs.page_of(
    "funding",
    TABS,
    TABLE_NAMES,
    REFRESH_MS,
    beside=[html.Div(className="spacer"), html.Div(id="funding-health")],
    also=_register,
)
