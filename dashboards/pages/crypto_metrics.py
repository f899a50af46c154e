"""The success metrics of the simulated account: windows side by side, with what they are measured against."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component

from dashboards.crypto.metrics import ACCOUNT, COUNTS, METRICS, Metric, meets, target
from dashboards.pages import widgets
from dashboards.pages.controls import dropdown
from dashboards.pages.crypto_shared import VERSION
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.core.errors import NotMaterialised
from market_assets.crypto import readers

_TABLE, _ALL = "crypto_success_metrics", "ALL"
_WHOLE = {"value": _ALL, "label": "whole account"}
_TITLES = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "all": "since the start"}


def layout() -> Component:
    """The panel, empty."""
    return widgets.panel(
        "Success metrics",
        html.Div(id="metrics-table"),
        controls=[
            html.Div(dropdown("metrics-scope", [_WHOLE], _ALL, "whole account", multi=False), className="scope-pick")
        ],
    )


def register(app: Dash, services: Services) -> None:
    """Connect the panel."""

    @app.callback(
        Output("metrics-table", "children"),
        Output("metrics-scope", "options"),
        VERSION,
        Input("metrics-scope", "value"),
        State("metrics-scope", "options"),
    )
    @in_thread
    def show(_version: Any, scope: str | None, known: list[Any]) -> Any:
        try:
            found = services.data.kept(
                "crypto success metrics", [_TABLE], lambda: readers.success_metrics(store=services.data.store)
            )
        except NotMaterialised as missing:
            return widgets.empty(f"{_TABLE} is not materialised yet.", str(missing).partition("run: ")[2]), known
        scopes = found["scope"].unique(maintain_order=True).to_list()
        options = [_WHOLE, *({"value": name, "label": name} for name in scopes if name != _ALL)]
        return table(found.filter(pl.col("scope") == (scope or _ALL))), options


def table(windows: pl.DataFrame) -> list[Component]:
    """A line per metric, a column per window of one scope of CryptoSuccessMetrics; below, why some are unknown."""
    if windows.is_empty():
        return [widgets.empty("nothing is measured of it")]
    rows = windows.to_dicts()
    columns = [("metric", "left"), *((_TITLES[row["window"]], "right") for row in rows), ("target", "right")]
    lines = [_line(metric, rows) for metric in (*COUNTS, *METRICS, *ACCOUNT)]
    verdict: list[Any] = [html.Span("All three targets met", className="strong")]
    verdict += [_verdict(row["meets_target"]) for row in rows]
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["null_reason"]:
            reasons.setdefault(row["null_reason"], []).append(_TITLES[row["window"]])
    return [
        widgets.table(columns, [*lines, [*verdict, ""]]),
        html.P(f"Of closed days up to {rows[0]['as_of_day']}, net of costs.", className="quiet"),
        *(html.P(f"Unknown (-) for {', '.join(of)}: {reason}.", className="quiet") for reason, of in reasons.items()),
    ]


def _line(metric: Metric, rows: list[dict[str, Any]]) -> list[Any]:
    values = [html.Span(metric.text(row), className=_mark(meets(metric, row))) for row in rows]
    return [metric.title, *values, html.Span(target(metric, rows[0]), className="quiet")]


def _mark(met: bool | None) -> str:
    return "" if met is None else "strong cell-buy" if met else "strong cell-sell"


def _verdict(met: bool | None) -> Component:
    if met is None:
        return html.Span("-")
    return widgets.pill("yes", "good") if met else widgets.pill("no", "bad")
