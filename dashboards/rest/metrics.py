"""What monitoring reads: Prometheus text, the same as JSON, and what is wrong."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from dashboards import incidents
from dashboards.rest.answers import json_answer
from dashboards.rest.errors import RESPONSES
from dashboards.rest.requests import ServicesOf, marked
from dashboards.services import Services
from market_assets.core import clock

router = APIRouter(tags=["observability"], responses=RESPONSES)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(app: ServicesOf) -> Response:
    """Prometheus text exposition."""
    return Response(app.telemetry.prometheus(), media_type=CONTENT_TYPE_LATEST)


@router.get("/metrics/json")
@router.get("/observability/metrics")
def metrics_json(app: ServicesOf) -> Response:
    """The same numbers as JSON; durations in milliseconds over the newest 10,000 requests of a route."""
    return json_answer(marked(app, app.telemetry.as_json()))


@router.get("/observability/alerts")
def alerts(app: ServicesOf) -> Response:
    """Open incidents that no other explains; where no round of alerts ever ran, the checks that failed last.

    `/api/alerts` has more of them.
    """
    found = alerts_of(app)
    return json_answer(marked(app, {"count": len(found), "timestamp": clock.now(), "alerts": found}))


def alerts_of(app: Services) -> list[dict[str, Any]]:
    """Open incidents, or failed checks; those are empty where Dagster has none, or is not configured here."""
    if app.incidents.last_round_at() is not None:
        return [_incident(shown) for shown in incidents.current(app.incidents, clock.wall()) if shown.stands_alone]
    if not app.orchestrator.configured:
        return []
    return [
        {
            "asset": check.asset,
            "check": check.check,
            "partition": check.partition,
            "severity": check.severity,
            "description": check.description,
            "since": check.evaluated_at,
            "run_id": check.run_id,
        }
        for check in app.orchestrator.failed_checks()
    ]


def _incident(shown: incidents.Shown) -> dict[str, Any]:
    """With the names that a failed check has; an incident has no run."""
    finding = shown.entry.incident.finding
    return {
        "asset": finding.subject,
        "check": finding.check,
        "partition": finding.scope or None,
        "severity": shown.worst,
        "description": finding.said,
        "since": finding.since,
        "run_id": None,
        "id": shown.entry.id,
        "state": shown.state,
        "cause": finding.cause,
        "n_attached": shown.entry.incident.n_attached,
    }
