"""What monitoring reads: Prometheus text, the same as JSON, and the open alerts."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

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
    """The checks whose latest evaluation failed, one entry per asset, check and partition."""
    found = alerts_of(app)
    return json_answer(marked(app, {"count": len(found), "timestamp": clock.now(), "alerts": found}))


def alerts_of(app: Services) -> list[dict[str, Any]]:
    """Open alerts; empty where Dagster has none, or is not configured here."""
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
