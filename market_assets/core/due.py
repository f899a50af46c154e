"""When which partitions of a table should hold a UTC day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from market_assets.core import clock


@dataclass(frozen=True)
class Due:
    """The partitions that should hold a day, and from when on they should."""

    partitions: frozenset[str]
    at: datetime


def after(day: date, hours: float, partitions: set[str]) -> Due:
    """What is due so many hours after the end of a UTC day."""
    return Due(frozenset(partitions), clock.instant(day) + timedelta(days=1, hours=hours))
