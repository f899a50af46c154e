"""The market tab of the crypto page: candles with their overlays, live; votes, cost of overlays, success."""

from typing import Any

import polars as pl
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.crypto import frames
from dashboards.crypto.market import Chart, market_figure
from dashboards.crypto.query import EXTRAS, LAYERS, RANGES, MarketQuery
from dashboards.figures import empty_figure
from dashboards.pages import crypto_market_data as data
from dashboards.pages import crypto_metrics, widgets
from dashboards.pages.controls import (
    HIDDEN,
    THEME,
    VIEWPORT,
    dropdown,
    graph,
    labelled,
    nothing,
    points,
    query_stores,
    share,
)
from dashboards.pages.crypto_market_cards import cards, convergence, legend, telemetry
from dashboards.pages.crypto_shared import TICK, VERSION
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core.errors import NotMaterialised
from market_assets.crypto.readers import TIMEFRAMES
from market_assets.crypto.settings import OVERLAYS

_QUERY = "crypto-market-query"
#: a minute has closed: the browser says so, from the socket or from what `see` tells
_CLOSED = Input("crypto-closed", "data")
_SYMBOL = Input("crypto-symbol", "value")
#: how often the server is asked while the socket does not open
_FALLBACK_MS = 2_000
_HEIGHT, _LOW_HEIGHT, _NARROW = 660, 520, 600
#: width that a candle needs
_PIXELS = 2.5
#: candles that are never merged, however narrow the page
_UNMERGED = max(n for n in RANGES.values() if n)


def layout(services: Services, search: str) -> Component:
    """The tab; its controls show what the address says."""
    query = MarketQuery.of(search)
    return html.Div(
        [
            *query_stores(_QUERY),
            *(dcc.Store(id=f"crypto-{name}") for name in ("watched", "look", "live", "closed", "carried")),
            dcc.Interval(id="crypto-fallback", interval=_FALLBACK_MS, disabled=True),
            html.Div(
                [_badge(), _price(), html.Div(id="crypto-cards", className="contents")], className="cards crypto-cards"
            ),
            html.Div(id="crypto-market-note"),
            html.Div(
                widgets.panel(
                    "Market",
                    _switches(query),
                    html.P(id="crypto-market-said", className="quiet"),
                    graph("crypto-plot", _HEIGHT),
                    html.Div(id="crypto-legend", className="legend"),
                    controls=_pickers(services, query),
                ),
                id="crypto-market-place",
            ),
            html.Div(
                [
                    html.Div(
                        [
                            widgets.panel("Convergence of the newest signal", html.Div(id="crypto-convergence")),
                            widgets.panel("What overlays cost", html.Div(id="crypto-telemetry")),
                        ],
                        className="column",
                    ),
                    crypto_metrics.layout(),
                ],
                className="two-columns wide-right",
            ),
        ]
    )


def _pickers(services: Services, query: MarketQuery) -> list[Component]:
    symbol, timeframe = data.symbol_of(services, query), data.timeframe_of(services, query)
    return [
        html.Div(
            dropdown("crypto-symbol", list(services.settings.crypto.symbols), symbol, "Symbol", multi=False),
            className="crypto-symbol",
        ),
        widgets.choice("crypto-timeframe", [(name, name) for name in TIMEFRAMES], timeframe),
        widgets.choice("crypto-range", [(name, name) for name in RANGES], query.span),
    ]


def _switches(query: MarketQuery) -> Component:
    return html.Div(
        [
            labelled("Overlays", _switch("crypto-overlays", OVERLAYS, query)),
            labelled("Besides", _switch("crypto-extras", EXTRAS, query)),
        ],
        className="crypto-switches",
    )


def _switch(name: str, layers: tuple[str, ...], query: MarketQuery) -> Component:
    return dcc.Checklist(
        id=name,
        options=[{"value": each, "label": LAYERS[each]} for each in layers],
        value=[each for each in layers if each in query.layers],
        className="choice switches",
        inline=True,
    )


def _badge() -> Component:
    """Whether what is shown is live, and how old its newest closed candle is; the browser keeps it up to date."""
    return html.Div(
        [
            html.Div("Data", className="card-label"),
            html.Div(
                html.Span("\u2026", id="crypto-badge", className="pill tone-idle live-badge"), className="card-value"
            ),
            html.Div("\u00a0", id="crypto-age", className="card-note"),
        ],
        className="card tone-plain",
    )


def _price() -> Component:
    return html.Div(
        [
            html.Div("Last price", className="card-label"),
            html.Div("\u2026", id="crypto-price", className="card-value"),
            html.Div("\u00a0", id="crypto-price-note", className="card-note"),
        ],
        className="card tone-plain",
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""
    share(app, _QUERY)
    _register_live(app, services)

    @app.callback(
        Output(_QUERY, "data"),
        _SYMBOL,
        Input("crypto-timeframe", "value"),
        Input("crypto-range", "value"),
        Input("crypto-overlays", "value"),
        Input("crypto-extras", "value"),
    )
    def ask(symbol: str | None, timeframe: str, span: str, overlays: list[str], extras: list[str]) -> str:
        layers = [*(overlays or []), *(extras or [])]
        return MarketQuery.stated(symbol=symbol, timeframe=timeframe, span=span, layers=layers).text

    @app.callback(
        Output("crypto-market-note", "children"),
        Output("crypto-market-place", "style"),
        Output("crypto-plot", "figure"),
        Output("crypto-plot", "style"),
        Output("crypto-market-said", "children"),
        Output("crypto-legend", "children"),
        Input(_QUERY, "data"),
        VERSION,
        _CLOSED,
        THEME,
        VIEWPORT,
    )
    @in_thread
    def draw(text: str | None, _version: Any, _closed: Any, theme: str | None, viewport: int | None) -> Any:
        query = MarketQuery.of(text)
        height = _LOW_HEIGHT if (viewport or _HEIGHT) < _NARROW else _HEIGHT
        style = {"height": f"{height}px"}
        try:
            chart = data.chart(services, query, max(_UNMERGED, int(points(viewport) / _PIXELS)))
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, empty_figure(look(theme)), style, "", []
        view = f"{chart.symbol} {chart.timeframe} {query.span}"
        figure = market_figure(chart, query.layers, look(theme), height=height, view=view)
        regimes = chart.overlays["regime"].drop_nulls().unique().to_list()
        return [], {}, figure, style, said(chart), legend(query.layers, regimes, look(theme))

    @app.callback(Output("crypto-cards", "children"), _SYMBOL, Input("crypto-timeframe", "value"), VERSION, _CLOSED)
    @in_thread
    def show_cards(symbol: str, timeframe: str, _version: Any, _closed: Any) -> Any:
        try:
            change = frames.change_24h(data.minutes(services, symbol))
        except NotMaterialised:
            change = None
        chosen = frames.overlays_of(timeframe)
        return cards(change, data.overlays(services, symbol, chosen, 1), chosen)

    @app.callback(
        Output("crypto-convergence", "children"),
        Output("crypto-telemetry", "children"),
        _SYMBOL,
        VERSION,
    )
    @in_thread
    def tell(symbol: str, _version: Any) -> Any:
        return (
            convergence(data.newest_signal(services, symbol)),
            telemetry(data.telemetry(services, symbol), services.settings.crypto.telemetry.max_latency_ms),
        )


def _register_live(app: Dash, services: Services) -> None:
    """What the browser does between two drawings, and what it asks while its socket does not open."""

    @app.callback(Output("crypto-look", "data"), _SYMBOL, TICK, Input("crypto-fallback", "n_intervals"))
    @in_thread
    def see(symbol: str, _tick: Any, _fallback: Any) -> Any:
        return data.state(services, symbol)

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("crypto", "watch"), Output("crypto-watched", "data"), _SYMBOL
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("crypto", "carry"), Output("crypto-carried", "data"), Input("crypto-plot", "figure")
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("crypto", "show"),
        Output("crypto-badge", "children"),
        Output("crypto-badge", "className"),
        Output("crypto-age", "children"),
        Output("crypto-age", "title"),
        Output("crypto-price", "children"),
        Output("crypto-price-note", "children"),
        Input("second", "n_intervals"),
        Input("crypto-live", "data"),
        Input("crypto-look", "data"),
    )


def said(chart: Chart) -> str:
    """What the chart shows: how many candles, until when, from where."""
    if chart.candles.is_empty():
        return f"No candle of {chart.timeframe} has closed yet."
    candles = chart.candles
    n, merged = candles["n"].sum(), int(candles.select(pl.col("n").max()).item())
    of = f", {merged} merged into one" if merged > 1 else ""
    until = candles["last"][-1] + chart.length
    sources = ", ".join(candles["source"].unique().sort().to_list())
    own = "" if chart.timeframe != "1m" else " Overlays are those of the last closed 5m candle."
    newest = f"the newest closed {until:%Y-%m-%d %H:%M} UTC, from {sources}"
    return f"{n:,} closed candles of {chart.timeframe}{of}, {newest}.{own}"
