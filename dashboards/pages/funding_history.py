"""The history tab of the funding page: settled rates of contracts of one asset, each over the interval it settled."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.figures import empty_figure
from dashboards.funding.history import history_figure
from dashboards.funding.measures import DEFAULT, MEASURES
from dashboards.funding.query import HistoryQuery, joined, parted
from dashboards.pages import widgets
from dashboards.pages.funding_shared import (
    HIDDEN,
    THEME,
    VERSION,
    VIEWPORT,
    dropdown,
    graph,
    nothing,
    points,
    query_stores,
    share,
)
from dashboards.pages.page import in_thread
from dashboards.rest.funding_rows import contracts_now
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.funding import readers

_QUERY = "funding-history-query"
_SPANS = {"7d": 7, "30d": 30, "90d": 90, "1y": 365, "All": None}
_DEFAULT_SPAN = "30d"
#: contracts that are drawn unless others are chosen, and at most
_CHOSEN, _MOST = 4, 8


def layout(services: Services, search: str) -> Component:
    """The tab; its controls show what the address says."""
    query = HistoryQuery.of(search)
    assets = assets_of(services)
    asset = query.asset if query.asset in assets else next(iter(assets), None)
    measures = [(name, measure.title) for name, measure in MEASURES.items()]
    measure = query.measure if query.measure in MEASURES else DEFAULT
    span = query.span if query.span in _SPANS else _DEFAULT_SPAN
    return html.Div(
        [
            *query_stores(_QUERY),
            dcc.Store(id="funding-zoom"),
            html.Div(id="funding-history-note"),
            html.Div(
                widgets.panel(
                    "Settled rates",
                    html.Div(
                        [
                            dropdown("funding-asset", assets, asset, "Asset", multi=False),
                            dropdown("funding-contracts", *_contracts(services, asset, query.contracts), "Contracts"),
                        ],
                        className="picks",
                    ),
                    html.P(id="funding-history-said", className="quiet"),
                    graph("funding-history-plot", 460),
                    controls=[
                        widgets.choice("funding-history-measure", measures, measure or DEFAULT),
                        widgets.choice("funding-span", [(name, name) for name in _SPANS], span or _DEFAULT_SPAN),
                    ],
                ),
                id="funding-history-place",
            ),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""
    share(app, _QUERY)

    @app.callback(
        Output("funding-contracts", "options"),
        Output("funding-contracts", "value"),
        Input("funding-asset", "value"),
        prevent_initial_call=True,
    )
    @in_thread
    def offer_contracts(asset: str | None) -> Any:
        return _contracts(services, asset, ())

    @app.callback(
        Output(_QUERY, "data"),
        Input("funding-asset", "value"),
        Input("funding-contracts", "value"),
        Input("funding-history-measure", "value"),
        Input("funding-span", "value"),
    )
    def ask(asset: str | None, contracts: list[str] | None, measure: str, span: str) -> str:
        return HistoryQuery.stated(asset=asset, contracts=contracts, measure=measure, span=span).text

    @app.callback(
        Output("funding-zoom", "data"),
        Input("funding-history-plot", "relayoutData"),
        Input(_QUERY, "data"),
        State("funding-zoom", "data"),
        prevent_initial_call=True,
    )
    def zoom(moved: dict[str, Any] | None, _query: str, known: Any) -> Any:
        found = zoomed(moved or {}, known) if ctx.triggered_id == "funding-history-plot" else None
        return no_update if found == known else found

    @app.callback(
        Output("funding-history-note", "children"),
        Output("funding-history-place", "style"),
        Output("funding-history-plot", "figure"),
        Output("funding-history-said", "children"),
        Input(_QUERY, "data"),
        Input("funding-zoom", "data"),
        VERSION,
        THEME,
        VIEWPORT,
    )
    @in_thread
    def draw(query: str | None, window: Any, _version: Any, theme: str | None, viewport: int | None) -> Any:
        asked = HistoryQuery.of(query)
        try:
            events = settled(services, asked, window)
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, empty_figure(look(theme)), ""
        measure = MEASURES[asked.measure or DEFAULT]
        figure = history_figure(events, measure, look(theme), most=points(viewport), view=f"{query}")
        return [], {}, figure, said(events, measure.settled, asked)


def assets_of(services: Services) -> list[str]:
    """Every asset that has or had a contract: by open interest, then by name. Empty before the first listing."""
    listed = services.data.load_or_none("funding_contracts", columns=["base_asset"])
    if listed is None:
        return []
    try:
        now = contracts_now(services, None)
    except NotMaterialised:
        return sorted(listed["base_asset"].unique())
    by_size = now.group_by("base_asset").agg(pl.col("open_interest_usd").sum())
    return (
        listed.unique()
        .join(by_size, on="base_asset", how="left")
        .sort("open_interest_usd", "base_asset", descending=[True, False], nulls_last=True)["base_asset"]
        .to_list()
    )


def _contracts(services: Services, asset: str | None, wanted: tuple[str, ...]) -> tuple[list[Any], list[str]]:
    """The asset's contracts to choose from, closed ones last, and the chosen ones: the wanted, else the largest."""
    if asset is None:
        return [], []
    columns = ["exchange", "symbol", "valid_from", "valid_to"]
    terms = services.data.load("funding_contracts", columns=columns, where={"base_asset": asset})
    listed = (
        terms.sort("exchange", "symbol", "valid_from")
        .group_by("exchange", "symbol", maintain_order=True)
        .agg(is_open=pl.col("valid_to").last().is_null())
        .join(_sizes(services), on=["exchange", "symbol"], how="left")
        .sort(
            "is_open", "open_interest_usd", "exchange", "symbol", descending=[True, True, False, False], nulls_last=True
        )
    )
    names = {joined(e, s): is_open for e, s, is_open in listed.select("exchange", "symbol", "is_open").iter_rows()}
    labels = [
        {"value": name, "label": "  ".join(parted(name)) + ("" if is_open else "  (closed)")}
        for name, is_open in names.items()
    ]
    chosen = [name for name in wanted if name in names][:_MOST]
    return labels, chosen or list(names)[:_CHOSEN]


def _sizes(services: Services) -> pl.DataFrame:
    columns = ["exchange", "symbol", "open_interest_usd"]
    try:
        return contracts_now(services, None).select(columns)
    except NotMaterialised:
        return pl.DataFrame(schema={"exchange": pl.String, "symbol": pl.String, "open_interest_usd": pl.Float64})


def settled(services: Services, query: HistoryQuery, window: dict[str, str] | None) -> pl.DataFrame:
    """Settled rates of the query's contracts in the zoomed window, else in its span. Raises NotMaterialised."""
    start, end = _bounds(query, window)
    chosen = [parted(name) for name in query.contracts[:_MOST]]
    store = services.data.store
    found = [
        readers.settled(symbol=symbol, exchange=exchange, start=start, end=end, store=store)
        for exchange, symbol in chosen
    ]
    if not found:
        # says what to run where nothing is stored at all
        return readers.settled(symbol="", exchange="", store=store)
    return pl.concat(found)


def _bounds(query: HistoryQuery, window: dict[str, str] | None) -> tuple[datetime | None, datetime | None]:
    if window:
        # the step at the right edge belongs to a settlement beyond it
        return clock.instant(window["start"]), clock.instant(window["end"]) + timedelta(days=1)
    days = _SPANS[query.span if query.span in _SPANS else _DEFAULT_SPAN]
    return (None if days is None else clock.now() - timedelta(days=days)), None


def zoomed(moved: dict[str, Any], known: dict[str, str] | None) -> dict[str, str] | None:
    """The window a drag asks for, as instants; None after a double click; `known` after moves that are none."""
    if moved.get("xaxis.autorange"):
        return None
    ends = [moved.get(f"xaxis.range[{place}]", (moved.get("xaxis.range") or [None, None])[place]) for place in (0, 1)]
    if not all(ends):
        return known
    start, end = (_whole(str(each)[:19]) for each in ends)
    return {"start": start, "end": end}


def _whole(text: str) -> str:
    """An instant as plotly writes it, without what is zero: 2026-11-03, 2026-11-03 14:00."""
    day, _, time = text.partition(" ")
    return f"{day}T{time}{'00:00:00'[len(time) :]}Z"


def said(events: pl.DataFrame, column: str, query: HistoryQuery) -> str:
    """What is drawn, and what is not."""
    if not query.contracts:
        return "No contract is chosen."
    if events.is_empty():
        return "No settlement of these contracts is stored in this span."
    unknown = events[column].null_count()
    first, last = events["funding_time"].sort().gather([0, -1])
    parts = [
        f"{events.height:,} settlements, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC; each step covers the "
        "interval that ends at its settlement"
    ]
    if unknown:
        parts.append(f"{unknown:,} of unknown interval are not drawn")
    if len(query.contracts) > _MOST:
        parts.append(f"the first {_MOST} contracts are drawn")
    silent = {parted(name) for name in query.contracts[:_MOST]} - set(events.select("exchange", "symbol").rows())
    if silent:
        parts.append("nothing stored of " + ", ".join(" ".join(each) for each in sorted(silent)))
    return ". ".join(parts) + "."
