"""What the health page says of Dagster: daemons, schedules and sensors, failed checks, runs."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.pages import widgets, wording
from dashboards.services import Services
from market_assets.core import clock

_SHOWN_CHECKS = 40


def ticking(report: Mapping[str, Any]) -> Component:
    """Schedules and sensors that are late or failed, by the rules of alerts."""
    found = report["components"]["automation"]
    controls = [widgets.pill(found["status"].replace("_", " "), widgets.TONES.get(found["status"], "idle"))]
    if not found["findings"]:
        said = found["detail"] or f"{found['note']}. None is late, and none failed last."
        told = said if found["n_on"] is not None else found["detail"] or found["note"]
        return widgets.panel("Schedules and sensors", html.P(told, className="quiet"), controls=controls)
    rows = [
        [
            widgets.pill(one["severity"].lower(), widgets.TONES[one["severity"]]),
            [html.Code(one["subject"]), html.Div(one["said"])],
            _ago(one["since"]),
        ]
        for one in found["findings"]
    ]
    columns = [("severity", "left"), ("what is wrong", "left wide"), ("since", "right")]
    counted = html.P(f"{found['note']}; late: {found['n_late']}, failed: {found['n_failed']}.", className="quiet")
    return widgets.panel(
        "Schedules and sensors", counted, widgets.table(columns, rows), controls=controls, name="narrow"
    )


def dagster(report: Mapping[str, Any], services: Services) -> Component:
    """Daemons with their heartbeats, and the last tick of everything that has one."""
    scheduler = report["components"]["scheduler"]
    if scheduler["running"] is None:
        return widgets.panel("Dagster", widgets.empty(scheduler["detail"], "make dev"))
    daemons = [
        [
            name.replace("_", " ").lower(),
            widgets.pill("running" if facts["healthy"] else "stopped"),
            _ago(facts["last_heartbeat"]),
        ]
        for name, facts in scheduler["daemons"].items()
        if facts["healthy"] is not None
    ]
    parts = [widgets.table([("daemon", "left"), ("state", "left"), ("heartbeat", "right")], daemons)]
    automation = services.orchestrator.automation()
    if automation:
        rows = [
            [
                one.name,
                one.kind,
                widgets.pill(one.status.lower().replace("_", " "), "good" if "RUNNING" in one.status else "idle"),
                _ago(one.last_tick_at),
            ]
            for one in automation
        ]
        columns = [("schedule or sensor", "left"), ("kind", "left"), ("state", "left"), ("last tick", "right")]
        parts.append(widgets.table(columns, rows))
    return widgets.panel("Dagster", *parts)


def runs(services: Services) -> Component:
    """Checks that failed last, and the newest runs; nothing where Dagster cannot be asked."""
    try:
        found, failed = services.orchestrator.runs(), services.orchestrator.failed_checks()
    except OrchestratorUnavailable:
        return html.Div()
    run_rows = [
        [
            html.Code(run.run_id[:8]),
            run.subject,
            widgets.pill(run.status.lower(), widgets.TONES.get(run.status, "idle")),
            _ago(run.created_at),
            f"{run.duration_s:,.1f} s" if run.duration_s is not None else "",
        ]
        for run in found
    ]
    run_columns = [
        ("run", "left"),
        ("materialises", "left"),
        ("state", "left"),
        ("started", "right"),
        ("took", "right"),
    ]
    check_rows = [
        [
            html.Code(check.asset),
            check.check,
            check.partition or "",
            widgets.pill(check.severity.lower(), widgets.TONES.get(check.severity, "idle")),
            check.description or "",
        ]
        for check in failed[:_SHOWN_CHECKS]
    ]
    hidden = len(failed) - _SHOWN_CHECKS
    more = [html.P(f"{hidden:,} more; /alerts has what follows from them.", className="quiet")] if hidden > 0 else []
    check_columns = [
        ("asset", "left"),
        ("check", "left"),
        ("partition", "left"),
        ("severity", "left"),
        ("why", "left wide"),
    ]
    return html.Div(
        [
            widgets.panel(f"Failed checks, {len(failed):,}", widgets.table(check_columns, check_rows), *more)
            if check_rows
            else widgets.panel("Failed checks", html.P("No check's latest evaluation failed.", className="quiet")),
            widgets.panel("Recent runs", widgets.table(run_columns, run_rows))
            if run_rows
            else widgets.panel("Recent runs", widgets.empty("Dagster has no run yet", "make dev")),
        ]
    )


def _ago(at: Any) -> str:
    """Since an instant of Dagster's processes, which know no stopped clock."""
    return "never" if at is None else f"{wording.age((clock.wall() - at).total_seconds())} ago"
