"""What happened to an incident, in order: seen, told, attached, acknowledged, recovered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dash.development.base_component import Component

from dashboards.incidents import Shown
from dashboards.pages import widgets, wording
from dashboards.pages.alerts_words import TONES
from market_assets.ops.transforms.incidents import Kind
from resources.alerting.records import Attempt, Message, MessageState

_TOLD: dict[Kind, str] = {
    "open": "told",
    "worse": "told that it is worse",
    "remind": "reminded",
    "escalate": "escalated",
    "recover": "told that it recovered",
}
_OUTCOMES: dict[MessageState, tuple[str, widgets.Tone]] = {
    "sent": ("sent", "good"),
    "pending": ("waits", "warn"),
    "inbox": ("inbox only", "idle"),
    "given_up": ("given up", "bad"),
}
_MOST_ATTACHED = 8


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    at: datetime
    what: str
    tone: widgets.Tone
    said: str
    #: of a message: what became of it
    outcome: MessageState | None = None


def timeline(
    shown: Shown, attached: Sequence[Shown], messages: Sequence[tuple[Message, Sequence[Attempt]]]
) -> Component:
    """A row for each thing that happened, oldest first."""
    happened = [*_of_itself(shown), *_of_attached(attached), *(_of_message(*one) for one in messages)]
    rows = [
        [
            wording.instant(one.at),
            widgets.pill(one.what, one.tone),
            widgets.pill(*_OUTCOMES[one.outcome]) if one.outcome else "",
            one.said,
        ]
        for one in sorted(happened, key=lambda one: one.at)
    ]
    return widgets.table([("when", "left"), ("what", "left"), ("", "left"), ("", "left wide plain")], rows)


def _of_itself(shown: Shown) -> Iterator[Event]:
    incident = shown.entry.incident
    finding = incident.finding
    if finding.since < incident.opened_at:
        yield Event(finding.since, "began", "idle", "as far as is known")
    part_of = f"part of incident {shown.entry.root_id}, which is told for it" if shown.entry.root_id else ""
    yield Event(incident.opened_at, "opened", TONES[finding.severity], part_of or "seen for the first time")
    if incident.acknowledged_at:
        yield Event(incident.acknowledged_at, "acknowledged", "idle", f"by {incident.acknowledged_by}")
    if incident.recovered_at:
        lasted = wording.age((incident.recovered_at - finding.since).total_seconds())
        yield Event(incident.recovered_at, "recovered", "good", f"after {lasted}")
    elif incident.gone_since:
        yield Event(incident.gone_since, "not found any more", "good", "it recovers unless it comes back at once")


def _of_attached(attached: Sequence[Shown]) -> Iterator[Event]:
    """The first of them by name, the others by number."""
    in_order = sorted(attached, key=lambda one: (one.entry.incident.opened_at, one.entry.id))
    for one in in_order[:_MOST_ATTACHED]:
        finding = one.entry.incident.finding
        said = f"incident {one.entry.id}, {finding.subject} {finding.check}"
        yield Event(one.entry.incident.opened_at, "explains", TONES[finding.severity], said)
    others = in_order[_MOST_ATTACHED:]
    if others:
        yield Event(others[0].entry.incident.opened_at, "explains", "idle", f"and {len(others):,} more, see below")


def _of_message(message: Message, attempts: Sequence[Attempt]) -> Event:
    outcome = {
        "sent": f"taken by {message.channel}",
        "pending": "not taken yet",
        "inbox": f"no channel is on the {message.route} route",
        "given_up": "no channel took it for a day",
    }[message.state]
    said = "; ".join([outcome, *_refusals(attempts)])
    title = message.text.title
    return Event(message.made_at, _TOLD[message.kind], "idle", f"{title} ({said})", message.state)


def _refusals(attempts: Sequence[Attempt]) -> Iterator[str]:
    """Who did not take it, how often, and why the last time."""
    refused: dict[str, list[Attempt]] = {}
    for one in attempts:
        if not one.is_taken:
            refused.setdefault(one.channel, []).append(one)
    for channel, of_channel in refused.items():
        times = f" {len(of_channel):,} times" if len(of_channel) > 1 else ""
        last = of_channel[-1]
        if last.is_taken is None:
            yield f"{channel} may have taken it: the process ended before it answered"
        else:
            yield f"{channel} did not take it{times}: {last.said}"
