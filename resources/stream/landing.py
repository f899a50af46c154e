"""Closed candles on their way to the graph: in memory until they are stored, and not a moment less.

One append per flush and day, under the name of the venue. A crash between storing and forgetting stores
a batch again, and whoever reads the landing area reads each candle once. A disk that
fails keeps the candles here, up to a bound; the graph's own passes fetch what is dropped beyond it.
"""

import threading
from collections.abc import Iterable
from datetime import date, datetime

import polars as pl

from market_assets.core.errors import MarketAssetsError
from resources.segments import Segments
from resources.stream.candle import Candle


class LandingFailed(MarketAssetsError):
    """Candles could not be stored; they are kept in memory."""


class Landing:
    """Candles that wait, and where they go. Added to by the loop, stored by a thread."""

    def __init__(self, segments: Segments, vendor: str, most: int, timeframe: str = "1m") -> None:
        self._segments, self._vendor, self._most, self._timeframe = segments, vendor, most, timeframe
        self._waiting: dict[tuple[str, datetime], Candle] = {}
        self._lock = threading.Lock()
        #: candles that had to go because nothing could be stored
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def oldest_at(self) -> datetime | None:
        """When the candle that waits longest arrived."""
        with self._lock:
            return next((candle.ingested_at for candle in self._waiting.values()), None)

    def add(self, candle: Candle) -> None:
        """Take a closed candle over."""
        with self._lock:
            self._waiting[candle.symbol, candle.ts] = candle
            while len(self._waiting) > self._most:
                del self._waiting[next(iter(self._waiting))]
                self.dropped += 1

    def flush(self) -> int:
        """Store what waits; returns how many candles. Raises LandingFailed, and keeps those that were not stored."""
        with self._lock:
            waiting = list(self._waiting.values())
        stored = 0
        for candles in _days(waiting):
            newest = max(candle.ts for candle in candles)
            try:
                self._segments.append(self._vendor, newest, self._frame(candles))
            except (OSError, pl.exceptions.PolarsError) as failed:
                raise LandingFailed(
                    f"{len(self._waiting)} closed candles wait in memory, of at most {self._most}: "
                    f"{self._segments.root} cannot be written ({failed}). Free or repair the disk; "
                    "they are stored as soon as it can be"
                ) from None
            stored += len(candles)
            self._forget(candles)
        return stored

    def _forget(self, candles: Iterable[Candle]) -> None:
        with self._lock:
            for candle in candles:
                self._waiting.pop((candle.symbol, candle.ts), None)

    def _frame(self, candles: list[Candle]) -> pl.DataFrame:
        columns = {name: [getattr(candle, name) for candle in candles] for name in Candle._fields}
        schema = self._segments.schema
        return pl.DataFrame(
            {**columns, "timeframe": [self._timeframe] * len(candles)},
            schema={**{name: schema[name] for name in Candle._fields}, "timeframe": pl.String()},
        ).sort(list(self._segments.key))


def _days(candles: Iterable[Candle]) -> list[list[Candle]]:
    found: dict[date, list[Candle]] = {}
    for candle in candles:
        found.setdefault(candle.ts.date(), []).append(candle)
    return [found[day] for day in sorted(found)]
