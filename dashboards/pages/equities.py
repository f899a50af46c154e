"""Equities: cards, the symbol grid, one symbol's chart and tables, coverage, what is stored."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.coverage import coverage_figure, coverage_height, without_guesses
from dashboards.data import SCORED
from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.pages import equities_symbol, widgets, wording
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.equities.sessions import all_sessions
from market_assets.equities.transforms import gaps
from market_assets.equities.transforms.sessions import due

_STATUS = "equities_symbol_status"
_PATH = "/equities"
_STATES = ("healthy", "warning", "stale", "empty", "inactive")

_GRID = [
    widgets.column("symbol", "Symbol", pinned="left", cellClass="strong", minWidth=92),
    widgets.column(
        "status",
        "Status",
        minWidth=96,
        cellClassRules={f"cell-{state}": f"params.value == '{state}'" for state in _STATES},
    ),
    widgets.column("latest_session", "Latest", minWidth=104),
    widgets.column(
        "validation_rate",
        "Valid",
        ".1%",
        cellClassRules={
            "cell-healthy": "params.value != null && params.value >= 0.95",
            "cell-warning": "params.value != null && params.value < 0.95 && params.value >= 0.85",
            "cell-stale": "params.value != null && params.value < 0.85",
        },
    ),
    widgets.column("n_open_gaps", "Gaps", ",d", minWidth=72),
    widgets.column("sessions_behind", "Behind", ",d"),
    widgets.column("n_rows", "Rows", ",d"),
    widgets.column("n_reconcile_fail_30", "2nd source", ",d", minWidth=100),
]


def _layout() -> Component:
    options = [("all", "All"), *((state, state.capitalize()) for state in _STATES)]
    search = dcc.Input(
        id="symbol-search", type="search", placeholder="Search symbols", className="search", debounce=False
    )
    return html.Div(
        [
            html.Div(id="equities-cards"),
            html.Div(
                [
                    widgets.panel(
                        "Symbols",
                        widgets.choice("symbol-status", options, "all"),
                        html.Div(_symbol_grid(), className="grid-place"),
                        controls=[search],
                        name="symbols",
                    ),
                    equities_symbol.layout(),
                ],
                className="symbols-and-chart",
            ),
            widgets.panel("Coverage", html.Div(id="coverage"), controls=[_legend()], name="coverage"),
            html.Div(id="equities-stored"),
            dcc.Store(id="symbol"),
        ]
    )


def _symbol_grid() -> Component:
    selection = {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True}
    return widgets.grid("symbol-grid", _GRID, "params.data.symbol", rowSelection=selection)


def _legend() -> Component:
    kinds = [("good", "95 % or more"), ("warn", "85 to 95 %"), ("bad", "below 85 %"), ("idle", "never fetched")]
    return html.Div(
        [html.Span([html.I(className=f"swatch tone-{tone}"), text]) for tone, text in kinds], className="legend"
    )


def _register(app: Dash, services: Services) -> None:
    equities_symbol.register(app, services)

    @app.callback(Output("equities-cards", "children"), Input("refresh", "data"))
    @in_thread
    def show_cards(_refresh: Any) -> Any:
        return _cards(services)

    @app.callback(
        Output("symbol-grid", "rowData"),
        Input("version", "data"),
        Input("symbol-search", "value"),
        Input("symbol-status", "value"),
    )
    @in_thread
    def show_symbols(_version: Any, search: str | None, state: str) -> Any:
        return symbol_rows(services, search, state)

    @app.callback(
        Output("symbol", "data"),
        Output("symbol-grid", "selectedRows"),
        Input("url", "pathname"),
        Input("version", "data"),
        State("symbol", "data"),
    )
    @in_thread
    def choose(path: str | None, _version: Any, current: str | None) -> Any:
        chosen = symbol_of(path or "") or first_symbol(services)
        return (chosen if chosen != current else no_update), {"ids": [chosen] if chosen else []}

    @app.callback(
        Output("url", "pathname", allow_duplicate=True),
        Input("symbol-grid", "cellClicked"),
        State("symbol", "data"),
        prevent_initial_call=True,
    )
    def open_symbol(clicked: dict[str, Any] | None, current: str | None) -> Any:
        chosen = clicked.get("rowId") if clicked else None
        return f"{_PATH}/{chosen}" if chosen and chosen != current else no_update

    @app.callback(
        Output("coverage", "children"),
        Output("equities-stored", "children"),
        Input("version", "data"),
        Input("theme", "data"),
    )
    @in_thread
    def show_coverage(_version: Any, theme: str | None) -> Any:
        return _coverage(services, theme), _stored(services)


def symbol_of(path: str) -> str | None:
    """The symbol a path names: `/equities/AAPL`."""
    rest = path.removeprefix(_PATH).strip("/")
    return rest or None


def first_symbol(services: Services) -> str | None:
    """The first symbol that has rows, else the first of the universe."""
    status = services.data.load_or_none(_STATUS)
    if status is not None and (stored := status.filter(pl.col("n_rows") > 0)).height:
        return str(stored["symbol"][0])
    return next(iter(services.data.universe()), None)


def symbol_rows(services: Services, search: str | None, state: str) -> list[dict[str, Any]]:
    """The rows of the grid that match search text and status; none where no status is stored."""
    found = services.data.load_or_none(_STATUS)
    if found is None:
        return []
    if search:
        found = found.filter(pl.col("symbol").str.to_lowercase().str.contains(search.lower(), literal=True))
    if state != "all":
        found = found.filter(status=state)
    shown = [column["field"] for column in _GRID]
    return found.select(shown).with_columns(pl.col("latest_session").cast(pl.String)).to_dicts()


def _cards(services: Services) -> Component:
    status = services.data.load_or_none(_STATUS)
    scheduler = _scheduler(services)
    api = widgets.card("API", "serving", f"p95 {wording.milliseconds(services.telemetry.overall()['p95_ms'])}", "good")
    clockwork = widgets.card("Scheduler", *scheduler)
    if status is None or status.is_empty():
        missing = widgets.card("Symbols", wording.NO_DATA, f"{_STATUS} is not materialised", "idle")
        return html.Div(
            [
                widgets.cards(api, missing, clockwork),
                widgets.empty(
                    f"{_STATUS} is not materialised yet, so there is no symbol to list.", widgets.materialise(_STATUS)
                ),
            ]
        )
    counts = dict(status["status"].value_counts().iter_rows())
    rows, validated = int(status["n_rows"].sum()), int(status["n_validated"].sum())
    rate = validated / rows if rows else None
    latest = status.select(pl.max("latest_session")).item()
    worst: widgets.Tone = "bad" if counts.get("stale") else "warn" if counts.get("warning") else "good"
    return widgets.cards(
        api,
        widgets.card(
            "Symbols",
            wording.count(status.height),
            f"{counts.get('healthy', 0)} healthy, {counts.get('warning', 0)} warning, {counts.get('stale', 0)} stale",
            worst,
        ),
        widgets.card("Records", wording.count(rows), "daily bars"),
        widgets.card("Validated", wording.percent(rate, 2), f"{rows - validated:,} not validated", _rate_tone(rate)),
        widgets.card("Latest session", wording.day(latest), "newest of all symbols"),
        clockwork,
    )


def _rate_tone(rate: float | None) -> widgets.Tone:
    if rate is None:
        return "idle"
    return "good" if rate >= 0.95 else "warn" if rate >= 0.85 else "bad"


def _scheduler(services: Services) -> tuple[str, str, widgets.Tone]:
    try:
        running = services.orchestrator.scheduler_running()
    except OrchestratorUnavailable:
        return "unknown", "no Dagster instance here", "idle"
    return ("running", "heartbeat is recent", "good") if running else ("stopped", "no recent heartbeat", "bad")


def _coverage(services: Services, theme: str | None) -> Component:
    stored = services.data.load_or_none(SCORED, columns=["symbol", "session_date"])
    if stored is None:
        return widgets.empty(f"{SCORED} is not materialised yet.", widgets.materialise(SCORED))
    fetched = [_symbol_year(manifest.partition) for manifest in services.data.manifests(SCORED)]
    now, first = clock.now(), min(year for _, year in fetched)
    asked = {symbol for symbol, _ in fetched}
    symbols = services.data.load("equities_symbols").filter(pl.col("symbol").is_in(asked))
    owed = due(all_sessions(first, now.year), now, services.settings.equities.vendor_delay_min)
    cells = without_guesses(gaps.coverage(stored, symbols, owed), fetched)
    figure = coverage_figure(cells, look(theme))
    height = coverage_height(cells["symbol"].n_unique())
    return html.Div(
        dcc.Graph(figure=figure, config={"displayModeBar": False}, style={"height": f"{height}px"}),
        className="coverage-scroll",
    )


def _symbol_year(partition: str) -> tuple[str, int]:
    symbol, year = partition.rsplit("|", 1)
    return symbol, int(year)


def _stored(services: Services) -> Component:
    columns = [("table", "left"), ("partitions", "right"), ("rows", "right"), ("size", "right"), ("published", "right")]
    now = clock.now()
    rows = [
        [
            html.Code(table.name),
            wording.count(table.partitions),
            wording.count(table.rows) if table.partitions else wording.NO_DATA,
            wording.size(table.bytes) if table.partitions else wording.NO_DATA,
            f"{wording.age((now - table.published_at).total_seconds())} ago" if table.published_at else wording.NO_DATA,
        ]
        for table in services.data.tables("equities")
    ]
    return widgets.panel("Stored", widgets.table(columns, rows))


PAGE = Page(_PATH, wording.DOMAINS["equities"], _layout, _register)
