"""Gate v4: linear perpetuals settled in USDT.

Quirks (vendors.md, seen 2026): one answer, asked without a limit, is the listing and the current state of all
contracts; instants are in seconds, and so are intervals; open interest counts contracts of quanto_multiplier base
units; a refusal has a label and a status of its own; BTC's history has a hole of 752 hours. A settlement charges
the premium of the interval before the one that ends with it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from resources.http.errors import BadRequest, NotFound, VendorError
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues.rows import Row, Rows, frame, of_instruments
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import refuse, seconds

EXCHANGE = "gate"
PAGE_ROWS = 1000
_CONTRACTS = Ask("/api/v4/futures/usdt/contracts", context="all contracts")
_UNKNOWN = b"CONTRACT_NOT_FOUND"


def read(reply: Reply) -> Any:
    """The value of a success, which is a bare list. Raises what a refusal means."""

    def wrong(detail: str) -> VendorError:
        return (NotFound if _UNKNOWN in reply.body else BadRequest)(EXCHANGE, detail)

    refuse(EXCHANGE, reply, {400: wrong})
    return json_shape.parse(EXCHANGE, reply.body)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    return listed(caller.one(_CONTRACTS))


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals in trade of an answer of contracts (LISTED)."""
    rows = Rows.of(EXCHANGE, body).keep(_is_open)
    symbol = rows.text("name")
    # the base may hold an underscore, the quote cannot
    pair = symbol.str.extract_groups("^(?<base>.+)_(?<quote>[^_]+)$")
    quote = pair.struct.field("quote")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=pair.struct.field("base"),
        quote=quote,
        settle=quote,
        kind="linear",
        contract_size=rows.numbers("quanto_multiplier"),
        oi_unit="contracts",
        interval_hours=rows.hours("funding_interval", 3600),
        listed_at=rows.instants("create_time", "s"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    return of_instruments(quotes(caller.one(_CONTRACTS)), instruments)


def quotes(body: Any) -> pl.DataFrame:
    """Current state of every contract of an answer (CURRENT)."""
    rows = Rows.of(EXCHANGE, body)
    return frame(
        CURRENT,
        native_symbol=rows.text("name"),
        predicted_rate_native=rows.numbers("funding_rate"),
        interval_hours=rows.hours("funding_interval", 3600),
        next_funding_time=rows.instants("funding_next_apply", "s"),
        mark_price=rows.numbers("mark_price"),
        index_price=rows.numbers("index_price"),
        open_interest_native=rows.numbers("position_size"),
        is_trailing=False,
    )


def window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    """The settlements in [first, until)."""
    return Ask(
        "/api/v4/futures/usdt/funding_rate",
        {
            "contract": instrument.request_id,
            "from": seconds(first),
            "to": seconds(until) - 1,
            "limit": PAGE_ROWS,
        },
    )


def events(body: Any, instrument: Instrument) -> Page:
    """One page of history, which names no contract."""
    rows = Rows.of(EXCHANGE, body)
    return Page(
        frame(
            EVENTS,
            native_symbol=instrument.native_symbol,
            funding_time_native=rows.instants("t", "s", required=True),
            rate_native=rows.numbers("r"),
        )
    )


def _is_open(row: Row) -> bool:
    return not row.get("in_delisting") and row.get("status", "trading") == "trading"


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Windowed(page_rows=PAGE_ROWS, ask=window),
    events=events,
    measures="previous",
)
