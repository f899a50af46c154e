"""The frame around every page: navigation, look, refresh, and which page a path shows."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.pages import alerts, alerts_badge, bars, btc, crypto, equities, funding, ops, overview, system, widgets
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services
from market_assets.core.errors import MarketAssetsError
from market_assets.tables import TABLES

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    equities.PAGE,
    btc.PAGE,
    funding.PAGE,
    crypto.PAGE,
    bars.PAGE,
    ops.PAGE,
    alerts.PAGE,
    system.PAGE,
)
REFRESH_MS = 10_000

#: the look is chosen before anything is painted, so that it never flashes
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{%title%}</title>
<script>
document.documentElement.dataset.theme = localStorage.getItem("market-assets-theme")
  || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
</script>
{%favicon%}
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""


def page_of(path: str) -> Page | None:
    """The page a URL path belongs to."""
    return next((page for page in PAGES if page.owns(path.rstrip("/") or "/")), None)


def build(app: Dash, services: Services) -> None:
    """Give the app its layout and every page's callbacks."""
    app.layout = _layout()
    _register(app, services)
    alerts_badge.register(app, services)
    for page in PAGES:
        page.register(app, services)


def _layout() -> Component:
    return html.Div(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Interval(id="tick", interval=REFRESH_MS),
            dcc.Interval(id="second", interval=1_000),
            dcc.Store(id="theme"),
            dcc.Store(id="viewport"),
            dcc.Store(id="refresh"),
            dcc.Store(id="version"),
            dcc.Store(id="opened"),
            html.Header(
                [
                    dcc.Link("market-assets", href="/", className="brand"),
                    html.Nav(id="nav"),
                    html.Div(className="spacer"),
                    alerts_badge.badge(),
                    html.Span(
                        "demo data",
                        id="demo-badge",
                        className="badge-demo",
                        hidden=True,
                        title="Served by the sandbox, not by a vendor",
                    ),
                    html.Div(id="refreshed", className="refreshed"),
                    html.A("Runbook", href="/runbook", className="header-link"),
                    html.A("API", href="/docs", className="header-link"),
                    html.Button(id="theme-toggle", className="theme-toggle", title="Light or dark"),
                ],
                className="header",
            ),
            html.Main(id="page"),
        ],
        className="app",
    )


def _register(app: Dash, services: Services) -> None:
    @app.callback(
        Output("page", "children"),
        Output("opened", "data"),
        Output("nav", "children"),
        Input("url", "pathname"),
        State("opened", "data"),
    )
    def open_page(path: str | None, opened: str | None) -> Any:
        page = page_of(path or "/")
        if page is None:
            return _no_page(path or ""), "", _nav(None)
        if page.path == opened:
            return no_update, no_update, no_update
        return page.layout(), page.path, _nav(page)

    @app.callback(
        Output("refresh", "data"),
        Output("version", "data"),
        Output("demo-badge", "hidden"),
        Input("tick", "n_intervals"),
        State("version", "data"),
    )
    @in_thread
    def refresh(ticks: int | None, version: str | None) -> Any:
        try:
            now = services.data.version(TABLES)
        except MarketAssetsError as failure:
            return {"tick": ticks or 0, "error": str(failure)}, no_update, no_update
        return {"tick": ticks or 0, "error": None}, now if now != version else no_update, not services.data.demo

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("shell", "theme"), Output("theme", "data"), Input("theme-toggle", "n_clicks")
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("shell", "viewport"),
        Output("viewport", "data"),
        Input("second", "n_intervals"),
        State("viewport", "data"),
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("shell", "age"),
        Output("refreshed", "children"),
        Output("refreshed", "className"),
        Input("second", "n_intervals"),
        Input("refresh", "data"),
    )


def _nav(current: Page | None) -> list[Component]:
    return [
        dcc.Link(page.title, href=page.path, className="nav-link current" if page is current else "nav-link")
        for page in PAGES
    ]


def _no_page(path: str) -> Component:
    known = ", ".join(page.path for page in PAGES)
    return widgets.panel("No such page", html.P(f"There is no page at {path}. Pages: {known}."))
