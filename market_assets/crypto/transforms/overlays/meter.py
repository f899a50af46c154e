"""What an overlay's computation cost, as whoever measures it says."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass
class Cost:
    """Cost of one measured block; filled in when the block ends."""

    started_at: datetime
    latency_ms: float = 0.0
    cpu_ms: float = 0.0
    rss_delta_mb: float = 0.0


class Meter(Protocol):
    """Measures blocks of code."""

    def measure(self) -> AbstractContextManager[Cost]:
        """Measure the block of a `with` statement."""
