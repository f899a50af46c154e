"""Whether all is well, from what was measured. A number nobody measured is null; nothing is assumed.

`unhealthy` means that stored data cannot be read: a load balancer should stop asking. Everything
else that is wrong (no scheduler, stale symbols, an open breaker) is `degraded`: the data served are
still right as of their time. A component that cannot be looked at is `unknown`, with the reason.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import orjson

from dashboards.bars import health as bars_health
from dashboards.components.alerts import alerts
from dashboards.components.automation import automation, instance, scheduler
from dashboards.components.backup import backup
from dashboards.components.condition import condition
from dashboards.components.machine import machine
from dashboards.components.sources import described, sources
from dashboards.components.validation import validation
from dashboards.pages import wording
from dashboards.pipeline import NO_PIPELINE, Status, pipeline, worst
from dashboards.rest.answers import encode
from dashboards.services import Services
from dashboards.sources import SourceFacts
from dashboards.stopped import standstill
from dashboards.streams import State, StreamFacts, streams
from market_assets.core import clock
from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings
from resources.http import redact
from resources.stream.bars.status import BarsStatus

log = logging.getLogger(__name__)

Component = dict[str, Any]

#: how a collector stands -> what that is worth
_STREAM: dict[State, Status] = {
    "never": "not_configured",
    "ended": "idle",
    "running": "healthy",
    "silent": "degraded",
    "dead": "degraded",
}
_SAID_OF_A_STREAM = (
    *("pid", "vendors", "started_at", "connected_since", "last_message_at", "connects", "disconnects", "reconnects"),
    *("refusals", "last_error", "malformed", "late_bars", "filled_bars", "given_up_bars", "fill_error"),
    *("unflushed_bars", "flushed_rows", "last_flush_at", "flush_s", "flush_error", "dropped_bars"),
    *("collect_p50_ms", "collect_p95_ms"),
)
#: seconds for which what changes slowly, and takes a while to find out, is not looked at again
_SLOWLY_S = 20.0
_LONGEST_REASON = 300


def report(settings: Settings) -> dict[str, Any]:
    """The report of `GET /health` for readers outside the app, in JSON's own types."""
    found: dict[str, Any] = orjson.loads(encode(assess(Services.of(settings))))
    return found


def assess(services: Services) -> dict[str, Any]:
    """The body of `GET /health`: status (the worst component's), components, performance, sources."""
    collectors: list[StreamFacts] = []
    vendors: list[SourceFacts] = []

    def look_at_streams() -> Component:
        collectors.extend(streams(services.settings))
        return _stream(collectors)

    def look_at_sources() -> Component:
        vendors.extend(services.sources.facts())
        return sources(services, vendors)

    def slowly(look: Callable[[Services], Component]) -> Component:
        return services.memory.of(look.__name__, _SLOWLY_S, lambda: look(services))

    storage = _looked("storage", lambda: _storage(services))
    components = {
        "storage": storage,
        "instance": _looked("instance", lambda: instance(services)),
        "scheduler": _looked("scheduler", lambda: scheduler(services)),
        "automation": _looked("automation", lambda: automation(services)),
        "stream": _looked("stream", look_at_streams),
        "standstill": _looked("standstill", lambda: _standstill(services.settings)),
        "redis": _looked("redis", lambda: _redis(services, collectors)),
        "data_pipeline": _looked("data_pipeline", lambda: _pipeline(services, collectors, storage["status"])),
        "condition": _looked("condition", lambda: slowly(condition)),
        "sources": _looked("sources", look_at_sources),
        "backup": _looked("backup", lambda: slowly(backup)),
        "machine": _looked("machine", lambda: machine(services)),
        "alerts": _looked("alerts", lambda: alerts(services)),
    }
    body: dict[str, Any] = {
        "status": worst(component["status"] for component in components.values()),
        "timestamp": clock.now(),
        "scheduler_running": components["scheduler"].get("running"),
        "components": components,
        "performance": services.telemetry.overall(),
        "data_sources": {source.name: described(source) for source in vendors},
    }
    return {**body, "demo": True} if services.data.demo else body


def _looked(name: str, look: Callable[[], Component]) -> Component:
    """What a look brought; one that fails hides no other, and says why."""
    try:
        return look()
    except Exception as failed:
        log.exception("health: %s could not be looked at", name)
        why = f"{type(failed).__name__}: {redact.text(str(failed))[:_LONGEST_REASON]}"
        return {"status": "unknown", "note": "could not be looked at", "detail": why}
