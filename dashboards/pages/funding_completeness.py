"""The completeness tab of the funding page: which settlements are stored by contract and day, what is being fetched."""

from datetime import timedelta
from typing import Any

import polars as pl
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.figures import empty_figure
from dashboards.funding.heat import MOST, heat_figure, heat_height, least_complete, levels
from dashboards.orchestrator import Backfill, OrchestratorUnavailable
from dashboards.pages import widgets, wording
from dashboards.pages.funding_shared import HIDDEN, THEME, TICK, VERSION, dropdown, graph, nothing
from dashboards.pages.funding_words import percent
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.funding import readers
from market_assets.funding.transforms.completeness import completeness as completeness_of

_ALL = "all"
_CONTRACT = ["exchange", "native_symbol"]
#: rows of the table that are sent
_MOST_ROWS = 500
_GRID = [
    widgets.column("exchange", "Exchange", minWidth=124),
    widgets.column("symbol", "Contract", cellClass="strong", minWidth=190),
    widgets.column("completeness_pct", "Complete, %", ".2f", minWidth=104),
    widgets.column(
        "completeness_class",
        "Class",
        minWidth=132,
        cellClassRules={
            "cell-healthy": "params.value == 'complete'",
            "cell-warning": "params.value == 'partial high' || params.value == 'partial medium'",
            "cell-stale": "params.value == 'incomplete' || params.value == 'no data'",
        },
    ),
    widgets.column("expected_slots", "Due", ",d", minWidth=72),
    widgets.column("missing", "Missing", ",d"),
    widgets.column("n_unrecoverable", "Cannot be fetched again", ",d", minWidth=168,
        cellClassRules={"cell-stale": "params.value > 0"}),
    widgets.column("history_floor", "Kept since, UTC", minWidth=150),
    widgets.column("surplus_rows", "Surplus", ",d"),
    widgets.column("last_event", "Last settlement, UTC", minWidth=160),
]  # fmt: skip


def layout(services: Services, _search: str) -> Component:
    """The tab, empty."""
    exchanges = [{"value": _ALL, "label": "all exchanges"}, *services.settings.funding.enabled]
    search = dcc.Input(
        id="completeness-search", type="search", placeholder="Search contracts", className="search", debounce=False
    )
    return html.Div(
        [
            html.Div(id="completeness-backfills"),
            html.Div(id="completeness-note"),
            html.Div(
                [
                    html.Div(id="completeness-cards"),
                    widgets.panel(
                        "Settlements stored, contract by day",
                        html.P(id="completeness-said", className="quiet"),
                        html.Div(graph("completeness-map"), className="heat-place"),
                        _legend(),
                        controls=[
                            dropdown("completeness-exchange", exchanges, _ALL, "Exchange", multi=False),
                            search,
                        ],
                    ),
                    widgets.panel(
                        "Contracts, least complete first",
                        html.Div(
                            widgets.grid("completeness-grid", _GRID, "params.data.exchange + ':' + params.data.symbol"),
                            className="pairs-grid",
                        ),
                    ),
                ],
                id="completeness-place",
            ),
        ]
    )


def _legend() -> Component:
    kinds = [
        ("good", "95 % or more"), ("warn", "50 to 95 %"), ("bad", "below 50 %"), ("idle", "cannot be fetched again"),
    ]  # fmt: skip
    return html.Div(
        [html.Span([html.I(className=f"swatch tone-{tone}"), text]) for tone, text in kinds], className="legend"
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(Output("completeness-backfills", "children"), TICK)
    @in_thread
    def show_backfills(_tick: Any) -> Any:
        return backfills(services)

    @app.callback(
        Output("completeness-note", "children"),
        Output("completeness-place", "style"),
        Output("completeness-cards", "children"),
        Output("completeness-grid", "rowData"),
        Output("completeness-map", "figure"),
        Output("completeness-map", "style"),
        Output("completeness-said", "children"),
        Input("completeness-exchange", "value"),
        Input("completeness-search", "value"),
        VERSION,
        THEME,
    )
    @in_thread
    def show(exchange: str, search: str | None, _version: Any, theme: str | None) -> Any:
        blank = empty_figure(look(theme))
        try:
            found = readers.completeness(store=services.data.store)
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, [], [], blank, {}, ""
        asked = None if exchange == _ALL else exchange
        worst = least_complete(found, exchange=asked, search=search or "")
        mapped = worst.head(MOST)
        if mapped.is_empty():
            return [], {}, _cards(worst), [], blank, HIDDEN, "No listed contract matches."
        figure = heat_figure(levels(days(services, mapped)), mapped.select("exchange", "symbol").rows(), look(theme))
        style = {"height": f"{heat_height(mapped.height)}px"}
        return [], {}, _cards(worst), table_rows(worst), figure, style, said(worst)


def days(services: Services, contracts: pl.DataFrame) -> pl.DataFrame:
    """FundingCompleteness of the contracts (its rows), day by day over the window that ends with their newest day."""
    funding, last = services.settings.funding, contracts["day"].sort()[-1]
    window = [last - timedelta(days=back) for back in range(funding.window_days)]
    where = {name: contracts[name].unique().sort().to_list() for name in _CONTRACT}
    terms = services.data.load("funding_contracts", where=where)
    # a settlement at midnight may be stamped in the day before, its interval told by the one before that
    rates = services.data.load_or_none("funding_rates", start=window[-1] - timedelta(days=1), end=last, where=where)
    floors = contracts.select(*_CONTRACT, "history_floor")
    if rates is None:
        return contracts.clear()
    events, listed = (frame.join(floors, on=_CONTRACT, how="semi") for frame in (rates, terms))
    return completeness_of(
        events, listed, floors, days=window, window_days=1, now=clock.now(), start=funding.start_date
    )


def _cards(worst: pl.DataFrame) -> Component:
    share = worst.select(pl.col("completeness_pct").mean()).item()
    newest = worst.select(pl.col("day").max()).item()
    counts = dict(worst["completeness_class"].value_counts().iter_rows())
    gone = worst.filter(pl.col("n_unrecoverable") > 0).height
    missing = int((worst["expected_slots"] - worst["hit_slots"]).sum())
    below = worst.height - counts.get("complete", 0)
    return widgets.cards(
        widgets.card("Listed contracts", wording.count(worst.height), f"up to {wording.day(newest)}"),
        widgets.card("Mean completeness", percent(share), "of settlements due"),
        widgets.card("Complete", wording.count(counts.get("complete", 0)), "95 % or more", "good"),
        widgets.card(
            "Below",
            wording.count(below),
            ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in sorted(counts.items()) if name != "complete"),
            "warn" if below else "good",
        ),
        widgets.card("Missing settlements", wording.count(missing), "in the window"),
        widgets.card(
            "Cannot be fetched again", wording.count(gone), "contracts: the exchange keeps too little",
            "bad" if gone else "good",
        ),
    )  # fmt: skip


def table_rows(worst: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of the grid, the first so many."""
    clock_of = [pl.col(name).dt.strftime("%Y-%m-%d %H:%M") for name in ("history_floor", "last_event")]
    shown = worst.head(_MOST_ROWS).with_columns(
        *clock_of,
        pl.col("completeness_class").str.replace_all("_", " "),
        missing=pl.col("expected_slots") - pl.col("hit_slots"),
    )
    return shown.select([column["field"] for column in _GRID]).to_dicts()


def said(worst: pl.DataFrame) -> str:
    """How many of the contracts the map shows, and what a cell is."""
    shown = f"The {MOST} least complete of {worst.height:,}" if worst.height > MOST else f"{worst.height:,}"
    return f"{shown} listed contracts; a cell is one UTC day's share of the settlements due. Empty: nothing was due."


def backfills(services: Services) -> list[Component]:
    """The running backfills of this domain, with how far they are; nothing where none runs."""
    try:
        found = [each for each in services.orchestrator.backfills() if each.running and _of_domain(each)]
    except OrchestratorUnavailable:
        return [html.P("Backfills are unknown: Dagster does not tell.", className="quiet")]
    if not found:
        return []
    columns = [("backfill", "left"), ("assets", "left"), ("started", "right"), ("progress", "left"), ("done", "right"),
        ("failed", "right")]  # fmt: skip
    return [widgets.panel("Backfills running", widgets.table(columns, [_backfill(each) for each in found]))]


def _of_domain(backfill: Backfill) -> bool:
    return any(asset.startswith("funding_") for asset in backfill.assets)


def _backfill(backfill: Backfill) -> list[Any]:
    done, total = backfill.done, backfill.partitions_total
    known = done is not None and total
    bar = html.Progress(value=str(done), max=str(total)) if known else wording.UNKNOWN
    return [
        html.Code(backfill.id[:8]),
        ", ".join(backfill.assets),
        f"{wording.age((clock.now() - backfill.started_at).total_seconds())} ago",
        bar,
        f"{done:,} of {total:,}" if known else wording.UNKNOWN,
        wording.count(backfill.failed),
    ]
