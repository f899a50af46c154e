"""The shapes of answers about incidents, their messages and silences, and how each is made of the book's records."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from dashboards.incidents import Shown
from dashboards.rest.bodies import Body, MessageBody
from market_assets.ops.transforms.incidents import Kind, Route, Severity
from resources.alerting.inbox import State
from resources.alerting.records import Attempt, KeptSilence, Message, MessageState


class AlertRow(BaseModel):
    """One incident."""

    id: int
    fingerprint: str = Field(description="The same whenever this subject, check and cause are wrong")
    subject: str = Field(description="Asset key, or for example source:polygon, daemon:SENSOR, disk")
    check: str = Field(description="Name of the check, or of the rule")
    cause: str
    severity: Severity
    worst: Severity = Field(description="ERROR also where a warning explains an error now")
    state: State
    said: str
    scope: str = Field(description="Partitions; empty where it is of no partition")
    since: datetime = Field(description="Since when it is wrong")
    opened_at: datetime = Field(description="When it was seen first")
    updated_at: datetime = Field(description="When it was seen last, or something changed")
    recovered_at: datetime | None
    root_id: int | None = Field(description="The incident that explains this one")
    n_attached: int = Field(description="The most incidents that it ever explained at once")
    silenced_until: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    runbook: str = Field(description="Path of what to do about it")


class AlertsBody(Body):
    """`GET /api/alerts`."""

    count: int = Field(description="All that were asked for, also beyond the limit")
    errors: int | None = Field(description="Open ones that no other explains and that are not silenced, in all")
    warnings: int | None = Field(description="The same; both are null where nobody ever looked")
    last_round_at: datetime | None = Field(description="When somebody looked last")
    alerts: list[AlertRow]


class AttemptRow(BaseModel):
    """One message handed to one channel."""

    channel: str
    begun_at: datetime
    ended_at: datetime | None
    taken: bool | None = Field(description="Null where the process ended before the channel answered")
    said: str


class MessageRow(BaseModel):
    """One message about an incident."""

    id: int
    kind: Kind
    route: Route
    severity: Severity
    title: str
    body: str
    made_at: datetime
    outcome: MessageState = Field(description="inbox: its route has no channel, so that only the inbox has it")
    channel: str | None = Field(description="The channel that took it")
    ended_at: datetime | None
    attempts: list[AttemptRow]


class AlertBody(Body):
    """`GET /api/alerts/{id}`."""

    alert: AlertRow
    attached: list[AlertRow]
    messages: list[MessageRow]


class SilenceRow(BaseModel):
    """One silence."""

    id: int
    pattern: str = Field(description="Glob over subject/check; without a slash over the subject alone")
    until: datetime
    reason: str
    made_by: str
    made_at: datetime


class SilencesBody(Body):
    """`GET /api/alerts/silences`."""

    count: int
    silences: list[SilenceRow]


class AcknowledgedBody(MessageBody):
    """What was acknowledged: of an attached incident its first cause."""

    alert: AlertRow


class SilencedBody(MessageBody):
    """The silence that was made or ended."""

    silence: SilenceRow


class NewSilence(BaseModel):
    """For how long nothing is said of an incident, and why."""

    hours: float = Field(gt=0, le=8784, allow_inf_nan=False, description="At most a year")
    reason: str = Field("", max_length=300, description="For whoever wonders")


def alert_row(shown: Shown) -> dict[str, Any]:
    """An AlertRow."""
    incident = shown.entry.incident
    finding = incident.finding
    return {
        "id": shown.entry.id,
        "fingerprint": finding.fingerprint,
        "subject": finding.subject,
        "check": finding.check,
        "cause": finding.cause,
        "severity": finding.severity,
        "worst": shown.worst,
        "state": shown.state,
        "said": finding.said,
        "scope": finding.scope,
        "since": finding.since,
        "opened_at": incident.opened_at,
        "updated_at": shown.updated_at,
        "recovered_at": incident.recovered_at,
        "root_id": shown.entry.root_id,
        "n_attached": incident.n_attached,
        "silenced_until": shown.silenced_until,
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by or None,
        "runbook": shown.runbook,
    }


def message_row(message: Message, attempts: list[Attempt]) -> dict[str, Any]:
    """A MessageRow."""
    return {
        "id": message.id,
        "kind": message.kind,
        "route": message.route,
        "severity": message.severity,
        "title": message.text.title,
        "body": message.text.body,
        "made_at": message.made_at,
        "outcome": message.state,
        "channel": message.channel,
        "ended_at": message.ended_at,
        "attempts": [
            {
                "channel": one.channel,
                "begun_at": one.begun_at,
                "ended_at": one.ended_at,
                "taken": one.is_taken,
                "said": one.said,
            }
            for one in attempts
        ],
    }


def silence_row(kept: KeptSilence) -> dict[str, Any]:
    """A SilenceRow."""
    return {
        "id": kept.id,
        "pattern": kept.silence.pattern,
        "until": kept.silence.until,
        "reason": kept.reason,
        "made_by": kept.made_by,
        "made_at": kept.made_at,
    }
