"""A scripted venue: rows it holds, a page it cuts at, and the ways in which real ones misbehave."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from resources.venues.rows import frame
from resources.venues.venue import EVENTS, Ask, Backward, Instrument, Page, Position, Venue, Whole, Windowed

BTC = Instrument("BTCUSDT", "BTCUSDT", "linear", "USDT", "USDT")
#: what a venue under maintenance answers, with a status of 200
HTML = "<html><body>maintenance</body></html>"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[datetime, float | None]


def at(text: str) -> datetime:
    """`2025-03-01T08:00` or `2025-03-01` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hourly(first: datetime, n: int, step_hours: float = 1, jitter_ms: Callable[[int], int] = lambda _: 0) -> list[Row]:
    """`n` settlements from `first` on; the rate of the nth is n millionths."""
    return [(first + timedelta(hours=step_hours * k, milliseconds=jitter_ms(k)), k / 1e6) for k in range(n)]


def ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


@dataclass
class Scripted:
    """A caller and the venue behind it. `rows` are in any order; answers are oldest first."""

    rows: Sequence[Row]
    #: rows of an answer at most
    cap: int = 500
    #: what the venue's record says of that
    page_rows: int = 500
    kind: Literal["windowed", "number", "before", "cursor", "whole", "newest"] = "windowed"
    #: answers in place of the venue's own, by the number of the request
    instead: dict[int, list[Row]] = field(default_factory=dict)
    symbol: str = "BTCUSDT"
    #: of a window's rows beyond the cap the newest come, not the oldest
    keeps_newest: bool = False
    asked: list[Ask] = field(default_factory=list)

    def venue(self) -> Venue:
        """The venue's record."""
        ways: dict[str, Windowed | Backward | Whole] = {
            "windowed": Windowed(page_rows=self.page_rows, ask=_window),
            "number": Backward(page_rows=self.page_rows, ask=lambda _, to: Ask("/history", {"page": to.pages + 1})),
            "before": Backward(page_rows=self.page_rows, ask=lambda _, to: Ask("/history", {"to": ms(to.before)})),
            "cursor": Backward(page_rows=self.page_rows, ask=_cursor),
            "whole": Whole(ask=lambda _: Ask("/history")),
            "newest": Whole(ask=lambda _: Ask("/history"), newest_only=True),
        }
        return Venue(
            exchange="scripted",
            read=lambda reply: reply.body,
            listing=lambda caller: caller.one(Ask("/listing")),
            current=lambda caller, _: caller.one(Ask("/current")),
            history=ways[self.kind],
            events=self._events,
        )

    def one(self, ask: Ask) -> Any:
        """The answer to a request."""
        self.asked.append(ask)
        return self.instead.get(len(self.asked), self._answer(ask))

    def many(self, asks: Sequence[Ask]) -> list[Any]:
        """The answers to several."""
        return [self.one(ask) for ask in asks]

    def _answer(self, ask: Ask) -> list[Row]:
        newest_first = sorted(self.rows, reverse=True)
        match self.kind:
            case "windowed":
                first, last = int(ask.params["first"]), int(ask.params["last"])
                inside = [row for row in sorted(self.rows) if first <= ms(row[0]) <= last]
                return inside[-self.cap :] if self.keeps_newest else inside[: self.cap]
            case "number":
                start = (int(ask.params["page"]) - 1) * self.cap
                return newest_first[start : start + self.cap]
            case "before":
                return [row for row in newest_first if ms(row[0]) <= int(ask.params["to"])][: self.cap]
            case "cursor":
                start = int(ask.params.get("cursor", 0))
                return newest_first[start : start + self.cap]
            case "whole":
                return sorted(self.rows)
            case "newest":
                return newest_first[: self.cap]

    def _events(self, value: list[Row], instrument: Instrument) -> Page:
        events = frame(
            EVENTS,
            native_symbol=self.symbol,
            funding_time_native=[row[0] for row in value],
            rate_native=[row[1] for row in value],
        )
        read = len(self.asked) * self.cap
        return Page(events, str(read) if self.kind == "cursor" and read < len(self.rows) else None)


def _window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    return Ask("/history", {"symbol": instrument.request_id, "first": ms(first), "last": ms(until) - 1})


def _cursor(_: Instrument, position: Position) -> Ask:
    return Ask("/history", {"cursor": position.cursor} if position.cursor else {})
