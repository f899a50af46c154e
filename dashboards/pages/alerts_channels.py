"""Who can be told: the channels of the settings, and whether each took the last message it was handed."""

from datetime import datetime

from dash import html
from dash.development.base_component import Component

from dashboards.pages import widgets
from dashboards.pages.alerts_words import ago, counted
from dashboards.services import Services
from resources.alerting.channel_record import ChannelRecord
from resources.alerting.records import Attempt

_ROUTES = ("critical", "warning", "escalation")
_WORDS: dict[bool | None, tuple[str, widgets.Tone]] = {
    True: ("took it", "good"),
    False: ("did NOT take it", "bad"),
    None: ("not known", "warn"),
}


class Channels:
    """What the page says of channels. Their addresses are secrets, and are not shown."""

    def __init__(self, services: Services) -> None:
        self._settings, self._outbox = services.settings.alerts, services.incidents.outbox
        self._record = ChannelRecord(services.settings.home)

    def card(self) -> Component:
        """How many channels took their last message."""
        names = list(self._settings.channels)
        if not names:
            return widgets.card("Channels", "none", "only this inbox is told", "warn")
        last = self._record.last()
        failed = [name for name in names if name in last and not last[name].is_taken]
        n_pending = self._outbox.n_pending()
        waiting = f"{counted(n_pending, 'message')} waiting" if n_pending else ""
        said = [f"{', '.join(failed)} failed"] if failed else []
        return widgets.card(
            "Channels",
            f"{len(names) - len(failed)} of {len(names)} well",
            "; ".join([*said, waiting] if waiting else said) or "nothing waits",
            "bad" if failed else "good",
        )

    def panel(self, now: datetime) -> Component:
        """Every channel with its routes and the last message."""
        if not self._settings.channels:
            said = "Nobody is told but this inbox: no channel is named in the settings. RUNBOOK, Alerts, says how."
            return widgets.panel("Channels", html.P(said, className="quiet"))
        last = self._record.last()
        rows = [
            [html.Code(name), ", ".join(self._routes(name)) or "no route", *_told(last.get(name), now)]
            for name in self._settings.channels
        ]
        columns = [
            *(("channel", "left"), ("routes", "left"), ("last message", "left"), ("", "left")),
            ("what it said", "left wide"),
        ]
        test = html.P(["To try them all: ", html.Code("market-assets alerts test")], className="quiet")
        return widgets.panel("Channels", html.Div(widgets.table(columns, rows), className="stacked"), test)

    def _routes(self, name: str) -> list[str]:
        """The routes that a channel is on, with its place where it is not the first."""
        found = [(route, list(getattr(self._settings, route))) for route in _ROUTES]
        return [
            route if names[0] == name else f"{route} ({names.index(name) + 1}.)"
            for route, names in found
            if name in names
        ]


def _told(last: Attempt | None, now: datetime) -> list[Component | str]:
    if last is None:
        return ["never", "", ""]
    return [ago(last.begun_at, now), widgets.pill(*_WORDS[last.is_taken]), last.said]
