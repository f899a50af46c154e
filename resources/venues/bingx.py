"""BingX swap v2: linear perpetuals settled in USDT or USDC.

Quirks (vendors.md, seen 2026): lastFundingRate is the rate of the interval under way, for all it is called; open
interest is in quote currency and asked contract by contract; the interval stands beside the rate, not in the
listing; public endpoints need no timestamp, although it is documented as required; pages run from new to old.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from resources.vendors import json_shape
from resources.venues.rows import Row, Rows, frame, joined, of_instruments
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import Envelope, millis

EXCHANGE = "bingx"
PAGE_ROWS = 1000
_CONTRACTS = Ask("/openApi/swap/v2/quote/contracts", context="all contracts")
_PREMIUMS = Ask("/openApi/swap/v2/quote/premiumIndex", context="all contracts")
_INTEREST = "/openApi/swap/v2/quote/openInterest"
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="code",
    ok="0",
    code="code",
    message="msg",
    quota=frozenset({"429", "100410"}),
    # 109425: the contract does not exist; 109418: it is offline
    unknown={"109425": "", "109418": ""},
    busy=frozenset({"100500", "80012"}),
)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    contracts, premiums = caller.many([_CONTRACTS, _PREMIUMS])
    intervals = quotes(premiums).select("native_symbol", "interval_hours")
    return joined(listed(contracts), intervals)


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals in trade of an answer of contracts (LISTED), without intervals, which it does not state."""
    rows = Rows.at(EXCHANGE, body, "data").keep(_is_open)
    symbol = rows.text("symbol")
    pair = symbol.str.split("-")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=pair.list.first(),
        quote=pair.list.last(),
        settle=rows.text("currency"),
        kind="linear",
        contract_size=1.0,
        oi_unit="usd",
        listed_at=rows.instants("launchTime", "ms"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    asks = [
        Ask(_INTEREST, {"symbol": one.request_id}, context=one.native_symbol, may_be_unknown=True)
        for one in instruments
    ]
    premiums, *bodies = caller.many([_PREMIUMS, *asks])
    return of_instruments(joined(quotes(premiums), interest(bodies)), instruments)


def quotes(body: Any) -> pl.DataFrame:
    """An answer of premium index (CURRENT), without open interest."""
    rows = Rows.at(EXCHANGE, body, "data")
    return frame(
        CURRENT,
        native_symbol=rows.text("symbol"),
        predicted_rate_native=rows.numbers("lastFundingRate"),
        interval_hours=rows.numbers("fundingIntervalHours"),
        next_funding_time=rows.instants("nextFundingTime", "ms"),
        mark_price=rows.numbers("markPrice"),
        index_price=rows.numbers("indexPrice"),
        is_trailing=False,
    )


def interest(bodies: Sequence[Any]) -> pl.DataFrame:
    """Open interest by native symbol (quote currency), out of one answer for each contract; None is unknown."""
    known = [json_shape.member(EXCHANGE, body, "data", dict) for body in bodies if body is not None]
    rows = Rows.of(EXCHANGE, known, "data")
    return pl.DataFrame({"native_symbol": rows.text("symbol"), "open_interest_native": rows.numbers("openInterest")})


def window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    """The settlements in [first, until)."""
    return Ask(
        "/openApi/swap/v2/quote/fundingRate",
        {
            "symbol": instrument.request_id,
            "startTime": millis(first),
            "endTime": millis(until) - 1,
            "limit": PAGE_ROWS,
        },
    )


def events(body: Any, _: Instrument) -> Page:
    """One page of history."""
    rows = Rows.at(EXCHANGE, body, "data")
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("symbol"),
            funding_time_native=rows.instants("fundingTime", "ms", required=True),
            rate_native=rows.numbers("fundingRate"),
            mark_price=rows.numbers("markPrice"),
        )
    )


def _is_open(row: Row) -> bool:
    # a number in the documents, text in their examples
    return str(row.get("status")) == "1"


VENUE = Venue(
    exchange=EXCHANGE,
    read=_ENVELOPE.read,
    listing=listing,
    current=current,
    history=Windowed(page_rows=PAGE_ROWS, ask=window),
    events=events,
)
