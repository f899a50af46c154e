"""Perpetual futures as vendors' routes get them from a backend: contracts, settled funding, current state.

Rates are fractions of notional per the settlement's own interval, positive where longs pay. Prices are in
quote currency per native base unit (per 1000 PEPE where the exchange lists 1000PEPE).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from resources.sandbox.arrays import Timed

Floats = NDArray[np.float64]

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
class Settlements(Timed):
    """Settled funding of one contract in parallel arrays, oldest first.

    `time_ms` is the stamp as the exchange states it, jitter included (epoch milliseconds). NaN is a value
    that is not stated.
    """

    rate: Floats
    #: hours of the interval that ends with the settlement
    interval_hours: Floats
    #: mark price at the settlement
    mark: Floats

    def reversed(self) -> Self:
        """The same rows, newest first."""
        return self.take(slice(None, None, -1))

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
