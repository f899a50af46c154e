"""The market tab of the crypto page."""

from dash import Dash, html
from dash.development.base_component import Component

from dashboards.services import Services


def layout(services: Services, search: str) -> Component:
    """The tab; its controls show what the address says."""
    return html.Div()


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""
