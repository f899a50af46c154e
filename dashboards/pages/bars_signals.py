"""The signals tab of the bars page: what fired, graded and sized for an account, and why the rest was rejected."""

from typing import Any

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.bars import fired
from dashboards.bars.alphas import NAMES
from dashboards.bars.query import SPANS, VERDICTS, SignalsQuery
from dashboards.pages import widgets, wording
from dashboards.pages.bars_shared import VERSION, cards
from dashboards.pages.controls import HIDDEN, dropdown, labelled, nothing, number, query_stores, share
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.bars import readers
from market_assets.bars.settings import ALPHAS
from market_assets.bars.transforms.scanner_stats import BarsScannerStats
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised

_QUERY, _TABLE, _SCANNED = "bars-signals-query", "bars_signals", "bars_scanner_features"
#: newest ones that are shown
_MOST = 500
_SIDED = {"cell-buy": "params.value === 'BUY'", "cell-sell": "params.value === 'SELL'"}
_GRADED = {
    "cell-buy": "params.value === 'A+' || params.value === 'A'",
    "cell-slow": "params.value === 'B'",
    "few": "params.value === 'unproven' || params.value === 'rejected'",
}
_JUDGED = {"cell-buy": "params.value === 'accepted'", "few": "params.value === 'rejected'"}
_UNUSED = {"few": "params.data.verdict === 'rejected'"}
_PRICE = ",.6~g"
_COLUMNS = [
    widgets.column("time", "Fired, UTC", minWidth=152),
    widgets.column("symbol", "Symbol", minWidth=108, cellClass="strong"),
    widgets.column("alpha", "Alpha", minWidth=150),
    widgets.column("action", "Side", minWidth=66, cellClassRules=_SIDED),
    widgets.column("grade", "Grade", minWidth=86, cellClassRules=_GRADED),
    widgets.column("verdict", "Judged", minWidth=90, cellClassRules=_JUDGED),
    widgets.column("q_star", "Q*", ".2f", minWidth=66),
    widgets.column("p_win", "p_win", ".1%", minWidth=76),
    widgets.column("n_outcomes", "Outcomes", ",d", minWidth=88),
    widgets.column(
        "lots", "Lots", ",.6~g", minWidth=80, cellClass="strong ag-right-aligned-cell", cellClassRules=_UNUSED
    ),
    widgets.column("why", "Why not, and what was not judged", minWidth=280, tooltipField="why"),
    widgets.column("es95", "ES 95 %", ",.2f", minWidth=84),
    widgets.column("entry_ref_price", "Price", _PRICE, minWidth=92),
    widgets.column("stop_loss", "Stop", _PRICE, minWidth=92),
    widgets.column("take_profit_1", "Target 1", _PRICE, minWidth=92),
    widgets.column("take_profit_2", "Target 2", _PRICE, minWidth=92),
    widgets.column("rr", "RR", ".2f", minWidth=60),
    widgets.column("confidence", "Confidence", ".2f", minWidth=94),
    widgets.column("regime", "Regime", minWidth=82),
    widgets.column("inputs", "Inputs", minWidth=240, tooltipField="inputs"),
    widgets.column("profile", "Profile", minWidth=96),
]


def layout(services: Services, search: str) -> Component:
    """The tab; its controls show what the address says."""
    query = SignalsQuery.of(search)
    return html.Div(
        [
            *query_stores(_QUERY),
            html.Div(id="bars-signals-cards"),
            html.Div(id="bars-signals-note"),
            html.Div(
                widgets.panel(
                    "Signals",
                    _filters(services, query),
                    html.P(id="bars-signals-said", className="quiet"),
                    html.Div(
                        widgets.grid("bars-signals-grid", _COLUMNS, "params.data.id"), id="bars-signals-grid-place"
                    ),
                    controls=[
                        widgets.choice("bars-signals-verdict", list(VERDICTS.items()), query.verdict),
                        widgets.choice("bars-signals-span", [(name, name) for name in SPANS], query.span),
                    ],
                ),
                id="bars-signals-place",
            ),
        ]
    )


def _filters(services: Services, query: SignalsQuery) -> Component:
    alphas = [{"value": name, "label": NAMES[name]} for name in ALPHAS]
    return html.Div(
        [
            labelled(
                "Symbols",
                dropdown("bars-signals-symbols", list(services.settings.bars.symbols), list(query.symbols), "All"),
            ),
            labelled("Alphas", dropdown("bars-signals-alphas", alphas, list(query.alphas), "All")),
            number("bars-signals-equity", "Equity, for lots", query.equity, 0),
        ],
        className="filters signal-filters",
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""
    share(app, _QUERY)

    @app.callback(
        Output(_QUERY, "data"),
        Input("bars-signals-symbols", "value"),
        Input("bars-signals-alphas", "value"),
        Input("bars-signals-verdict", "value"),
        Input("bars-signals-span", "value"),
        Input("bars-signals-equity", "value"),
    )
    def ask(symbols: Any, alphas: Any, verdict: str, span: str, equity: float | None) -> str:
        return SignalsQuery.stated(symbols=symbols, alphas=alphas, verdict=verdict, span=span, equity=equity).text

    @app.callback(Output("bars-signals-cards", "children"), VERSION)
    @in_thread
    def show_cards(_version: Any) -> Any:
        try:
            return _scanned(readers.scanner_stats(store=services.data.store))
        except NotMaterialised:
            return []

    @app.callback(
        Output("bars-signals-note", "children"),
        Output("bars-signals-place", "style"),
        Output("bars-signals-grid", "rowData"),
        Output("bars-signals-said", "children"),
        Output("bars-signals-grid-place", "style"),
        Input(_QUERY, "data"),
        VERSION,
    )
    @in_thread
    def show(text: str | None, _version: Any) -> Any:
        query, now = SignalsQuery.of(text), clock.now()
        since = (now - SPANS[query.span]).replace(second=0, microsecond=0)
        try:
            found = services.data.kept(
                f"bars signals {since}", [_TABLE], lambda: readers.signals(start=since, store=services.data.store)
            )
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, [], "", HIDDEN
        left = fired.chosen(found, query)
        rows = fired.rows(left.head(_MOST), query.equity, services.settings.bars)
        style = widgets.grid_height(len(rows)) if rows else HIDDEN
        return [], {}, rows, _said(found.height, left.height, query), style


def _said(n_all: int, n_left: int, query: SignalsQuery) -> str:
    if not n_all:
        return f"No alpha fired within {query.span}. That is no fault: see how the scanner did above."
    if not n_left:
        return f"{n_all:,} signals within {query.span}; the filters leave none of them."
    more = f" The newest {_MOST:,} are shown." if n_left > _MOST else ""
    return f"{n_left:,} of {n_all:,} signals within {query.span}. Lots are for an equity of {query.equity:,.12g}.{more}"


def _scanned(stats: BarsScannerStats) -> Component:
    most = sorted(stats.rejected_by_reason.items(), key=lambda one: (-one[1], one[0]))
    why = ", ".join(f"{fired.words(reason)} {n:,}" for reason, n in most) or "nothing was rejected"
    return cards(
        widgets.card("Symbols scanned", wording.count(stats.symbols_scanned), "newest day"),
        widgets.card("Fired", wording.count(stats.fired), f"by {len(stats.alphas)} alphas"),
        widgets.card("Accepted", wording.count(stats.accepted), why, "good" if stats.accepted else "plain"),
        widgets.card("Thresholds", stats.profile, f"last bar closed {wording.instant(stats.last_scan)}"),
    )
