"""Deribit: inverse perpetuals in USD and linear ones in USDC, paid continuously and stated hour by hour.

Quirks (docs.deribit.com, vendors.md, ccxt 4.5.90): answers are JSON-RPC, whose errors have codes of their
own: 10028 (too many requests) comes with HTTP 400 or 429; a row of history has `interest_1h` and
`interest_8h`, and the latter is a trailing window that must never be summed; `current_funding` is for 8
hours; pages run from old to new. Open interest is in USD (inverse) or in coins (linear), whatever a contract
is worth.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import polars as pl

from resources.http.errors import BadRequest, NotFound, RateLimited, Unavailable, VendorError
from resources.http.retry import retry_after
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues import wire
from resources.venues.rows import Rows, frame, show
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import millis

EXCHANGE = "deribit"
PAGE_ROWS = 744
_PATH = "/api/v2/public/"
_HOURS = 1.0
#: hours that `current_funding` is for
_BASIS = 8.0
#: too many requests, queue full
_QUOTA = {10028, 10047}
#: retry, settlement in progress, maintenance, internal error
_BUSY = {10040, 10041, 11051, 11094}
#: not a valid instrument, no such instrument
_UNKNOWN = {10020, 13020}


def read(reply: Reply) -> Any:
    """The `result` of an answer. Raises what the code of an error in the body means, else what the status does."""
    if reply.status < 500 and (error := _error(reply.body)) is not None:
        raise _refusal(reply, error)
    wire.refuse(EXCHANGE, reply)
    return json_shape.member(EXCHANGE, json_shape.parse(EXCHANGE, reply.body), "result", (list, dict))


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    asked = {"currency": "any", "kind": "future", "expired": "false"}
    return listed(caller.one(Ask(f"{_PATH}get_instruments", asked, context="all futures")))


def listed(result: Any) -> pl.DataFrame:
    """The perpetuals in trade among instruments of every kind (LISTED)."""
    rows = Rows.of(EXCHANGE, result, "result").keep(_is_perpetual)
    symbol, base, quote = rows.text("instrument_name"), rows.text("base_currency"), rows.text("quote_currency")
    inverse = [_is_inverse(row, money) for row, money in zip(rows.rows, quote, strict=True)]
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=base,
        quote=quote,
        settle=[coin if turned else money for turned, coin, money in zip(inverse, base, quote, strict=True)],
        kind=["inverse" if turned else "linear" for turned in inverse],
        contract_size=rows.numbers("contract_size"),
        oi_unit=["usd" if turned else "base" for turned in inverse],
        interval_hours=_HOURS,
        listed_at=rows.instants("creation_timestamp", "ms"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT), each asked for itself."""
    path = f"{_PATH}ticker"
    asks = [
        Ask(path, {"instrument_name": one.request_id}, context=one.native_symbol, may_be_unknown=True)
        for one in instruments
    ]
    return quotes([ticker for ticker in caller.many(asks) if ticker is not None])


def quotes(tickers: Sequence[Any]) -> pl.DataFrame:
    """One ticker of each contract (CURRENT)."""
    rows = Rows.of(EXCHANGE, list(tickers), "result")
    return frame(
        CURRENT,
        native_symbol=rows.text("instrument_name"),
        predicted_rate_native=rows.numbers("current_funding") / _BASIS,
        interval_hours=_HOURS,
        mark_price=rows.numbers("mark_price"),
        index_price=rows.numbers("index_price"),
        open_interest_native=rows.numbers("open_interest"),
        is_trailing=False,
    )


def window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    """The settlements in [first, until); the start is asked from a millisecond earlier, in case it is excluded."""
    return Ask(
        f"{_PATH}get_funding_rate_history",
        {
            "instrument_name": instrument.request_id,
            "start_timestamp": millis(first) - 1,
            "end_timestamp": millis(until) - 1,
        },
    )


def events(result: Any, instrument: Instrument) -> Page:
    """One page of history: what each hour cost."""
    rows = Rows.of(EXCHANGE, result, "result")
    return Page(
        frame(
            EVENTS,
            native_symbol=instrument.native_symbol,
            funding_time_native=rows.instants("timestamp", "ms", required=True),
            rate_native=rows.numbers("interest_1h"),
            interval_hours=_HOURS,
        )
    )


def _is_perpetual(row: Mapping[str, Any]) -> bool:
    future = row.get("kind") == "future" and row.get("settlement_period") == "perpetual"
    return future and row.get("is_active") is not False


def _is_inverse(row: Mapping[str, Any], quote: str) -> bool:
    """By the type of the future; rows of before 2022 have none, when only those in USD were inverse."""
    kind = row.get("future_type")
    return kind == "reversed" if kind else quote == "USD"


def _error(body: bytes) -> Any:
    """The error in a body; None where there is none, or no JSON."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found.get("error") if isinstance(found, dict) else None


def _refusal(reply: Reply, error: Any) -> VendorError:
    code = error.get("code") if isinstance(error, dict) else None
    detail = f"HTTP {reply.status}: {show(error)}"
    if code in _QUOTA or reply.status == 429:
        wait = retry_after(reply.headers.get("retry-after"), reply.received_at)
        return RateLimited(EXCHANGE, detail, retry_after_s=wait)
    if code in _BUSY:
        return Unavailable(EXCHANGE, detail)
    return NotFound(EXCHANGE, detail) if code in _UNKNOWN else BadRequest(EXCHANGE, detail)


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Windowed(page_rows=PAGE_ROWS, ask=window),
    events=events,
)
