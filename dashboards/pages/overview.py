"""Overview: every domain at a glance, and every table with what is stored of it."""

from collections import Counter
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.data import TableFacts
from dashboards.orchestrator import CheckState, OrchestratorUnavailable
from dashboards.pages import widgets, wording
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services
from market_assets.core import clock


def _layout() -> Component:
    return html.Div([html.Div(id="overview-domains", className="domains"), html.Div(id="overview-tables")])


def _register(app: Dash, services: Services) -> None:
    @app.callback(
        Output("overview-domains", "children"),
        Output("overview-tables", "children"),
        Input("refresh", "data"),
    )
    @in_thread
    def show(_refresh: Any) -> Any:
        tables = services.data.tables()
        checks = checks_by_asset(services)
        domains = list(dict.fromkeys(table.domain for table in tables))
        cards = [_domain(name, [t for t in tables if t.domain == name], checks) for name in domains]
        return cards, widgets.panel("Tables", _tables(tables, checks))


def checks_by_asset(services: Services) -> dict[str, list[CheckState]] | None:
    """The latest evaluations by asset; None where Dagster does not tell."""
    try:
        found = services.orchestrator.checks()
    except OrchestratorUnavailable:
        return None
    by_asset: dict[str, list[CheckState]] = {}
    for check in found:
        by_asset.setdefault(check.asset, []).append(check)
    return by_asset


def verdicts(checks: list[CheckState]) -> Counter[str]:
    """How many passed, warned and failed."""
    return Counter("passed" if c.passed else ("warned" if c.severity == "WARN" else "failed") for c in checks)


def _domain(name: str, tables: list[TableFacts], checks: dict[str, list[CheckState]] | None) -> Component:
    stored = [table for table in tables if table.partitions]
    published = max((table.published_at for table in stored if table.published_at), default=None)
    counts = verdicts([c for t in tables for c in checks.get(t.name, [])]) if checks is not None else None
    facts = [
        ("assets stored", f"{len(stored)} of {len(tables)}"),
        ("partitions", wording.count(sum(t.partitions for t in tables))),
        ("rows", wording.count(sum(t.rows for t in tables))),
        ("stored", wording.size(sum(t.bytes for t in tables))),
        ("last publication", _ago(published)),
    ]
    return html.Section(
        [
            html.Div(
                [dcc.Link(wording.DOMAINS[name], href=f"/{name}", className="domain-name"), _check_pills(counts)],
                className="domain-head",
            ),
            html.Div(
                [
                    html.Div([html.Div(value, className="fact-value"), html.Div(label, className="fact-label")])
                    for label, value in facts
                ],
                className="facts",
            ),
        ],
        className="panel domain",
    )


def _check_pills(counts: Counter[str] | None) -> Component:
    if counts is None:
        return widgets.pill("checks unknown", "idle")
    if not counts:
        return widgets.pill("no checks run yet", "idle")
    shown: list[tuple[str, widgets.Tone]] = [("passed", "good"), ("warned", "warn"), ("failed", "bad")]
    return html.Div([widgets.pill(f"{counts[n]:,} {n}", tone) for n, tone in shown if counts[n]], className="pills")


def _ago(published: Any) -> str:
    return f"{wording.age((clock.now() - published).total_seconds())} ago" if published else wording.NO_DATA


def _tables(tables: list[TableFacts], checks: dict[str, list[CheckState]] | None) -> Component:
    columns = [
        ("table", "left"),
        ("one row is", "left wide aside"),
        ("partitions", "right"),
        ("rows", "right"),
        ("size", "right"),
        ("newest data", "right"),
        ("published", "right"),
        *([("checks", "left")] if checks is not None else []),
    ]
    rows = [
        [
            html.Code(t.name),
            t.title,
            wording.count(t.partitions),
            wording.count(t.rows) if t.partitions else wording.NO_DATA,
            wording.size(t.bytes) if t.partitions else wording.NO_DATA,
            wording.day(t.newest) if t.timed else "",
            _ago(t.published_at),
            *([_check_pills(verdicts(checks.get(t.name, [])))] if checks is not None else []),
        ]
        for t in tables
    ]
    return widgets.table(columns, rows)


PAGE = Page("/", "Overview", _layout, _register)
