"""`/api/alerts`: what is wrong now and was, who was told, and what nobody wants to hear. Needs no Dagster."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dashboards import incidents
from dashboards.incidents import Which
from dashboards.rest.alert_bodies import (
    AcknowledgedBody,
    AlertBody,
    AlertsBody,
    NewSilence,
    SilencedBody,
    SilencesBody,
    alert_row,
    message_row,
    silence_row,
)
from dashboards.rest.answers import json_answer
from dashboards.rest.auth import Writer
from dashboards.rest.errors import BAD_BODY, RESPONSES
from dashboards.rest.requests import ServicesOf, marked
from market_assets.core import clock
from market_assets.ops.transforms.incidents import Severity

router = APIRouter(prefix="/api/alerts", tags=["alerts"], responses=RESPONSES)

#: numbers of the book: SQLite has none that are larger
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", response_model=AlertsBody)
def alerts(
    app: ServicesOf,
    state: Annotated[Which, Query(description="current: all that have not recovered")] = "current",
    severity: Annotated[Severity | None, Query(description="Only incidents of this severity")] = None,
    subject: Annotated[
        str | None, Query(max_length=200, description="Glob over the subject; with a slash over subject/check: bars_*")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> Response:
    """Incidents: what has not recovered first, errors before warnings, the newest first."""
    book, now = app.incidents, clock.wall()
    found = incidents.chosen(book, now, state, severity, subject)
    last = book.last_round_at()
    total = incidents.tally(incidents.current(book, now)) if last else None
    body = {
        "count": len(found),
        "errors": total.errors if total else None,
        "warnings": total.warnings if total else None,
        "last_round_at": last,
        "alerts": [alert_row(shown) for shown in found[:limit]],
    }
    return json_answer(marked(app, body))


# before `/{id}`, which would take the word for a number
@router.get("/silences", response_model=SilencesBody)
def silences(app: ServicesOf) -> Response:
    """The silences in force, oldest first."""
    found = app.incidents.silences(clock.wall())
    return json_answer(marked(app, {"count": len(found), "silences": [silence_row(kept) for kept in found]}))


@router.delete("/silences/{id}", response_model=SilencedBody)
def unsilence(app: ServicesOf, _writer: Writer, id: Id) -> Response:
    """End a silence now. What still lasts is told in the next round."""
    ended = app.incidents.unsilence(id)
    message = f"the silence of {ended.silence.pattern} has ended"
    return json_answer(marked(app, {"status": "success", "message": message, "silence": silence_row(ended)}))


@router.get("/{id}", response_model=AlertBody)
def alert(app: ServicesOf, id: Id) -> Response:
    """One incident, what it explains, and every message about it with what became of it."""
    shown, attached = incidents.one(app.incidents, id, clock.wall())
    outbox = app.incidents.outbox
    body = {
        "alert": alert_row(shown),
        "attached": [alert_row(each) for each in attached],
        "messages": [message_row(message, outbox.attempts(message.id)) for message in outbox.of_incident(id)],
    }
    return json_answer(marked(app, body))


@router.post("/{id}/acknowledge", response_model=AcknowledgedBody)
def acknowledge(app: ServicesOf, writer: Writer, id: Id) -> Response:
    """Say that somebody is at it, so that it does not escalate; of an attached one its first cause is meant.

    One that has recovered is refused.
    """
    entry = app.incidents.acknowledge(id, writer)
    shown, _ = incidents.one(app.incidents, entry.id, clock.wall())
    message = f"incident {entry.id} is acknowledged by {entry.incident.acknowledged_by}"
    return json_answer(marked(app, {"status": "success", "message": message, "alert": alert_row(shown)}))


@router.post("/{id}/silence", response_model=SilencedBody, status_code=201, responses=BAD_BODY)
def silence(app: ServicesOf, writer: Writer, id: Id, new: NewSilence) -> Response:
    """Say nothing of the subject and check of an incident for so many hours; what still lasts then is told then."""
    finding = app.incidents.one(id).incident.finding
    until = clock.wall() + timedelta(hours=new.hours)
    made = app.incidents.silence(incidents.pattern_of(finding), until, new.reason, writer)
    message = f"nothing is said of {finding.subject} {finding.check} for {new.hours:g} h"
    return json_answer(marked(app, {"status": "success", "message": message, "silence": silence_row(made)}), 201)
