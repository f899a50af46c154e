"""MEXC contract v1: perpetuals settled in a quote currency or in coin.

Quirks (vendors.md, seen 2026): the interval, collectCycle, is not in the listing but beside each funding rate,
also in history; the list of all current rates is not documented, and where it is refused each contract is asked;
history has no time parameters and runs page by page from new to old; refusals come as 200 with success false;
open interest counts contracts; a rate of 0 is stated for contracts that charge nothing, and kept.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from resources.http.errors import BadRequest, NotFound
from resources.vendors import json_shape
from resources.venues.rows import Rows, frame, joined, of_instruments
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Backward, Caller, Instrument, Page, Position, Venue
from resources.venues.wire import Envelope

EXCHANGE = "mexc"
PAGE_ROWS = 100
_DETAIL = Ask("/api/v1/contract/detail", context="all contracts")
_TICKERS = Ask("/api/v1/contract/ticker", context="all contracts")
_RATES = Ask("/api/v1/contract/funding_rate", context="all contracts")
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="success",
    ok="True",
    code="code",
    message="message",
    quota=frozenset({"510"}),
    unknown={"1001": ""},
    busy=frozenset({"500", "501", "9999"}),
)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    contracts = listed(caller.one(_DETAIL))
    rates = funding(_rates(caller, contracts["native_symbol"].to_list()))
    return joined(contracts, rates.select("native_symbol", "interval_hours"))


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals in trade of an answer of detail (LISTED), without intervals, which it does not state."""
    rows = Rows.at(EXCHANGE, body, "data").keep(lambda row: row.get("state") == 0)
    symbol, quote, settle = rows.text("symbol"), rows.text("quoteCoin"), rows.text("settleCoin")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=rows.text("baseCoin"),
        quote=quote,
        settle=settle,
        kind=["linear" if is_linear else "inverse" for is_linear in quote == settle],
        contract_size=rows.numbers("contractSize"),
        oi_unit="contracts",
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    rates = funding(_rates(caller, [one.request_id for one in instruments]))
    return of_instruments(joined(rates, prices(caller.one(_TICKERS))), instruments)


def funding(rows: Rows) -> pl.DataFrame:
    """Current funding rates (CURRENT), without prices and open interest."""
    return frame(
        CURRENT,
        native_symbol=rows.text("symbol"),
        predicted_rate_native=rows.numbers("fundingRate"),
        interval_hours=rows.numbers("collectCycle"),
        next_funding_time=rows.instants("nextSettleTime", "ms"),
        is_trailing=False,
    )


def prices(body: Any) -> pl.DataFrame:
    """Prices and open interest of an answer of ticker, by native symbol."""
    rows = Rows.at(EXCHANGE, body, "data")
    return pl.DataFrame(
        {
            "native_symbol": rows.text("symbol"),
            "mark_price": rows.numbers("fairPrice"),
            "index_price": rows.numbers("indexPrice"),
            "open_interest_native": rows.numbers("holdVol"),
        }
    )


def page(instrument: Instrument, position: Position) -> Ask:
    """The next page back."""
    return Ask(
        "/api/v1/contract/funding_rate/history",
        {"symbol": instrument.request_id, "page_num": position.pages + 1, "page_size": PAGE_ROWS},
    )


def events(body: Any, _: Instrument) -> Page:
    """One page of history."""
    rows = Rows.at(EXCHANGE, json_shape.member(EXCHANGE, body, "data", dict), "data.resultList")
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("symbol"),
            funding_time_native=rows.instants("settleTime", "ms", required=True),
            rate_native=rows.numbers("fundingRate"),
            interval_hours=rows.numbers("collectCycle"),
        )
    )


def _rates(caller: Caller, symbols: Sequence[str]) -> Rows:
    try:
        return Rows.at(EXCHANGE, caller.one(_RATES), "data")
    except (NotFound, BadRequest):
        asks = [Ask(f"{_RATES.path}/{symbol}", context=symbol, may_be_unknown=True) for symbol in symbols]
        known = [body for body in caller.many(asks) if body is not None]
        return Rows.of(EXCHANGE, [json_shape.member(EXCHANGE, body, "data", dict) for body in known], "data")


VENUE = Venue(
    exchange=EXCHANGE,
    read=_ENVELOPE.read,
    listing=listing,
    current=current,
    history=Backward(page_rows=PAGE_ROWS, ask=page),
    events=events,
)
