"""Perpetual futures as vendors' routes get them from a backend: contracts, settled funding, current state.

Rates are fractions of notional per the settlement's own interval, positive where longs pay. Prices are in
quote currency per native base unit (per 1000 PEPE where the exchange lists 1000PEPE).
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Millis = NDArray[np.int64]

#: milliseconds
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, kw_only=True)
class Perpetual:
    """One contract as its exchange lists it at an instant."""

    exchange: str
    #: exactly as the exchange spells it
    native_symbol: str
    #: the base in that name: `1000PEPE`, `kPEPE`, `XBT`
    native_base: str
    quote: str
    settle: str
    kind: Literal["linear", "inverse"]
    #: native base units (linear) or USD (inverse) per contract
    contract_size: float
    #: what the exchange states open interest in
    oi_unit: Literal["base", "contracts", "usd"]
    #: hours between settlements at that instant
    interval_hours: float
    listed_at: datetime
    #: when trading ended or will end; None where no end is known
    delisted_at: datetime | None = None
    #: whether it trades at that instant; a closed contract keeps its history and has no quote
    is_open: bool = True


@dataclass(frozen=True)
class Settlements:
    """Settled funding of one contract in parallel arrays, oldest first.

    `time_ms` is the stamp as the exchange states it, jitter included (epoch milliseconds). NaN is a value
    that is not stated.
    """

    time_ms: Millis
    rate: Floats
    #: hours of the interval that ends with the settlement
    interval_hours: Floats
    #: mark price at the settlement
    mark: Floats

    def __len__(self) -> int:
        return len(self.time_ms)

    def take(self, index: Any) -> Self:
        """The rows of a slice, a mask or an index array."""
        return type(self)(*(getattr(self, field.name)[index] for field in fields(self)))

    def window(self, first_ms: int | None, until_ms: int | None) -> Self:
        """The rows with `first_ms` <= stamp < `until_ms`; None is no bound."""
        start = 0 if first_ms is None else int(np.searchsorted(self.time_ms, first_ms, "left"))
        stop = len(self) if until_ms is None else int(np.searchsorted(self.time_ms, until_ms, "left"))
        return self.take(slice(start, max(start, stop)))

    def newest(self, rows: int) -> Self:
        """The last so many rows."""
        return self.take(slice(max(len(self) - rows, 0), None))

    def reversed(self) -> Self:
        """The same rows, newest first."""
        return self.take(slice(None, None, -1))

    def with_columns(self, **columns: NDArray[Any]) -> Self:
        """The same rows with some columns replaced."""
        return replace(self, **columns)

    def append(self, other: Self) -> Self:
        """These rows, then those of `other`."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return type(self)(*(np.concatenate(pair) for pair in pairs))

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        none = np.empty(0)
        return cls(np.empty(0, np.int64), none, none, none)


@dataclass(frozen=True)
class Quote:
    """The current state of one open contract; None is what a backend does not know."""

    #: of the interval under way
    predicted_rate: float | None
    interval_hours: float | None
    next_funding_ms: int | None
    mark: float | None
    index: float | None
    #: in the contract's `oi_unit`
    open_interest: float | None


#: of a contract of which nothing but its candles is known
UNKNOWN = Quote(None, None, None, None, None, None)
