"""Lighter: linear perpetuals against USDC, paid every hour, some of them of a thousand coins.

Quirks (apidocs.lighter.xyz, vendors.md, ccxt 4.5.90): history is asked by a market's number; `funding-rates`
has the rates of other exchanges as well, and the venue's own as a fraction of 8 hours; history has percent of
one hour without a sign, and beside it who paid; its stamps and windows are in seconds, both ends included;
`count_back` counts rows back from the end and may reach beyond the start, so it is what the window holds.
Refusals have a code other than 200 in the body; 405 is an answer to too many requests. Open interest is in
units of the base.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from resources.http.errors import Malformed, RateLimited
from resources.http.retry import retry_after
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues.rows import Rows, frame, joined, show
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import Envelope, seconds

EXCHANGE = "lighter"
PAGE_ROWS = 750
_PATH = "/api/v1/"
_HOURS = 1.0
_HOUR_S = 3600
#: hours that a rate of `funding-rates` is for
_BASIS = 8.0
_PERCENT = 100.0
#: who pays -> sign; of a rate that nobody paid the venue may say neither
_SIGNS: Mapping[Any, float | None] = {"long": 1.0, "short": -1.0, "": None, None: None}
_DETAILS = Ask(f"{_PATH}orderBookDetails", context="all markets")
_RATES = Ask(f"{_PATH}funding-rates", context="all markets")
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="code",
    ok="200",
    code="code",
    message="message",
    quota=frozenset({"429", "23000"}),
    # 20001 is any wrong parameter
    unknown={"21602": "", "20001": "market"},
    busy=frozenset({"29500"}),
)


def read(reply: Reply) -> Any:
    """The body of a success. Raises what its code or its status means."""
    if reply.status == 405:
        wait = retry_after(reply.headers.get("retry-after"), reply.received_at)
        raise RateLimited(EXCHANGE, "HTTP 405, which the venue says to too many requests", retry_after_s=wait)
    return _ENVELOPE.read(reply)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    return listed(caller.one(_DETAILS))


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals in trade (LISTED)."""
    rows = _in_trade(body)
    symbol = rows.text("symbol")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=_market_ids(rows),
        native_base=symbol,
        quote="USDC",
        settle="USDC",
        kind="linear",
        contract_size=1.0,
        oi_unit="base",
        interval_hours=_HOURS,
        listed_at=rows.instants("created_at", "ms"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    details, rates = caller.many([_DETAILS, _RATES])
    looks = quotes(details).drop("predicted_rate_native")
    return joined(looks, predicted(rates)).select(list(CURRENT))


def quotes(body: Any) -> pl.DataFrame:
    """An answer of markets' details (CURRENT), without rates; in old ones a last trade is the only price."""
    rows = _in_trade(body)
    return frame(
        CURRENT,
        native_symbol=rows.text("symbol"),
        interval_hours=_HOURS,
        mark_price=rows.numbers("mark_price"),
        index_price=rows.numbers("index_price"),
        open_interest_native=rows.numbers("open_interest"),
        is_trailing=False,
    )


def predicted(body: Any) -> pl.DataFrame:
    """The venue's own rates in an answer of several exchanges': native_symbol, predicted_rate_native (of one hour)."""
    rows = Rows.at(EXCHANGE, body, "funding_rates").keep(lambda row: row.get("exchange") == EXCHANGE)
    return pl.DataFrame(
        {"native_symbol": rows.text("symbol"), "predicted_rate_native": rows.numbers("rate") / (_BASIS / _HOURS)}
    )


def window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    """The settlements in [first, until), which are one an hour."""
    start, end = seconds(first), seconds(until)
    return Ask(
        f"{_PATH}fundings",
        {
            "market_id": instrument.request_id,
            "resolution": "1h",
            "start_timestamp": start,
            "end_timestamp": end - 1,
            "count_back": min(PAGE_ROWS, -((start - end) // _HOUR_S)),
        },
    )


def events(body: Any, instrument: Instrument) -> Page:
    """One page of history, each rate for one hour; null where it is not said who paid."""
    rows = Rows.at(EXCHANGE, body, "fundings")
    known = pl.DataFrame({"size": rows.numbers("rate") / _PERCENT, "sign": _signs(rows)})
    signed = pl.when(pl.col("size") == 0).then(0.0).otherwise(pl.col("size") * pl.col("sign"))
    return Page(
        frame(
            EVENTS,
            native_symbol=instrument.native_symbol,
            funding_time_native=rows.instants("timestamp", "s", required=True),
            rate_native=known.select(signed).to_series(),
            interval_hours=_HOURS,
        )
    )


def _in_trade(body: Any) -> Rows:
    rows = Rows.at(EXCHANGE, body, "order_book_details")
    return rows.keep(lambda row: row.get("status") == "active" and row.get("market_type") in {"perp", None})


def _market_ids(rows: Rows) -> list[str]:
    places = zip(rows.rows, rows.positions, strict=True)
    return [str(json_shape.member(EXCHANGE, row, f"{rows.where}[{at}].market_id", int)) for row, at in places]


def _signs(rows: Rows) -> pl.Series:
    said = [row.get("direction") for row in rows.rows]
    for direction, at in zip(said, rows.positions, strict=True):
        if direction not in _SIGNS:
            raise Malformed(EXCHANGE, f"fundings[{at}].direction must be long or short, was {show(direction)}")
    return pl.Series([_SIGNS[direction] for direction in said], dtype=pl.Float64)


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Windowed(page_rows=PAGE_ROWS, ask=window),
    events=events,
)
