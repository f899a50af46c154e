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
    lost = f", {told['dropped_bars']:,} dropped" if told["dropped_bars"] else ""
    return [
        ["process", f"{told['pid']}, since {wording.instant(told['started_at'])}, {told['vendors']}"],
        *(_of_bars(told) if "cycles" in told else _of_a_venue(told)),
        ["filled by REST", f"{told['filled_bars']:,}, {told['given_up_bars']:,} given up"],
        ["stored", f"{told['flushed_rows']:,}, {told['unflushed_bars']:,} waiting{lost}"],
        ["last stored", f"{wording.instant(told['last_flush_at'])}{_took(told['flush_s'])}"],
    ]


def _of_a_venue(told: Mapping[str, Any]) -> list[list[str]]:
    reached = [f"{told[name]:,} {word}" for name, word in (("reconnects", "anew"), ("refusals", "refused"))]
    unread = f", {told['malformed']:,} unreadable" if told["malformed"] else ""
    return [
        ["connected since", wording.instant(told["connected_since"])],
        ["last message", f"{_ago(told)}{unread}"],
        ["connections", ", ".join(reached)],
        ["delay of messages", _delay(told)],
        ["late candles", wording.count(told["late_bars"])],
    ]


def _of_bars(told: Mapping[str, Any]) -> list[list[str]]:
    stale = f", {told['n_stale']:,} of them stale" if told["n_stale"] else ""
    ranks = [f"{name} {wording.milliseconds(told[f'cycle_{name}_ms'])}" for name in ("p50", "p95", "p99")]
    cycles = f", {told['missed_seconds']:,} s missed" if told["missed_seconds"] else ""
    warm = f"{told['n_warm']:,} of {told['n_symbols']:,} symbols"
    return [
        ["markets open", f"{told['n_open']:,} of {told['n_symbols']:,}{stale}"],
        ["values warm", f"{warm}, warming" if told["warming"] else warm],
        ["last answer", _ago(told)],
        [f"cycles every {told['interval_s']:g} s", f"{', '.join(ranks)}{cycles}"],
        *([name, _asked(source)] for name, source in told["sources"].items()),
        ["late quotes", wording.count(told["late_bars"])],
        *([["Redis", told["redis"]]] if told["redis"] else []),
    ]


def _asked(source: Mapping[str, Any]) -> str:
    """What a source is asked for, how often, and why not more often."""
    every = source["effective_interval_s"]
    pace = f", {source['n_symbols']:,} symbols every {every:,.3g} s" if every is not None else ""
    why = f" ({source['why']})" if source["why"] else ""
    return f"{source['state'].replace('_', ' ')}{pace}{why}"


def _ago(told: Mapping[str, Any]) -> str:
    last = wording.age(told["last_message_age_s"])
    return last if told["last_message_at"] is None else f"{last} ago"


def _delay(told: Mapping[str, Any]) -> str:
    if told["collect_p50_ms"] is None:
        return wording.NO_DATA
    return f"p50 {wording.milliseconds(told['collect_p50_ms'])}, p95 {wording.milliseconds(told['collect_p95_ms'])}"


def _took(flush_s: float | None) -> str:
    return "" if flush_s is None else f", took {wording.milliseconds(1000 * flush_s)}"
