"""HTX: linear swaps settled in USDT.

Quirks (vendors.md, seen 2026): funding_rate is that of the settlement at funding_time, which is to come; zero is
stated as 0E-18; no answer has the mark prices of all swaps, the last trade stands for them; history has no time
parameters and runs page by page from new to old; what was settled is realized_rate, and funding_rate where that
is null; settlements are 8 h apart with odd steps between. A settlement charges the premium of the interval before
the one that ends with it.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from resources.vendors import json_shape
from resources.venues.rows import Row, Rows, frame, hours_between, joined, of_instruments
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Backward, Caller, Instrument, Page, Position, Venue
from resources.venues.wire import Envelope

EXCHANGE = "htx"
PAGE_ROWS = 50
_CONTRACTS = Ask("/linear-swap-api/v1/swap_contract_info", context="all swaps")
_RATES = Ask("/linear-swap-api/v1/swap_batch_funding_rate", context="all swaps")
_TRADES = Ask("/linear-swap-ex/market/detail/batch_merged", context="all swaps")
_INDICES = Ask("/linear-swap-api/v1/swap_index", context="all swaps")
_INTEREST = Ask("/linear-swap-api/v1/swap_open_interest", context="all swaps")
_LISTED = 1
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="status",
    ok="ok",
    code="err_code",
    message="err_msg",
    quota=frozenset({"1032"}),
    # 1013: unknown symbol; 1332: unknown contract code
    unknown={"1013": "", "1332": ""},
    busy=frozenset({"1000", "1001", "1004"}),
)


def listing(caller: Caller) -> pl.DataFrame:
    """Every swap in trade (LISTED)."""
    return listed(caller.one(_CONTRACTS))


def listed(body: Any) -> pl.DataFrame:
    """The swaps in trade of an answer of contract info (LISTED)."""
    rows = Rows.at(EXCHANGE, body, "data").keep(_is_open_swap)
    code = rows.text("contract_code")
    quote = code.str.split("-").list.last()
    return frame(
        LISTED,
        native_symbol=code,
        request_id=code,
        native_base=rows.text("symbol"),
        quote=quote,
        settle=quote,
        kind="linear",
        contract_size=rows.numbers("contract_size"),
        oi_unit="contracts",
        interval_hours=rows.numbers("settlement_period"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    rates, trades, indices, interest = caller.many([_RATES, _TRADES, _INDICES, _INTEREST])
    looks = joined(
        quotes(rates),
        _one(trades, "ticks", "close", "mark_price"),
        _one(indices, "data", "index_price", "index_price"),
        _one(interest, "data", "volume", "open_interest_native"),
    )
    return of_instruments(looks, instruments)


def quotes(body: Any) -> pl.DataFrame:
    """An answer of current funding rates (CURRENT), without prices and open interest."""
    rows = Rows.at(EXCHANGE, body, "data")
    upcoming, after = rows.instants("funding_time", "ms"), rows.instants("next_funding_time", "ms")
    return frame(
        CURRENT,
        native_symbol=rows.text("contract_code"),
        predicted_rate_native=rows.numbers("funding_rate"),
        interval_hours=hours_between(upcoming, after),
        next_funding_time=upcoming,
        is_trailing=False,
    )


def page(instrument: Instrument, position: Position) -> Ask:
    """The next page back."""
    return Ask(
        "/linear-swap-api/v1/swap_historical_funding_rate",
        {"contract_code": instrument.request_id, "page_index": position.pages + 1, "page_size": PAGE_ROWS},
    )


def events(body: Any, _: Instrument) -> Page:
    """One page of history."""
    rows = Rows.at(EXCHANGE, json_shape.member(EXCHANGE, body, "data", dict), "data.data")
    realized, announced = rows.numbers("realized_rate"), rows.numbers("funding_rate")
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("contract_code"),
            funding_time_native=rows.instants("funding_time", "ms", required=True),
            rate_native=realized.zip_with(realized.is_not_null(), announced),
        )
    )


def _is_open_swap(row: Row) -> bool:
    return row.get("contract_status") == _LISTED and row.get("business_type", "swap") == "swap"


def _one(body: Any, where: str, key: str, name: str) -> pl.DataFrame:
    rows = Rows.at(EXCHANGE, body, where)
    return pl.DataFrame({"native_symbol": rows.text("contract_code"), name: rows.numbers(key)})


VENUE = Venue(
    exchange=EXCHANGE,
    read=_ENVELOPE.read,
    listing=listing,
    current=current,
    history=Backward(page_rows=PAGE_ROWS, ask=page),
    events=events,
    measures="previous",
)
