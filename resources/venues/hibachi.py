"""Hibachi: linear perpetuals against USDT, paid every 8 hours.

Quirks (api-doc.hibachi.xyz, vendors.md, ccxt 4.5.90): symbols have a slash (`BTC/USDT-P`); prices and open
interest are asked contract by contract; history is the newest page only, without parameters, and no row
says its interval, which the spacing of rows confirms; a refusal may come with HTTP 200 and the status
`failed`. Open interest is in units of the base.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import polars as pl

from resources.http.errors import BadRequest, NotFound
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues import wire
from resources.venues.rows import Rows, frame, show
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Whole

EXCHANGE = "hibachi"
#: the newest page, taken to be some 100 rows
MEMORY = timedelta(days=30)
_PATH = "/market/"
_HOURS = 8.0
_NOT_FOUND = 3


def read(reply: Reply) -> Any:
    """The JSON value of an answer. Raises what the code in the body means, else what the status does."""
    if reply.status in {200, 400} and (failed := _failed(reply.body)) is not None:
        kind = NotFound if failed.get("errorCode") == _NOT_FOUND else BadRequest
        raise kind(EXCHANGE, f"HTTP {reply.status}: {show(failed)}")
    wire.refuse(EXCHANGE, reply)
    return json_shape.parse(EXCHANGE, reply.body)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    return listed(caller.one(Ask(f"{_PATH}exchange-info", context="all contracts")))


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals in trade (LISTED)."""
    rows = Rows.at(EXCHANGE, body, "futureContracts").keep(lambda row: row.get("status") == "LIVE")
    symbol, quote = rows.text("symbol"), rows.text("settlementSymbol")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=rows.text("underlyingSymbol"),
        quote=quote,
        settle=quote,
        kind="linear",
        contract_size=1.0,
        oi_unit="base",
        interval_hours=_HOURS,
        listed_at=rows.instants("marketCreationTimestamp", "s"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT), each asked for itself."""
    asks = [*_each("prices", instruments), *_each("open-interest", instruments)]
    found = caller.many([replace(ask, may_be_unknown=True) for ask in asks])
    symbols = [one.native_symbol for one in instruments]
    answers = zip(symbols, found[: len(symbols)], found[len(symbols) :], strict=True)
    known = [(symbol, prices, interest) for symbol, prices, interest in answers if prices is not None]
    return quotes([(symbol, prices, {} if interest is None else interest) for symbol, prices, interest in known])


def quotes(answers: Sequence[tuple[str, Any, Any]]) -> pl.DataFrame:
    """Prices and open interest of each contract, beside its native symbol (CURRENT)."""
    price = Rows.of(EXCHANGE, [prices for _, prices, _ in answers])
    interest = Rows.of(EXCHANGE, [stated for _, _, stated in answers])
    estimates = [json_shape.mapping(EXCHANGE, row, "fundingRateEstimation") for row in price.rows]
    funding = Rows(EXCHANGE, "fundingRateEstimation", estimates, price.positions)
    return frame(
        CURRENT,
        native_symbol=[symbol for symbol, _, _ in answers],
        predicted_rate_native=funding.numbers("estimatedFundingRate"),
        next_funding_time=funding.instants("nextFundingTimestamp", "s"),
        mark_price=price.numbers("markPrice"),
        index_price=price.numbers("spotPrice"),
        open_interest_native=interest.numbers("totalQuantity"),
        is_trailing=False,
    )


def whole(instrument: Instrument) -> Ask:
    """The newest page of a contract's history."""
    return _each("funding-rates", [instrument])[0]


def events(body: Any, instrument: Instrument) -> Page:
    """The newest page of a contract's history."""
    rows = Rows.at(EXCHANGE, body, "data")
    return Page(
        frame(
            EVENTS,
            native_symbol=instrument.native_symbol,
            funding_time_native=rows.instants("fundingTimestamp", "s", required=True),
            rate_native=rows.numbers("fundingRate"),
        )
    )


def _each(what: str, instruments: Sequence[Instrument]) -> list[Ask]:
    path = f"{_PATH}data/{what}"
    return [Ask(path, {"symbol": one.request_id}, context=one.native_symbol) for one in instruments]


def _failed(body: bytes) -> Mapping[str, Any] | None:
    """A body that says it failed; None for every other."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and found.get("status") == "failed" else None


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Whole(ask=whole, newest_only=True),
    events=events,
    memory=MEMORY,
)
