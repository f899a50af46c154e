"""What the health page says of components, tables, vendors, backups, incidents and the machine."""

from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import incidents
from dashboards.components.machine import measured
from dashboards.pages import alerts_words, widgets, wording
from dashboards.services import Services
from dashboards.sources import trust
from market_assets.core import clock

_MOST_INCIDENTS = 8
_FACTS = (("", "left"), ("", "right"))
_STORED: Mapping[str, widgets.Tone] = {"ok": "good", "degraded": "warn", "late": "warn", "missing": "bad"}


def components(report: Mapping[str, Any]) -> Component:
    """Every component of `GET /health`, and why it is not well."""
    rows = [
        [
            html.Div([name.replace("_", " "), widgets.pill(*_status(one))], className="component"),
            [one["note"], *([html.Div(one["detail"], className="wrong")] if one["detail"] else [])],
        ]
        for name, one in report["components"].items()
    ]
    columns = [("component", "left"), ("how it stands, and what is wrong", "left wide")]
    return widgets.panel("Components", widgets.table(columns, rows), name="narrow")


def _status(component: Mapping[str, Any]) -> tuple[str, widgets.Tone]:
    word = component["status"]
    return word.replace("_", " "), widgets.TONES.get(word, "idle")


def sources(services: Services) -> Component:
    """Breaker, calls and budgets of every vendor in use."""
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
            ", ".join(f"{w.left:,}/{w.limit:,} {w.window} ({w.left / w.limit:.0%})" for w in source.budget)
            or "no limit",
        ]
        for source in facts
    ]
    return widgets.panel("Sources", widgets.table(columns, rows))


def freshness(report: Mapping[str, Any], services: Services) -> Component:
    """Every table: its newest data, how late it is by its own calendar, and its condition yesterday."""
    now, judged = clock.now(), report["components"]["condition"]["tables"]
    rows = []
    for table in services.data.tables():
        one = judged.get(table.name, {})
        published = (now - table.published_at).total_seconds() if table.published_at else None
        rows.append(
            [
                html.Code(table.name),
                wording.day(table.newest) if table.timed else "",
                _late(one.get("late_s")),
                _condition(one.get("yesterday")),
                wording.NO_DATA if published is None else f"{wording.age(published)} ago",
                wording.size(table.bytes) if table.partitions else wording.NO_DATA,
            ]
        )
    columns = [
        *(("table", "left"), ("newest data", "right"), ("late", "right"), ("yesterday", "left")),
        *(("published", "right"), ("size", "right")),
    ]
    return widgets.panel("Freshness", widgets.table(columns, rows))


def _late(late_s: float | None) -> Any:
    if late_s is None:
        return ""
    return widgets.pill(wording.age(late_s), "bad") if late_s else widgets.pill("in time", "good")


def _condition(word: str | None) -> Any:
    return "" if word is None else widgets.pill(word, _STORED[word])


def validation(report: Mapping[str, Any]) -> Component:
    """The newest stored share of what is valid or complete, by domain."""
    rates = report["components"]["data_pipeline"]["validation"]
    rows = [
        [
            wording.DOMAINS[domain],
            [html.Code(one["measure"]), html.Div(one["of"] or "")],
            wording.percent(one["value"], 2),
        ]
        for domain, one in rates.items()
    ]
    columns = [("domain", "left"), ("judged by, and what of", "left wide"), ("share", "right")]
    return widgets.panel("Validation", widgets.table(columns, rows), name="narrow")


def backups(report: Mapping[str, Any]) -> Component:
    """The newest backup, and the last restore on trial."""
    found = report["components"]["backup"]
    pill = widgets.pill(*_status(found))
    detail = [html.P(found["detail"], className="quiet")] if found["detail"] else []
    if found["taken_at"] is None:
        return widgets.panel(
            "Backups", *detail, widgets.empty("no backup was taken yet", "market-assets backup"), controls=[pill]
        )
    is_equal = found["restored_equal"]
    outcome = "never" if is_equal is None else "whole" if is_equal else "NOT as it was"
    restored = f"{outcome}, {wording.instant(found['restored_at'])}" if found["restored_at"] else outcome
    rows = [
        ["newest backup", f"{wording.instant(found['taken_at'])}, {wording.age(found['age_s'])} ago"],
        ["kept", wording.count(found["n_kept"])],
        ["last restored on trial", restored],
        ["verified", f"{wording.age(found['restore_verified_age_s'])} ago" if is_equal else "no"],
    ]
    link = html.P(dcc.Link("All backups, and every table of the drill", href="/ops/upkeep"), className="quiet")
    return widgets.panel("Backups", *detail, widgets.table(_FACTS, rows), link, controls=[pill])


def open_incidents(services: Services) -> Component:
    """The worst that is open and stands for itself."""
    now = clock.wall()
    found = [one for one in incidents.current(services.incidents, now) if one.stands_alone]
    link = html.P(dcc.Link("The inbox", href="/alerts"), className="quiet")
    if not found:
        nothing = "Nothing is open." if services.incidents.last_round_at() else "No round of alerts was run yet."
        return widgets.panel("Incidents", html.P(nothing, className="quiet"), link)
    rows = [
        [
            alerts_words.severity_pill(one),
            [alerts_words.named(one), html.Div(one.entry.incident.finding.said)],
            alerts_words.ago(one.entry.incident.finding.since, now),
        ]
        for one in found[:_MOST_INCIDENTS]
    ]
    columns = [("severity", "left"), ("what is wrong", "left wide"), ("since", "right")]
    return widgets.panel(f"Incidents, {len(found):,}", widgets.table(columns, rows), link, name="narrow")


def machine(services: Services) -> Component:
    """This process and its machine."""
    facts = measured(services.settings.home)
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
