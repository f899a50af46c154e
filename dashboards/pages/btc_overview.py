"""The first tab of the btc page: price with bins, RPN with dominance, cards, and the state of every table."""

from datetime import datetime
from typing import Any

import polars as pl
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.btc.pressure import rpn_dominance
from dashboards.btc.price import price_color
from dashboards.btc.window import Window
from dashboards.figures import empty_figure
from dashboards.pages import widgets, wording
from dashboards.pages.btc_range import INPUTS, graph, shown
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.btc import readers
from market_assets.btc.readers_summaries import TableState
from market_assets.btc.settings import FEATURE_GROUPS
from market_assets.settings import settings

#: state of a table -> its tone, worst last
STATE_TONES: dict[str, widgets.Tone] = {"ok": "good", "empty": "idle", "late": "warn", "stale": "bad"}


def layout() -> Component:
    """The tab, empty."""
    height = settings().btc.dashboard.height
    return html.Div(
        [
            html.Div([html.Div(id="btc-cards"), html.Div(id="btc-freshness")], className="cards btc-cards"),
            html.Div(id="btc-overview-note"),
            html.Div(
                [
                    widgets.panel("Price and bins", graph("btc-price-color", height)),
                    widgets.panel("RPN and dominance", graph("btc-rpn-dominance", height), controls=[_sides()]),
                ],
                id="btc-overview-plots",
                className="two-columns",
            ),
            html.Div(id="btc-tables"),
        ]
    )


def _sides() -> Component:
    known = [("good", "bull: shorts squeezed"), ("bad", "bear: longs flushed")]
    return html.Div(
        [html.Span([html.I(className=f"swatch tone-{tone}"), text]) for tone, text in known], className="legend"
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("btc-cards", "children"),
        Output("btc-overview-note", "children"),
        Output("btc-overview-plots", "style"),
        Output("btc-price-color", "figure"),
        Output("btc-rpn-dominance", "figure"),
        *INPUTS,
    )
    @in_thread
    def draw(*values: Any) -> Any:
        found = shown(services, FEATURE_GROUPS, values)
        if found.nothing is not None or found.window is None:
            blank = empty_figure(look(values[-1]))
            return [], found.note, {"display": "none"}, blank, blank
        plots = price_color(found.rows, found.style), rpn_dominance(found.rows, found.style)
        return cards(found.rows, found.window), found.note, {}, *plots

    @app.callback(
        Output("btc-freshness", "children"), Output("btc-tables", "children"), Input("btc-status-tick", "n_intervals")
    )
    @in_thread
    def show_state(_tick: Any) -> Any:
        states = readers.get_table_states(store=services.data.store)
        return _freshness(states), _tables(states)


def cards(rows: pl.DataFrame, window: Window) -> list[Component]:
    """What the rows of the window come to; unknown hours count for nothing."""
    price, rpn = rows["price"].drop_nulls(), rows["risk_priority_number"].drop_nulls()
    change = f"{100 * (price[-1] / price[0] - 1):+.2f} % over the range" if price.len() else None
    extreme = rows["is_rpn_extreme"]
    asked = "1 hour" if window.hours == 1 else f"{window.hours:,} hours"
    return [
        widgets.card("Points", wording.count(rows.height), f"of {asked}"),
        widgets.card("Span", length(window), f"to {rows['ts'][-1]:%m-%d %H:%M} UTC"),
        widgets.card("Price", f"{price[-1]:,.0f} USD" if price.len() else wording.NO_DATA, change),
        widgets.card(
            "Mean RPN",
            f"{rpn.sum() / rpn.len():.3f}" if rpn.len() else wording.NO_DATA,
            f"newest {rpn[-1]:.3f}" if rpn.len() else None,
        ),
        _extreme("Extreme -1 (longs)", extreme, -1, "after the top bin"),
        _extreme("Extreme +1 (shorts)", extreme, 1, "after the bottom bin"),
    ]


def length(window: Window) -> str:
    """90 d where it is whole days, else hours; a day is 24 h."""
    days, rest = divmod(window.hours, 24)
    return f"{days:,} d" if days > 1 and not rest else f"{window.hours:,} h"


def _extreme(label: str, flags: pl.Series, side: int, note: str) -> Component:
    known = flags.drop_nulls()
    return widgets.card(label, f"{(known == side).sum():,} h" if known.len() else wording.NO_DATA, note)


def _freshness(states: dict[str, TableState]) -> Component:
    worst = worst_state(states)
    ages = [state["age_hours"] for state in states.values() if state["age_hours"] is not None]
    note = f"newest row {wording.age(3600 * min(ages))} old" if ages else "nothing is stored yet"
    return widgets.card("Freshness", worst, note, STATE_TONES[worst])


def worst_state(states: dict[str, TableState]) -> str:
    """The worst state of all tables."""
    return max((state["status"] for state in states.values()), key=list(STATE_TONES).index)


def _tables(states: dict[str, TableState]) -> Component:
    columns = [
        ("table", "left"),
        ("state", "left"),
        ("age", "right"),
        ("first hour, UTC", "right aside"),
        ("newest hour, UTC", "right"),
        ("rows", "right aside"),
    ]
    rows = [
        [
            html.Code(name),
            widgets.pill(state["status"], STATE_TONES[state["status"]]),
            wording.NO_DATA if state["age_hours"] is None else wording.age(3600 * state["age_hours"]),
            _hour(state["earliest"]),
            _hour(state["latest"]),
            wording.count(state["count"]) if state["latest"] else wording.NO_DATA,
        ]
        for name, state in states.items()
    ]
    return widgets.panel("Freshness of the tables", widgets.table(columns, rows))


def _hour(moment: datetime | None) -> str:
    return wording.NO_DATA if moment is None else f"{moment:%Y-%m-%d %H:%M}"
