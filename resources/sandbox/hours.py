"""Hourly series in arrays: what backends hand to vendors that speak in hours, and what row faults act on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

#: seconds
HOUR = 3600

Stamps = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Hours:
    """Values by column in parallel arrays, oldest first.

    `start` holds the hours' starts in epoch seconds. NaN is a value the vendor does not state; an hour
    that the vendor does not have is no row.
    """

    start: Stamps
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.start)

    def take(self, index: Any) -> Self:
        """The rows of a slice, a mask or an index array."""
        return type(self)(self.start[index], {name: column[index] for name, column in self.values.items()})

    def window(self, since: int, until: int) -> Self:
        """The rows with `since` <= start < `until`, both in epoch seconds."""
        first, stop = np.searchsorted(self.start, (since, until), "left")
        return self.take(slice(int(first), int(stop)))

    def only(self, **columns: str) -> Self:
        """The columns `new=old`, in this order."""
        return type(self)(self.start, {new: self.values[old] for new, old in columns.items()})

    def with_values(self, **columns: Floats) -> Self:
        """The same rows with some columns replaced."""
        return type(self)(self.start, {**self.values, **columns})

    def with_last(self, **numbers: float) -> Self:
        """The same rows with the last one's values replaced."""
        columns = {name: self.values[name].copy() for name in numbers}
        for name, number in numbers.items():
            columns[name][-1] = number
        return self.with_values(**columns)

    @classmethod
    def empty(cls, columns: Iterable[str]) -> Self:
        """No rows."""
        return cls(np.empty(0, np.int64), dict.fromkeys(columns, np.empty(0)))


def within(hours: Hours, days: Sequence[date], starts: Sequence[int]) -> NDArray[np.bool_]:
    """Which rows lie on one of these days (UTC) or start at one of these instants (epoch seconds)."""
    on_day = np.isin(hours.start.astype("datetime64[s]").astype("datetime64[D]"), np.array(days, "datetime64[D]"))
    return on_day | np.isin(hours.start, np.array(starts, np.int64))


def begun_prices(prices: Hours, at: datetime) -> Hours:
    """The hours of open, high, low, close that began by `at`; the one still running as far as it has come.

    A running hour whose open is unknown is left out.
    """
    begun, share = _begun(prices, at)
    if share is None:
        return begun
    opened, high, low, close = (float(begun.values[name][-1]) for name in ("open", "high", "low", "close"))
    if np.isnan(opened):
        return begun.take(slice(-1))
    now = round(opened + share * (close - opened), 2)
    reached = max(opened, now) + share * (high - max(opened, close))
    fallen = min(opened, now) - share * (min(opened, close) - low)
    return begun.with_last(high=round(reached, 2), low=round(fallen, 2), close=now)


def begun_volumes(volumes: Hours, at: datetime) -> Hours:
    """The hours of summed volumes that began by `at`; of the one still running the share that has passed."""
    begun, share = _begun(volumes, at)
    if share is None:
        return begun
    return begun.with_last(**{name: round(share * float(column[-1]), 6) for name, column in begun.values.items()})


def _begun(hours: Hours, at: datetime) -> tuple[Hours, float | None]:
    """The rows that began by `at`, and which share of the last one has passed if it is still running."""
    instant = at.timestamp()
    begun = hours.take(slice(int(np.searchsorted(hours.start, instant, "right"))))
    if not len(begun) or instant >= begun.start[-1] + HOUR:
        return begun, None
    return begun, float(instant - begun.start[-1]) / HOUR
