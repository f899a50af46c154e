"""One symbol: candles with everything known about them, and the tables behind the marks."""

from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl
from dash import Dash, Input, Output, ctx, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.data import ACTIONS
from dashboards.figures import FLAGS, empty_figure, symbol_figure
from dashboards.pages import widgets
from dashboards.pages.equities_details import Known, describe, details
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised, UnknownName
from market_assets.equities.transforms.adjust import Adjustment

_SPANS = {"1M": 31, "3M": 92, "6M": 183, "1Y": 366, "5Y": 1827, "Max": None}
_COLUMNS = [
    "symbol", "session_date", "open", "high", "low", "close", "volume", "quality_score", "source", *FLAGS
]  # fmt: skip
#: pixels a candle needs; the chart takes about this share of a wide and of a narrow window
_CANDLE_PX, _WIDE, _NARROW = 2.2, 0.58, 0.92

_GRAPH: dict[str, Any] = {
    "displaylogo": False,
    "modeBarButtons": [["autoScale2d", "toImage"]],
    "doubleClick": "autosize",
}


def layout() -> Component:
    """The panel, empty."""
    return html.Section(
        [
            html.Div(
                [
                    html.Div([html.H2(id="symbol-title"), html.Div(id="symbol-note", className="quiet")]),
                    html.Div(
                        [
                            widgets.choice("basis", [("none", "Raw"), ("split", "Split"), ("total", "Total")], "split"),
                            widgets.choice("scale", [("linear", "Linear"), ("log", "Log")], "linear"),
                            widgets.choice("span", [(key, key) for key in _SPANS], "1Y"),
                            dcc.DatePickerRange(id="dates", display_format="YYYY-MM-DD", clearable=True),
                        ],
                        className="controls",
                    ),
                ],
                className="panel-head",
            ),
            html.Div(id="symbol-empty"),
            dcc.Graph(
                id="chart",
                figure=empty_figure(look(None)),
                config={
                    "displaylogo": False,
                    "modeBarButtons": [["autoScale2d", "toImage"]],
                    "doubleClick": "autosize",
                },
                className="chart",
            ),
            html.Div(
                widgets.choice(
                    "details",
                    [
                        ("reconciliation", "Reconciliation"),
                        ("actions", "Splits and dividends"),
                        ("gaps", "Gaps"),
                        ("flags", "Flagged bars"),
                    ],
                    "reconciliation",
                ),
                className="details-head",
            ),
            html.Div(id="details-note"),
            html.Div(widgets.grid("details-grid", []), id="details-place", className="details"),
            dcc.Store(id="zoom"),
        ],
        className="panel symbol",
    )


def register(app: Dash, services: Services) -> None:
    """Connect the panel."""

    @app.callback(
        Output("zoom", "data"),
        Input("chart", "relayoutData"),
        Input("span", "value"),
        Input("dates", "start_date"),
        Input("dates", "end_date"),
        Input("symbol", "data"),
        prevent_initial_call=True,
    )
    def zoom(moved: dict[str, Any] | None, _span: str, start: str | None, end: str | None, _symbol: str | None) -> Any:
        if ctx.triggered_id == "chart":
            return zoomed(moved or {})
        if ctx.triggered_id == "dates" and start and end:
            return {"start": start[:10], "end": end[:10]}
        return None

    @app.callback(
        Output("chart", "figure"),
        Output("chart", "style"),
        Output("symbol-title", "children"),
        Output("symbol-note", "children"),
        Output("symbol-empty", "children"),
        Input("symbol", "data"),
        Input("zoom", "data"),
        Input("span", "value"),
        Input("basis", "value"),
        Input("scale", "value"),
        Input("theme", "data"),
        Input("viewport", "data"),
        Input("version", "data"),
    )
    @in_thread
    def draw(*values: Any) -> Any:
        symbol, window, span, basis, scale, theme, viewport, _version = values
        hidden = {"display": "none"}
        if not symbol:
            note = widgets.empty("no symbol is known", widgets.materialise("equities_symbols"))
            return empty_figure(look(theme)), hidden, "", "", note
        try:
            known = known_of(services, symbol, basis)
        except UnknownName as unknown:
            return empty_figure(look(theme)), hidden, symbol, "", widgets.empty(str(unknown))
        if known.bars is None or known.bars.is_empty():
            asset = "equities_daily_bars"
            note = widgets.empty(
                f"{asset} has no stored session of {symbol}.",
                f"{widgets.materialise(asset)} --partition '{symbol}|{clock.today().year}'",
            )
            return empty_figure(look(theme)), hidden, symbol, "", note
        first, last = bounds(known.bars, window, span)
        figure = figure_of(services, known, (first, last), theme, scale, candles(viewport), symbol)
        return figure, {}, symbol, describe(known, basis), []

    @app.callback(
        Output("details-note", "children"),
        Output("details-grid", "columnDefs"),
        Output("details-grid", "rowData"),
        Output("details-place", "style"),
        Input("symbol", "data"),
        Input("details", "value"),
        Input("version", "data"),
    )
    @in_thread
    def show_details(symbol: str | None, kind: str, _version: Any) -> Any:
        if not symbol:
            return no_update, no_update, no_update, no_update
        try:
            found = details(known_of(services, symbol, "none"), kind)
        except UnknownName:
            return [], [], [], {"display": "none"}
        return found.note, found.columns, found.rows, {} if found.rows else {"display": "none"}


def zoomed(moved: dict[str, Any]) -> Any:
    """The window a drag on any panel asks for; None after a double click; no_update for other moves.

    Plotly names the ends `xaxis2.range[0]` where a person dragged, `xaxis.range` where a script did.
    """
    found: dict[str, str] = {}
    for name, value in moved.items():
        axis, _, end = name.partition(".")
        if not axis.startswith("xaxis"):
            continue
        if end == "autorange" and value:
            return None
        if end == "range":
            found = {"start": value[0][:10], "end": value[1][:10]}
        elif end in ("range[0]", "range[1]"):
            found["start" if end == "range[0]" else "end"] = value[:10]
    return found if len(found) == 2 else no_update


def known_of(services: Services, symbol: str, basis: Adjustment) -> Known:
    """Load what is stored about a symbol. Without its corporate actions, prices stay raw. Raises UnknownName."""
    services.data.known_symbol(symbol)
    where, data = {"symbol": symbol}, services.data
    adjust = basis if data.has_partition(ACTIONS, symbol) else "none"
    try:
        bars = data.scored_bars(symbol, _COLUMNS, adjust=adjust)
    except NotMaterialised:
        bars = None
    return Known(
        bars=bars,
        basis=adjust,
        actions=data.load_or_none(ACTIONS, where=where),
        gaps=data.load_or_none("equities_gaps", where=where),
        differences=data.load_or_none("equities_reconciliation", where=where),
    )


def bounds(bars: pl.DataFrame, window: dict[str, str] | None, span: str) -> tuple[date, date]:
    """First and last day to show: the zoomed window, else the span that ends with the newest session."""
    if window:
        return date.fromisoformat(window["start"]), date.fromisoformat(window["end"])
    last: date = bars["session_date"][-1]
    days = _SPANS[span]
    return (bars["session_date"][0] if days is None else last - timedelta(days=days)), last


def candles(viewport: int | None) -> int:
    """How many candles the chart can show in a window of that many pixels."""
    width = viewport or 1280
    return max(80, int(width * (_WIDE if width > 1100 else _NARROW) / _CANDLE_PX))


def figure_of(
    services: Services, known: Known, window: tuple[date, date], theme: str | None, scale: str, most: int, symbol: str
) -> go.Figure:
    """The chart of that window."""
    if known.bars is None:
        return empty_figure(look(theme))
    line = services.data.known_symbol(symbol)
    reconcile = services.settings.equities.reconcile
    inside = pl.col("session_date").is_between(*window)
    return symbol_figure(
        known.bars.filter(inside),
        _cut(known.actions, pl.col("ex_date").is_between(*window), "equities_corporate_actions"),
        _cut(known.gaps, (pl.col("gap_end") >= window[0]) & (pl.col("gap_start") <= window[1]), "equities_gaps"),
        _cut(known.differences, inside & pl.col("rel_diff").is_not_null(), "equities_reconciliation"),
        look(theme),
        most=most,
        log=scale == "log",
        every_day=line.asset_class == "crypto",
        thresholds=(reconcile.ok_ratio, reconcile.fail_ratio),
    )


def _cut(frame: pl.DataFrame | None, keep: pl.Expr, table: str) -> pl.DataFrame:
    from market_assets.tables import contract

    return contract(table).empty() if frame is None else frame.filter(keep)
