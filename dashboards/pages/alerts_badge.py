"""The badge in the header of every page: how many errors and warnings are open. Hidden where there is none."""

from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards import incidents
from dashboards.incidents import Tally
from dashboards.pages import widgets
from dashboards.pages.alerts_words import counted
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.core import clock


def badge() -> Component:
    """The badge, empty and hidden."""
    return html.Span(id="alerts-badge", hidden=True)


def register(app: Dash, services: Services) -> None:
    """Count again at every tick of the page."""

    @app.callback(Output("alerts-badge", "children"), Output("alerts-badge", "hidden"), Input("tick", "n_intervals"))
    @in_thread
    def count(_ticks: Any) -> Any:
        found = incidents.tally(incidents.current(services.incidents, clock.wall()))
        return _link(found), found.errors + found.warnings == 0


def _link(found: Tally) -> Component:
    counts: list[tuple[int, str, widgets.Tone]] = [(found.errors, "error", "bad"), (found.warnings, "warning", "warn")]
    pills = [
        html.Span([f"{n:,}", html.Span(f" {word}{'' if n == 1 else 's'}", className="badge-word")],
                  className=f"pill tone-{tone}", title=counted(n, word))
        for n, word, tone in counts
        if n
    ]  # fmt: skip
    return dcc.Link(pills, href="/alerts", className="badge-alerts")
