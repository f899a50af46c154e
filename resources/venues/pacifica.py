"""Pacifica: linear perpetuals against USDC, paid every hour.

Quirks (docs.pacifica.fi, vendors.md, ccxt 4.5.90): spot markets stand in the same list; `funding` is what the
last hour cost, `next_funding` what the one under way is expected to; history is walked back by a cursor and
runs from new to old. Open interest is in units of the base.

A row's `created_at` may lie off the hour: `events` gives as `funding_time_native` the settlement it belongs
to, which is the end of the hour that contains it. A row that is written up to a minute after an hour is that
hour's own (seen: 0.4 s and 4.5 s).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from resources.http.errors import Malformed
from resources.venues.rows import Rows, frame, show
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Backward, Caller, Instrument, Page, Position, Venue
from resources.venues.wire import Envelope

EXCHANGE = "pacifica"
PAGE_ROWS = 4000
_PATH = "/api/v1/"
_HOURS = 1.0
_HOUR = timedelta(hours=1)
#: how late after its hour a row may be written
_LATE = timedelta(minutes=1)
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="success",
    ok="True",
    code="code",
    message="error",
    quota=frozenset({"429"}),
    # no book, no asset, asset not active
    unknown={"3": "", "55": "", "56": "", "404": ""},
    busy=frozenset({"0", "14", "500", "503"}),
)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    return listed(caller.one(Ask(f"{_PATH}info", context="all markets")))


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals of an answer (LISTED); old answers have nothing else and do not say so."""
    rows = _rows(body).keep(lambda row: row.get("instrument_type") in {"perpetual", None})
    symbol = rows.text("symbol")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
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
    return quotes(caller.one(Ask(f"{_PATH}info/prices", context="all markets")))


def quotes(body: Any) -> pl.DataFrame:
    """The state of every market (CURRENT)."""
    rows = _rows(body)
    return frame(
        CURRENT,
        native_symbol=rows.text("symbol"),
        predicted_rate_native=rows.numbers("next_funding"),
        interval_hours=_HOURS,
        mark_price=rows.numbers("mark"),
        index_price=rows.numbers("oracle"),
        open_interest_native=rows.numbers("open_interest"),
        is_trailing=False,
    )


def page(instrument: Instrument, position: Position) -> Ask:
    """The page that the last one's cursor names, or the newest."""
    asked: dict[str, str | int] = {"symbol": instrument.request_id, "limit": PAGE_ROWS}
    return Ask(
        f"{_PATH}funding_rate/history",
        asked if position.cursor is None else {**asked, "cursor": position.cursor},
    )


def events(body: Any, instrument: Instrument) -> Page:
    """One page of history, each rate for one hour, and where the next page begins."""
    rows = _rows(body)
    found = frame(
        EVENTS,
        native_symbol=instrument.native_symbol,
        funding_time_native=rows.instants("created_at", "ms", required=True),
        rate_native=rows.numbers("funding_rate"),
        interval_hours=_HOURS,
    )
    return Page(found.with_columns(_settlement(pl.col("funding_time_native"))), _cursor(body))


def _rows(body: Any) -> Rows:
    return Rows.at(EXCHANGE, body, "data")


def _settlement(created: pl.Expr) -> pl.Expr:
    hour = created.dt.truncate("1h")
    return pl.when(created - hour <= _LATE).then(hour).otherwise(hour + _HOUR)


def _cursor(body: Any) -> str | None:
    """Where the next page begins; None where there is none."""
    if not body.get("has_more"):
        return None
    cursor = body.get("next_cursor")
    if not isinstance(cursor, str) or not cursor:
        raise Malformed(EXCHANGE, f"next_cursor must be text where has_more is true, was {show(cursor)}")
    return cursor


VENUE = Venue(
    exchange=EXCHANGE,
    read=_ENVELOPE.read,
    listing=listing,
    current=current,
    history=Backward(page_rows=PAGE_ROWS, ask=page),
    events=events,
)
