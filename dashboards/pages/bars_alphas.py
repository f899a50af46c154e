"""The alphas tab of the bars page: how signals ended, whether p_win can be trusted, which rules were kept."""

from datetime import date, timedelta
from typing import Any

import polars as pl
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.bars.alphas import NAMES, equity_figure, r_curves, reliability_figure
from dashboards.figures import empty_figure
from dashboards.pages import widgets, wording
from dashboards.pages.bars_shared import VERSION, cards
from dashboards.pages.controls import HIDDEN, THEME, VIEWPORT, graph, nothing, points
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.bars import readers
from market_assets.bars.schemas import BarsSignals
from market_assets.bars.transforms import analytics
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised

_SPANS: dict[str, int | None] = {"7d": 7, "30d": 30, "90d": 90, "All": None}
_SPAN = "30d"
_ACCEPTED = "accepted"
_HEIGHT, _PLOT = 380, 380
_SIGNALS, _OUTCOMES = "bars_signals", "bars_outcomes"
_ASKED = (Input("bars-alphas-span", "value"), Input("bars-alphas-accepted", "value"), VERSION)
_TABLE = (
    ("alpha", "left"),
    ("signals", "right"),
    ("accepted", "right"),
    ("mean Q*", "right"),
    ("outcomes", "right"),
    ("won", "right"),
    ("lost", "right"),
    ("timed out", "right"),
    ("win rate", "right"),
    ("expectancy", "right"),
)
#: rule -> what it says, and how its limit and value read
_RULES = {
    "daily_loss": ("Worst day loses at most", "ratio"),
    "max_drawdown": ("Deepest drawdown is at most", "ratio"),
    "min_trading_days": ("Days with an entry, at least", "count"),
    "flat_before_close": ("Open within these minutes of a close", "late"),
}


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    only = dcc.Checklist(
        id="bars-alphas-accepted",
        options=[{"value": _ACCEPTED, "label": "Accepted signals only"}],
        value=[],
        className="choice switches",
        inline=True,
    )
    return html.Div(
        [
            html.Div(
                [only, widgets.choice("bars-alphas-span", [(name, name) for name in _SPANS], _SPAN)],
                className="controls above",
            ),
            html.Div(id="bars-alphas-note"),
            html.Div(
                [
                    html.Div(id="bars-alphas-cards"),
                    html.Div(
                        [
                            widgets.panel("Outcomes added up, in units of risk", graph("bars-alphas-equity", _HEIGHT)),
                            widgets.panel(
                                "Is p_win what it says?",
                                graph("bars-alphas-reliability", _PLOT - 26),
                                html.P(id="bars-alphas-reliability-said", className="quiet"),
                            ),
                        ],
                        className="two-columns wide-left",
                    ),
                    widgets.panel("Alphas", html.Div(id="bars-alphas-rows")),
                    widgets.panel("Rules", html.Div(id="bars-alphas-rules")),
                ],
                id="bars-alphas-place",
            ),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("bars-alphas-note", "children"),
        Output("bars-alphas-place", "style"),
        Output("bars-alphas-cards", "children"),
        Output("bars-alphas-rows", "children"),
        Output("bars-alphas-rules", "children"),
        Output("bars-alphas-reliability-said", "children"),
        *_ASKED,
    )
    @in_thread
    def show(span: str, only: list[str] | None, _version: Any) -> Any:
        try:
            ended = outcomes(services, span, accepted=bool(only))
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, [], [], [], ""
        asked: dict[str, Any] = {"start": _since(span), "accepted": bool(only), "store": services.data.store}
        rows = readers.analytics_alphas(**asked)
        rules = readers.analytics_compliance(**asked)
        deepest = readers.analytics_overview(**asked).curve["drawdown_ratio"].to_list()
        bins = readers.reliability(start=_since(span), store=services.data.store)
        return [], {}, _cards(ended, max(deepest, default=None)), _alphas(rows), _rules(rules), _trusted(bins)

    @app.callback(
        Output("bars-alphas-equity", "figure"),
        Output("bars-alphas-reliability", "figure"),
        *_ASKED,
        THEME,
        VIEWPORT,
    )
    @in_thread
    def draw(span: str, only: list[str] | None, _version: Any, theme: str | None, viewport: int | None) -> Any:
        shown = look(theme)
        try:
            ended = outcomes(services, span, accepted=bool(only))
            bins = readers.reliability(start=_since(span), store=services.data.store)
        except NotMaterialised:
            return empty_figure(shown), empty_figure(shown)
        equity = equity_figure(r_curves(ended), shown, most=points(viewport), height=_HEIGHT)
        return equity, reliability_figure(bins, shown, height=_PLOT - 26)


def outcomes(services: Services, span: str, *, accepted: bool) -> pl.DataFrame:
    """BarsOutcomes of the range, those of accepted signals alone where asked for. Raises NotMaterialised."""
    since, store = _since(span), services.data.store

    def read() -> pl.DataFrame:
        found = readers.outcomes(start=since, store=store)
        if not accepted:
            return found
        try:
            # a signal ends within a day or two of its firing
            fired = readers.signals(start=since and since - timedelta(days=7), store=store)
        except NotMaterialised:
            fired = BarsSignals.contract().empty()
        return analytics.accepted_only(found, fired)

    return services.data.kept(f"bars outcomes {since} {accepted}", [_OUTCOMES, _SIGNALS], read)


def _since(span: str) -> date | None:
    days = _SPANS.get(span)
    return None if days is None else clock.today() - timedelta(days=days)


def _cards(ended: pl.DataFrame, deepest: float | None) -> Component:
    n, total = ended.height, float(ended["r_multiple"].sum())
    won = ended.filter(pl.col("outcome") == "win").height
    mean = total / n if n else None
    tone: widgets.Tone = "plain" if not n or total == 0 else "good" if total > 0 else "bad"
    return cards(
        widgets.card("Outcomes", wording.count(n), "signals that ended" if n else "none ended in this range yet"),
        widgets.card("Won", wording.percent(won / n if n else None), "a timeout is not a win"),
        widgets.card("Expectancy", _in_r(mean), "per signal"),
        widgets.card("Total", _in_r(total if n else None), "each risks the same", tone),
        widgets.card("Deepest drawdown", wording.percent(deepest, 2), "1 % of equity at risk per signal"),
    )


def _in_r(value: float | None) -> str:
    return wording.NO_DATA if value is None else f"{value:+.2f} R"


def _alphas(rows: pl.DataFrame) -> Component:
    lines = [
        [
            html.Span(NAMES[row["alpha_id"]], className="strong", title=row["alpha_id"]),
            wording.count(row["n_signals"]),
            wording.count(row["n_accepted"]),
            wording.NO_DATA if row["mean_q_star"] is None else f"{row['mean_q_star']:.2f}",
            *(wording.count(row[name]) for name in ("n_outcomes", "n_wins", "n_losses", "n_timeouts")),
            wording.percent(row["win_rate_ratio"]),
            _in_r(row["expectancy_r"]),
        ]
        for row in rows.iter_rows(named=True)
    ]
    return widgets.table(_TABLE, lines)


def _rules(rules: pl.DataFrame) -> Component:
    columns = [("rule", "left"), ("limit", "right"), ("was", "right"), ("", "left")]
    return widgets.table(columns, [_rule(row) for row in rules.iter_rows(named=True)])


def _rule(row: dict[str, Any]) -> list[Any]:
    said, kind = _RULES.get(row["rule"], (row["rule"], "count"))
    is_off = kind == "late" and not row["limit"]
    as_text = wording.percent if kind == "ratio" else wording.count
    verdict = {True: ("kept", "good"), False: ("broken", "bad"), None: ("off" if is_off else "not known", "idle")}
    word, tone = verdict[row["passed"]]
    return [said, "off" if is_off else as_text(row["limit"]), as_text(row["value"]), widgets.pill(word, tone)]  # type: ignore[arg-type]


def _trusted(bins: pl.DataFrame) -> str:
    n = bins["n"].sum()
    if not n:
        return "No signal of this range has ended yet, so nothing can be said."
    return f"{n:,} outcomes of all signals, in tenths of p_win; on the dotted line it says the truth."
