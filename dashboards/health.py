"""Whether all is well, from what was measured. A number nobody measured is null; nothing is assumed.

`unhealthy` means that stored data cannot be read: a load balancer should stop asking. Everything
else that is wrong (no scheduler, stale symbols, an open breaker) is `degraded`: the data served are
still right as of their time.
"""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
import polars as pl
import psutil  # type: ignore[import-untyped]

from dashboards.crypto.health import CANDLES, behind, newest_close, tables
from dashboards.funding.health import STALE_MIN
from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.rest.answers import encode
from dashboards.services import Services
from dashboards.sources import SourceFacts
from dashboards.stopped import standstill
from dashboards.streams import State, StreamFacts, streams
from market_assets.btc.readers import get_table_states
from market_assets.core import clock
from market_assets.core.errors import MarketAssetsError
from market_assets.funding.readers import exchange_states
from market_assets.settings import Settings
from resources.stream.symbols import listed

Status = Literal["healthy", "degraded", "unhealthy", "unknown", "idle", "not_configured"]

_TOLD = 5
_RANK = {"healthy": 0, "idle": 0, "not_configured": 0, "unknown": 1, "degraded": 1, "unhealthy": 2}
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
    pipeline = _pipeline(services) if storage["status"] == "healthy" else {**_NO_PIPELINE, "status": "unknown"}
    sources = services.sources.facts()
    components = {
        "storage": storage,
        "scheduler": scheduler,
        "stream": _stream(streams(services.settings)),
        "standstill": _standstill(services.settings),
        "redis": {"status": "not_configured"},
        "data_pipeline": pipeline,
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


def worst(statuses: Any) -> Literal["healthy", "degraded", "unhealthy"]:
    """The overall word: unknown counts as degraded, what is not configured does not count."""
    rank = max((_RANK[status] for status in statuses), default=1)
    words: tuple[Literal["healthy", "degraded", "unhealthy"], ...] = ("healthy", "degraded", "unhealthy")
    return words[rank]


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
    return {"state": one.state, "detail": one.detail, "last_message_age_s": one.message_age_s, **measured}


def _standstill(settings: Settings) -> dict[str, Any]:
    """A home that was stopped serves what it has, which grows old: degraded, with what to do."""
    found = standstill(settings)
    if found is None:
        return {"status": "healthy", "stopped_at": None, "stopped_by": None, "reason": None, "detail": None}
    told = {"stopped_at": found.at, "stopped_by": found.by, "reason": found.reason, "detail": found.said}
    return {"status": "degraded", **told}


_NO_PIPELINE: dict[str, Any] = {
    "data_freshness_seconds": None,
    "cache_hit_rate": None,
    "active_symbols": None,
    "stale_symbols": None,
}


def _pipeline(services: Services) -> dict[str, Any]:
    """The symbols of equities, and the worst of the domains; one without data counts only where all are."""
    equities = _equities(services)
    judged = (_bitcoin(services), _funding(services), _crypto(services))
    others = [{"status": status, "detail": detail} for status, detail in judged]
    stored = [one for one in (equities, *others) if one["status"] != "idle"]
    details = [one["detail"] for one in stored if one["detail"]]
    return {
        **equities,
        "status": worst(one["status"] for one in stored) if stored else "degraded",
        "cache_hit_rate": services.cache.facts().hit_rate,
        "detail": ("; ".join(details) or None) if stored else "nothing is stored yet; materialise a domain in Dagster",
    }


def _bitcoin(services: Services) -> tuple[Status, str | None]:
    """Whether every btc table is as fresh as it may be, and which are not."""
    states = get_table_states(store=services.data.store)
    if not any(state["count"] for state in states.values()):
        return "idle", None
    behind = [f"{name} is {state['status']}" for name, state in states.items() if state["status"] in {"late", "stale"}]
    return ("degraded", ", ".join(behind)) if behind else ("healthy", None)


def _funding(services: Services) -> tuple[Status, str | None]:
    """Whether every exchange in use was looked at within half an hour, and which were not."""
    if not any(services.data.manifests(name) for name in ("funding_contracts", "funding_rates", "funding_snapshot")):
        return "idle", None
    states = exchange_states(store=services.data.store)
    late = states.filter(pl.col("age_min").is_null() | (pl.col("age_min") > STALE_MIN))
    told = [
        f"{name} was never looked at" if age is None else f"{name} was last looked at {age:,.0f} min ago"
        for name, age in late.select("exchange", "age_min").iter_rows()
    ]
    return _judged(told, "exchanges")


def _crypto(services: Services) -> tuple[Status, str | None]:
    """Whether every listed symbol's last candle closed a length and a half ago at most, and whose did not."""
    if not any(services.data.manifests(name) for name in ("crypto_klines", CANDLES)):
        return "idle", None
    crypto, now = services.settings.crypto, clock.now()
    closed = newest_close(services.data.manifests(CANDLES), tables(crypto.signals.timeframe)[CANDLES])
    return _judged(behind(closed, listed(crypto, now.date()), now), "symbols")


def _judged(told: list[str], of: str) -> tuple[Status, str | None]:
    """Degraded where anything is told of anyone, the first of them by name."""
    if len(told) > _TOLD:
        told = [*told[:_TOLD], f"{len(told) - _TOLD} more {of} are late"]
    return ("degraded", ", ".join(told)) if told else ("healthy", None)


def _equities(services: Services) -> dict[str, Any]:
    status = services.data.load_or_none("equities_symbol_status")
    if status is None or status.is_empty():
        if not services.data.manifests("equities_daily_bars"):
            return {**_NO_PIPELINE, "status": "idle", "detail": None}
        detail = "no symbol status is stored yet; materialise equities_symbol_status"
        return {**_NO_PIPELINE, "status": "degraded", "detail": detail}
    active = status.filter(pl.col("status") != "inactive")
    behind = active.filter(pl.col("status").is_in(["stale", "warning", "empty"])).height
    return {
        "status": "degraded" if behind else "healthy",
        "data_freshness_seconds": freshness_seconds(services),
        "active_symbols": active.height,
        "stale_symbols": active.filter(pl.col("status") == "stale").height,
        "detail": f"{behind} of {active.height} active symbols are not healthy" if behind else None,
    }


def freshness_seconds(services: Services) -> float | None:
    """Seconds since the newest publication of raw bars; None before the first."""
    published = [manifest.published_at for manifest in services.data.manifests("equities_daily_bars")]
    return (clock.now() - max(published)).total_seconds() if published else None


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
