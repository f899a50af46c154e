"""Bybit v5: linear and inverse perpetuals.

Quirks (vendors.md, seen 2026): two categories, each asked for itself; refusals come as 200 with a retCode;
an address that asks too often gets HTTP 403 in words; startTime is refused without endTime, both included;
pages of history run from new to old. Inverse contracts are worth 1 USD and their open interest is in USD.
A settlement charges the premium of the interval before the one that ends with it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import polars as pl

from resources.http.errors import Malformed
from resources.vendors import json_shape
from resources.venues.rows import Rows, frame, of_instruments
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import Envelope, millis

EXCHANGE = "bybit"
CATEGORIES = ("linear", "inverse")
PAGE_ROWS = 200
_PERPETUAL = {"LinearPerpetual", "InversePerpetual"}
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="retCode",
    ok="0",
    code="retCode",
    message="retMsg",
    quota=frozenset({"10006", "10018"}),
    # 10001 is any wrong parameter
    unknown={"10001": "symbol"},
    busy=frozenset({"10000", "10016"}),
)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED), linear ones first."""
    return pl.concat([_category(caller, category) for category in CATEGORIES])


def listed(body: Any, category: str) -> pl.DataFrame:
    """The perpetuals in trade of one page of instruments-info (LISTED)."""
    is_linear = category == "linear"
    rows = _rows(body).keep(lambda row: row.get("contractType") in _PERPETUAL and row.get("status") == "Trading")
    symbol = rows.text("symbol")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=rows.text("baseCoin"),
        quote=rows.text("quoteCoin"),
        settle=rows.text("settleCoin"),
        kind=category,
        contract_size=1.0,
        oi_unit="base" if is_linear else "usd",
        interval_hours=rows.hours("fundingInterval", 60),
        listed_at=rows.instants("launchTime", "ms"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    categories = [category for category in CATEGORIES if any(one.kind == category for one in instruments)]
    asks = [Ask("/v5/market/tickers", {"category": category}, context=category) for category in categories]
    looks = [quotes(body) for body in caller.many(asks)]
    return of_instruments(pl.concat([CURRENT.to_frame(), *looks]), instruments)


def quotes(body: Any) -> pl.DataFrame:
    """One answer of tickers, dated futures included (CURRENT)."""
    rows = _rows(body)
    return frame(
        CURRENT,
        native_symbol=rows.text("symbol"),
        predicted_rate_native=rows.numbers("fundingRate"),
        interval_hours=rows.numbers("fundingIntervalHour"),
        next_funding_time=rows.instants("nextFundingTime", "ms"),
        mark_price=rows.numbers("markPrice"),
        index_price=rows.numbers("indexPrice"),
        open_interest_native=rows.numbers("openInterest"),
        is_trailing=False,
    )


def window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    """The settlements in [first, until)."""
    return Ask(
        "/v5/market/funding/history",
        {
            "category": instrument.kind,
            "symbol": instrument.request_id,
            "startTime": millis(first),
            "endTime": millis(until) - 1,
            "limit": PAGE_ROWS,
        },
    )


def events(body: Any, _: Instrument) -> Page:
    """One page of history."""
    rows = _rows(body)
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("symbol"),
            funding_time_native=rows.instants("fundingRateTimestamp", "ms", required=True),
            rate_native=rows.numbers("fundingRate"),
        )
    )


def _rows(body: Any) -> Rows:
    return Rows.at(EXCHANGE, json_shape.member(EXCHANGE, body, "result", dict), "result.list")


def _category(caller: Caller, category: str) -> pl.DataFrame:
    frames, cursors = [], [""]
    while True:
        params: dict[str, str | int] = {"category": category, "limit": 1000}
        if cursors[-1]:
            params["cursor"] = cursors[-1]
        body = caller.one(Ask("/v5/market/instruments-info", params, context=category))
        frames.append(listed(body, category))
        # stated as a URL spells it, and spelled so again when it is sent
        following = unquote(json_shape.text(EXCHANGE, body["result"], "result.nextPageCursor") or "")
        if not following:
            return pl.concat(frames)
        if following in cursors:
            raise Malformed(EXCHANGE, f"result.nextPageCursor must lead on, was {following!r} before")
        cursors.append(following)


VENUE = Venue(
    exchange=EXCHANGE,
    read=_ENVELOPE.read,
    listing=listing,
    current=current,
    history=Windowed(page_rows=PAGE_ROWS, ask=window),
    events=events,
    measures="previous",
)
