"""What the code declares that ticks, for those that do not load it: `<home>/state/ticking.json`.

The app judges schedules and sensors by the rules of alerts, and Dagster's storage alone does not tell it which of them
still exist, nor in which time zone a schedule's cron is.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from resources.alerting.findings_dagster import Ticking


def write(home: Path, ticking: Ticking) -> None:
    """Put the file there, whole, where it says something else."""
    path, schedules = _path(home), dict(ticking.schedules)
    told = {"schedules": schedules, "sensors": sorted(ticking.sensors), "location": ticking.location}
    if _stated(path) == told:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".ticking", delete=False) as beside:
        json.dump(told, beside)
    Path(beside.name).replace(path)


def read(home: Path) -> Ticking | None:
    """What was declared last; None before the first round of alerts."""
    told = _stated(_path(home))
    return None if told is None else Ticking(told["schedules"], frozenset(told["sensors"]), told["location"])


def _stated(path: Path) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        # the next round writes it anew
        return None
    return told


def _path(home: Path) -> Path:
    return home / "state" / "ticking.json"
