"""The signals tab of the btc page: events on the price, strength, and the latest signals."""

from typing import Any

import polars as pl
from dash import Dash, Output, html
from dash.development.base_component import Component

from dashboards.btc.price import signal_strength, signals
from dashboards.btc.window import Window
from dashboards.figures import empty_figure
from dashboards.pages import widgets
from dashboards.pages.btc_range import INPUTS, graph, shown
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.btc import readers
from market_assets.settings import settings

#: pixels of the plot of strengths, beside the table
_STRENGTH_HEIGHT = 360
_SIGNED = {
    "cell-buy": "params.value && params.value.includes('buy')",
    "cell-sell": "params.value && params.value.includes('sell')",
}
_GRID = [
    widgets.column("time", "Interval start, UTC", minWidth=140),
    widgets.column("signal_class", "Class", minWidth=104, cellClass="strong", cellClassRules=_SIGNED),
    widgets.column("signal_strength", "Strength", ".1f", minWidth=84),
    widgets.column("price", "Price, USD", ",.0f", minWidth=96),
    widgets.column("event", "Event", minWidth=130),
    widgets.column("dominance_class", "Dominance", minWidth=104),
    widgets.column("risk_priority_number", "RPN", ".3f", minWidth=74),
    widgets.column("bin_index", "Bin", "d", minWidth=64),
    widgets.column("available_at", "Available, UTC", minWidth=140),
]
_CEILING = {-1: "ceiling", 1: "bottom"}
_REVERSAL = {1: "ceiling failed", -1: "bottom failed"}


def layout() -> Component:
    """The tab, empty."""
    return html.Div(
        [
            html.Div(id="btc-signals-note"),
            html.Div(
                [
                    widgets.panel("Signals", graph("btc-signals-plot", settings().btc.dashboard.height)),
                    html.Div(
                        [
                            widgets.panel(
                                "Latest signals",
                                html.P(id="btc-signals-said", className="quiet"),
                                html.Div(widgets.grid("btc-signals-grid", _GRID), className="btc-signals-grid"),
                            ),
                            widgets.panel("Signal strength", graph("btc-strength", _STRENGTH_HEIGHT)),
                        ],
                        className="two-columns wide-left",
                    ),
                ],
                id="btc-signals-plots",
            ),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("btc-signals-note", "children"),
        Output("btc-signals-plots", "style"),
        Output("btc-signals-plot", "figure"),
        Output("btc-strength", "figure"),
        Output("btc-signals-grid", "rowData"),
        Output("btc-signals-said", "children"),
        *INPUTS,
    )
    @in_thread
    def draw(*values: Any) -> Any:
        found = shown(services, ["processed", "signals"], values)
        if found.nothing is not None or found.window is None:
            blank = empty_figure(look(values[-1]))
            return found.note, {"display": "none"}, blank, blank, [], ""
        latest = latest_rows(found.window, services)
        return (
            found.note,
            {},
            signals(found.rows, found.style),
            signal_strength(found.rows, found.style, _STRENGTH_HEIGHT),
            latest,
            f"{len(latest):,} of {found.rows.height:,} hours speak on some level. Newest first.",
        )


def latest_rows(window: Window, services: Services) -> list[dict[str, Any]]:
    """Rows of the grid: the hours of the window in which a signal speaks, newest first, in words."""
    until = window.end + services.settings.btc.delay
    found = readers.get_latest_signals(window.hours, now=until)
    event = pl.concat_str(
        _worded("hit_ceiling_bottom", _CEILING),
        _worded("reverse_ceiling_bottom", _REVERSAL),
        separator=", ",
        ignore_nulls=True,
    )
    worded = found.with_columns(
        event=event,
        signal_class=pl.col("signal_class").cast(pl.String).str.replace("_", " ").str.to_lowercase(),
        dominance_class=pl.col("dominance_class").cast(pl.String),
        available_at=_clock("available_at"),
        time=_clock("ts"),
    )
    return worded.select([column["field"] for column in _GRID]).to_dicts()


def _worded(column: str, words: dict[int, str]) -> pl.Expr:
    return pl.col(column).replace_strict(words, default=None, return_dtype=pl.String)


def _clock(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y-%m-%d %H:%M")
