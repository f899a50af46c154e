"""Closed records on their way to the graph: in memory until they are stored, and not a moment less.

One append per flush, folder and day: candles of a venue under its name, bars under their symbol's. A crash between
storing and forgetting stores a batch again, and whoever reads the landing area reads each record once. A disk that
fails keeps the records here, up to a bound; the graph's own passes fetch what is dropped beyond it.
"""

import threading
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, Generic, Protocol, TypeVar

import polars as pl

from market_assets.core.errors import MarketAssetsError
from resources.segments import Segments
from resources.stream.candle import Candle


class Closed(Protocol):
    """What every closed record has."""

    @property
    def symbol(self) -> str:
        """House symbol."""
        ...

    @property
    def ts(self) -> datetime:
        """Open instant."""
        ...

    @property
    def ingested_at(self) -> datetime:
        """When it was known."""
        ...


Record = TypeVar("Record", bound=Closed)


class LandingFailed(MarketAssetsError):
    """Closed records could not be stored; they are kept in memory."""


class LandingArea(Generic[Record]):
    """Records that wait, and where they go. Added to by the loop, stored by a thread."""

    #: what records are called in messages
    noun = "records"

    def __init__(
        self,
        segments: Segments,
        most: int,
        *,
        folder: Callable[[Record], str],
        columns: Callable[[list[Record]], dict[str, list[Any]]],
    ) -> None:
        self._segments, self._most = segments, most
        self._folder, self._columns = folder, columns
        self._waiting: dict[tuple[str, datetime], Record] = {}
        self._lock = threading.Lock()
        #: records that had to go because nothing could be stored
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def oldest_at(self) -> datetime | None:
        """When the record that waits longest arrived."""
        with self._lock:
            return next((record.ingested_at for record in self._waiting.values()), None)

    def add(self, record: Record) -> None:
        """Take a closed record over."""
        with self._lock:
            self._waiting[record.symbol, record.ts] = record
            while len(self._waiting) > self._most:
                del self._waiting[next(iter(self._waiting))]
                self.dropped += 1

    def flush(self) -> int:
        """Store what waits; returns how many records. Raises LandingFailed, and keeps those that were not stored."""
        with self._lock:
            waiting = list(self._waiting.values())
        stored = 0
        for folder, records in self._batches(waiting):
            newest = max(record.ts for record in records)
            try:
                self._segments.append(folder, newest, self._frame(records))
            except (OSError, pl.exceptions.PolarsError) as failed:
                raise LandingFailed(
                    f"{len(self._waiting)} closed {self.noun} wait in memory, of at most {self._most}: "
                    f"{self._segments.root} cannot be written ({failed}). Free or repair the disk; "
                    "they are stored as soon as it can be"
                ) from None
            stored += len(records)
            self._forget(records)
        return stored

    def _batches(self, waiting: Iterable[Record]) -> list[tuple[str, list[Record]]]:
        found: dict[tuple[date, str], list[Record]] = {}
        for record in waiting:
            found.setdefault((record.ts.date(), self._folder(record)), []).append(record)
        return [(key[1], found[key]) for key in sorted(found)]

    def _forget(self, records: Iterable[Record]) -> None:
        with self._lock:
            for record in records:
                # one that came anew meanwhile has not been stored
                if self._waiting.get((record.symbol, record.ts)) is record:
                    del self._waiting[record.symbol, record.ts]

    def _frame(self, records: list[Record]) -> pl.DataFrame:
        columns = self._columns(records)
        schema = self._segments.schema
        return pl.DataFrame(columns, schema={name: schema[name] for name in columns}).sort(list(self._segments.key))


class Landing(LandingArea[Candle]):
    """Candles of one venue."""

    noun = "candles"

    def __init__(self, segments: Segments, vendor: str, most: int, timeframe: str = "1m") -> None:
        super().__init__(
            segments, most, folder=lambda _: vendor, columns=lambda candles: _columns_of(candles, timeframe)
        )


def _columns_of(candles: list[Candle], timeframe: str) -> dict[str, list[Any]]:
    columns = {name: [getattr(candle, name) for candle in candles] for name in Candle._fields}
    return {**columns, "timeframe": [timeframe] * len(candles)}
