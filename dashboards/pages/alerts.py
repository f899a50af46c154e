"""Alerts: the inbox of what is wrong and was, and a page for each incident. It only reads: commands are shown."""

from typing import Any

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.pages import alerts_inbox, alerts_incident
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services

_PATH = "/alerts"


def _layout() -> Component:
    return html.Div(id="alerts-body")


def _register(app: Dash, services: Services) -> None:
    alerts_inbox.register(app, services)
    alerts_incident.register(app, services)

    @app.callback(Output("alerts-body", "children"), Input("url", "pathname"))
    @in_thread
    def open_part(path: str | None) -> Any:
        name = (path or _PATH).removeprefix(_PATH).strip("/")
        return alerts_incident.layout(name) if name else alerts_inbox.layout()


PAGE = Page(_PATH, "Alerts", _layout, _register)
