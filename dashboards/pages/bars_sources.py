"""The sources tab of the bars page: how each answers, how far it is trusted, what is left of its budgets, its rows."""

from datetime import datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl
from dash import Dash, Output, html
from dash.development.base_component import Component

from dashboards.bars.served import served_figure
from dashboards.bars.style import title
from dashboards.figures import empty_figure
from dashboards.pages import widgets, wording
from dashboards.pages.bars_shared import COMMAND, SOURCE_TONES, TICK, VERSION, gauge, poller, seconds, until
from dashboards.pages.controls import HIDDEN, THEME, graph
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.bars import readers
from market_assets.core import clock

_HEALTH = "bars_source_health"
_HEIGHT = 320
#: days of rows that are shown
_DAYS = 30
_TABLE = (
    ("source", "left"),
    ("breaker", "left"),
    ("healthy", "left"),
    ("calls today", "right"),
    ("success", "right"),
    ("p50", "right"),
    ("p95", "right"),
    ("trust", "right"),
    ("agreement", "right"),
    ("rows today", "right"),
    ("share", "right"),
    ("quality", "right"),
)
_ASKED = (
    ("source", "left"),
    ("collector", "left"),
    ("every", "left"),
    ("why", "left wide"),
    ("last error", "left wide"),
)


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    return html.Div(
        [
            html.Div(id="bars-sources-tables"),
            widgets.panel(
                "Rows served, by day",
                html.Div(id="bars-served-said", className="quiet"),
                html.Div(graph("bars-served-plot", _HEIGHT), id="bars-served-place"),
            ),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(Output("bars-sources-tables", "children"), TICK, VERSION)
    @in_thread
    def show(_tick: Any, _version: Any) -> Any:
        found = readers.sources(store=services.data.store, hot=services.bars_hot)
        if found.is_empty():
            return widgets.panel("Sources", widgets.empty("no source is configured; set bars.sources"))
        now = clock.now()
        return [_states(found), _budgets(found, now, services.settings.vendors), _asked(found)]

    @app.callback(
        Output("bars-served-plot", "figure"),
        Output("bars-served-place", "style"),
        Output("bars-served-said", "children"),
        VERSION,
        THEME,
    )
    @in_thread
    def draw(_version: Any, theme: str | None) -> Any:
        shown = look(theme)
        rows = served(services)
        if rows.is_empty():
            return empty_figure(shown), HIDDEN, _unserved(services)
        figure: go.Figure = served_figure(rows, shown, height=_HEIGHT)
        return figure, {}, f"Rows of bars_minute that came from each source, {rows['day'].n_unique()} newest days."


def served(services: Services) -> pl.DataFrame:
    """day, source, rows_served of the newest days; empty where none was judged."""
    since = clock.today() - timedelta(days=_DAYS - 1)
    found = services.data.load_or_none(_HEALTH, start=since, columns=["day", "source", "rows_served"])
    return pl.DataFrame(schema={"day": pl.Date}) if found is None else found


def _unserved(services: Services) -> Component:
    if services.data.manifests(_HEALTH):
        return widgets.empty(f"no day of the last {_DAYS} is stored", widgets.materialise(_HEALTH))
    return widgets.empty(f"{_HEALTH} is not materialised yet.", widgets.materialise(_HEALTH))


def _states(found: pl.DataFrame) -> Component:
    note = html.P(
        "Calls are attempts of this UTC day. Trust is success x quality of its rows x agreement with other sources, "
        "as far as each is known.",
        className="quiet",
    )
    rows = [_state(row) for row in found.iter_rows(named=True)]
    return widgets.panel("Sources", widgets.table(_TABLE, rows), note)


def _state(row: dict[str, Any]) -> list[Any]:
    state = row["state"] or wording.UNKNOWN
    healthy = {True: ("yes", "good"), False: ("no", "bad"), None: ("no call yet", "idle")}
    word, tone = healthy[row["is_healthy"]]
    return [
        html.Span(title(row["source"]), className="strong"),
        widgets.pill(state.replace("_", " "), SOURCE_TONES.get(state, "idle"))
        if row["enabled"]
        else widgets.pill("no key", "idle"),
        widgets.pill(word, tone),  # type: ignore[arg-type]
        wording.count(row["total_calls"]),
        wording.percent(row["success_rate"]),
        wording.milliseconds(row["latency_p50_ms"]),
        wording.milliseconds(row["latency_p95_ms"]),
        wording.NO_DATA if row["trust_score"] is None else f"{row['trust_score']:.3f}",
        wording.percent(row["agreement_ratio"]),
        wording.count(row["rows_served"]),
        wording.percent(row["share_of_rows"]),
        wording.NO_DATA if row["mean_quality"] is None else f"{row['mean_quality']:.3f}",
    ]


def _budgets(found: pl.DataFrame, now: datetime, vendors: str) -> Component:
    boxes = [
        html.Div([html.Div(title(row["source"]), className="strong"), *_windows(row, now, vendors)], className="budget")
        for row in found.iter_rows(named=True)
    ]
    return widgets.panel("Budgets used", html.Div(boxes, className="budgets"))


def _windows(row: dict[str, Any], now: datetime, vendors: str) -> list[Component]:
    if not row["enabled"]:
        return [html.P("It has no key, so it is not asked.", className="quiet")]
    if not row["budget"]:
        why = "The sandbox has no limits." if vendors == "sandbox" else "No limit is set for it."
        return [html.P(why, className="quiet")]
    found: list[Component] = []
    for window in row["budget"]:
        used, limit = window["used"], window["limit"]
        said = f"{used:,} of {limit:,} a {window['window']} used"
        found += [
            html.Div([html.Span(said), html.Span(f"resets {until(window['resets_at'], now)}")], className="gauge-said"),
            gauge(used, limit, f"{title(row['source'])}: {said}"),
        ]
    return found


def _asked(found: pl.DataFrame) -> Component:
    rows = [
        [
            html.Span(title(row["source"]), className="strong"),
            poller(row["polling"]),
            _every(row["effective_intervals"]),
            row["why"] or (f"no collector runs; start it: {COMMAND}" if row["polling"] is None else ""),
            row["last_error"] or "",
        ]
        for row in found.iter_rows(named=True)
    ]
    return widgets.panel("How the collector asks", widgets.table(_ASKED, rows))


def _every(intervals: list[dict[str, Any]] | None) -> str:
    if not intervals:
        return "nothing is asked"
    lengths = sorted({one["seconds"] for one in intervals})
    n = f"{len(intervals)} symbol{'s' if len(intervals) > 1 else ''}"
    if len(lengths) == 1:
        return f"{n} every {seconds(lengths[0])}"
    return f"{n} every {seconds(lengths[0])} to {seconds(lengths[-1])}"
