"""The backtest lab of the crypto page: one strategy on one symbol's stored candles, with costs, and what came of it."""

from datetime import timedelta
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.crypto.lab import age, lab_figure, missing, trade_rows, trades_csv
from dashboards.crypto.lab_query import RANGES, LabQuery
from dashboards.crypto.metrics import COUNTS, METRICS, Metric, usd
from dashboards.figures import empty_figure
from dashboards.pages import widgets, wording
from dashboards.pages.controls import (
    HIDDEN,
    THEME,
    VIEWPORT,
    dropdown,
    graph,
    labelled,
    nothing,
    number,
    points,
    query_stores,
    share,
)
from dashboards.pages.crypto_backtest_runs import Run, Runs
from dashboards.pages.crypto_shared import TICK, VERSION, cards, signed_percent
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms.strategies import STRATEGIES

_QUERY = "lab-query"
_CONTROLS = ("symbol", "strategy", "timeframe", "range", "slippage", "commission")
_TONES: dict[str, widgets.Tone] = {"fresh": "good", "stale": "warn", "outdated": "bad"}
_SIGNED = {"cell-buy": "params.value > 0", "cell-sell": "params.value < 0"}
_SIDED = {"cell-buy": "params.value === 'long'", "cell-sell": "params.value === 'short'"}
_GRID = [
    widgets.column("n", "#", ",d", minWidth=56, width=60),
    widgets.column("side", "Side", minWidth=66, cellClassRules=_SIDED),
    widgets.column("entry_ts", "Entered, UTC", minWidth=148),
    widgets.column("entry_price", "Entry", ",.6~g", minWidth=88),
    widgets.column("exit_ts", "Left, UTC", minWidth=148),
    widgets.column("exit_price", "Exit, mean", ",.6~g", minWidth=92),
    widgets.column("said", "By", minWidth=136),
    widgets.column("pnl", "Profit, USD", "+,.2f", minWidth=98, cellClassRules=_SIGNED),
    widgets.column("pnl_pct", "Profit, %", "+,.2f", minWidth=86, cellClassRules=_SIGNED),
    widgets.column("r_multiple", "R", "+.2f", minWidth=66),
    widgets.column("fees", "Fees, USD", ",.2f", minWidth=88),
    widgets.column("qty", "Size", ",.6~g", minWidth=84),
]
#: width that a candle needs, and below which a plot has no room for its legend
_PIXELS, _NARROW = 2, 600
#: newest trades that are listed
_MOST = 1000
#: metrics that have a card
_SHOWN = ("win_rate_ratio", "sharpe", "max_drawdown_ratio")


def layout(services: Services, search: str) -> Component:
    """The tab; its controls show what the address says."""
    query = LabQuery.of(search)
    return html.Div(
        [
            *query_stores(_QUERY),
            dcc.Download(id="lab-file"),
            widgets.panel(
                "Backtest lab",
                _controls(services, query),
                html.P(id="lab-said", className="quiet"),
                controls=[
                    html.Span(id="lab-age"),
                    html.Button("Download trades (CSV)", id="lab-download", className="button", disabled=True),
                ],
            ),
            html.Div(id="lab-note"),
            html.Div(
                [
                    html.Div(id="lab-cards"),
                    widgets.panel("Trades on the candles, and equity", graph("lab-plot", 560)),
                    widgets.panel("Metrics of closed trades", html.Div(id="lab-metrics")),
                    widgets.panel(
                        "Trades",
                        html.P(id="lab-trades-said", className="quiet"),
                        html.Div(widgets.grid("lab-trades", _GRID, "'' + params.data.n"), id="lab-trades-place"),
                    ),
                ],
                id="lab-place",
            ),
        ]
    )


def _controls(services: Services, query: LabQuery) -> Component:
    paper = services.settings.crypto.paper
    symbols = list(dict.fromkeys([*services.settings.crypto.symbols, *([query.symbol] if query.symbol else [])]))
    strategies = [{"value": name, "label": each.title} for name, each in STRATEGIES.items()]
    return html.Div(
        [
            labelled("Symbol", dropdown("lab-symbol", symbols, query.symbol or symbols[0], "symbol", multi=False)),
            html.Div(
                labelled("Strategy", dropdown("lab-strategy", strategies, query.strategy, "strategy", multi=False)),
                className="twice",
            ),
            labelled("Timeframe", dropdown("lab-timeframe", list(MINUTES), query.timeframe, "timeframe", multi=False)),
            labelled("Range", dropdown("lab-range", list(RANGES), query.range, "range", multi=False)),
            number("lab-slippage", "Slippage, % of a fill", query.slippage, 0, f"{paper.slippage_pct:g}"),
            number("lab-commission", "Commission, % of a fill", query.commission, 0, f"{paper.commission_pct:g}"),
        ],
        className="filters",
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""
    runs = Runs(services)
    share(app, _QUERY)

    @app.callback(
        Output(_QUERY, "data"),
        Output("lab-timeframe", "disabled"),
        *(Input(f"lab-{name}", "value") for name in _CONTROLS),
    )
    def ask(*values: Any) -> Any:
        query = LabQuery.stated(**dict(zip(_CONTROLS, values, strict=True)))
        strategy = STRATEGIES[query.strategy]
        return query.text, strategy.is_primary or strategy.timeframe is not None

    @app.callback(
        Output("lab-note", "children"),
        Output("lab-place", "style"),
        Output("lab-said", "children"),
        Output("lab-cards", "children"),
        Output("lab-metrics", "children"),
        Output("lab-trades", "rowData"),
        Output("lab-trades-said", "children"),
        Output("lab-trades-place", "style"),
        Output("lab-download", "disabled"),
        Input(_QUERY, "data"),
        VERSION,
    )
    @in_thread
    def show(text: str | None, _version: Any) -> Any:
        try:
            run = runs.of(LabQuery.of(text))
        except NotMaterialised as lacking:
            return [nothing(lacking)], HIDDEN, "", [], [], [], "", HIDDEN, True
        rows, n_trades = trade_rows(run.found.trades, _MOST), run.found.trades.height
        told = _counted(run) if rows else "The strategy entered nothing in this range."
        told += f". The newest {_MOST:,} of {n_trades:,}; the file holds all." if n_trades > _MOST else ""
        shown = widgets.grid_height(len(rows)) if rows else HIDDEN
        return [], {}, said(run), _cards(run, services), metrics(run), rows, told, shown, not rows

    @app.callback(
        Output("lab-plot", "figure"),
        Input(_QUERY, "data"),
        VERSION,
        THEME,
        VIEWPORT,
    )
    @in_thread
    def draw(text: str | None, _version: Any, theme: str | None, viewport: int | None) -> Any:
        try:
            run = runs.of(LabQuery.of(text))
        except NotMaterialised:
            return empty_figure(look(theme))
        start = services.settings.crypto.paper.start_equity
        trades, equity = run.found.trades, run.found.equity
        wide = viewport is None or viewport >= _NARROW
        most, view = points(viewport) // _PIXELS, text or "plain"
        return lab_figure(run.bars, trades, equity, start, look(theme), most=most, view=view, legend=wide)

    @app.callback(Output("lab-age", "children"), Input(_QUERY, "data"), VERSION, TICK)
    @in_thread
    def show_age(text: str | None, _version: Any, _tick: Any) -> Any:
        query = LabQuery.of(text)
        try:
            newest = runs.newest(query)
        except NotMaterialised:
            newest = None
        if newest is None:
            return widgets.pill("no data", "idle")
        timeframe = runs.timeframe(query)
        found = age(newest, timedelta(minutes=MINUTES[timeframe]), clock.now())
        since = wording.age(found.since.total_seconds())
        return widgets.pill(f"{found.word}: newest {timeframe} candle closed {since} ago", _TONES[found.word])

    @app.callback(
        Output("lab-file", "data"),
        Input("lab-download", "n_clicks"),
        State(_QUERY, "data"),
        prevent_initial_call=True,
    )
    @in_thread
    def download(clicks: int | None, text: str | None) -> Any:
        return file_of(runs.of(LabQuery.of(text)), demo=services.data.demo) if clicks else no_update


def file_of(run: Run, *, demo: bool) -> dict[str, Any]:
    """The trades of a run as a file; one made of the sandbox's candles says so in its name."""
    parts = ["demo"] if demo else []
    name = "-".join([*parts, "backtest", run.symbol, run.timeframe, run.strategy.orders.__name__])
    content = trades_csv(run.found.trades, symbol=run.symbol, timeframe=run.timeframe, strategy=run.strategy.title)
    return {"filename": f"{name}.csv", "content": content, "type": "text/csv", "base64": False}


def said(run: Run) -> str:
    """What was traded on what, and how."""
    bars, lacking = run.bars, missing(run.bars, run.length)
    partial = bars.height - bars["complete"].sum()
    flaws = [f"{lacking:,} missing"] if lacking else []
    flaws += [f"{partial:,} built from some of their minutes"] if partial else []
    return (
        f"{run.strategy.title} on {bars.height:,} closed {run.timeframe} candles of {run.symbol} "
        f"({', '.join(flaws) or 'none missing'}), {bars['ts'][0]:%Y-%m-%d %H:%M} to "
        f"{bars['ts'][-1] + run.length:%Y-%m-%d %H:%M} UTC. Decided at a close, filled at the next open; every fill "
        f"pays {100 * run.costs.slippage:g} % slippage (targets none) and {100 * run.costs.commission:g} % commission. "
        "What it shows was known only afterwards: a good past is no promise."
    )


def _cards(run: Run, services: Services) -> Component:
    start, end = services.settings.crypto.paper.start_equity, run.found.equity["equity"][-1]
    held = 100 * (run.bars["close"][-1] / run.bars["open"][0] - 1)
    row, by_name = vars(run.found.metrics), {metric.name: metric for metric in METRICS}
    gained = end - start
    tone: widgets.Tone = "plain" if gained == 0 else "good" if gained > 0 else "bad"
    return cards(
        widgets.card(
            "Equity at the end",
            usd(end),
            f"{signed_percent(100 * gained / start)}; holding {signed_percent(held)}",
            tone,
        ),
        widgets.card("Closed trades", wording.count(row["n_trades"]), _counted(run)),
        *(widgets.card(by_name[name].title, by_name[name].text(row), _why(by_name[name], run)) for name in _SHOWN),
    )


def _why(metric: Metric, run: Run) -> str:
    found = run.found.metrics
    return "" if getattr(found, metric.name) is not None else found.null_reason or ""


def _counted(run: Run) -> str:
    trades = run.found.trades
    n_open = trades.filter(trades["status"] == "open").height
    longs = trades.filter(trades["side"] == "long").height
    still = f", {n_open} still open" if n_open else ""
    return f"{longs:,} long, {trades.height - longs:,} short{still}"


def metrics(run: Run) -> list[Component]:
    """Every metric; below, why some are unknown."""
    row = vars(run.found.metrics)
    facts = [
        html.Div([html.Div(metric.text(row), className="fact-value"), html.Div(metric.title, className="fact-label")])
        for metric in (*COUNTS, *METRICS)
    ]
    reason = run.found.metrics.null_reason
    return [
        html.Div(facts, className="lab-facts"),
        *([html.P(f"Unknown (-): {reason}.", className="quiet")] if reason else []),
    ]
