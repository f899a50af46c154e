"""What the app counted of itself, for those outside it: `<home>/state/app.json`, written anew every half minute."""

import json
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from market_assets.core import clock


@dataclass(frozen=True)
class AppCounts:
    """Counts of one app up to an instant, over the windows that alerts judge."""

    at: datetime
    #: of the REST routes within 15 minutes, and how many of them were 5xx
    n_answers: int
    n_errors: int
    #: lookups of the response cache within an hour, and how many of them had an answer
    n_lookups: int
    n_hits: int


def write(home: Path, counts: AppCounts) -> None:
    """Put the file there, whole."""
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".app", delete=False) as beside:
        json.dump(asdict(counts) | {"at": counts.at.isoformat()}, beside)
    Path(beside.name).replace(path)


def read(home: Path) -> AppCounts | None:
    """What the file says; None where no app ever wrote one."""
    try:
        told = json.loads(_path(home).read_text())
    except FileNotFoundError:
        return None
    return AppCounts(**told | {"at": clock.instant(told["at"])})


def _path(home: Path) -> Path:
    return home / "state" / "app.json"
