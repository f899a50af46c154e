"""What the health page says of collectors, and of a home that stands still. Of the report of `GET /health` alone."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards import stopped
from dashboards.pages import widgets, wording
from dashboards.streams import State, command

_TONES: Mapping[State, widgets.Tone] = {
    "running": "good",
    "silent": "warn",
    "dead": "bad",
    "ended": "idle",
    "never": "idle",
}
_WORDS: Mapping[State, str] = {
    "running": "running",
    "silent": "running, unwell",
    "dead": "died",
    "ended": "stopped",
    "never": "never started",
}
_ROWS = (("collector", "left"), ("", "right"))


def notice(report: Mapping[str, Any]) -> Component | None:
    """Why this home stands still, and what lets it go on; nothing where it does not."""
    found = report["components"]["standstill"]
    if found["detail"] is None:
        return None
    return widgets.panel(
        "This home is stopped",
        html.P(found["detail"], className="strong"),
        html.Code(stopped.COMMAND, className="empty-command"),
        controls=[widgets.pill("stopped", "bad")],
    )


def streams(report: Mapping[str, Any]) -> list[Component]:
    """A panel for every collector."""
    return [_stream(domain, told) for domain, told in report["components"]["stream"]["streams"].items()]


def _stream(domain: str, told: Mapping[str, Any]) -> Component:
    state: State = told["state"]
    title, pill = f"Stream, {wording.DOMAINS[domain].lower()}", widgets.pill(_WORDS[state], _TONES[state])
    if state == "never":
        why = "no collector was started with this home"
        return widgets.panel(title, widgets.empty(why, command(domain)), controls=[pill])
    detail = [html.P(told["detail"], className="quiet")] if told["detail"] else []
    if told["pid"] is None:
        return widgets.panel(title, *detail, controls=[pill])
    return widgets.panel(title, *detail, widgets.table(_ROWS, _rows(told)), controls=[pill])


def _rows(told: Mapping[str, Any]) -> list[list[str]]:
    reached = [f"{told[name]:,} {word}" for name, word in (("reconnects", "anew"), ("refusals", "refused"))]
    unread = f", {told['malformed']:,} unreadable" if told["malformed"] else ""
    last = wording.age(told["last_message_age_s"])
    lost = f", {told['dropped_bars']:,} dropped" if told["dropped_bars"] else ""
    return [
        ["process", f"{told['pid']}, since {wording.instant(told['started_at'])}, {told['vendors']}"],
        ["connected since", wording.instant(told["connected_since"])],
        ["last message", last if told["last_message_at"] is None else f"{last} ago{unread}"],
        ["connections", ", ".join(reached)],
        ["delay of messages", _delay(told)],
        ["late candles", wording.count(told["late_bars"])],
        ["filled by REST", f"{told['filled_bars']:,}, {told['given_up_bars']:,} given up"],
        ["stored", f"{told['flushed_rows']:,}, {told['unflushed_bars']:,} waiting{lost}"],
        ["last stored", f"{wording.instant(told['last_flush_at'])}{_took(told['flush_s'])}"],
    ]


def _delay(told: Mapping[str, Any]) -> str:
    if told["collect_p50_ms"] is None:
        return wording.NO_DATA
    return f"p50 {wording.milliseconds(told['collect_p50_ms'])}, p95 {wording.milliseconds(told['collect_p95_ms'])}"


def _took(flush_s: float | None) -> str:
    return "" if flush_s is None else f", took {wording.milliseconds(1000 * flush_s)}"
