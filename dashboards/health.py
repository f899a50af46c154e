"""Whether all is well, from what was measured. A number nobody measured is null; nothing is assumed.

`unhealthy` means that stored data cannot be read: a load balancer should stop asking. Everything
else that is wrong (no scheduler, stale symbols, an open breaker) is `degraded`: the data served are
still right as of their time.
"""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psutil  # type: ignore[import-untyped]

from dashboards.bars import health as bars_health
from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.pipeline import NO_PIPELINE, Status, pipeline, worst
from dashboards.rest.answers import encode
from dashboards.services import Services
from dashboards.sources import SourceFacts
from dashboards.stopped import standstill
from dashboards.streams import State, StreamFacts, streams
from market_assets.core import clock
from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings
from resources.stream.bars.status import BarsStatus

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


def report(settings: Settings) -> dict[str, Any]:
    """The report of `GET /health` for readers outside the app, in JSON's own types."""
    found: dict[str, Any] = orjson.loads(encode(assess(Services.of(settings))))
    return found


def assess(services: Services) -> dict[str, Any]:
    """The body of `GET /health`: status (the worst component's), components, performance, sources."""
    storage = _storage(services)
    scheduler = _scheduler(services)
    collectors = streams(services.settings)
    pipe = pipeline(services, collectors) if storage["status"] == "healthy" else NO_PIPELINE | {"status": "unknown"}
    sources = services.sources.facts()
    components = {
        "storage": storage,
        "scheduler": scheduler,
        "stream": _stream(collectors),
        "standstill": _standstill(services.settings),
        "redis": _redis(services, collectors),
        "data_pipeline": pipe,
        "sources": {"status": _sources_status(sources)},
    }
    body: dict[str, Any] = {
        "status": worst(component["status"] for component in components.values()),
        "timestamp": clock.now(),
        "scheduler_running": scheduler["running"],
        "components": components,
        "performance": services.telemetry.overall(),
        "data_sources": {source.name: _source(source) for source in sources},
    }
    return {**body, "demo": True} if services.data.demo else body


def _storage(services: Services) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        described = services.data.store.describe()
    except (MarketAssetsError, OSError) as failure:
        return {"status": "unhealthy", "kind": services.settings.store, "detail": str(failure), "query_time_ms": None}
    return {
        "status": "healthy" if described.reachable else "unhealthy",
        "kind": described.kind,
        "bytes": described.bytes,
        "query_time_ms": (time.perf_counter() - started) * 1e3,
    }


def _scheduler(services: Services) -> dict[str, Any]:
    try:
        daemons = services.orchestrator.daemons()
    except OrchestratorUnavailable as failure:
        note = "no Dagster instance here"
        return {"status": "unknown", "running": None, "note": note, "detail": str(failure), "daemons": {}}
    running = any(daemon.name == "SCHEDULER" and daemon.healthy is True for daemon in daemons)
    silent = [daemon.name.lower() for daemon in daemons if daemon.healthy is False]
    return {
        "status": "degraded" if silent or not running else "healthy",
        "running": running,
        "note": "no recent heartbeat" if silent else "heartbeats are recent",
        "detail": f"no heartbeat for 120 s of: {', '.join(silent)}. Start `dagster dev` or its daemon"
        if silent
        else None,
        "daemons": {
            daemon.name: {"healthy": daemon.healthy, "last_heartbeat": daemon.last_heartbeat} for daemon in daemons
        },
    }


def _stream(found: list[StreamFacts]) -> dict[str, Any]:
    """Every collector; the component is the worst of them, and of several that are well the one that does most."""
    order: tuple[State, ...] = ("dead", "silent", "running", "ended", "never")
    details = [f"{one.domain}: {one.detail}" for one in found if one.detail]
    return {
        "status": _STREAM[min((one.state for one in found), key=order.index)],
        "detail": "; ".join(details) or None,
        "streams": {one.domain: _said(one) for one in found},
    }


def _said(one: StreamFacts) -> dict[str, Any]:
    measured = {name: getattr(one.status, name, None) for name in _SAID_OF_A_STREAM}
    own = bars_health.told(one.status) if isinstance(one.status, BarsStatus) else {}
    return {"state": one.state, "detail": one.detail, "last_message_age_s": one.message_age_s, **measured, **own}


def _redis(services: Services, collectors: list[StreamFacts]) -> dict[str, Any]:
    """Error where the collector or this process cannot reach it: everything is then read from this home's own file."""
    if services.settings.redis_url is None:
        return {"status": "not_configured", "detail": None}
    # asked only to learn whether it answers
    services.bars_hot.status()
    running = (one.status for one in collectors if one.is_meant_to_run)
    said = next((status.redis_error for status in running if isinstance(status, BarsStatus)), None)
    failed = said or services.bars_hot.redis_error
    return {"status": "healthy" if failed is None else "error", "detail": failed}


def _standstill(settings: Settings) -> dict[str, Any]:
    """A home that was stopped serves what it has, which grows old: degraded, with what to do."""
    found = standstill(settings)
    if found is None:
        return {"status": "healthy", "stopped_at": None, "stopped_by": None, "reason": None, "detail": None}
    told = {"stopped_at": found.at, "stopped_by": found.by, "reason": found.reason, "detail": found.said}
    return {"status": "degraded", **told}


def _sources_status(sources: list[SourceFacts]) -> Status:
    if not sources:
        return "idle"
    return "healthy" if all(source.healthy for source in sources) else "degraded"


def _source(source: SourceFacts) -> dict[str, Any]:
    return {
        "state": source.state,
        "total_calls": source.total_calls,
        "success_rate": source.success_rate,
        "latency_p95_ms": source.latency_p95_ms,
        "is_healthy": source.healthy,
        "budget_left": source.budget_left,
    }


def machine(home: Path) -> dict[str, float | int | None]:
    """This process and its disk, measured now: bytes and fractions."""
    process = psutil.Process()
    place = home if home.exists() else home.parent
    disk = shutil.disk_usage(place) if place.exists() else None
    memory = psutil.virtual_memory()
    return {
        "process_rss_bytes": process.memory_info().rss,
        "process_started_at_s": process.create_time(),
        "memory_total_bytes": memory.total,
        "memory_used_ratio": memory.percent / 100,
        "disk_total_bytes": disk.total if disk else None,
        "disk_used_ratio": disk.used / disk.total if disk else None,
        "cpu_load_15min": psutil.getloadavg()[2],
        "cpus": psutil.cpu_count(),
    }


def started_at() -> datetime:
    """When this process started."""
    return datetime.fromtimestamp(psutil.Process().create_time(), UTC)
