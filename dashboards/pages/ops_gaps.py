"""The gaps tab of the operations page: every hole of an observed table, its kind, and what is done about it."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.pages import widgets
from dashboards.pages.controls import HIDDEN, nothing
from dashboards.pages.ops_condition import VERSION
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.core.errors import NotMaterialised
from market_assets.core.gaps import MEANINGS

_TABLE = "ops_gaps"
_MOST_ROWS = 1_000
_STATUSES = [("open", "Open"), ("given_up", "Given up"), ("explained", "Explained"), ("all", "All")]
_TIME = {"function": "params.value ? params.value.slice(0, 16).replace('T', ' ') : ''"}
_GRID = [
    widgets.column("table", "Table", cellClass="strong", minWidth=150),
    widgets.column("name", "What", minWidth=120),
    widgets.column("partition", "Partition", minWidth=150),
    widgets.column("gap_start", "From, UTC", minWidth=140, valueFormatter=_TIME),
    widgets.column("gap_end", "Until, UTC", minWidth=140, valueFormatter=_TIME),
    widgets.column("n_missing", "Missing", ",d"),
    widgets.column("kind", "Kind", minWidth=150),
    widgets.column("status", "Status", minWidth=96,
        cellClassRules={"cell-warning": "params.value == 'open'", "cell-stale": "params.value == 'given_up'"}),
    widgets.column("n_tries", "Tries", ",d", minWidth=72),
    widgets.column("n_requests", "Requests", ",d"),
    widgets.column("reason", "Why", minWidth=260, flex=1),
]  # fmt: skip


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    grid = widgets.grid(
        "gaps-grid", _GRID, "[params.data.table, params.data.partition, params.data.name, params.data.gap_start].join()"
    )
    return html.Div(
        [
            html.Div(id="gaps-note"),
            html.Div(
                [
                    html.Div(id="gaps-cards"),
                    widgets.panel(
                        "Holes of observed tables",
                        html.P(id="gaps-said", className="quiet"),
                        html.Div(grid, id="gaps-grid-place"),
                        controls=[widgets.choice("gaps-status", _STATUSES, "open")],
                    ),
                    widgets.panel("Kinds", _kinds()),
                ],
                id="gaps-place",
            ),
        ]
    )


def _kinds() -> Component:
    rows = [[html.Code(kind), meaning] for kind, meaning in MEANINGS.items()]
    return widgets.table([("kind", "left"), ("means", "left wide")], rows)


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("gaps-note", "children"),
        Output("gaps-place", "style"),
        Output("gaps-cards", "children"),
        Output("gaps-said", "children"),
        Output("gaps-grid", "rowData"),
        Output("gaps-grid-place", "style"),
        Input("gaps-status", "value"),
        VERSION,
    )
    @in_thread
    def show(status: str, _version: Any) -> Any:
        try:
            found = services.data.load(_TABLE)
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, None, None, [], {}
        chosen = found if status == "all" else found.filter(pl.col("status") == status)
        shown = chosen.sort("gap_start", descending=True).head(_MOST_ROWS)
        told = shown.with_columns(pl.col("gap_start", "gap_end").dt.to_string("iso:strict"))
        return None, {}, _cards(found), _said(chosen, shown), told.to_dicts(), widgets.grid_height(shown.height)


def _cards(found: pl.DataFrame) -> Component:
    by_status = dict(found["status"].value_counts().iter_rows())
    due = found.filter(pl.col("status") == "open").unique(["table", "partition"])
    requests = due["n_requests"].sum()
    return widgets.cards(
        widgets.card(
            "Open", f"{by_status.get('open', 0):,}", "asked for again by themselves", _tone(by_status, "open")
        ),
        widgets.card(
            "Given up", f"{by_status.get('given_up', 0):,}", "asked for in vain", _tone(by_status, "given_up")
        ),
        widgets.card("Explained", f"{by_status.get('explained', 0):,}", "nothing to do"),
        widgets.card("Repairs due", f"{due.height:,}", f"partitions, {requests:,} requests at most"),
    )


def _tone(counts: dict[str, int], status: str) -> widgets.Tone:
    return "warn" if counts.get(status) else "plain"


def _said(chosen: pl.DataFrame, shown: pl.DataFrame) -> str:
    if chosen.is_empty():
        return "No such hole is known."
    more = "" if shown.height == chosen.height else f" The newest {shown.height:,} are shown, all at /api/gaps."
    return f"{chosen.height:,} holes, {chosen['n_missing'].sum():,} slots missing.{more}"
