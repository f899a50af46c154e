"""The performance tab of the btc page: what followed the signals, per class and horizon, with its uncertainty."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.btc.rates import BASE, FEW, rates_figure, with_intervals
from dashboards.btc.style import Style
from dashboards.figures import empty_figure
from dashboards.pages import widgets, wording
from dashboards.pages.btc_analysis import NARROW
from dashboards.pages.btc_range import graph, newest_hour, nothing_stored
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.btc import readers
from market_assets.core.errors import NotMaterialised

_WINDOWS = (("168", "7d"), ("720", "30d"), ("2160", "90d"), ("8760", "1y"))
_COLUMNS = (
    ("class", "left"),
    ("win rate [Wilson 95 % interval]", "right"),
    ("n_matured", "right"),
    ("n_episodes", "right"),
    ("n_signals", "right"),
    ("win rate of episodes", "right"),
    ("up rate", "right"),
    ("average return", "right"),
    ("average directional", "right"),
    ("net of costs", "right"),
)


def layout() -> Component:
    """The tab, empty."""
    return html.Div(
        [
            html.Div(id="btc-performance-note"),
            html.Div(
                [
                    widgets.panel(
                        "Win rates",
                        html.P(
                            [
                                "Share of matured hours whose return went the signal's way; Wilson 95 % intervals. ",
                                "The dotted line is the base rate: the share of all hours after which the price rose. ",
                                f"Classes with fewer than {FEW} matured hours are grey. Hours of one episode share "
                                "most of their outcome, so the true uncertainty is wider than the interval.",
                            ],
                            className="quiet",
                        ),
                        graph("btc-rates", 300),
                        controls=[widgets.choice("btc-performance-hours", _WINDOWS, _WINDOWS[0][0])],
                    ),
                    html.Div(id="btc-performance-tables"),
                ],
                id="btc-performance-plots",
            ),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("btc-performance-note", "children"),
        Output("btc-performance-plots", "style"),
        Output("btc-rates", "figure"),
        Output("btc-rates", "style"),
        Output("btc-performance-tables", "children"),
        Input("btc-performance-hours", "value"),
        Input("btc-tick", "n_intervals"),
        Input("theme", "data"),
        Input("viewport", "data"),
    )
    @in_thread
    def draw(hours: str, _tick: Any, theme: str | None, viewport: int | None) -> Any:
        found, nothing = performance(services, int(hours))
        if found is None:
            blank = empty_figure(look(theme))
            return html.Section(nothing, className="panel"), {"display": "none"}, blank, {}, []
        rated = with_intervals(found)
        style = Style.of(services.settings.btc, look(theme))
        figure = rates_figure(rated, style, narrow=(viewport or NARROW) < NARROW)
        return [], {}, figure, {"height": f"{figure.layout.height}px"}, tables(rated)


def performance(services: Services, hours: int) -> tuple[pl.DataFrame | None, Component | None]:
    """Performance over the newest `hours` stored hours; or None, and what stands where it is missing."""
    newest = newest_hour(services)
    if newest is None:
        return None, nothing_stored(services)
    try:
        found = readers.get_performance_metrics(hours, as_of=newest + services.settings.btc.delay)
    except NotMaterialised as missing:
        return None, widgets.empty(str(missing))
    if found.is_empty():
        return None, widgets.empty(f"no signal is known in the newest {hours:,} hours, so there is nothing to judge.")
    return found, None


def tables(rated: pl.DataFrame) -> list[Component]:
    """A table per horizon, the base rate last; classes with few matured hours are grey."""
    return [
        widgets.panel(f"{hours} h ahead", _table(rated.filter(horizon_h=hours)))
        for hours in rated["horizon_h"].unique().sort()
    ]


def _table(part: pl.DataFrame) -> Component:
    rows = [_row(row) for row in part.iter_rows(named=True)]
    return widgets.table(_COLUMNS, rows)


def _row(row: dict[str, Any]) -> list[Component]:
    base = row["signal_class"] == BASE
    name = "ALL (base rate)" if base else row["signal_class"].replace("_", " ")
    interval = f" [{_pct(row['low'])}, {_pct(row['high'])}]" if row["low"] is not None else ""
    rate = wording.percent(row["rate"]) + interval
    cells = [
        name,
        f"up {rate}" if base and interval else rate,
        wording.count(row["n_matured"]),
        wording.count(row["n_episodes"]),
        wording.count(row["n_signals"]),
        "" if base else wording.percent(row["episode_win_rate"]),
        wording.percent(row["up_rate"]),
        wording.percent(row["avg_return"], 2),
        "" if base else wording.percent(row["avg_directional_return"], 2),
        "" if base else wording.percent(row["avg_net_return"], 2),
    ]
    mark = "few" if row["few"] else "strong" if base else ""
    return [html.Span(cell, className=mark) for cell in cells]


def _pct(ratio: float) -> str:
    return f"{100 * ratio:.1f}"
