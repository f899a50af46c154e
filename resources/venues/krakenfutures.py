"""Kraken Futures: linear perpetuals (`PF_`) and inverse ones (`PI_`) against USD, paid every hour.

Quirks (docs.kraken.com, vendors.md, ccxt 4.5.90): tickers state rates absolutely, in the settled currency for
one unit and hour. Of a linear contract that is USD for a coin, so that the fraction is rate / mark price; of
an inverse one coins for a USD, so that it is rate x mark price (the documented row of history of 2018-08-31
16:00Z has 2.18900669884e-7 and, relative, 6.077996e-5, at a price of 277.66: that of ETH then). History says
the fraction itself, as `relativeFundingRate`, and comes whole in one answer; funding was paid every 4 and 8
hours in earlier years and no row says its interval. Errors may come with HTTP 200. A contract of the linear
kind is a coin, one of the inverse kind a USD, and open interest is in them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from resources.http.errors import BadRequest, NotFound, RateLimited, Unavailable, VendorError
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues import wire
from resources.venues.rows import Rows, frame
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Whole

EXCHANGE = "krakenfutures"
_PATH = "/derivatives/api/"
_HOURS = 1.0
_QUOTE = "USD"
#: type of a contract -> how a perpetual's symbol begins
_PREFIXES = {"flexible_futures": "PF_", "futures_inverse": "PI_"}
#: the venue's words for what went wrong
_REFUSALS: Mapping[str, type[VendorError]] = {
    "apiLimitExceeded": RateLimited,
    "contractNotFound": NotFound,
    "marketUnavailable": NotFound,
    "notFound": NotFound,
    "Server Error": Unavailable,
    "Unavailable": Unavailable,
    "unavailable": Unavailable,
}


def read(reply: Reply) -> Any:
    """The JSON value of an answer. Raises what its status means, or the error named in it."""
    wire.refuse(EXCHANGE, reply)
    body = json_shape.parse(EXCHANGE, reply.body)
    said = _error(body)
    if said is not None:
        raise _REFUSALS.get(said, BadRequest)(EXCHANGE, f"HTTP {reply.status}: {said}")
    return body


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    return listed(caller.one(Ask(f"{_PATH}v3/instruments", context="all contracts")))


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals in trade among contracts of every kind (LISTED)."""
    rows = Rows.at(EXCHANGE, body, "instruments").keep(_is_perpetual)
    symbol = rows.text("symbol")
    inverse = [row["type"] == "futures_inverse" for row in rows.rows]
    base = [row.get("base") or _base(name) for row, name in zip(rows.rows, symbol, strict=True)]
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=base,
        quote=_QUOTE,
        settle=[coin if turned else _QUOTE for coin, turned in zip(base, inverse, strict=True)],
        kind=["inverse" if turned else "linear" for turned in inverse],
        contract_size=rows.numbers("contractSize"),
        oi_unit=["usd" if turned else "base" for turned in inverse],
        interval_hours=_HOURS,
        listed_at=rows.instants("openingDate", "iso"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    return quotes(caller.one(Ask(f"{_PATH}v3/tickers", context="all contracts")), instruments)


def quotes(body: Any, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """The tickers of `instruments` (CURRENT), whose kind tells what a rate is to be read as."""
    kinds = {one.native_symbol: one.kind for one in instruments}
    rows = Rows.at(EXCHANGE, body, "tickers").keep(lambda row: row.get("symbol") in kinds)
    symbol, mark = rows.text("symbol"), rows.numbers("markPrice")
    known = pl.DataFrame({"rate": rows.numbers("fundingRatePrediction"), "mark": mark})
    inverse = pl.Series([kinds[name] == "inverse" for name in symbol], dtype=pl.Boolean)
    fraction = pl.when(inverse).then(pl.col("rate") * pl.col("mark")).otherwise(pl.col("rate") / pl.col("mark"))
    return frame(
        CURRENT,
        native_symbol=symbol,
        predicted_rate_native=known.select(pl.when(pl.col("mark") > 0).then(fraction)).to_series(),
        interval_hours=_HOURS,
        mark_price=mark,
        index_price=rows.numbers("indexPrice"),
        open_interest_native=rows.numbers("openInterest"),
        is_trailing=False,
    )


def whole(instrument: Instrument) -> Ask:
    """All of a contract's history."""
    return Ask(f"{_PATH}v4/historicalfundingrates", {"symbol": instrument.request_id})


def events(body: Any, instrument: Instrument) -> Page:
    """All of a contract's history."""
    rows = Rows.at(EXCHANGE, body, "rates")
    return Page(
        frame(
            EVENTS,
            native_symbol=instrument.native_symbol,
            funding_time_native=rows.instants("timestamp", "iso", required=True),
            rate_native=rows.numbers("relativeFundingRate"),
        )
    )


def _is_perpetual(row: Mapping[str, Any]) -> bool:
    """Dated contracts have the same types as perpetual ones, and a last trading time."""
    prefix = _PREFIXES.get(str(row.get("type")))
    if prefix is None or not str(row.get("symbol")).startswith(prefix):
        return False
    return row.get("tradeable") is True and not row.get("isExpired") and row.get("lastTradingTime") is None


def _base(symbol: str) -> str:
    """`XBT` of `PF_XBTUSD`."""
    return symbol.partition("_")[2].removesuffix(_QUOTE)


def _error(body: Any) -> str | None:
    """The error that a body of the third or the fourth version of the API names; None where there is none."""
    if not isinstance(body, Mapping):
        return None
    listed_errors = body.get("errors")
    if isinstance(listed_errors, list) and listed_errors:
        first = listed_errors[0]
        return str(first.get("message") or first.get("code")) if isinstance(first, Mapping) else str(first)
    said = body.get("error")
    return str(said or "error") if said or body.get("result") == "error" else None


VENUE = Venue(exchange=EXCHANGE, read=read, listing=listing, current=current, history=Whole(ask=whole), events=events)
