"""Whether all is well, from what was measured. A number nobody measured is null; nothing is assumed.

`unhealthy` means that stored data cannot be read: a load balancer should stop asking. Everything
else that is wrong (no scheduler, stale symbols, an open breaker) is `degraded`: the data served are
still right as of their time. A component that cannot be looked at is `unknown`, with the reason.
"""

import logging
from collections.abc import Callable
from typing import Any

import orjson

from dashboards.components.alerts import alerts
from dashboards.components.automation import automation, instance, scheduler
from dashboards.components.backup import backup
from dashboards.components.condition import condition
from dashboards.components.machine import machine
from dashboards.components.sources import described, sources
from dashboards.components.storage import standstill, storage
from dashboards.components.stream import redis, stream
from dashboards.components.validation import validation
from dashboards.pipeline import pipeline, worst
from dashboards.rest.answers import encode
from dashboards.rest.health_bodies import Components
from dashboards.services import Services
from dashboards.sources import SourceFacts
from dashboards.streams import StreamFacts, streams
from market_assets.core import clock
from market_assets.settings import Settings
from resources.http import redact

log = logging.getLogger(__name__)

Component = dict[str, Any]
Look = Callable[[], Component]

_LONGEST_REASON = 300


def report(settings: Settings) -> dict[str, Any]:
    """The report of `GET /health` for readers outside the app, in JSON's own types."""
    found: dict[str, Any] = orjson.loads(encode(assess(Services.of(settings))))
    return found


def assess(services: Services) -> dict[str, Any]:
    """The body of `GET /health`: status (the worst component's), components, performance, sources."""
    collectors: list[StreamFacts] = []
    vendors: list[SourceFacts] = []

    def of_streams() -> Component:
        collectors.extend(streams(services.settings))
        return stream(collectors)

    def of_sources() -> Component:
        vendors.extend(services.sources.facts())
        return sources(services, vendors)

    def of_pipeline() -> Component:
        return {**pipeline(services, collectors), "validation": services.slowly(validation)}

    found = {"storage": _looked("storage", lambda: storage(services))}
    is_readable = found["storage"]["status"] == "healthy"
    looks: dict[str, Look] = {
        "instance": lambda: instance(services),
        "scheduler": lambda: scheduler(services),
        "automation": lambda: automation(services),
        "stream": of_streams,
        "standstill": lambda: standstill(services),
        "redis": lambda: redis(services, collectors),
        "sources": of_sources,
        "machine": lambda: machine(services),
        "alerts": lambda: alerts(services),
    }
    of_stored: dict[str, Look] = {
        "data_pipeline": of_pipeline,
        "condition": lambda: services.slowly(condition),
        "backup": lambda: services.slowly(backup),
    }
    found |= {name: _looked(name, look) for name, look in looks.items()}
    found |= {
        name: _looked(name, look) if is_readable else _unknown(name, "the store cannot be read")
        for name, look in of_stored.items()
    }
    body: dict[str, Any] = {
        "status": worst(component["status"] for component in found.values()),
        "timestamp": clock.now(),
        "scheduler_running": found["scheduler"]["running"],
        "components": {name: found[name] for name in Components.model_fields},
        "performance": services.telemetry.overall(),
        "data_sources": {source.name: described(source) for source in vendors},
    }
    return {**body, "demo": True} if services.data.demo else body


def _looked(name: str, look: Look) -> Component:
    """What a look brought; one that fails hides no other, and says why."""
    try:
        return look()
    except Exception as failed:
        log.exception("health: %s could not be looked at", name)
        return _unknown(name, f"{type(failed).__name__}: {redact.text(str(failed))[:_LONGEST_REASON]}")


def _unknown(name: str, why: str) -> Component:
    """A component of which nothing is measured: all its numbers are null."""
    blank: Component = Components.blank(name)
    return {**blank, "status": "unknown", "note": "could not be looked at", "detail": why}
