"""Bitcoin: liquidations, dominance and signals in four tabs, each with an address of its own."""

from collections import Counter
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.btc.style import Style
from dashboards.pages import btc_analysis, btc_overview, btc_performance, btc_range, btc_signals, tabs, widgets, wording
from dashboards.pages.btc_overview import STATE_TONES, worst_state
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services
from market_assets.btc import readers
from market_assets.core import clock
from market_assets.settings import settings

_PATH = "/btc"
#: last part of the path -> name and module of the tab
TABS: tabs.Tabs = {
    "": ("Overview", btc_overview),
    "signals": ("Signals", btc_signals),
    "analysis": ("Analysis", btc_analysis),
    "performance": ("Performance", btc_performance),
}
#: the tab that has a range of its own
_OWN_RANGE = "performance"


def _layout() -> Component:
    chosen = settings().btc.dashboard
    return html.Div(
        [
            dcc.Interval(id="btc-tick", interval=1_000 * chosen.auto_refresh_seconds),
            dcc.Interval(id="btc-status-tick", interval=1_000 * chosen.status_refresh_seconds),
            html.Div(
                [
                    html.Nav(id="btc-tabs", className="tabs"),
                    html.Div(id="btc-health"),
                    html.Div(className="spacer"),
                    html.Div(btc_range.control(chosen.default_range), id="btc-range"),
                ],
                className="btc-head",
            ),
            html.Div(id="btc-body"),
        ]
    )


def tab_of(path: str) -> str | None:
    """The tab that a path names (`/btc/signals`), None where there is no such tab."""
    return tabs.tab_of(_PATH, TABS, path)


def _register(app: Dash, services: Services) -> None:
    Style.of(services.settings.btc)  # a template that plotly does not know is told at the start
    for _, tab in TABS.values():
        tab.register(app, services)

    @app.callback(
        Output("btc-body", "children"),
        Output("btc-tabs", "children"),
        Output("btc-range", "hidden"),
        Input("url", "pathname"),
    )
    def open_tab(path: str | None) -> Any:
        chosen = tab_of(path or _PATH)
        if chosen is None:
            return tabs.unknown(_PATH, TABS, path), tabs.links(_PATH, TABS, None), True
        return TABS[chosen][1].layout(), tabs.links(_PATH, TABS, chosen), chosen == _OWN_RANGE

    @app.callback(
        Output("btc-dates-place", "hidden"),
        Output("btc-dates", "initial_visible_month"),
        Output("btc-dates", "min_date_allowed"),
        Output("btc-dates", "max_date_allowed"),
        Input("btc-span", "value"),
    )
    @in_thread
    def offer_dates(span: str) -> Any:
        newest = btc_range.newest_hour(services) or clock.now()
        return span != btc_range.CUSTOM, newest.date(), services.settings.btc.history_start, newest.date()

    @app.callback(Output("btc-health", "children"), Input("btc-status-tick", "n_intervals"))
    @in_thread
    def show_health(_tick: Any) -> Any:
        states = readers.get_table_states(store=services.data.store)
        found = Counter(state["status"] for state in states.values())
        counts = ", ".join(f"{found[name]} {name}" for name in STATE_TONES if found[name])
        return widgets.pill(f"tables: {counts}", STATE_TONES[worst_state(states)])


PAGE = Page(_PATH, wording.DOMAINS["btc"], _layout, _register)
