"""The inbox: incidents as people and programs read them, whatever became of the messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from resources.alerting.book import IncidentBook
from resources.alerting.messages import runbook_anchor
from resources.alerting.records import Entry, KeptSilence

State = Literal["open", "acknowledged", "silenced", "attached", "recovered"]
STATES: tuple[State, ...] = get_args(State)


def state_of(entry: Entry, silences: Sequence[KeptSilence], now: datetime) -> State:
    """How an incident stands. One that another explains is attached, whatever else it is."""
    if entry.incident.recovered_at is not None:
        return "recovered"
    if entry.root_id is not None:
        return "attached"
    if any(kept.silence.covers(entry.incident.finding, now) for kept in silences):
        return "silenced"
    return "acknowledged" if entry.incident.acknowledged_at is not None else "open"


def listed(book: IncidentBook, now: datetime, states: Sequence[State] = (), limit: int = 200) -> list[dict[str, Any]]:
    """Incidents in these states, errors first, newest first; without states all that have not recovered."""
    silences = book.silences(now)
    entries = [*book.open(), *(book.recovered(limit) if "recovered" in states else [])]
    found = [(entry, state_of(entry, silences, now)) for entry in entries]
    kept = [described(entry, state) for entry, state in found if not states or state in states]
    return sorted(kept, key=lambda row: (row["recovered_at"] is not None, row["severity"] != "ERROR"))[:limit]


def described(entry: Entry, state: State) -> dict[str, Any]:
    """An incident as a program reads it: instants as ISO text."""
    incident = entry.incident
    finding = incident.finding
    return {
        "id": entry.id,
        "state": state,
        "severity": finding.severity,
        "subject": finding.subject,
        "check": finding.check,
        "cause": finding.cause,
        "said": finding.said,
        "partitions": finding.scope,
        "since": _iso(finding.since),
        "opened_at": _iso(incident.opened_at),
        "recovered_at": _iso(incident.recovered_at),
        "root_id": entry.root_id,
        "n_attached": incident.n_attached,
        "told_at": _iso(incident.told_at),
        "escalated_at": _iso(incident.escalated_at),
        "acknowledged_at": _iso(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by,
        "runbook": runbook_anchor(finding),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
