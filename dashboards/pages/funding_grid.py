"""The first tab of the funding page: what all contracts come to, and the predicted rate of each asset everywhere."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.funding.matrix import Matrix, matrix
from dashboards.funding.measures import DEFAULT, MEASURES
from dashboards.funding.query import HistoryQuery, joined
from dashboards.pages import funding_exchanges, widgets, wording
from dashboards.pages.funding_shared import HIDDEN, SHORT, TICK, VERSION, nothing
from dashboards.pages.funding_shared import cards as row_of
from dashboards.pages.funding_words import percent, usd
from dashboards.pages.page import in_thread
from dashboards.rest.funding_rows import contracts_now, grid_now
from dashboards.services import Services
from market_assets.core.errors import NotMaterialised

_LEAST_Z = (("0", "All"), ("1", "1σ"), ("2", "2σ"), ("3", "3σ"))


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    search = dcc.Input(
        id="funding-search", type="search", placeholder="Search assets", className="search", debounce=False
    )
    measures = [(name, measure.title) for name, measure in MEASURES.items()]
    return html.Div(
        [
            html.Div(id="funding-cards"),
            html.Div(id="funding-grid-note"),
            html.Div(
                widgets.panel(
                    "Predicted rates by asset and exchange",
                    html.Div(id="funding-scale", className="scale-note quiet"),
                    html.Div(_grid(), className="rate-grid"),
                    controls=[
                        widgets.choice("funding-measure", measures, DEFAULT),
                        widgets.choice("funding-least-z", _LEAST_Z, "0"),
                        search,
                    ],
                ),
                id="funding-grid-place",
            ),
        ]
    )


def _grid() -> Component:
    return widgets.grid("funding-grid", [], "params.data.asset", tooltipShowDelay=300, rowHeight=34)


def columns(exchanges: tuple[str, ...], measure: str) -> list[dict[str, Any]]:
    """Columns of the grid: the asset, its open interest, and one per exchange."""
    shown = widgets.number(MEASURES[measure].d3)
    first = [
        widgets.column("asset", "Asset", pinned="left", cellClass="strong", minWidth=86, width=96),
        widgets.column("open_interest", "OI, USD", minWidth=84, width=92, type="rightAligned", valueFormatter=SHORT),
    ]
    rates = [
        {
            "field": f"{exchange}.v",
            "colId": exchange,
            "headerName": exchange,
            "minWidth": 116,
            "cellRenderer": "FundingRate",
            "valueFormatter": shown,
            "cellStyle": {"function": f"fundingShade(params.data['{exchange}'])"},
            "tooltipValueGetter": {"function": f"fundingTooltip(params.data['{exchange}'])"},
            "cellClass": "rate-cell",
        }
        for exchange in exchanges
    ]
    return [*first, *rates]


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(Output("funding-cards", "children"), TICK)
    @in_thread
    def show_cards(_tick: Any) -> Any:
        return cards(services)

    @app.callback(
        Output("funding-grid-note", "children"),
        Output("funding-grid-place", "style"),
        Output("funding-grid", "columnDefs"),
        Output("funding-grid", "rowData"),
        Output("funding-scale", "children"),
        VERSION,
        Input("funding-measure", "value"),
        Input("funding-search", "value"),
        Input("funding-least-z", "value"),
        State("funding-grid", "columnDefs"),
    )
    @in_thread
    def show_grid(_version: Any, measure: str, search: str | None, least_z: str, known: list[Any]) -> Any:
        try:
            grid = grid_now(services, None)
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, [], [], []
        found = matrix(grid, MEASURES[measure], search=search or "", least_z=float(least_z))
        wanted = columns(found.exchanges, measure)
        # the same columns again would undo the reader's sorting and widths
        return [], {}, wanted if wanted != known else no_update, found.rows, _scale(found, measure)

    @app.callback(
        Output("url", "pathname", allow_duplicate=True),
        Output("url", "search", allow_duplicate=True),
        Input("funding-grid", "cellClicked"),
        State("funding-grid", "rowData"),
        prevent_initial_call=True,
    )
    def open_history(clicked: dict[str, Any] | None, rows: list[dict[str, Any]]) -> Any:
        query = history_of(clicked or {}, rows or [])
        return ("/funding/history", query.text) if query else (no_update, no_update)


def history_of(clicked: dict[str, Any], rows: list[dict[str, Any]]) -> HistoryQuery | None:
    """The history behind a clicked cell: of its contract, of an asset's name that of its largest ones."""
    row = next((row for row in rows if row["asset"] == clicked.get("rowId")), None)
    if row is None:
        return None
    exchange = clicked.get("colId", "")
    cell = row.get(exchange)
    contracts = (joined(exchange, cell["s"]),) if isinstance(cell, dict) else ()
    return HistoryQuery(asset=row["asset"], contracts=contracts)


def cards(services: Services) -> Component:
    """What all open contracts come to, and how the newest looks are."""
    states = funding_exchanges.states(services)
    health = funding_exchanges.health_card(services, states)
    try:
        contracts = contracts_now(services, None)
    except NotMaterialised:
        missing = widgets.card("Contracts", wording.NO_DATA, "no look at any exchange is stored", "idle")
        return row_of(missing, health)
    known = contracts.drop_nulls("predicted_apr_pct").sort("predicted_apr_pct")
    present = states.drop_nulls("snapshot_at")
    sizes = contracts["open_interest_usd"].drop_nulls()
    return row_of(
        widgets.card(
            "Contracts", wording.count(contracts.height), f"{contracts.height - known.height:,} without a rate"
        ),
        widgets.card("Exchanges", wording.count(contracts["exchange"].n_unique()), f"of {states.height:,} in use"),
        widgets.card("Assets", wording.count(contracts["base_asset"].n_unique()), "with an open contract"),
        widgets.card(
            "Average APR",
            percent(known.select(pl.col("predicted_apr_pct").mean()).item()),
            "predicted, each contract once",
        ),
        _extreme("Highest APR", known.tail(1)),
        _extreme("Lowest APR", known.head(1)),
        widgets.card(
            "Open interest",
            usd(float(sizes.sum()) if sizes.len() else None),
            f"{contracts.height - sizes.len():,} of unknown size",
        ),
        funding_exchanges.age_card(present["age_min"]),
        health,
    )


def _extreme(title: str, row: pl.DataFrame) -> Component:
    if row.is_empty():
        return widgets.card(title, wording.NO_DATA, "no predicted rate is known", "idle")
    found = row.row(0, named=True)
    return widgets.card(title, percent(found["predicted_apr_pct"]), f"{found['symbol']} at {found['exchange']}")


def _scale(found: Matrix, measure: str) -> list[Component]:
    """What the colours and the badges mean."""
    unit = MEASURES[measure]
    return [
        html.Span(f"−{unit.text(found.scale)}"),
        html.I(className="scale-bar"),
        html.Span(f"+{unit.text(found.scale)}"),
        html.Span(
            f"{len(found.rows):,} assets. Positive: longs pay. Largest contract of each; σ: where the rate stands "
            "among the settled ones of 30 days. Italic: a trailing value."
        ),
    ]
