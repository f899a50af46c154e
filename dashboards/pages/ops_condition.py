"""The condition tab of the operations page: every table by day, and why what is not ok is not."""

from datetime import timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.figures import empty_figure
from dashboards.pages import widgets
from dashboards.pages.controls import HIDDEN, THEME, graph, nothing
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import Theme
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.ops.schemas import CONDITIONS

_TABLE = "ops_condition"
VERSION = Input("ops-version", "data")
_DAYS = [("7", "7 days"), ("30", "30 days"), ("90", "90 days")]
_TONES: dict[str, widgets.Tone] = {"ok": "good", "degraded": "warn", "late": "warn", "missing": "bad"}
#: rank of a condition: the colour of its cell
_RANK = {name: rank for rank, name in enumerate(("ok", "late", "degraded", "missing"))}
_ROW_PX, _AXIS_PX = 20, 60
_MOST_REASONS = 200


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    return html.Div(
        [
            html.Div(id="condition-note"),
            html.Div(
                [
                    html.Div(id="condition-cards"),
                    widgets.panel(
                        "Condition, table by day",
                        html.Div(graph("condition-map"), className="heat-place"),
                        _legend(),
                        controls=[widgets.choice("condition-days", _DAYS, "7")],
                    ),
                    html.Div(id="condition-reasons"),
                ],
                id="condition-place",
            ),
        ]
    )


def _legend() -> Component:
    return html.Div(
        [html.Span([html.I(className=f"swatch tone-{_TONES[name]}"), name]) for name in ("ok", "degraded", "missing")]
        + [html.Span("late: newer rows are due; hover a cell for the reason")],
        className="legend",
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("condition-note", "children"),
        Output("condition-place", "style"),
        Output("condition-cards", "children"),
        Output("condition-map", "figure"),
        Output("condition-map", "style"),
        Output("condition-reasons", "children"),
        Input("condition-days", "value"),
        VERSION,
        THEME,
    )
    @in_thread
    def show(days: str, _version: Any, theme: str | None) -> Any:
        today = clock.today()
        try:
            found = services.data.load(_TABLE, start=today - timedelta(days=int(days) - 1), end=today)
        except NotMaterialised as missing:
            return nothing(missing), HIDDEN, None, empty_figure(look(theme)), {}, None
        height = {"height": f"{_AXIS_PX + _ROW_PX * found['dataset'].n_unique()}px"}
        return None, {}, _cards(found), condition_figure(found, look(theme)), height, _reasons(found)


def _cards(found: pl.DataFrame) -> Component:
    newest = found.filter(pl.col("day") == pl.col("day").max())
    counts = dict(newest["condition"].value_counts().iter_rows())
    day = newest["day"].to_list()[0] if newest.height else clock.today()
    return widgets.cards(
        *(
            widgets.card(name.capitalize(), f"{counts.get(name, 0):,}", f"tables on {day}", _tone(name, counts))
            for name in CONDITIONS
        ),
    )


def _tone(name: str, counts: dict[str, int]) -> widgets.Tone:
    return _TONES[name] if counts.get(name) else "plain"


def condition_figure(found: pl.DataFrame, theme: Theme) -> go.Figure:
    """A cell per table and day. `found`: dataset, day, condition, reason."""
    datasets = found["dataset"].unique(maintain_order=True).sort(descending=True).to_list()
    days = found["day"].unique().sort().to_list()
    known = {(row["dataset"], row["day"]): row for row in found.iter_rows(named=True)}

    def cell(name: str, day: Any, field: str) -> Any:
        row = known.get((name, day))
        return None if row is None else row[field]

    colours = [theme.good, theme.warn, theme.warn, theme.bad]
    last = len(colours) - 1
    scale = [[(at + step) / len(colours), colour] for at, colour in enumerate(colours) for step in (0, 1)]
    levels = [[_RANK.get(cell(name, day, "condition")) for day in days] for name in datasets]
    notes = [
        [f"{cell(name, day, 'condition') or ''}<br>{_wrapped(cell(name, day, 'reason') or '')}" for day in days]
        for name in datasets
    ]
    figure = go.Figure(
        go.Heatmap(
            x=[day.isoformat() for day in days],
            y=datasets,
            z=levels,
            customdata=notes,
            zmin=0,
            zmax=last,
            colorscale=scale,
            showscale=False,
            xgap=2,
            ygap=2,
            hoverongaps=False,
            hovertemplate="%{y} %{x}: %{customdata}<extra></extra>",
        )
    )
    figure.update_layout(**theme.layout())
    figure.update_xaxes(**theme.axis(), type="category", side="top", nticks=8)
    figure.update_yaxes(**theme.axis(), dtick=1)
    return figure


def _wrapped(text: str, width: int = 90) -> str:
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)


def _reasons(found: pl.DataFrame) -> Component:
    wrong = found.filter(pl.col("condition") != "ok").sort(["day", "dataset"], descending=[True, False])
    if wrong.is_empty():
        return widgets.panel("What is not ok", html.P("Every table of these days is ok.", className="quiet"))
    rows = [
        [
            f"{row['day']}",
            html.Code(row["dataset"]),
            widgets.pill(row["condition"], _TONES[row["condition"]]),
            row["reason"],
        ]
        for row in wrong.head(_MOST_REASONS).iter_rows(named=True)
    ]
    hidden = wrong.height - len(rows)
    more = [html.P(f"{hidden:,} more at /api/condition.", className="quiet")] if hidden else []
    columns = [("day", "left"), ("table", "left"), ("condition", "left"), ("why", "left wide")]
    return widgets.panel(f"What is not ok, {wrong.height:,}", widgets.table(columns, rows), *more)
