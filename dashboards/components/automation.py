"""Dagster: whether its storage answers, its daemons live, and its schedules and sensors tick as alerts expect it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboards.components.telling import told
from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.services import Services
from market_assets.core import clock
from resources import stop_marker

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from market_assets.ops.transforms.incidents import Finding
    from resources.alerting.findings_dagster import Ticking

_NO_COUNTS: dict[str, Any] = {"n_on": None, "n_off": None, "n_late": None, "n_failed": None, "findings": []}


@dataclass(frozen=True)
class _Automation:
    """What ticks, and what of it is wrong."""

    n_on: int
    findings: "Sequence[Finding]"


def instance(services: Services) -> dict[str, Any]:
    """Whether Dagster's storage of runs, of events and of ticks answers, and how fast."""
    if not services.orchestrator.configured:
        note = "no Dagster instance here"
        return {"status": "not_configured", "note": note, "detail": None, "kind": None, "query_time_ms": None}
    try:
        kind, took_ms = services.orchestrator.ask("storage", _storage)
    except OrchestratorUnavailable as failure:
        note = "Dagster's storage does not answer"
        return {"status": "degraded", "note": note, "detail": str(failure), "kind": None, "query_time_ms": None}
    note = f"{kind}, answers in {took_ms:,.0f} ms"
    return {"status": "healthy", "note": note, "detail": None, "kind": kind, "query_time_ms": took_ms}


def _storage(found: "DagsterInstance") -> tuple[str, float]:
    began = time.perf_counter()
    found.get_run_records(limit=1)
    found.event_log_storage.get_maximum_record_id()
    found.all_instigator_state()
    kind = type(found.run_storage).__name__.removesuffix("RunStorage").lower()
    return kind, (time.perf_counter() - began) * 1e3


def scheduler(services: Services) -> dict[str, Any]:
    """The heartbeats of the daemons; one that the instance needs and that is silent degrades."""
    try:
        daemons = services.orchestrator.daemons()
    except OrchestratorUnavailable as failure:
        note = "no Dagster instance here"
        return {"status": "unknown", "running": None, "note": note, "detail": str(failure), "daemons": {}}
    running = any(daemon.name == "SCHEDULER" and daemon.healthy is True for daemon in daemons)
    silent = [daemon.name.lower() for daemon in daemons if daemon.healthy is False]
    allowed = f"{services.settings.alerts.heartbeat_s:g} s"
    start = "Start `dagster dev` or its daemon"
    return {
        "status": "degraded" if silent or not running else "healthy",
        "running": running,
        "note": "no recent heartbeat" if silent else "heartbeats are recent",
        "detail": f"no heartbeat for {allowed} of: {', '.join(silent)}. {start}" if silent else None,
        "daemons": {
            daemon.name: {"healthy": daemon.healthy, "last_heartbeat": daemon.last_heartbeat} for daemon in daemons
        },
    }


def automation(services: Services) -> dict[str, Any]:
    """Schedules and sensors that are on, and which of them are late or failed last: the findings of alerts."""
    from resources.alerting import declared

    if not services.orchestrator.configured:
        return {"status": "not_configured", "note": "no Dagster instance here", "detail": None, **_NO_COUNTS}
    if stop_marker.path(services.settings).exists():
        return {"status": "idle", "note": "this home stands still", "detail": None, **_NO_COUNTS}
    ticking = declared.read(services.settings.home)
    if ticking is None:
        return {"status": "idle", "note": "no round of alerts has told yet what ticks", "detail": None, **_NO_COUNTS}
    found = services.orchestrator.ask("ticking", lambda asked: _look(asked, ticking, services))
    late = [one.subject for one in found.findings if one.check == "tick_late"]
    failed = [f"{one.subject}: {one.said}" for one in found.findings if one.check != "tick_late"]
    n_declared = len(ticking.schedules) + len(ticking.sensors)
    return {
        "status": "degraded" if found.findings else "healthy" if found.n_on else "idle",
        "note": f"{found.n_on} of {n_declared} schedules and sensors are on",
        "detail": told([*([f"late: {told(late, between=', ')}"] if late else []), *failed]),
        "n_on": found.n_on,
        "n_off": n_declared - found.n_on,
        "n_late": len(late),
        "n_failed": len(failed),
        "findings": [
            {
                "subject": one.subject,
                "check": one.check,
                "severity": one.severity,
                "said": one.said,
                "since": one.since,
            }
            for one in found.findings
        ],
    }


def _look(found: "DagsterInstance", ticking: "Ticking", services: Services) -> _Automation:
    from resources.alerting.findings_dagster import ticks
    from resources.alerting.findings_jobs import daily_job

    # Dagster's processes know no stopped clock
    now = clock.wall()
    findings = [*ticks(found, ticking, services.settings.alerts, now), *daily_job(found, ticking, now)]
    return _Automation(len(ticking.running(found)), sorted(findings, key=lambda one: one.severity))
