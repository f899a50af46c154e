"""What a collector says of itself, as numbers for pages, metrics and alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True)
class Status:
    """One look at a collector. Counts are since its start; None is unknown or never."""

    #: False once it has ended in an orderly way; a killed one leaves True and an old `at`
    running: bool
    pid: int
    started_at: datetime
    #: when this was written: every few tenths of a second while it runs
    at: datetime
    symbols: tuple[str, ...]
    #: live, or sandbox
    vendors: str
    connected_since: datetime | None
    last_message_at: datetime | None
    connects: int
    disconnects: int
    #: connects after the first
    reconnects: int
    #: handshakes that the venue answered with an HTTP status of its own
    refusals: int
    last_error: str | None
    malformed: int
    #: candles that came late or again, and were not applied
    late_bars: int
    #: candles asked for by REST because the stream did not bring them
    filled_bars: int
    #: minutes that REST did not have either
    given_up_bars: int
    fill_error: str | None
    #: closed candles that are not stored yet
    unflushed_bars: int
    oldest_unflushed_at: datetime | None
    flushed_rows: int
    last_flush_at: datetime | None
    flush_s: float | None
    flush_error: str | None
    #: candles that had to go because nothing could be stored for long
    dropped_bars: int
    #: from the venue's instant of a message to its arrival, of the last thousand
    collect_p50_ms: float | None
    collect_p95_ms: float | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """The status as it was stored."""
        known = {one.name: told.get(one.name) for one in fields(cls)}
        for name, value in known.items():
            if isinstance(value, str) and (name.endswith("_at") or name in {"at", "connected_since"}):
                known[name] = datetime.fromisoformat(value)
        return cls(**{**known, "symbols": tuple(known["symbols"] or ())})  # type: ignore[arg-type]
