"""Measures what overlays cost this process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil  # type: ignore[import-untyped]

from market_assets.core import clock
from market_assets.crypto.transforms.overlays.meter import Cost

_MB = 1024.0 * 1024.0


class ProcessMeter:
    """Time, processor time and resident memory of this process, with all its threads."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    @contextmanager
    def measure(self) -> Iterator[Cost]:
        """Measure a block; the cost is known when it ends."""
        cost = Cost(started_at=clock.wall())
        memory, cpu, began = self._resident(), time.process_time(), time.perf_counter()
        try:
            yield cost
        finally:
            cost.latency_ms = (time.perf_counter() - began) * 1000.0
            cost.cpu_ms = (time.process_time() - cpu) * 1000.0
            cost.rss_delta_mb = (self._resident() - memory) / _MB

    def _resident(self) -> float:
        return float(self._process.memory_info().rss)
