"""dYdX v4: linear perpetuals against USD, settled in USDC every hour.

Quirks (vendors.md, ccxt 4.5.90): rates are for one hour; history has no start, is walked back by
`effectiveBeforeOrAt`, which is included, and runs from new to old; stamps lie up to some seconds after the
hour; of an unknown market HTTP 400 names the parameter. There is no mark price: positions are valued, and
funding is paid, at the oracle's, which therefore is `mark_price`. An index apart from it does not exist and
stays null, so that no basis of 0 is made up.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
import polars as pl

from resources.http.errors import NotFound
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues import wire
from resources.venues.rows import Rows, frame, show
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Backward, Caller, Instrument, Page, Position, Venue

EXCHANGE = "dydx"
PAGE_ROWS = 100
_HOURS = 1.0
_ALL = Ask("/v4/perpetualMarkets", context="all markets")


def read(reply: Reply) -> Any:
    """The JSON value of an answer. Raises NotFound where the ticker is what is wrong, else a VendorError."""
    if reply.status == 400 and (errors := _about_ticker(reply.body)):
        raise NotFound(EXCHANGE, f"HTTP 400: {show(errors)}")
    wire.refuse(EXCHANGE, reply)
    return json_shape.parse(EXCHANGE, reply.body)


def listing(caller: Caller) -> pl.DataFrame:
    """Every market in trade (LISTED)."""
    return listed(caller.one(_ALL))


def listed(body: Any) -> pl.DataFrame:
    """The markets in trade (LISTED); the base is what stands before `-USD`."""
    ticker = _in_trade(body).text("ticker")
    return frame(
        LISTED,
        native_symbol=ticker,
        request_id=ticker,
        native_base=ticker.str.strip_suffix("-USD"),
        quote="USD",
        settle="USDC",
        kind="linear",
        contract_size=1.0,
        oi_unit="base",
        interval_hours=_HOURS,
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    return quotes(caller.one(_ALL))


def quotes(body: Any) -> pl.DataFrame:
    """The state of every market in trade (CURRENT)."""
    rows = _in_trade(body)
    return frame(
        CURRENT,
        native_symbol=rows.text("ticker"),
        predicted_rate_native=rows.numbers("nextFundingRate"),
        interval_hours=_HOURS,
        mark_price=rows.numbers("oraclePrice"),
        open_interest_native=rows.numbers("openInterest"),
        is_trailing=False,
    )


def page(instrument: Instrument, position: Position) -> Ask:
    """The settlements before `position.before`."""
    return Ask(
        f"/v4/historicalFunding/{quote(instrument.request_id, safe='')}",
        {"limit": PAGE_ROWS, "effectiveBeforeOrAt": _iso(position.before - timedelta(milliseconds=1))},
    )


def events(body: Any, _: Instrument) -> Page:
    """One page of history, each rate for one hour, with the oracle price it was paid at."""
    rows = Rows.at(EXCHANGE, body, "historicalFunding")
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("ticker"),
            funding_time_native=rows.instants("effectiveAt", "iso", required=True),
            rate_native=rows.numbers("rate"),
            interval_hours=_HOURS,
            mark_price=rows.numbers("price"),
        )
    )


def _in_trade(body: Any) -> Rows:
    by_ticker = json_shape.member(EXCHANGE, body, "markets", dict)
    return Rows.of(EXCHANGE, list(by_ticker.values()), "markets").keep(lambda row: row.get("status") == "ACTIVE")


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _about_ticker(body: bytes) -> list[Mapping[str, Any]]:
    """The errors of a body that name the ticker."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    errors = found.get("errors") if isinstance(found, Mapping) else None
    return [one for one in errors or [] if isinstance(one, Mapping) and one.get("param") == "ticker"]


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Backward(page_rows=PAGE_ROWS, ask=page),
    events=events,
)
