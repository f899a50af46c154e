"""What is known of an exchange: one frozen record, in the same terms for all.

A record says how requests are made and how answers are read; it sends nothing. Parsers are pure
functions of the JSON value that `Venue.read` accepted. Rates are fractions of notional per the event's
own interval, positive where longs pay; what a venue states in percent, in quote currency per contract
or without sign is converted by its parser.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from resources.http.transport import Reply

#: what a listing says of each perpetual that is open for trading, in the venue's order
LISTED = pl.Schema(
    {
        "native_symbol": pl.String(),
        #: what the venue's history is asked by; mostly the native symbol
        "request_id": pl.String(),
        #: as the venue spells it: `1000PEPE`, `kPEPE`, `XBT`
        "native_base": pl.String(),
        "quote": pl.String(),
        "settle": pl.String(),
        #: linear or inverse
        "kind": pl.String(),
        #: native base units (linear) or USD (inverse) per contract
        "contract_size": pl.Float64(),
        #: base, contracts or usd: what CURRENT states open interest in
        "oi_unit": pl.String(),
        #: null where the listing does not say it
        "interval_hours": pl.Float64(),
        #: null where the listing does not say it
        "listed_at": UTC_MICROS,
    }
)

#: what current endpoints say of each contract; null is what they do not say
CURRENT = pl.Schema(
    {
        "native_symbol": pl.String(),
        #: fraction per the interval under way
        "predicted_rate_native": pl.Float64(),
        "interval_hours": pl.Float64(),
        "next_funding_time": UTC_MICROS,
        #: quote currency per native base unit
        "mark_price": pl.Float64(),
        "index_price": pl.Float64(),
        #: in the unit that LISTED.oi_unit names
        "open_interest_native": pl.Float64(),
        "is_trailing": pl.Boolean(),
    }
)

#: settled events, in the venue's order
EVENTS = pl.Schema(
    {
        "native_symbol": pl.String(),
        #: as stated, jitter included
        "funding_time_native": UTC_MICROS,
        #: fraction per the event's own interval; null is a row without a rate, 0 a rate of zero
        "rate_native": pl.Float64(),
        #: where the row itself says it
        "interval_hours": pl.Float64(),
        "mark_price": pl.Float64(),
    }
)


@dataclass(frozen=True)
class Instrument:
    """One contract as its exchange knows it."""

    native_symbol: str
    request_id: str
    #: linear or inverse
    kind: str
    quote: str
    settle: str
    listed_at: datetime | None = None


@dataclass(frozen=True)
class Ask:
    """One request: a path with its query, or a JSON body to be posted."""

    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    #: what the venue's budget counts it as
    cost: int = 1
    #: what it is for, as messages show it
    context: str = ""
    #: taken from the budget of settled history, whatever it is asked for: the venue counts them together
    history_budget: bool = False
    #: the value is None where the venue does not know what is asked for, instead of NotFound
    may_be_unknown: bool = False


class Caller(Protocol):
    """Sends requests; values are what `Venue.read` made of the answers. Raises VendorError."""

    def one(self, ask: Ask) -> Any:
        """The value of one answer."""
        ...

    def many(self, asks: Sequence[Ask]) -> list[Any]:
        """The values of several answers, in the order of `asks`, asked for side by side."""
        ...


@dataclass(frozen=True)
class Page:
    """Rows of one answer of history, and how to ask for the next."""

    #: EVENTS
    frame: pl.DataFrame
    #: the venue's own mark of where the next page begins
    cursor: str | None = None


@dataclass(frozen=True)
class Position:
    """Where a walk back through pages stands."""

    #: pages read so far
    pages: int
    #: rows read so far
    rows: int
    #: the last page's cursor
    cursor: str | None
    #: nothing at or after this instant is wanted any more: end of the window, then the oldest row seen
    before: datetime


@dataclass(frozen=True, kw_only=True)
class Windowed:
    """History by our own time windows, oldest first; each asks for [first, until)."""

    page_rows: int
    ask: Callable[[Instrument, datetime, datetime], Ask]


@dataclass(frozen=True, kw_only=True)
class Backward:
    """History page by page from the newest back: by number, offset, cursor or time."""

    page_rows: int
    ask: Callable[[Instrument, Position], Ask]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """History in one answer: all of it, or the newest rows only."""

    ask: Callable[[Instrument], Ask]
    newest_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Venue:
    """One exchange."""

    exchange: str
    #: the JSON value of an answer that is a success; raises VendorError for every other
    read: Callable[[Reply], Any]
    #: every perpetual open for trading (LISTED)
    listing: Callable[[Caller], pl.DataFrame]
    #: current state of these contracts (CURRENT)
    current: Callable[[Caller, Sequence[Instrument]], pl.DataFrame]
    history: Windowed | Backward | Whole
    #: one answer of history
    events: Callable[[Any, Instrument], Page]
    #: how long the venue keeps settled history; None keeps all of it. What is older cannot be re-fetched
    memory: timedelta | None = None
    #: the interval whose premium a settled rate measures: the one that ends with the settlement, or the one before it
    measures: Literal["ending", "previous"] = "ending"
