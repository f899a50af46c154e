"""OKX v5: perpetual swaps, linear and inverse.

Quirks (vendors.md, seen 2026): one answer has the current rate of every swap (instId=ANY); no field states the
interval, it is the distance of the next two settlements; `before` is newer than and `after` older than, both
without the instant itself; pages run from new to old; only three months are kept; what was settled is
realizedRate, fundingRate is what had been announced; index prices are not among these answers.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from resources.http.errors import Malformed
from resources.venues.rows import Rows, frame, hours_between, joined, of_instruments
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import Envelope, millis

EXCHANGE = "okx"
PAGE_ROWS = 400
MEMORY = timedelta(days=90)
_RATES = Ask("/api/v5/public/funding-rate", {"instId": "ANY"}, context="all swaps")
_INSTRUMENTS = Ask("/api/v5/public/instruments", {"instType": "SWAP"}, context="all swaps")
_MARKS = Ask("/api/v5/public/mark-price", {"instType": "SWAP"}, context="all swaps")
_INTEREST = Ask("/api/v5/public/open-interest", {"instType": "SWAP"}, context="all swaps")
_KINDS = {"linear", "inverse"}
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="code",
    ok="0",
    code="code",
    message="msg",
    quota=frozenset({"50011", "50061"}),
    unknown={"51001": "", "51014": "", "51015": ""},
    busy=frozenset({"50001", "50004", "50013", "50026"}),
)


def listing(caller: Caller) -> pl.DataFrame:
    """Every swap in trade (LISTED)."""
    instruments, rates = caller.many([_INSTRUMENTS, _RATES])
    intervals = quotes(rates).select("native_symbol", "interval_hours")
    return joined(listed(instruments), intervals)


def listed(body: Any) -> pl.DataFrame:
    """The swaps in trade of an answer of instruments (LISTED), without intervals, which OKX does not list."""
    rows = _rows(body).keep(lambda row: row.get("state") == "live")
    symbol, kind = rows.text("instId"), rows.text("ctType")
    if not set(kind) <= _KINDS:
        raise Malformed(EXCHANGE, f"data.ctType must be linear or inverse, was {', '.join(sorted(set(kind) - _KINDS))}")
    pair = symbol.str.split("-")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=pair.list.get(0),
        quote=pair.list.get(1),
        settle=rows.text("settleCcy"),
        kind=kind,
        contract_size=rows.numbers("ctVal") * rows.numbers("ctMult").fill_null(1.0),
        oi_unit="contracts",
        listed_at=rows.instants("listTime", "ms"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    rates, marks, interest = caller.many([_RATES, _MARKS, _INTEREST])
    looks = joined(quotes(rates), _one(marks, "markPx", "mark_price"), _one(interest, "oi", "open_interest_native"))
    return of_instruments(looks, instruments)


def quotes(body: Any) -> pl.DataFrame:
    """An answer of current funding rates (CURRENT), without prices and open interest."""
    rows = _rows(body)
    upcoming, after = rows.instants("fundingTime", "ms"), rows.instants("nextFundingTime", "ms")
    return frame(
        CURRENT,
        native_symbol=rows.text("instId"),
        predicted_rate_native=rows.numbers("fundingRate"),
        interval_hours=hours_between(upcoming, after),
        next_funding_time=upcoming,
        is_trailing=False,
    )


def window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    """The settlements in [first, until)."""
    return Ask(
        "/api/v5/public/funding-rate-history",
        {
            "instId": instrument.request_id,
            "before": millis(first) - 1,
            "after": millis(until),
            "limit": PAGE_ROWS,
        },
    )


def events(body: Any, _: Instrument) -> Page:
    """One page of history."""
    rows = _rows(body)
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("instId"),
            funding_time_native=rows.instants("fundingTime", "ms", required=True),
            rate_native=rows.numbers("realizedRate"),
        )
    )


def _rows(body: Any) -> Rows:
    return Rows.at(EXCHANGE, body, "data")


def _one(body: Any, key: str, name: str) -> pl.DataFrame:
    rows = _rows(body)
    return pl.DataFrame({"native_symbol": rows.text("instId"), name: rows.numbers(key)})


VENUE = Venue(
    exchange=EXCHANGE,
    read=_ENVELOPE.read,
    listing=listing,
    current=current,
    history=Windowed(page_rows=PAGE_ROWS, ask=window),
    events=events,
    memory=MEMORY,
)
