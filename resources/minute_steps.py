"""One attempt of the chain of minute sources: how it ended, as text, as JSON, and for the memory of calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resources.http.errors import (
    BudgetExhausted,
    CircuitOpen,
    EmptyUnexpected,
    MissingKey,
    NotEntitled,
    RateLimited,
    VendorError,
)
from resources.source_calls import Note

#: what a failure is called, the first that fits; anything else is an error
_OUTCOMES: tuple[tuple[type[VendorError], str], ...] = (
    (MissingKey, "disabled"),
    (NotEntitled, "not_entitled"),
    (CircuitOpen, "open"),
    (BudgetExhausted, "budget"),
    (RateLimited, "quota"),
    (EmptyUnexpected, "empty"),
)
#: ends that cost nothing and say nothing of later days: what follows may be asked for together
SKIPPED = frozenset({"disabled", "not_entitled", "open", "budget", "excluded"})
_FAILED = frozenset({"error", "quota", "invalid", "empty"})


@dataclass(frozen=True)
class Step:
    """One attempt."""

    #: name of the source, unmarked
    source: str
    level: int
    outcome: str
    rows: int = 0
    #: None where nothing was sent now
    latency_ms: float | None = None
    requests: int = 0
    credits: int = 0
    #: why it was not taken as it is; empty where it was
    reason: str = ""
    #: the failure that an exhausted chain tells of
    error: VendorError | None = None

    @property
    def text(self) -> str:
        """As a person reads it: `yahoo: ok, 1440 rows in 85 ms`."""
        took = f" in {self.latency_ms:.0f} ms" if self.latency_ms is not None else ""
        rows = f", {self.rows} rows{took}" if self.rows else ""
        return f"{self.source}: {self.outcome}{rows}" + (f" ({self.reason})" if self.reason else "")

    @property
    def json(self) -> Mapping[str, Any]:
        """As the metadata of a partition keeps it."""
        latency = None if self.latency_ms is None else round(self.latency_ms, 1)
        told = {"source": self.source, "level": self.level, "outcome": self.outcome, "rows": self.rows}
        return told | {"latency_ms": latency, "reason": self.reason}

    def note(self, at: datetime) -> Note:
        """For the memory of calls."""
        return Note(
            self.source,
            self.outcome,
            at,
            rows=self.rows if self.outcome in ("ok", "partial") else 0,
            credits=self.credits,
            latency_ms=self.latency_ms,
            error=self.reason if self.outcome in _FAILED else None,
        )


def failed(source: str, level: int, error: VendorError, latency_ms: float) -> Step:
    """A step that brought nothing."""
    outcome = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "error")
    took = None if outcome in SKIPPED else latency_ms
    return Step(source, level, outcome, latency_ms=took, reason=error.detail, error=error)
