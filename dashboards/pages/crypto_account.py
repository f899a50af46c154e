"""The account tab of the crypto page: what the simulated account is worth, holds, waits for, and how it did."""

from datetime import date, timedelta
from typing import Any

import polars as pl
from dash import Dash, Output, html
from dash.development.base_component import Component

from dashboards.crypto import orders
from dashboards.crypto.account import drawdown_gauge, equity_figure
from dashboards.crypto.metrics import usd
from dashboards.figures import empty_figure
from dashboards.pages import crypto_metrics, widgets, wording
from dashboards.pages.controls import HIDDEN, THEME, VIEWPORT, graph, nothing, points
from dashboards.pages.crypto_positions import held_table, waiting_table
from dashboards.pages.crypto_shared import TICK, VERSION, cards, signed_percent
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.crypto import readers
from market_assets.crypto.readers_account import TradeStatus

TRADES = "crypto_paper_trades"
#: newest closed and refused ones that are shown
_MOST = 500
_SIGNED = {"cell-buy": "params.value > 0", "cell-sell": "params.value < 0"}
_SIDED = {"cell-buy": "params.value === 'long'", "cell-sell": "params.value === 'short'"}
_CLOSED = [
    widgets.column("exit", "Left, UTC", minWidth=148),
    widgets.column("symbol", "Symbol", minWidth=92, cellClass="strong"),
    widgets.column("side", "Side", minWidth=66, cellClassRules=_SIDED),
    widgets.column("pnl", "Profit, USD", "+,.2f", minWidth=96, cellClassRules=_SIGNED),
    widgets.column("pnl_pct", "Profit, %", "+,.2f", minWidth=84, cellClassRules=_SIGNED),
    widgets.column("r_multiple", "R", "+.2f", minWidth=64),
    widgets.column("left", "By", minWidth=108),
    widgets.column("held_min", "Held, min", ",.0f", minWidth=84),
    widgets.column("entry", "Entered, UTC", minWidth=148),
    widgets.column("entry_price", "Entry", ",.6~g", minWidth=84),
    widgets.column("exit_price", "Exit, mean", ",.6~g", minWidth=92),
    widgets.column("qty", "Size", ",.6~g", minWidth=80),
    widgets.column("fees", "Fees, USD", ",.2f", minWidth=84),
]
_REJECTED = [
    widgets.column("signal", "Signal, UTC", minWidth=148),
    widgets.column("symbol", "Symbol", minWidth=92, cellClass="strong"),
    widgets.column("side", "Side", minWidth=66, cellClassRules=_SIDED),
    widgets.column("why", "Why", minWidth=200),
    widgets.column("feature_confidence", "Confidence", ".2f", minWidth=92),
    widgets.column("size_ratio", "Size", ".2%", minWidth=74),
]


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    return html.Div(
        [
            html.Div(id="account-note"),
            html.Div(
                [
                    html.Div(id="account-cards"),
                    html.Div(
                        [
                            widgets.panel("Equity by day", graph("account-plot", 430)),
                            html.Div(
                                [
                                    widgets.panel(
                                        "Drawdown",
                                        graph("account-gauge", 190),
                                        html.P(id="account-gauge-said", className="quiet"),
                                    ),
                                    widgets.panel("Waiting to be filled", html.Div(id="account-waiting")),
                                ],
                                className="column",
                            ),
                        ],
                        className="two-columns wide-left",
                    ),
                    widgets.panel("Open positions", html.Div(id="account-held")),
                    crypto_metrics.layout(),
                    _listed("Closed trades", "account-closed", _CLOSED),
                    _listed("Refused and cancelled orders", "account-rejected", _REJECTED),
                ],
                id="account-place",
            ),
        ]
    )


def _listed(title: str, name: str, columns: list[dict[str, Any]]) -> Component:
    return widgets.panel(
        title,
        html.P(id=f"{name}-said", className="quiet"),
        html.Div(widgets.grid(name, columns, "params.data.trade_id"), id=f"{name}-place"),
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""
    crypto_metrics.register(app, services)

    @app.callback(Output("account-cards", "children"), VERSION, TICK)
    @in_thread
    def show_cards(_version: Any, _tick: Any) -> Any:
        days, _ = account(services)
        return [] if days.is_empty() else _cards(services, days, _of(services, "open").height)

    @app.callback(
        Output("account-note", "children"),
        Output("account-place", "style"),
        Output("account-held", "children"),
        Output("account-waiting", "children"),
        Output("account-gauge-said", "children"),
        VERSION,
    )
    @in_thread
    def show(_version: Any) -> Any:
        days, why = account(services)
        if days.is_empty():
            return why, HIDDEN, [], [], ""
        held = orders.held(_of(services, "open"), days["equity_end"][-1])
        return [], {}, held_table(held), waiting_table(_of(services, "pending")), _deepest(services, days)

    @app.callback(
        Output("account-plot", "figure"),
        Output("account-gauge", "figure"),
        VERSION,
        THEME,
        VIEWPORT,
    )
    @in_thread
    def draw(_version: Any, theme: str | None, viewport: int | None) -> Any:
        days, _ = account(services)
        shown, paper = look(theme), services.settings.crypto.paper
        if days.is_empty():
            return empty_figure(shown), empty_figure(shown)
        gauge = drawdown_gauge(days["drawdown_ratio"][-1], paper, shown)
        return equity_figure(days, paper, shown, most=points(viewport)), gauge

    @app.callback(
        Output("account-closed", "rowData"),
        Output("account-closed-said", "children"),
        Output("account-closed-place", "style"),
        Output("account-rejected", "rowData"),
        Output("account-rejected-said", "children"),
        Output("account-rejected-place", "style"),
        VERSION,
    )
    @in_thread
    def list_orders(_version: Any) -> Any:
        if account(services)[0].is_empty():
            return [], "", HIDDEN, [], "", HIDDEN
        closed = orders.closed_rows(_of(services, "closed"))
        rejected = orders.rejected_rows(_of(services, "rejected"))
        return (
            *_told(closed, "No position was closed yet."),
            *_told(rejected, "No order was refused yet."),
        )


def account(services: Services) -> tuple[pl.DataFrame, list[Component]]:
    """The account by day under the strategy version in force; where there is no day, what stands there instead."""
    version = services.settings.crypto.signals.strategy_version
    try:
        days = services.data.kept("crypto equity", [TRADES], lambda: readers.equity(store=services.data.store))
    except NotMaterialised as missing:
        return pl.DataFrame(), [nothing(missing)]
    ours = days.filter(pl.col("strategy_version") == version)
    if days.height and ours.is_empty():
        reason = f"the account of strategy version {version} (crypto.signals.strategy_version) has no day yet"
        return ours, [html.Section(widgets.empty(reason, widgets.materialise(TRADES)), className="panel")]
    if ours.is_empty():
        return ours, [html.Section(widgets.empty("no day of the account is stored"), className="panel")]
    return ours, []


def _of(services: Services, status: TradeStatus) -> pl.DataFrame:
    """The account's rows of a status, those of the strategy version in force."""
    found = services.data.kept(
        f"crypto paper trades {status}",
        [TRADES],
        lambda: readers.paper_trades(status, limit=_MOST, store=services.data.store),
    )
    return found.filter(pl.col("strategy_version") == services.settings.crypto.signals.strategy_version)


def _cards(services: Services, days: pl.DataFrame, n_held: int) -> Component:
    paper = services.settings.crypto.paper
    newest, start = days.row(-1, named=True), days["equity_start"][0]
    gained, of_day = newest["equity_end"] - start, newest["equity_end"] - newest["equity_start"]
    exposure = newest["exposure_ratio"]
    return cards(
        widgets.card(
            "Equity",
            usd(newest["equity_end"]),
            f"{signed_percent(100 * gained / start)} since {days['day'][0]}",
            _tone(gained),
        ),
        widgets.card(
            "Newest day",
            f"{of_day:+,.2f} USD",
            f"realised {newest['realised_pnl']:+,.2f}, fees {newest['fees']:,.2f}",
            _tone(of_day),
        ),
        widgets.card(
            "Unrealised", usd(newest["unrealised_pnl"]), f"{n_held} of at most {paper.max_positions} positions"
        ),
        widgets.card(
            "Exposure",
            wording.percent(exposure, 2),
            f"of at most {wording.percent(paper.max_exposure, 0)} of equity",
            "warn" if exposure is not None and exposure > paper.max_exposure else "plain",
        ),
        _as_of(newest["day"]),
    )


def _as_of(day: date) -> Component:
    behind = (clock.today() - timedelta(days=1) - day).days
    note = f"{behind} days behind yesterday" if behind > 0 else "simulated: no order is ever sent"
    return widgets.card("As of the end of", f"{day}", note, "warn" if behind > 0 else "plain")


def _tone(value: float) -> widgets.Tone:
    if value == 0:
        return "plain"
    return "good" if value > 0 else "bad"


def _deepest(services: Services, days: pl.DataFrame) -> str:
    limit = wording.percent(services.settings.crypto.paper.max_drawdown, 0)
    return (
        f"Below the peak of {usd(days['peak_equity'][-1])}; deepest so far "
        f"{wording.percent(days['drawdown_ratio'].max(), 2)}. From {limit} on nothing new is entered."  # type: ignore[arg-type]
    )


def _told(rows: list[dict[str, Any]], none: str) -> tuple[Any, str, dict[str, str]]:
    if not rows:
        return rows, none, HIDDEN
    more = f"The newest {_MOST:,}." if len(rows) == _MOST else f"{len(rows):,} in all."
    return rows, more, widgets.grid_height(len(rows))
