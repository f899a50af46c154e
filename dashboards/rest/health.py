"""Health, cache and backfills: what a monitor and an operator ask."""

import time
from typing import Any

from fastapi import APIRouter, Response

from dashboards.components.machine import measured
from dashboards.health import assess
from dashboards.orchestrator import Backfill
from dashboards.rest.answers import json_answer
from dashboards.rest.auth import Writer
from dashboards.rest.errors import RESPONSES
from dashboards.rest.funding_rows import EXTREME_Z, contracts_now
from dashboards.rest.health_bodies import HealthBody
from dashboards.rest.requests import ServicesOf, marked
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised

router = APIRouter(tags=["health"], responses=RESPONSES)


@router.get("/health", response_model=HealthBody, responses={503: {"model": HealthBody}})
def health(app: ServicesOf) -> Response:
    """All components; 200 while healthy or degraded, 503 while unhealthy."""
    body = assess(app)
    return json_answer(body, 503 if body["status"] == "unhealthy" else 200)


@router.get("/api/health")
def database_health(app: ServicesOf) -> Response:
    """Whether stored data can be read."""
    described = app.data.store.describe()
    status = "healthy" if described.reachable else "unhealthy"
    database = "connected" if described.reachable else "unreachable"
    return json_answer(marked(app, {"status": status, "database": database}), 200 if described.reachable else 503)


@router.get("/api/health/performance")
def performance(app: ServicesOf) -> Response:
    """Time to answer, by endpoint, and of the store; the z-scores of funding as they are stored."""
    started = time.perf_counter()
    described = app.data.store.describe()
    query_ms = (time.perf_counter() - started) * 1e3
    cache, scores = app.cache.facts(), _scores(app) if described.reachable else _NO_SCORES
    body: dict[str, Any] = {
        "status": "healthy" if described.reachable else "unhealthy",
        "database": {
            "connected": described.reachable,
            "query_time_ms": query_ms if described.reachable else None,
            "total_contracts": scores["total_contracts"],
            "avg_abs_zscore": scores["avg_abs_zscore"],
        },
        "zscore_calculation": {name: value for name, value in scores.items() if name != "avg_abs_zscore"},
        "performance_metrics": app.telemetry.percentiles(),
        "cache_stats": {"entries": cache.entries, "oldest_entry": cache.oldest_age_s},
        "timestamp": clock.now(),
    }
    return json_answer(marked(app, body))


_NO_SCORES: dict[str, Any] = dict.fromkeys(
    ("last_run", "seconds_ago", "total_contracts", "extreme_contracts", "performance", "avg_abs_zscore")
)


def _scores(app: Services) -> dict[str, Any]:
    """What is stored of z-scores of open contracts; nulls before the first. How long they took is not stored."""
    runs = [manifest.published_at for manifest in app.data.manifests("funding_statistics")]
    try:
        contracts = contracts_now(app, None)
    except NotMaterialised:
        return _NO_SCORES
    size, last_run = contracts["z_predicted"].drop_nulls().abs(), max(runs, default=None)
    return _NO_SCORES | {
        "last_run": last_run,
        "seconds_ago": (clock.now() - last_run).total_seconds() if last_run else None,
        "total_contracts": contracts.height,
        "extreme_contracts": int((size > EXTREME_Z).sum()) if runs else None,
        "avg_abs_zscore": size.mean(),
    }


@router.get("/api/health/cache")
def cache_health(app: ServicesOf) -> Response:
    """The response cache as measured since the start; rates are null before the first lookup."""
    facts = app.cache.facts()
    body = {
        "status": "healthy",
        "type": "memory",
        "connected": True,
        "host": None,
        "metrics": {
            "entries": facts.entries,
            "hits": facts.hits,
            "misses": facts.misses,
            "hit_rate": facts.hit_rate,
            "evictions": facts.evictions,
        },
        "timestamp": clock.now(),
    }
    return json_answer(marked(app, body))


@router.post("/api/cache/clear")
def clear_cache(app: ServicesOf, _writer: Writer) -> Response:
    """Drop kept answers and frames. Stored data are never a cache and stay."""
    cleared = app.cache.clear() + app.data.forget() + app.bars_now.forget()
    body = {
        "status": "success",
        "message": "response cache and hot reads cleared; stored data are untouched",
        "entries_cleared": cleared,
        "timestamp": clock.now(),
    }
    return json_answer(marked(app, body))


@router.get("/api/backfill-status")
@router.get("/api/backfill/status", operation_id="backfill_status")
def backfill_status(app: ServicesOf) -> Response:
    """Dagster's backfills. 503 where its storage does not answer: unknown is not completed."""
    backfills = app.orchestrator.backfills()
    running = [backfill for backfill in backfills if backfill.running]
    body = {
        "running": bool(running),
        "progress": progress(running),
        "message": f"{len(running)} backfill(s) running" if running else "no backfill is running",
        "completed": not running,
        "backfills": [
            {
                "id": backfill.id,
                "status": backfill.status,
                "assets": backfill.assets,
                "partitions_total": backfill.partitions_total,
                "done": backfill.done,
                "failed": backfill.failed,
                "started_at": backfill.started_at,
            }
            for backfill in backfills
        ],
    }
    return json_answer(marked(app, body))


def progress(running: list[Backfill]) -> float | None:
    """Percent of the running backfills' partitions that are done or failed; 100 without one, None if unknown."""
    if not running:
        return 100.0
    totals = [backfill.partitions_total for backfill in running]
    if any(total is None for total in totals):
        return None
    ended = sum((backfill.done or 0) + (backfill.failed or 0) for backfill in running)
    total = sum(total or 0 for total in totals)
    return 100.0 * ended / total if total else 0.0


@router.get("/performance/summary")
def performance_summary(app: ServicesOf) -> Response:
    """Time to answer, cache and machine in one answer."""
    return json_answer(marked(app, summary(app)))


def summary(app: Services) -> dict[str, Any]:
    """Measured numbers of this process."""
    cache = app.cache.facts()
    return {
        "timestamp": clock.now(),
        "performance": app.telemetry.overall(),
        "endpoints": app.telemetry.percentiles(),
        "cache": {"entries": cache.entries, "hit_rate": cache.hit_rate, "evictions": cache.evictions},
        "machine": measured(app.settings.home),
    }
