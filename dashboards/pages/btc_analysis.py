"""The analysis tab of the btc page: smoothed liquidations, dominance, shares of sides, correlations."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.btc.correlation import correlation_figure, correlations
from dashboards.btc.pressure import dominance_status, fll_fsl
from dashboards.figures import empty_figure
from dashboards.pages import widgets, wording
from dashboards.pages.btc_range import INPUTS, graph, shown
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.btc.settings import FEATURE_GROUPS
from market_assets.settings import settings

#: pixels of a window below which a matrix has no room for its numbers
NARROW = 760
#: dominance -> what its share is called, and its tone
_SIDES: tuple[tuple[int, str, str, widgets.Tone], ...] = (
    (1, "Bull", "shorts squeezed", "good"),
    (-1, "Bear", "longs flushed", "bad"),
    (0, "Neutral", "congestion", "idle"),
)


def layout() -> Component:
    """The tab, empty."""
    height = settings().btc.dashboard.height
    return html.Div(
        [
            html.Div(id="btc-analysis-note"),
            html.Div(
                [
                    html.Div(id="btc-shares"),
                    html.Div(
                        [
                            widgets.panel("Smoothed liquidations", graph("btc-fll-fsl", height)),
                            widgets.panel("Dominance", graph("btc-dominance-status", height)),
                        ],
                        className="two-columns",
                    ),
                    widgets.panel(
                        "Correlation of features over the range",
                        html.P(
                            "Pearson's r over the hours where both are known. Neighbouring hours overlap in what they "
                            "measure, so small values mean little.",
                            className="quiet",
                        ),
                        graph("btc-correlation", height),
                    ),
                ],
                id="btc-analysis-plots",
            ),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("btc-analysis-note", "children"),
        Output("btc-analysis-plots", "style"),
        Output("btc-shares", "children"),
        Output("btc-fll-fsl", "figure"),
        Output("btc-dominance-status", "figure"),
        Output("btc-correlation", "figure"),
        *INPUTS,
        Input("viewport", "data"),
    )
    @in_thread
    def draw(*values: Any) -> Any:
        *asked, viewport = values
        found = shown(services, FEATURE_GROUPS, tuple(asked))
        if found.nothing is not None:
            blank = empty_figure(look(asked[-1]))
            return found.note, {"display": "none"}, [], blank, blank, blank
        narrow = (viewport or NARROW) < NARROW
        return (
            found.note,
            {},
            _shares(found.rows["dominance"]),
            fll_fsl(found.rows, found.style),
            dominance_status(found.rows, found.style),
            correlation_figure(correlations(found.rows), found.style, narrow=narrow),
        )


def shares(dominance: pl.Series) -> dict[int, float | None]:
    """Share of the known hours by side; None for each where no hour is known."""
    known = dominance.drop_nulls()
    return {side: known.filter(known == side).len() / known.len() if known.len() else None for side, *_ in _SIDES}


def _shares(dominance: pl.Series) -> Component:
    found, known = shares(dominance), dominance.drop_nulls()
    cards = [
        widgets.card(name, wording.percent(found[side]), f"{(known == side).sum():,} h, {said}", tone)
        for side, name, said, tone in _SIDES
    ]
    unknown = dominance.len() - known.len()
    cards.append(widgets.card("Unknown", f"{unknown:,} h", f"of {dominance.len():,} hours; in no share"))
    parts = [
        html.Div(className=f"share tone-{tone}", style={"flexGrow": found[side]}, title=name)
        for side, name, _, tone in _SIDES
        if found[side]
    ]
    return html.Div([html.Div(cards, className="cards btc-cards"), html.Div(parts, className="share-bar")])
