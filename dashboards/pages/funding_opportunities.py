"""The opportunities tab of the funding page: pairs net of assumed costs, filtered; one pair in detail below."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.funding.pairs import MOST, costed, costs_of, matching, rows
from dashboards.funding.query import PairsQuery
from dashboards.pages import funding_pair, widgets
from dashboards.pages.funding_shared import (
    HIDDEN,
    SHORT,
    VERSION,
    dropdown,
    labelled,
    nothing,
    number,
    query_stores,
    share,
)
from dashboards.pages.page import in_thread
from dashboards.rest.funding_rows import pairs_now
from dashboards.services import Services
from market_assets.core.errors import NotMaterialised
from market_assets.funding.settings import OpportunitySettings

_QUERY = "funding-pairs-query"
_FILTERS = ("assets", "exchanges", "intervals", "min_net_apr", "min_apr", "min_oi", "holding_days", "slippage_pct")
_INTERVALS = (1.0, 2.0, 4.0, 8.0)
_GRID = [
    widgets.column("rank", "#", ",d", minWidth=56, width=60),
    widgets.column("base_asset", "Asset", cellClass="strong", minWidth=80, pinned="left"),
    widgets.column("long_exchange", "Long", minWidth=116),
    widgets.column("short_exchange", "Short", minWidth=116),
    widgets.column("net_apr_pct", "Net APR, %", ",.2f", minWidth=96, cellClass="strong ag-right-aligned-cell"),
    widgets.column("gross_apr_pct", "Gross APR, %", ",.2f", minWidth=104),
    widgets.column("cost_apr_pct", "Costs, %", ",.2f"),
    widgets.column("long_apr", "Long APR, %", ",.2f", minWidth=100),
    widgets.column("short_apr", "Short APR, %", ",.2f", minWidth=100),
    widgets.column("long_interval_hours", "h long", "~f", minWidth=70),
    widgets.column("short_interval_hours", "h short", "~f", minWidth=72),
    widgets.column("breakeven_hours", "Breakeven, h", ",.1f", minWidth=100),
    widgets.column("capacity_usd", "Capacity, USD", minWidth=104, type="rightAligned", valueFormatter=SHORT),
    widgets.column("basis_pct", "Basis, %", ".3f"),
    widgets.column(
        "spread_z",
        "Spread z",
        ".2f",
        cellClassRules={"cell-warning": "params.data.z_flag != null", "strong": "params.data.z_flag == 'extreme'"},
    ),
    widgets.column("same_side_share_7d_ratio", "Same side 7d", ".0%", minWidth=100),
    widgets.column("min_completeness_pct", "Complete, %", ".1f", minWidth=96),
]


def layout(services: Services, search: str) -> Component:
    """The tab; its controls show what the address says."""
    query = PairsQuery.of(search)
    selection = {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True}
    return html.Div(
        [
            *query_stores(_QUERY),
            dcc.Store(id="funding-pair", data=query.pair),
            html.Div(id="funding-pairs-note"),
            html.Div(
                [
                    widgets.panel(
                        "Pairs by what they earn net of costs",
                        _controls(services, query),
                        html.P(id="funding-pairs-said", className="quiet"),
                        html.Div(
                            widgets.grid("funding-pairs", _GRID, "params.data.id", rowSelection=selection),
                            className="pairs-grid",
                        ),
                    ),
                    funding_pair.layout(),
                ],
                id="funding-pairs-place",
            ),
        ]
    )


def _controls(services: Services, query: PairsQuery) -> Component:
    opp = services.settings.funding.opp
    try:
        known = pairs_now(services, None)["base_asset"].unique().sort().to_list()
    except NotMaterialised:
        known = []
    assets = list(dict.fromkeys([*query.assets, *known]))
    exchanges = list(dict.fromkeys([*services.settings.funding.enabled, *query.exchanges]))
    intervals = sorted({*_INTERVALS, *query.intervals})
    return html.Div(
        [
            labelled("Assets", dropdown("pairs-assets", assets, list(query.assets), "all")),
            labelled("Exchanges", dropdown("pairs-exchanges", exchanges, list(query.exchanges), "all")),
            labelled(
                "Intervals",
                dropdown(
                    "pairs-intervals",
                    [{"value": each, "label": f"{each:g} h"} for each in intervals],
                    list(query.intervals),
                    "all",
                ),
            ),
            number("pairs-min_net_apr", "Net APR from, %", query.min_net_apr),
            number("pairs-min_apr", "Gross APR from, %", query.min_apr),
            number("pairs-min_oi", "Smaller OI from, USD", query.min_oi, 0),
            number("pairs-holding_days", "Holding, days", query.holding_days, 0, f"{opp.holding_days:g}"),
            number("pairs-slippage_pct", "Slippage, %", query.slippage_pct, 0, f"{opp.slippage_pct:g}"),
        ],
        className="filters",
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""
    share(app, _QUERY)
    funding_pair.register(app, services, _QUERY)

    @app.callback(
        Output(_QUERY, "data"),
        *(Input(f"pairs-{name}", "value") for name in _FILTERS),
        Input("funding-pair", "data"),
    )
    def ask(*values: Any) -> str:
        return PairsQuery.stated(**dict(zip((*_FILTERS, "pair"), values, strict=True))).text

    @app.callback(
        Output("funding-pairs-note", "children"),
        Output("funding-pairs-place", "style"),
        Output("funding-pairs", "rowData"),
        Output("funding-pairs-said", "children"),
        Output("funding-pairs", "selectedRows"),
        Input(_QUERY, "data"),
        VERSION,
        State("funding-pairs", "rowData"),
    )
    @in_thread
    def show(text: str | None, _version: Any, known: list[Any] | None) -> Any:
        query = PairsQuery.of(text)
        try:
            pairs = pairs_now(services, None)
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, [], "", []
        opp = services.settings.funding.opp
        left = matching(costed(pairs, query, opp), query)
        found = rows(left)
        chosen = {"ids": [query.pair] if query.pair else []}
        return [], {}, found if found != known else no_update, said(pairs, left, costs_of(query, opp)), chosen

    @app.callback(
        Output("funding-pair", "data"),
        Input("funding-pairs", "cellClicked"),
        State("funding-pair", "data"),
        prevent_initial_call=True,
    )
    def open_pair(clicked: dict[str, Any] | None, current: str | None) -> Any:
        chosen = (clicked or {}).get("rowId")
        return chosen if chosen and chosen != current else no_update


def said(pairs: pl.DataFrame, left: pl.DataFrame, costs: OpportunitySettings) -> str:
    """How many pairs there are, how many are left and shown, and what the costs assume."""
    if pairs.is_empty():
        return "The newest round found no pair of fresh legs at two venues."
    shown = f"the best {MOST:,} of {left.height:,}" if left.height > MOST else f"{left.height:,}"
    return (
        f"{shown} of {pairs.height:,} pairs, round of {pairs['as_of'][0]:%Y-%m-%d %H:%M} UTC. Predicted rates; net of "
        f"taker fees of four fills and {costs.slippage_pct:g} % slippage, held {costs.holding_days:g} days. One "
        "exchange or interval is asked of either leg, several of both. Choose a row for its detail."
    )
