"""The machine: disk, memory, processors, and this process."""

import shutil
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from dashboards.components.telling import told
from dashboards.pages import wording
from dashboards.services import Services
from market_assets.core import clock


def machine(services: Services) -> dict[str, Any]:
    """Shares that are used. Disk and memory degrade as `alerts` says; a high load slows, and loses nothing."""
    from resources.alerting import findings_machine

    found = findings_machine.Machine.measured(services.settings.home)
    findings = findings_machine.machine(found, services.settings.alerts, clock.wall())
    grave = [f"{one.subject}: {one.said}" for one in findings if one.subject != "cpu"]
    disk, memory, cpu = (wording.percent(share, 0) for share in (found.disk, found.memory, found.cpu))
    return {
        "status": "degraded" if grave else "healthy",
        "note": f"disk {disk}, memory {memory} used, load {cpu} of the processors",
        "detail": told(grave),
        "disk_used_ratio": found.disk,
        "disk_free_bytes": found.disk_free_bytes,
        "memory_used_ratio": found.memory,
        "cpu_load_ratio": found.cpu,
    }


def measured(home: Path) -> dict[str, float | int | None]:
    """This process and its machine, measured now: bytes and fractions."""
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
