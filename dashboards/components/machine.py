"""The machine: disk, memory, processors, and this process."""

import shutil
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from dashboards.components.telling import told
from dashboards.services import Services
from market_assets.core import clock


def machine(services: Services) -> dict[str, Any]:
    """Shares that are used. Disk and memory degrade as `alerts` says; a high load slows, and loses nothing."""
    from resources.alerting import findings_machine

    found = findings_machine.Machine.measured(services.settings.home)
    findings = findings_machine.machine(found, services.settings.alerts, clock.wall())
    return {
        "status": "degraded" if any(one.subject != "cpu" for one in findings) else "healthy",
        "note": f"disk {found.disk:.0%}, memory {found.memory:.0%} used, load {found.cpu:.0%} of the processors",
        "detail": told([f"{one.subject}: {one.said}" for one in findings]),
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
