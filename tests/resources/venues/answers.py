"""A caller that answers with written bodies by way of a venue's own reading, and ccxt as it reads the same ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import polars as pl

from resources.http.errors import NotFound
from resources.http.transport import Reply
from resources.venues.venue import Ask, Instrument, Venue

#: when answers arrive, unless a test says otherwise
ARRIVED = datetime(2026, 9, 22, 21, 43, 27, tzinfo=UTC)
HOUR_MS = 3_600_000
#: 2025-01-01, in milliseconds
NEW_YEAR_MS = 1_735_689_600_000


def utc(text: str) -> datetime:
    """`2025-03-01T08:00` or `2025-03-01` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def of_ms(count: int) -> datetime:
    """The instant so many milliseconds after 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=count)


def stamps(*runs: tuple[int, int], start_ms: int = NEW_YEAR_MS) -> list[int]:
    """Instants of settlements, oldest first: runs of (how many, hours between) one after the other."""
    found, at = [], start_ms
    for count, hours in runs:
        found += [at + n * hours * HOUR_MS for n in range(count)]
        at += count * hours * HOUR_MS
    return found


def query(url: str) -> dict[str, str]:
    """What an address asks for."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def real_history(shared_data: Path, name: str) -> list[tuple[int, float]]:
    """Recorded settlements (ms, rate), oldest first."""
    rows = pl.read_csv(shared_data / "funding" / name)
    return list(zip(rows["funding_time_ms"], rows["funding_rate"], strict=True))


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer: text as it is, anything else as JSON."""
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    return Reply(status=status, body=raw, headers=dict(headers or {}), received_at=ARRIVED)


def recorded(shared_data: Path, vendor: str, case: str) -> Reply:
    """A refusal of `errors.jsonl`."""
    lines = [orjson.loads(line) for line in (shared_data / "recorded" / "errors.jsonl").read_bytes().splitlines()]
    found = next(line for line in lines if (line["vendor"], line["case"]) == (vendor, case))
    return reply(found["body"], found["status"], {name.lower(): said for name, said in found["headers"].items()})


@dataclass
class Answers:
    """Answers each request with the body written for its path, read as the venue reads it."""

    venue: Venue
    #: path -> body, or what makes one of a request
    bodies: Mapping[str, Any]
    asked: list[Ask] = field(default_factory=list)

    def one(self, ask: Ask) -> Any:
        """The value of one answer."""
        self.asked.append(ask)
        body = self.bodies[ask.path]
        said = body(ask) if callable(body) else body
        try:
            return self.venue.read(said if isinstance(said, Reply) else reply(said))
        except NotFound:
            if ask.may_be_unknown:
                return None
            raise

    def many(self, asks: Sequence[Ask]) -> list[Any]:
        """The values of several, in their order."""
        return [self.one(ask) for ask in asks]


def instrument(symbol: str, quote: str = "USDT", kind: str = "linear") -> Instrument:
    """A contract that is asked for by its own name."""
    return Instrument(symbol, symbol, kind, quote, quote)


def ccxt_with(kind: str, answer: Callable[[str], Any]) -> Any:
    """A ccxt exchange whose requests `answer` answers, by their address."""
    import ccxt

    exchange = getattr(ccxt, kind)()
    exchange.fetch = lambda url, *_: orjson.loads(orjson.dumps(answer(url)))
    return exchange


def same_history(ours: pl.DataFrame, theirs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether events are those that ccxt reads: instant and rate of each, oldest first."""
    rows = ours.sort("funding_time_native").select("funding_time_native", "rate_native").rows()
    return rows == [(of_ms(row["timestamp"]), row["fundingRate"]) for row in theirs]
