"""Rows in parallel arrays, oldest first: what backends hand to vendors' routes."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Parallel:
    """Rows as arrays of one length, each a field; a subclass names them."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, index: Any) -> Self:
        """The rows of a slice, a mask or an index array."""
        return type(self)(*(getattr(self, field.name)[index] for field in fields(self)))

    def with_columns(self, **columns: NDArray[Any]) -> Self:
        """The same rows with some columns replaced."""
        return replace(self, **columns)

    def append(self, *others: Self) -> Self:
        """These rows, then those of `others`."""
        parts = (self, *others)
        return type(self)(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(self)))


@dataclass(frozen=True)
class Timed(Parallel):
    """Rows of which each has an instant, in milliseconds of the epoch."""

    time_ms: NDArray[np.int64]

    def window(self, first_ms: int | None, until_ms: int | None) -> Self:
        """The rows with `first_ms` <= instant < `until_ms`; None is no bound."""
        start = 0 if first_ms is None else int(np.searchsorted(self.time_ms, first_ms, "left"))
        stop = len(self) if until_ms is None else int(np.searchsorted(self.time_ms, until_ms, "left"))
        return self.take(slice(start, max(start, stop)))

    def newest(self, rows: int) -> Self:
        """The last so many rows."""
        return self.take(slice(max(len(self) - rows, 0), None))
