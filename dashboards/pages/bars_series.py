"""The series tab of the bars page: candles with the bands of their sources, and how far sources disagree."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.bars.disagreement import FLOOR, compared, disagreement_figure
from dashboards.bars.query import CUSTOM, LINES, PANES, RANGES, TIMEFRAMES, SeriesQuery
from dashboards.bars.series import Chart, height_of, series_figure
from dashboards.bars.style import BREAK, EMAS, VWAP, colour, title
from dashboards.figures import empty_figure
from dashboards.pages import bars_series_data as data
from dashboards.pages import widgets, wording
from dashboards.pages.bars_shared import VERSION
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
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import Theme
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised

_QUERY = "bars-series-query"
_NARROW, _HEIGHT, _LOW_HEIGHT = 600, 340, 300
#: width that a candle needs
_PIXELS = 2.5
_MOST_ROWS = 60
_STATUS_TONES: dict[str, widgets.Tone] = {"ok": "good", "warn": "warn", "error": "bad"}
_STATUS_WORDS = {"too_few": "too few minutes", "kinds": "different kinds", "not_compared": "not compared"}
_COMPARED = (
    ("day", "left"),
    ("stored", "left"),
    ("compared with", "left"),
    ("common minutes", "right"),
    ("median", "right"),
    ("p95", "right"),
    ("largest", "right"),
    ("bias", "right"),
    ("agree", "right"),
    ("judged", "left"),
    ("why not compared", "left wide"),
)


def layout(services: Services, search: str) -> Component:
    """The tab; its controls show what the address says."""
    query = SeriesQuery.of(search)
    return html.Div(
        [
            *query_stores(_QUERY),
            html.Div(id="bars-series-note"),
            html.Div(
                [
                    widgets.panel(
                        "Series",
                        _switches(query),
                        html.P(id="bars-series-said", className="quiet"),
                        graph("bars-series-plot", 640),
                        html.Div(id="bars-series-legend", className="legend"),
                        controls=_pickers(services, query),
                    ),
                    widgets.panel(
                        "Disagreement between sources",
                        html.P(id="bars-disagreement-said", className="quiet"),
                        html.Div(graph("bars-disagreement-plot", _HEIGHT), id="bars-disagreement-place"),
                        html.Div(id="bars-disagreement-rows"),
                    ),
                ],
                id="bars-series-place",
            ),
        ]
    )


def _pickers(services: Services, query: SeriesQuery) -> list[Component]:
    symbol = data.symbol_of(services, query)
    dates = dcc.DatePickerRange(
        id="bars-dates",
        start_date=f"{query.first}" if query.first else None,
        end_date=f"{query.last}" if query.last else None,
        min_date_allowed=f"{services.settings.bars.start_date}",
        max_date_allowed=f"{clock.today()}",
        display_format="YYYY-MM-DD",
    )
    return [
        html.Div(
            dropdown("bars-symbol", list(services.settings.bars.symbols), symbol, "Symbol", multi=False),
            className="symbol-pick",
        ),
        widgets.choice("bars-timeframe", [(name, name) for name in TIMEFRAMES], query.timeframe),
        widgets.choice("bars-range", [(name, name) for name in RANGES], query.span),
        html.Div(dates, id="bars-dates-place", hidden=query.span != CUSTOM),
    ]


def _switches(query: SeriesQuery) -> Component:
    return html.Div(
        [
            labelled("Lines", _switch("bars-lines", LINES, query)),
            labelled("Panes", _switch("bars-panes", PANES, query)),
        ],
        className="switch-row",
    )


def _switch(name: str, layers: dict[str, str], query: SeriesQuery) -> Component:
    return dcc.Checklist(
        id=name,
        options=[{"value": key, "label": said} for key, said in layers.items()],
        value=[key for key in layers if key in query.layers],
        className="choice switches",
        inline=True,
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""
    share(app, _QUERY)

    @app.callback(
        Output(_QUERY, "data"),
        Output("bars-dates-place", "hidden"),
        Input("bars-symbol", "value"),
        Input("bars-timeframe", "value"),
        Input("bars-range", "value"),
        Input("bars-dates", "start_date"),
        Input("bars-dates", "end_date"),
        Input("bars-lines", "value"),
        Input("bars-panes", "value"),
    )
    def ask(
        symbol: str | None,
        timeframe: str,
        span: str,
        first: str | None,
        last: str | None,
        lines: list[str] | None,
        panes: list[str] | None,
    ) -> Any:
        layers = [*(lines or []), *(panes or [])]
        query = SeriesQuery.stated(symbol=symbol, timeframe=timeframe, span=span, first=first, last=last, layers=layers)
        return query.text, span != CUSTOM

    @app.callback(
        Output("bars-series-note", "children"),
        Output("bars-series-place", "style"),
        Output("bars-series-plot", "figure"),
        Output("bars-series-plot", "style"),
        Output("bars-series-said", "children"),
        Output("bars-series-legend", "children"),
        Input(_QUERY, "data"),
        VERSION,
        THEME,
        VIEWPORT,
    )
    @in_thread
    def draw(text: str | None, _version: Any, theme: str | None, viewport: int | None) -> Any:
        query, shown = SeriesQuery.of(text), look(theme)
        try:
            chart = data.chart(services, query, int(points(viewport) / _PIXELS))
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, empty_figure(shown), {}, "", []
        if chart is None or chart.candles.is_empty():
            return [], {}, empty_figure(shown), {"height": "80px"}, _none(services, query), []
        height = height_of(chart.panes(query.layers), low=(viewport or _NARROW) < _NARROW)
        view = f"{chart.symbol} {chart.timeframe} {query.span} {query.first} {query.last}"
        figure = series_figure(chart, query.layers, shown, height=height, view=view)
        return [], {}, figure, {"height": f"{height}px"}, said(chart), legend(chart, query.layers, shown)

    @app.callback(
        Output("bars-disagreement-plot", "figure"),
        Output("bars-disagreement-place", "style"),
        Output("bars-disagreement-said", "children"),
        Output("bars-disagreement-rows", "children"),
        Input(_QUERY, "data"),
        VERSION,
        THEME,
        VIEWPORT,
    )
    @in_thread
    def compare(text: str | None, _version: Any, theme: str | None, viewport: int | None) -> Any:
        query, shown, bars = SeriesQuery.of(text), look(theme), services.settings.bars
        rows = data.reconciliation(services, query)
        symbol = data.symbol_of(services, query)
        if rows.is_empty():
            told = widgets.empty(_uncompared(symbol, reconciles=bars.reconcile), _compare_command(symbol))
            return empty_figure(shown), HIDDEN, "", told
        height = _LOW_HEIGHT if (viewport or _NARROW) < _NARROW else _HEIGHT
        figure = disagreement_figure(rows, shown, ok=bars.overlap_ok, error=bars.overlap_error, height=height)
        style = HIDDEN if compared(rows).is_empty() else {}
        return figure, style, _compared_said(symbol, rows), _compared_rows(rows)


def said(chart: Chart) -> str:
    """What the chart shows: how many candles, until when, what is missing, whose lines."""
    candles = chart.candles
    n, merged = candles["n"].sum(), int(candles["n"].max())  # type: ignore[arg-type]
    of = f", {merged} merged into one" if merged > 1 else ""
    until = candles["last"][-1] + chart.length
    n_missing = chart.gaps["n_missing"].sum()
    where = f"{chart.gaps.height:,} place{'s' if chart.gaps.height > 1 else ''}"
    holes = f" {n_missing:,} minutes of market time are missing, in {where}." if n_missing else ""
    lines = "" if chart.timeframe == "1m" else f" Lines are made of these {chart.timeframe} candles, VWAP of minutes."
    return f"{n:,} candles of {chart.timeframe}{of}, the last one closed {until:%Y-%m-%d %H:%M} UTC.{holes}{lines}"


def _none(services: Services, query: SeriesQuery) -> str:
    symbol = data.symbol_of(services, query)
    newest = data.newest_minute(services, symbol)
    if newest is None:
        return (
            f"No bar of {symbol} is stored yet. Materialise bars_minute for it, or look at bars.symbols and the keys "
            "of its sources."
        )
    return f"No bar of {symbol} is stored in this range; the newest one opened {newest:%Y-%m-%d %H:%M} UTC."


def legend(chart: Chart, layers: tuple[str, ...], theme: Theme) -> list[Component]:
    """The colours of sources and lines that are on the chart, and of what is marked."""
    levels = {
        name: sorted(chart.candles.filter(pl.col("sources") == name)["fallback_level"].unique().to_list())
        for name in chart.candles["sources"].unique(maintain_order=True)
    }
    found = [
        (f"{title(name)}, level {' and '.join(f'{level}' for level in known)}", colour(name), "")
        for name, known in levels.items()
    ]
    if "vwap" in layers and chart.lines["vwap"].is_not_null().any():
        found.append(("VWAP", VWAP, "line"))
    if "ema" in layers:
        found += [(name, tone, "line") for name, tone in EMAS.values()]
    if "bands" in layers:
        found.append(("Bollinger 20, 2", "#7f8c9b", "line"))
    if chart.candles["basis_break"].any():
        found.append(("basis break: another kind of instrument", BREAK, "line"))
    if chart.gaps.height:
        found.append(("missing minutes", theme.warn, ""))
    return [
        html.Span([html.Span(className=f"swatch {kind}", style={"background": tone}), name])
        for name, tone, kind in found
    ]


def _uncompared(symbol: str, *, reconciles: bool) -> str:
    if not reconciles:
        return "Sources are not compared: bars.reconcile is off."
    return f"No other source was asked for the minutes of {symbol} yet. It happens every night for the day before."


def _compare_command(symbol: str) -> str:
    return f"{widgets.materialise('bars_reconciliation')} --partition '{clock.today()}|{symbol}'"


def _compared_said(symbol: str, rows: pl.DataFrame) -> str:
    done = compared(rows)
    if done.is_empty():
        return f"No day of {symbol} could be compared; the table says why."
    n = done["n_common"].sum()
    floor = f" What is below {FLOOR:g} % stands at the foot of the plot."
    return f"{n:,} common minutes of {symbol} on {done['day'].n_unique()} days, closes compared.{floor}"


def _compared_rows(rows: pl.DataFrame) -> Component:
    return widgets.table(_COMPARED, [_compared_row(row) for row in rows.head(_MOST_ROWS).iter_rows(named=True)])


def _compared_row(row: dict[str, Any]) -> list[Any]:
    status = row["status"]
    return [
        f"{row['day']}",
        title(row["source"]),
        title(row["other_source"]) if row["other_source"] != "-" else "none",
        wording.count(row["n_common"]),
        *(wording.percent(row[f"{name}_ratio"], 4) for name in ("median_diff", "p95_diff", "max_diff")),
        wording.NO_DATA if row["bias_ratio"] is None else f"{100 * row['bias_ratio']:+.4f} %",
        wording.percent(row["agreement_ratio"]),
        widgets.pill(_STATUS_WORDS.get(status, status), _STATUS_TONES.get(status, "idle")),
        row["reason"] or "",
    ]
