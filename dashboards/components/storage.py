"""The store: whether it answers, and whether this home is meant to stand still."""

import time
from typing import Any

from dashboards.pages import wording
from dashboards.services import Services
from dashboards.stopped import standstill as stopped
from market_assets.core.errors import MarketAssetsError


def storage(services: Services) -> dict[str, Any]:
    """Unhealthy where stored data cannot be read: nothing can be served then."""
    started = time.perf_counter()
    try:
        described = services.data.store.describe()
    except (MarketAssetsError, OSError) as failure:
        kind, note = services.settings.store, "does not answer"
        return {"status": "unhealthy", "note": note, "detail": str(failure), "kind": kind, "query_time_ms": None}
    took_ms = (time.perf_counter() - started) * 1e3
    size = "" if described.bytes is None else f" {wording.size(described.bytes)},"
    return {
        "status": "healthy" if described.reachable else "unhealthy",
        "note": f"{described.kind},{size} answers in {wording.milliseconds(took_ms)}",
        "detail": described.error,
        "kind": described.kind,
        "bytes": described.bytes,
        "query_time_ms": took_ms,
    }


def standstill(services: Services) -> dict[str, Any]:
    """A home that was stopped serves what it has, which grows old: degraded, with what to do."""
    found = stopped(services.settings)
    if found is None:
        told = dict.fromkeys(("detail", "stopped_at", "stopped_by", "reason"))
        return {"status": "healthy", "note": "this home goes on", **told}
    told = {"stopped_at": found.at, "stopped_by": found.by, "reason": found.reason, "detail": found.said}
    return {"status": "degraded", "note": "this home stands still", **told}
