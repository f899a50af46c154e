"""What is measured while it happens: histograms for metrics, percentiles of the newest ten thousand."""

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

#: upper ends of the buckets, ms
BOUNDS_MS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0)
_KEPT = 10_000


@dataclass(frozen=True)
class HistogramFacts:
    """A histogram as it is told: `counts[i]` lie in (bounds[i-1], bounds[i]], the last one above them all."""

    bounds: tuple[float, ...] = BOUNDS_MS
    counts: tuple[int, ...] = (0,) * (len(BOUNDS_MS) + 1)
    total: float = 0.0

    @classmethod
    def of(cls, told: dict[str, Any]) -> "HistogramFacts":
        """As it was stored."""
        return cls(tuple(told["bounds"]), tuple(told["counts"]), told["total"])


class Histogram:
    """Counts by size. One thread at a time adds."""

    def __init__(self, bounds: tuple[float, ...] = BOUNDS_MS) -> None:
        self._bounds, self._counts, self._total = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float, n: int = 1) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += n
        self._total += value * n

    def facts(self) -> HistogramFacts:
        """What was counted so far."""
        return HistogramFacts(self._bounds, tuple(self._counts), self._total)


@dataclass
class Newest:
    """The newest ten thousand of a measure."""

    _values: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(_KEPT))
    _n: int = 0

    def add(self, value: float) -> None:
        """Measure once."""
        self._values[self._n % _KEPT] = value
        self._n += 1

    def percentiles(self, *shares: float) -> list[float | None]:
        """The nearest rank of each share; None before the first."""
        n = min(self._n, _KEPT)
        if not n:
            return [None for _ in shares]
        ordered = np.sort(self._values[:n])
        return [float(ordered[math.ceil(share * n) - 1]) for share in shares]
