"""What is wrong with the machine: its disk, memory and processors are nearly used up."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding


@dataclass(frozen=True)
class Machine:
    """How much is used, as shares of one. The load may be above."""

    disk: float
    disk_free_bytes: int
    memory: float
    #: load of 15 minutes by processors
    cpu: float

    @classmethod
    def measured(cls, home: Path) -> "Machine":
        """This machine, and the disk on which `home` is or will be."""
        place = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
        disk = shutil.disk_usage(place)
        load = psutil.getloadavg()[2] / (psutil.cpu_count() or 1)
        # as df counts: what is kept for root alone is neither used nor free
        return cls(disk.used / (disk.used + disk.free), disk.free, psutil.virtual_memory().percent / 100, load)


def machine(found: Machine, settings: AlertSettings, now: datetime) -> list[Finding]:
    """Shares that are above what `alerts` allows."""
    free = f"{found.disk_free_bytes / 2**30:.1f} GiB are free"
    judged = (
        ("disk", "disk_used", found.disk, settings.disk_used, f"of the disk is used; {free}"),
        ("memory", "memory_used", found.memory, settings.memory_used, "of the memory is used"),
        ("cpu", "cpu_used", found.cpu, settings.cpu_used, "is the load of 15 minutes by processors"),
    )
    return [
        Finding(subject, rule, "", "ERROR" if share > error else "WARN", f"{share:.0%} {said}.", now)
        for subject, rule, share, (warn, error), said in judged
        if share > warn
    ]
