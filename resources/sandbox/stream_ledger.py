"""What streams did: who was connected when, which candles closed, and which of them were told."""

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from resources.sandbox.desk import Desk
from resources.sandbox.exchange_desk import instant
from resources.sandbox.minutes import MINUTE_MS, milliseconds


@dataclass
class Visit:
    """One connection, by the sandbox's clock (epoch milliseconds)."""

    id: int
    vendor: str
    path: str
    opened_ms: int
    #: what it listens to now, or did at its end
    streams: list[str] = field(default_factory=list)
    closed_ms: int | None = None
    #: what it was closed with; None where the client left, or is still there
    code: int | None = None
    #: events told, running candles among them
    events: int = 0


class StreamLedger:
    """Kept from the start of the sandbox."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.started_ms = milliseconds(desk.now())
        self.visits: list[Visit] = []
        #: market, symbol -> open instants of the closed candles told, in that order
        self._sent: dict[tuple[str, str], list[int]] = {}

    def opened(self, vendor: str, path: str) -> Visit:
        """Note a connection."""
        visit = Visit(len(self.visits) + 1, vendor, path, milliseconds(self.desk.now()))
        self.visits.append(visit)
        return visit

    def followed(self, vendor: str, symbol: str) -> None:
        """Note that somebody asked for a symbol's candles: they are listed from the sandbox's start on."""
        self._sent.setdefault((vendor, symbol), [])

    def sent(self, vendor: str, symbol: str, open_ms: int) -> None:
        """Note a closed candle told."""
        self._sent[vendor, symbol].append(open_ms)

    def closed(self, visit: Visit, code: int | None) -> None:
        """Note the end of a connection."""
        visit.closed_ms, visit.code = milliseconds(self.desk.now()), code

    def describe(self) -> dict[str, Any]:
        """What the API shows of it."""
        candles: dict[str, dict[str, Any]] = defaultdict(dict)
        for (vendor, symbol), sent in self._sent.items():
            candles[vendor][symbol] = {"produced": self._produced(vendor, symbol), "sent": sent}
        return {
            "started_ms": self.started_ms,
            "open": sum(visit.closed_ms is None for visit in self.visits),
            "connections": [asdict(visit) for visit in self.visits],
            "candles": candles,
        }

    def _produced(self, vendor: str, symbol: str) -> list[int]:
        """Open instants of all candles that closed since the start, whoever was connected."""
        at = self.desk.now()
        first_ms, running_ms = (at_ms - at_ms % MINUTE_MS for at_ms in (self.started_ms, milliseconds(at)))
        if first_ms >= running_ms:
            return []
        candles = self.desk.backend.candles(vendor, symbol, instant(first_ms), instant(running_ms), at)
        produced: list[int] = candles.time_ms.tolist()
        return produced
