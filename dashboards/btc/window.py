"""Which hours are asked for: the newest ones by number, or all between two instants. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards.btc.hours import HOUR

#: name of a range -> hours
SPANS = {"1h": 1, "6h": 6, "24h": 24, "3d": 72, "7d": 168, "30d": 720, "90d": 2160}


@dataclass(frozen=True)
class Window:
    """Hours from `start` to `end`, both inclusive."""

    start: datetime
    end: datetime

    @classmethod
    def newest(cls, hours: int, until: datetime, delay: timedelta) -> "Window":
        """The `hours` hours whose rows became available last, as of `until`; `delay` is from start to availability."""
        end = (until - delay).replace(minute=0, second=0, microsecond=0)
        return cls(end - (hours - 1) * HOUR, end)

    @property
    def hours(self) -> int:
        """How many hours lie in it."""
        return (self.end - self.start) // HOUR + 1
