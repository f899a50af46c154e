"""How pages word incidents: how bad, how they stand, how long ago, and the link to each."""

from datetime import datetime

from dash import dcc, html
from dash.development.base_component import Component

from dashboards.incidents import Shown
from dashboards.pages import widgets, wording

TONES: dict[str, widgets.Tone] = {"ERROR": "bad", "WARN": "warn"}


def counted(n: int, word: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def age(at: datetime, now: datetime) -> str:
    """`3 h ago`."""
    return f"{wording.age((now - at).total_seconds())} ago"


def ago(at: datetime, now: datetime) -> Component:
    """`3 h ago`; the instant is its title."""
    return html.Span(age(at, now), title=wording.instant(at))


def named(shown: Shown) -> Component:
    """The subject and the check, leading to the page of the incident."""
    finding = shown.entry.incident.finding
    check = html.Div(finding.check, className="alert-check")
    return dcc.Link([html.Code(finding.subject), check], href=f"/alerts/{shown.entry.id}")


def severity_pill(shown: Shown) -> Component:
    """How bad it is, with what it explains now."""
    is_own = shown.worst == shown.entry.incident.finding.severity
    pill = widgets.pill(shown.worst.lower(), TONES[shown.worst])
    return pill if is_own else html.Span([pill, html.Div("downstream", className="alert-check")])


def state_pill(shown: Shown) -> Component:
    """How it stands; an open one in the colour of its severity."""
    if shown.state == "open":
        return widgets.pill("open", TONES[shown.worst])
    by = f" by {shown.entry.incident.acknowledged_by}" if shown.state == "acknowledged" else ""
    return widgets.pill(f"{shown.state}{by}", "good" if shown.state == "recovered" else "idle")
