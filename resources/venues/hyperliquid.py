"""Hyperliquid: linear perpetuals of coins, paid every hour.

Quirks (vendors.md, ccxt 4.5.90): everything is a POST to `/info`, which counts 20 of the 1200 a minute; a
coin it does not know is HTTP 500 with the body `null`; both ends of a window are included and pages run from
old to new; stamps lie some milliseconds after the hour. Every rate is for one hour, open interest is in
coins; when the next payment is due is not said.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from resources.http.errors import Malformed, NotFound, Unavailable
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues import wire
from resources.venues.rows import Rows, frame
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import millis

EXCHANGE = "hyperliquid"
PAGE_ROWS = 500
#: of 1200 a minute
WEIGHT = 20
_PATH = "/info"
_HOURS = 1.0
_ALL = Ask(_PATH, json={"type": "metaAndAssetCtxs"}, cost=WEIGHT, context="all coins")


def read(reply: Reply) -> Any:
    """The JSON value of an answer. Raises NotFound for what the venue says of an unknown coin, else a VendorError."""
    if reply.status == 500 and reply.body.strip() == b"null":
        raise NotFound(EXCHANGE, "HTTP 500 with the body null: the venue knows no such coin")
    wire.refuse(EXCHANGE, reply)
    return json_shape.parse(EXCHANGE, reply.body)


def listing(caller: Caller) -> pl.DataFrame:
    """Every coin in trade (LISTED)."""
    return listed(_all(caller))


def listed(body: Any) -> pl.DataFrame:
    """The coins in trade (LISTED)."""
    coins, _ = _in_trade(body)
    name = coins.text("name")
    return frame(
        LISTED,
        native_symbol=name,
        request_id=name,
        native_base=name,
        quote="USDC",
        settle="USDC",
        kind="linear",
        contract_size=1.0,
        oi_unit="base",
        interval_hours=_HOURS,
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    return quotes(_all(caller))


def quotes(body: Any) -> pl.DataFrame:
    """The state of every coin in trade (CURRENT)."""
    coins, states = _in_trade(body)
    return frame(
        CURRENT,
        native_symbol=coins.text("name"),
        predicted_rate_native=states.numbers("funding"),
        interval_hours=_HOURS,
        mark_price=states.numbers("markPx"),
        index_price=states.numbers("oraclePx"),
        open_interest_native=states.numbers("openInterest"),
        is_trailing=False,
    )


def window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    """The settlements in [first, until)."""
    asked = {
        "type": "fundingHistory",
        "coin": instrument.request_id,
        "startTime": millis(first),
        "endTime": millis(until) - 1,
    }
    return Ask(_PATH, json=asked, cost=WEIGHT)


def events(body: Any, _: Instrument) -> Page:
    """One page of history, each rate for one hour."""
    rows = Rows.of(EXCHANGE, body)
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("coin"),
            funding_time_native=rows.instants("time", "ms", required=True),
            rate_native=rows.numbers("fundingRate"),
            interval_hours=_HOURS,
        )
    )


def _all(caller: Caller) -> Any:
    try:
        return caller.one(_ALL)
    except NotFound:
        raise Unavailable(EXCHANGE, "HTTP 500 with the body null, and no coin was asked for") from None


def _in_trade(body: Any) -> tuple[Rows, Rows]:
    """What is said of each coin in trade, and its state: two lists of the body that run side by side."""
    if not isinstance(body, list) or len(body) != 2:
        raise Malformed(EXCHANGE, "the body must be a list of two: what is listed, and the states")
    coins, states = Rows.at(EXCHANGE, body[0], "[0].universe"), Rows.of(EXCHANGE, body[1], "[1]")
    if len(coins.rows) != len(states.rows):
        raise Malformed(EXCHANGE, f"[1] must have a state for each of {len(coins.rows)} coins, had {len(states.rows)}")
    kept = [place for place, coin in enumerate(coins.rows) if _trades(coin)]
    return _at(coins, kept), _at(states, kept)


def _trades(coin: Mapping[str, Any]) -> bool:
    """Names like `@1` are pairs of the spot market."""
    return not coin.get("isDelisted") and not str(coin.get("name")).startswith("@")


def _at(rows: Rows, places: Sequence[int]) -> Rows:
    return Rows(rows.vendor, rows.where, [rows.rows[place] for place in places], places)


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Windowed(page_rows=PAGE_ROWS, ask=window),
    events=events,
)
