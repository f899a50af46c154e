"""Backpack: linear perpetuals against USDC, some of them of a thousand coins (`kPEPE`).

Quirks (docs.backpack.exchange, vendors.md, ccxt 4.5.90): spot and other markets stand in the same list;
`fundingInterval` is in milliseconds, as a number or as text; stamps are ISO 8601 without a zone, in UTC;
history runs from new to old and no row says its interval; a refusal has a word as its code. Open interest is
in units of the base.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from resources.http.errors import BadRequest, NotFound, RateLimited, Unavailable, VendorError
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues import wire
from resources.venues.rows import Rows, frame, joined, show
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Backward, Caller, Instrument, Page, Position, Venue

EXCHANGE = "backpack"
PAGE_ROWS = 1000
_PATH = "/api/v1/"
_HOUR_MS = 3_600_000
_MARKS = Ask(f"{_PATH}markPrices", context="all markets")
_INTEREST = Ask(f"{_PATH}openInterest", context="all markets")
#: the venue's words for what went wrong
_REFUSALS: Mapping[str, type[VendorError]] = {
    "TOO_MANY_REQUESTS": RateLimited,
    "INVALID_MARKET": NotFound,
    "INVALID_SYMBOL": NotFound,
    "RESOURCE_NOT_FOUND": NotFound,
    "MAINTENANCE": Unavailable,
    "SERVER_ERROR": Unavailable,
    "TIMEOUT": Unavailable,
    "TRADING_PAUSED": Unavailable,
}


def read(reply: Reply) -> Any:
    """The JSON value of an answer. Raises what the code in the body means, else what the status does."""
    if reply.status in {200, 400} and (refused := _refused(reply.body)) is not None:
        code = str(refused["code"])
        raise _REFUSALS.get(code, BadRequest)(EXCHANGE, f"HTTP {reply.status}: {show(refused)}")
    wire.refuse(EXCHANGE, reply)
    return json_shape.parse(EXCHANGE, reply.body)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    return listed(caller.one(Ask(f"{_PATH}markets", context="all markets")))


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals in trade among markets of every kind (LISTED)."""
    rows = Rows.of(EXCHANGE, body).keep(
        lambda row: row.get("marketType") == "PERP" and row.get("orderBookState") == "Open"
    )
    symbol, quote = rows.text("symbol"), rows.text("quoteSymbol")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=rows.text("baseSymbol"),
        quote=quote,
        settle=quote,
        kind="linear",
        contract_size=1.0,
        oi_unit="base",
        interval_hours=rows.hours("fundingInterval", _HOUR_MS),
        listed_at=rows.instants("createdAt", "iso"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    marks, interest = caller.many([_MARKS, _INTEREST])
    looks = quotes(marks).drop("open_interest_native")
    return joined(looks, open_interest(interest)).select(list(CURRENT))


def quotes(body: Any) -> pl.DataFrame:
    """An answer of mark prices (CURRENT), without open interest."""
    rows = Rows.of(EXCHANGE, body)
    return frame(
        CURRENT,
        native_symbol=rows.text("symbol"),
        predicted_rate_native=rows.numbers("fundingRate"),
        next_funding_time=rows.instants("nextFundingTimestamp", "ms"),
        mark_price=rows.numbers("markPrice"),
        index_price=rows.numbers("indexPrice"),
        is_trailing=False,
    )


def open_interest(body: Any) -> pl.DataFrame:
    """An answer of open interest: native_symbol, open_interest_native (base)."""
    rows = Rows.of(EXCHANGE, body)
    return pl.DataFrame({"native_symbol": rows.text("symbol"), "open_interest_native": rows.numbers("openInterest")})


def page(instrument: Instrument, position: Position) -> Ask:
    """The settlements after the newest `position.rows`."""
    return Ask(f"{_PATH}fundingRates", {"symbol": instrument.request_id, "limit": PAGE_ROWS, "offset": position.rows})


def events(body: Any, _: Instrument) -> Page:
    """One page of history."""
    rows = Rows.of(EXCHANGE, body)
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("symbol"),
            funding_time_native=rows.instants("intervalEndTimestamp", "iso", required=True),
            rate_native=rows.numbers("fundingRate"),
        )
    )


def _refused(body: bytes) -> Mapping[str, Any] | None:
    """A body that names a code; None for every other."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "code" in found else None


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Backward(page_rows=PAGE_ROWS, ask=page),
    events=events,
)
