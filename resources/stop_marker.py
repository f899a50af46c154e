"""`<home>/stop`: while it is there, this home stands still. Collectors end when they see it.

It remembers why, since when, and what was turned off, so that exactly that is turned on again.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from market_assets.core import clock
from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings


class UnreadableMarker(MarketAssetsError):
    """A stop file that this project did not write."""


@dataclass(frozen=True, order=True)
class TurnedOff:
    """One schedule or sensor that ran before."""

    kind: str
    name: str
    location: str
    repository: str
    #: RUNNING: somebody had turned it on; DECLARED_IN_CODE: it runs unless somebody turns it off
    status: str


@dataclass(frozen=True)
class Marker:
    """What the file says."""

    reason: str
    stopped_at: datetime
    stopped_by: str
    turned_off: tuple[TurnedOff, ...]


def path(settings: Settings) -> Path:
    """Where the file is."""
    return settings.home / "stop"


def read(settings: Settings) -> Marker | None:
    """The marker; None where this home does not stand still. Raises UnreadableMarker.

    An empty file, which anybody may touch, stops collectors as well: nothing was turned off by it.
    """
    file = path(settings)
    try:
        text = file.read_text()
    except FileNotFoundError:
        return None
    if not text.strip():
        return Marker("", datetime.fromtimestamp(file.stat().st_mtime, UTC), "", ())
    try:
        found: dict[str, Any] = json.loads(text)
        off = tuple(TurnedOff(**one) for one in found["turned_off"])
        at = datetime.fromisoformat(found["stopped_at"])
        return Marker(found["reason"], at, found["stopped_by"], off)
    except (ValueError, KeyError, TypeError) as wrong:
        raise UnreadableMarker(
            f"{file} must be what `market-assets stop` writes, and cannot be read ({wrong!r}); what was turned off is "
            "not known from it: turn schedules and sensors on in Dagster's UI, and remove the file"
        ) from None


def write(settings: Settings, reason: str, who: str, turned_off: Iterable[TurnedOff]) -> Marker:
    """Put the file there, whole. What an earlier stop turned off stays remembered, and so do its reason and time."""
    earlier = read(settings)
    off = _once([*(earlier.turned_off if earlier else ()), *turned_off])
    if earlier and earlier.stopped_by:
        marker = Marker(earlier.reason or reason, earlier.stopped_at, earlier.stopped_by, off)
    else:
        marker = Marker(reason, clock.wall(), who, off)
    stated = asdict(marker) | {"stopped_at": marker.stopped_at.isoformat()}
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=settings.home, prefix=".stop", delete=False) as beside:
        json.dump(stated, beside, indent=2)
        beside.flush()
        os.fsync(beside.fileno())
    Path(beside.name).replace(path(settings))
    return marker


def remove(settings: Settings) -> None:
    """Take the file away."""
    path(settings).unlink(missing_ok=True)


def _once(off: Sequence[TurnedOff]) -> tuple[TurnedOff, ...]:
    """Each schedule and sensor once: what an interrupted stop saw first is how it was."""
    found: dict[tuple[str, str, str, str], TurnedOff] = {}
    for one in off:
        found.setdefault((one.kind, one.name, one.location, one.repository), one)
    return tuple(sorted(found.values()))
