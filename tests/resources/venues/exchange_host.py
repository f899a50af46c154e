"""An exchange as its own file meets it: replies, a caller that answers by function, ccxt without a network."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from resources.http.transport import Reply
from resources.venues.venue import Ask, Instrument, Venue

RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HTML = b"<html><body>maintenance</body></html>"


def at(text: str) -> datetime:
    """`2025-03-01T08:00` or `2025-03-01` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ms(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return round(instant.timestamp() * 1000)


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer; a body that is no bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, content, dict(headers or {}), RECEIVED)


def contract(symbol: str, kind: str = "linear", request_id: str | None = None) -> Instrument:
    """A contract by its native symbol."""
    return Instrument(symbol, request_id or symbol, kind, "USD", "USD")


@dataclass
class Answers:
    """A caller: `respond` gives the body of each request, and the venue's record reads it as off the wire."""

    venue: Venue
    respond: Callable[[Ask], Any]
    asked: list[Ask] = field(default_factory=list)

    def one(self, ask: Ask) -> Any:
        """What the venue's record makes of one answer."""
        self.asked.append(ask)
        return self.venue.read(reply(self.respond(ask)))

    def many(self, asks: Sequence[Ask]) -> list[Any]:
        """What it makes of several."""
        return [self.one(ask) for ask in asks]


def offline(exchange: str, body: Any, native_symbol: str, symbol: str) -> Any:
    """ccxt's own client of an exchange: it knows one contract and gets `body`, as JSON, to every request."""
    import ccxt

    client = getattr(ccxt, exchange)({"enableRateLimit": False})
    names = {"id": native_symbol, "baseName": native_symbol, "symbol": symbol}
    kind = {"type": "swap", "swap": True, "spot": False, "contract": True}
    client.set_markets([client.safe_market_structure({**names, **kind, "base": "BTC", "quote": "USD"})])
    client.fetch = lambda *_, **__: json.loads(json.dumps(body))
    return client


def history_of(client: Any, symbol: str) -> list[tuple[datetime, float]]:
    """Settled rates as ccxt reads them: instant and rate, oldest first."""
    rows = client.fetch_funding_rate_history(symbol, since=1)
    return [(datetime.fromtimestamp(row["timestamp"] / 1000, UTC), row["fundingRate"]) for row in rows]
