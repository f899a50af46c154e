"""The inbox: how much is wrong, what, since when, and whether anybody can be told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards import incidents
from dashboards.incidents import Shown, Tally
from dashboards.pages import alerts_channels, widgets, wording
from dashboards.pages.alerts_words import age, ago, counted, named, severity_pill, state_pill
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.core import clock
from resources.alerting.records import KeptSilence

_WHICH = [("current", "Current"), ("recovered", "Recovered"), ("all", "All")]
_MOST_ROWS = 200
#: a round runs every half minute, and the app runs one itself after two
_LATE = timedelta(minutes=3)


def layout() -> Component:
    """The inbox, empty."""
    return html.Div(
        [
            html.Div(id="alerts-cards"),
            widgets.panel(
                "Inbox",
                html.Div(id="alerts-rows"),
                controls=[widgets.choice("alerts-which", _WHICH, "current")],
            ),
            html.Div(id="alerts-channels"),
            html.Div(id="alerts-silences"),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Connect the inbox."""
    channels = alerts_channels.Channels(services)

    @app.callback(
        Output("alerts-cards", "children"),
        Output("alerts-rows", "children"),
        Output("alerts-channels", "children"),
        Output("alerts-silences", "children"),
        Input("alerts-which", "value"),
        Input("refresh", "data"),
    )
    @in_thread
    def show(which: incidents.Which, _refresh: Any) -> Any:
        book, now = services.incidents, clock.wall()
        last, silences = book.last_round_at(), book.silences(now)
        found = [shown for shown in incidents.chosen(book, now, which) if shown.stands_alone]
        total = incidents.tally(incidents.current(book, now))
        return (
            _cards(total, len(silences), last, now, channels.card()),
            _rows(found, now) if found else _nothing(which, last, now),
            channels.panel(now),
            _silences(silences),
        )


def _cards(total: Tally, n_silences: int, last: datetime | None, now: datetime, channels: Component) -> Component:
    is_late = last is None or now - last > _LATE
    errors, warnings = (wording.UNKNOWN if last is None else f"{n:,}" for n in (total.errors, total.warnings))
    return widgets.cards(
        widgets.card("Errors", errors, "open, not silenced", "bad" if total.errors else "plain"),
        widgets.card("Warnings", warnings, "open, not silenced", "warn" if total.warnings else "plain"),
        widgets.card("Silenced", f"{total.silenced:,}", f"{counted(n_silences, 'silence')} in force"),
        widgets.card(
            "Last round",
            "never" if last is None else age(last, now),
            "nobody looks: make dev" if is_late else "one every 30 s",
            "bad" if is_late else "good",
        ),
        channels,
    )


def _nothing(which: incidents.Which, last: datetime | None, now: datetime) -> Component:
    if last is None:
        return _unwatched("No round of alerts ever ran with this home: nobody knows whether anything is wrong.")
    said = "Nothing has recovered." if which == "recovered" else "Nothing is wrong that anybody knows of."
    if now - last > _LATE:
        return _unwatched(f"{said} The last round ended {age(last, now)}: what broke since is not known.")
    return html.P(f"{said} The last round ended {age(last, now)}.", className="quiet")


def _unwatched(why: str) -> Component:
    return html.Div(
        [
            html.Div("Nobody looks", className="empty-title"),
            html.Div(f"{why} Start the daemon, which runs a round every half minute:", className="empty-reason"),
            html.Code("make dev", className="empty-command"),
        ],
        className="empty",
    )


def _rows(found: Sequence[Shown], now: datetime) -> Component:
    columns = [
        *(("severity", "left"), ("subject and check", "left"), ("what it said", "left wide"), ("since", "right")),
        *(("explains", "right"), ("state", "left")),
    ]
    rows = [
        [
            severity_pill(shown),
            named(shown),
            shown.entry.incident.finding.said,
            ago(shown.entry.incident.finding.since, now),
            f"{shown.entry.incident.n_attached:,} more" if shown.entry.incident.n_attached else "",
            state_pill(shown),
        ]
        for shown in found[:_MOST_ROWS]
    ]
    hidden = len(found) - len(rows)
    more = [html.P(f"{hidden:,} more at /api/alerts.", className="quiet")] if hidden else []
    return html.Div([widgets.table(columns, rows), *more], className="inbox stacked")


def _silences(found: Sequence[KeptSilence]) -> Component:
    if not found:
        said = html.P("Nothing is silenced. An incident's page shows the command.", className="quiet")
        return widgets.panel("Silences", said)
    rows = [
        [
            f"{kept.id}",
            html.Code(kept.silence.pattern),
            wording.instant(kept.silence.until),
            kept.made_by,
            kept.reason,
        ]
        for kept in found
    ]
    columns = [("no.", "left"), ("what", "left"), ("until", "left"), ("by", "left"), ("why", "left wide")]
    end = html.P(["To end one: ", html.Code(f"market-assets alerts unsilence {found[0].id}")], className="quiet")
    return widgets.panel("Silences", widgets.table(columns, rows), end)
