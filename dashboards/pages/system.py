"""Health: store, Dagster, sources, collectors, freshness, machine. Every number is measured; the unknown says so."""

from typing import Any

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.health import assess, machine
from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.pages import system_live, widgets, wording
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services
from dashboards.sources import trust
from market_assets.core import clock

_SHOWN_CHECKS = 40


def _layout() -> Component:
    return html.Div(
        [
            html.Div(id="health-notice"),
            html.Div(id="health-cards"),
            html.Div(
                [
                    html.Div([html.Div(id="health-sources"), html.Div(id="health-tables")], className="column"),
                    html.Div(
                        [html.Div(id="health-streams"), html.Div(id="health-dagster"), html.Div(id="health-machine")],
                        className="column",
                    ),
                ],
                className="two-columns",
            ),
            html.Div(id="health-runs"),
        ]
    )


def _register(app: Dash, services: Services) -> None:
    @app.callback(
        Output("health-notice", "children"),
        Output("health-cards", "children"),
        Output("health-sources", "children"),
        Output("health-streams", "children"),
        Output("health-tables", "children"),
        Output("health-dagster", "children"),
        Output("health-machine", "children"),
        Output("health-runs", "children"),
        Input("refresh", "data"),
    )
    @in_thread
    def show(_refresh: Any) -> Any:
        report = assess(services)
        return (
            system_live.notice(report),
            _cards(report, services),
            _sources(services),
            system_live.streams(report),
            _freshness(services),
            _dagster(report, services),
            _machine(services),
            _runs(services),
        )


def _cards(report: dict[str, Any], services: Services) -> Component:
    parts = report["components"]
    storage, scheduler, pipeline = parts["storage"], parts["scheduler"], parts["data_pipeline"]
    cache = services.cache.facts()
    running = {True: "running", False: "stopped", None: "unknown"}[scheduler["running"]]
    active, stale = pipeline["active_symbols"], pipeline["stale_symbols"]
    fast = report["performance"]
    return widgets.cards(
        widgets.card("Overall", report["status"], "worst component", widgets.TONES.get(report["status"], "idle")),
        widgets.card(
            "Store",
            storage["status"],
            f"{storage['kind']}, answers in {wording.milliseconds(storage['query_time_ms'])}",
            widgets.TONES.get(storage["status"], "idle"),
        ),
        widgets.card("Scheduler", running, scheduler["note"], widgets.TONES.get(running, "idle")),
        widgets.card(
            "Symbols stale",
            wording.NO_DATA if active is None else f"{stale} of {active}",
            pipeline.get("detail"),
            widgets.TONES.get(pipeline["status"], "idle"),
        ),
        widgets.card("API p95", wording.milliseconds(fast["p95_ms"]), f"p50 {wording.milliseconds(fast['p50_ms'])}"),
        widgets.card("Cache hits", wording.percent(cache.hit_rate), f"{cache.entries:,} answers kept"),
    )


def _sources(services: Services) -> Component:
    facts = services.sources.facts()
    if not facts:
        return widgets.panel("Sources", widgets.empty("no vendor was called yet with this home", "make demo"))
    columns = [
        ("source", "left"),
        ("breaker", "left"),
        ("calls", "right"),
        ("success", "right"),
        ("p95", "right"),
        ("trust", "right"),
        ("budget left", "right"),
    ]
    trusted = trust(services.data)
    rows = [
        [
            source.name,
            widgets.pill(source.state.replace("_", " "), widgets.TONES.get(source.state))
            if source.blocked_until is None
            else widgets.pill(f"blocked until {source.blocked_until:%H:%M:%S}Z", "bad"),
            wording.count(source.total_calls),
            wording.percent(source.success_rate),
            wording.milliseconds(source.latency_p95_ms),
            f"{trusted[source.name]:.2f}" if source.name in trusted else "",
            ", ".join(f"{w.left:,}/{w.limit:,} {w.window}" for w in source.budget) or "no limit",
        ]
        for source in facts
    ]
    return widgets.panel("Sources", widgets.table(columns, rows))


def _freshness(services: Services) -> Component:
    now = clock.now()
    rows = [
        [
            html.Code(table.name),
            wording.day(table.newest) if table.timed else "",
            f"{wording.age((now - table.published_at).total_seconds())} ago" if table.published_at else wording.NO_DATA,
            wording.size(table.bytes) if table.partitions else wording.NO_DATA,
        ]
        for table in services.data.tables()
    ]
    columns = [("table", "left"), ("newest data", "right"), ("published", "right"), ("size", "right")]
    return widgets.panel("Freshness", widgets.table(columns, rows))


def _dagster(report: dict[str, Any], services: Services) -> Component:
    scheduler = report["components"]["scheduler"]
    if scheduler["running"] is None:
        return widgets.panel("Dagster", widgets.empty(scheduler["detail"], "make dev"))
    now = clock.now()
    daemons = [
        [
            name.replace("_", " ").lower(),
            widgets.pill("running" if facts["healthy"] else "stopped"),
            f"{wording.age((now - facts['last_heartbeat']).total_seconds())} ago"
            if facts["last_heartbeat"]
            else "never",
        ]
        for name, facts in scheduler["daemons"].items()
        if facts["healthy"] is not None
    ]
    parts = [widgets.table([("daemon", "left"), ("state", "left"), ("heartbeat", "right")], daemons)]
    automation = services.orchestrator.automation()
    if automation:
        rows = [
            [
                a.name,
                a.kind,
                widgets.pill(a.status.lower().replace("_", " "), "good" if "RUNNING" in a.status else "idle"),
                f"{wording.age((now - a.last_tick_at).total_seconds())} ago" if a.last_tick_at else "never",
            ]
            for a in automation
        ]
        columns = [("schedule or sensor", "left"), ("kind", "left"), ("state", "left"), ("last tick", "right")]
        parts.append(widgets.table(columns, rows))
    return widgets.panel("Dagster", *parts)


def _machine(services: Services) -> Component:
    facts = machine(services.settings.home)
    used = facts["disk_used_ratio"]
    rows = [
        ["process memory", wording.size(facts["process_rss_bytes"])],
        [
            "machine memory used",
            f"{wording.percent(facts['memory_used_ratio'])} of {wording.size(facts['memory_total_bytes'])}",
        ],
        ["disk used", f"{wording.percent(used)} of {wording.size(facts['disk_total_bytes'])}"],
        ["load, 15 min", f"{facts['cpu_load_15min']:.2f} on {facts['cpus']} cores"],
    ]
    return widgets.panel("Machine", widgets.table([("measured now", "left"), ("", "right")], rows))


def _runs(services: Services) -> Component:
    try:
        runs, failed = services.orchestrator.runs(), services.orchestrator.failed_checks()
    except OrchestratorUnavailable:
        return html.Div()
    now = clock.now()
    run_rows = [
        [
            html.Code(run.run_id[:8]),
            run.subject,
            widgets.pill(run.status.lower(), widgets.TONES.get(run.status, "idle")),
            f"{wording.age((now - run.created_at).total_seconds())} ago",
            f"{run.duration_s:,.1f} s" if run.duration_s is not None else "",
        ]
        for run in runs
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
    more = [html.P(f"{hidden:,} more at /observability/alerts.", className="quiet")] if hidden > 0 else []
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


PAGE = Page("/system", "Health", _layout, _register)
