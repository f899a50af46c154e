"""The page of one incident: how it stands, what happened since, what it explains, and what a person can run."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards import incidents
from dashboards.incidents import Shown
from dashboards.pages import widgets, wording
from dashboards.pages.alerts_timeline import timeline
from dashboards.pages.alerts_words import ago, named, severity_pill, state_pill
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.errors import UnknownName

#: digits of the largest number that the book could give
_DIGITS = 18


def layout(name: str) -> Component:
    """The page of the incident of this number, empty."""
    return html.Div([dcc.Store(id="incident-name", data=name), html.Div(id="incident-parts")])


def register(app: Dash, services: Services) -> None:
    """Connect the page."""

    @app.callback(Output("incident-parts", "children"), Input("incident-name", "data"), Input("refresh", "data"))
    @in_thread
    def show(name: str, _refresh: Any) -> Any:
        number, now = id_of(name), clock.wall()
        try:
            if number is None:
                raise UnknownName("incident", name, [])
            shown, attached = incidents.one(services.incidents, number, now)
        except UnknownName:
            back = dcc.Link("All alerts", href="/alerts")
            return widgets.panel("No such incident", html.P(f"There is no incident {name}."), controls=[back])
        outbox = services.incidents.outbox
        messages = [(one, outbox.attempts(one.id)) for one in outbox.of_incident(number)]
        return [
            _head(shown, now),
            html.Div(
                [
                    html.Div([_facts(shown, now)], className="column"),
                    html.Div([_commands(shown)], className="column"),
                ],
                className="two-columns wide-left",
            ),
            widgets.panel("What happened", html.Div(timeline(shown, attached, messages), className="stacked")),
            *([_attached(attached, now)] if attached else []),
        ]


def id_of(name: str) -> int | None:
    """The number that the end of an address names; None where it is none."""
    return int(name) if name.isascii() and name.isdigit() and len(name) <= _DIGITS else None


def _head(shown: Shown, now: datetime) -> Component:
    finding = shown.entry.incident.finding
    back = dcc.Link("All alerts", href="/alerts")
    return widgets.panel(
        f"Incident {shown.entry.id}: {finding.subject} {finding.check}",
        html.P(finding.said, className="strong"),
        html.Div([severity_pill(shown), state_pill(shown), html.Span(["since ", ago(finding.since, now)])],
                 className="pills alert-standing"),
        controls=[back],
    )  # fmt: skip


def _facts(shown: Shown, now: datetime) -> Component:
    incident, root = shown.entry.incident, shown.entry.root_id
    finding, until = incident.finding, shown.silenced_until
    by = f", by {incident.acknowledged_by}" if incident.acknowledged_by else ""
    link = dcc.Link(f"incident {root}, its first cause", href=f"/alerts/{root}") if root else ""
    known = [
        ("partitions", finding.scope),
        ("cause", finding.cause),
        ("wrong since", wording.instant(finding.since)),
        ("seen first", wording.instant(incident.opened_at)),
        ("seen last", [ago(incident.seen_at, now)] if incident.recovered_at is None else ""),
        ("part of", link),
        ("acknowledged", wording.instant(incident.acknowledged_at) + by if incident.acknowledged_at else ""),
        ("silenced until", wording.instant(until) if until else ""),
        ("recovered", wording.instant(incident.recovered_at) if incident.recovered_at else ""),
        ("fingerprint", html.Code(finding.fingerprint)),
    ]
    rows = [[name, value] for name, value in known if value]
    return widgets.panel("Facts", widgets.table([("as of the last round", "left"), ("", "left wide plain")], rows))


def _commands(shown: Shown) -> Component:
    """What there is to run: this page has no key, so it writes nothing itself."""
    pattern = shlex.quote(incidents.pattern_of(shown.entry.incident.finding))
    of_root = ": at its first cause" if shown.entry.root_id else ""
    acknowledge = (
        f"Say that you are at it{of_root}, so that it does not escalate",
        f"market-assets alerts acknowledge {shown.entry.root_id or shown.entry.id}",
    )
    commands = [
        *([acknowledge] if shown.state not in ("recovered", "acknowledged") else []),
        (
            "Say nothing of it for four hours",
            f"market-assets alerts silence \\\n  {pattern} \\\n  --hours 4 --reason 'why'",
        ),
        *((f"End silence {kept.id}", f"market-assets alerts unsilence {kept.id}") for kept in shown.silences),
    ]
    return widgets.panel(
        "What to do",
        html.P(html.A("What the RUNBOOK says", href=shown.runbook), className="strong"),
        *(
            html.Div([html.Div(why, className="quiet"), html.Code(run, className="empty-command")], className="command")
            for why, run in commands
        ),
    )


def _attached(attached: Sequence[Shown], now: datetime) -> Component:
    rows = [
        [
            severity_pill(shown),
            named(shown),
            shown.entry.incident.finding.said,
            ago(shown.entry.incident.finding.since, now),
            state_pill(shown),
        ]
        for shown in attached
    ]
    columns = [
        *(("severity", "left"), ("subject and check", "left"), ("what it said", "left wide"), ("since", "right")),
        ("state", "left"),
    ]
    return widgets.panel(
        f"It explains {len(attached):,} more", html.Div(widgets.table(columns, rows), className="inbox stacked")
    )
