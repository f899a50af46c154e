"""Drift: linear perpetuals against USDC, paid every hour.

Quirks (the venue's Data API documentation): `/contracts` has the current rate in percent of one hour; history
has what was paid for a coin, in whole numbers of 1e-9 USDC, beside the oracle's average price, in whole
numbers of 1e-6 USDC, and keeps 30 days; its stamps are in seconds and lie some of them after the hour. Open
interest is in coins.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from resources.http.errors import BadRequest, Malformed
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues import wire
from resources.venues.rows import Rows, frame, show
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Whole

EXCHANGE = "drift"
MEMORY = timedelta(days=30)
_HOURS = 1.0
_PERCENT = 100.0
#: whole numbers that are one USDC
_PAID_UNIT, _PRICE_UNIT = 1e9, 1e6
_ALL = Ask("/contracts", context="all contracts")


def read(reply: Reply) -> Any:
    """The JSON value of an answer. Raises what its status means, and BadRequest where the body says no success."""
    wire.refuse(EXCHANGE, reply)
    body = json_shape.parse(EXCHANGE, reply.body)
    if isinstance(body, dict) and body.get("success") is False:
        raise BadRequest(EXCHANGE, f"HTTP {reply.status}: {show(body)}")
    return body


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    return listed(caller.one(_ALL))


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals among contracts of every kind (LISTED)."""
    rows = _perpetuals(body)
    symbol, quote = rows.text("ticker_id"), rows.text("quote_currency")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=rows.text("base_currency"),
        quote=quote,
        settle=quote,
        kind="linear",
        contract_size=1.0,
        oi_unit="base",
        interval_hours=_HOURS,
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    return quotes(caller.one(_ALL))


def quotes(body: Any) -> pl.DataFrame:
    """The state of every perpetual (CURRENT); in old answers a last trade is the only price of the venue's own."""
    rows = _perpetuals(body)
    return frame(
        CURRENT,
        native_symbol=rows.text("ticker_id"),
        predicted_rate_native=rows.numbers("funding_rate") / _PERCENT,
        interval_hours=_HOURS,
        next_funding_time=rows.instants("next_funding_rate_timestamp", "ms"),
        mark_price=rows.numbers("mark_price"),
        index_price=rows.numbers("index_price"),
        open_interest_native=rows.numbers("open_interest"),
        is_trailing=False,
    )


def whole(instrument: Instrument) -> Ask:
    """The newest page of a contract's history."""
    return Ask("/fundingRates", {"marketName": instrument.request_id})


def events(body: Any, instrument: Instrument) -> Page:
    """The newest page of a contract's history, each rate for one hour: what was paid over the average price."""
    rows = Rows.at(EXCHANGE, body, "fundingRates")
    known = pl.DataFrame(
        {
            "paid": _whole_numbers(rows, "fundingRate") / _PAID_UNIT,
            "price": _whole_numbers(rows, "oraclePriceTwap") / _PRICE_UNIT,
        }
    )
    fraction = pl.when(pl.col("price") > 0).then(pl.col("paid") / pl.col("price"))
    return Page(
        frame(
            EVENTS,
            native_symbol=instrument.native_symbol,
            funding_time_native=rows.instants("ts", "s", required=True),
            rate_native=known.select(fraction).to_series(),
            interval_hours=_HOURS,
        )
    )


def _perpetuals(body: Any) -> Rows:
    return Rows.at(EXCHANGE, body, "contracts").keep(lambda row: row.get("product_type") == "PERP")


def _whole_numbers(rows: Rows, key: str) -> pl.Series:
    """Member `key`, which must be whole: elsewhere the venue states it in USDC, which would pass for nearly 0."""
    found = rows.numbers(key)
    for row, at in zip(rows.rows, rows.positions, strict=True):
        if "." in str(row.get(key)):
            raise Malformed(EXCHANGE, f"{rows.where}[{at}].{key} must be a whole number, was {show(row[key])}")
    return found


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Whole(ask=whole, newest_only=True),
    events=events,
    memory=MEMORY,
)
