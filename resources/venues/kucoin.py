"""KuCoin futures: perpetuals settled in USDT, USDC or coin.

Quirks (vendors.md, seen 2026): one answer is the listing and the current state of all contracts; bitcoin is XBT;
dated futures are in it, of another type; the multiplier of inverse contracts is negative; nextFundingRateTime is
the milliseconds that remain, so that the instant of the answer belongs to its value; refusals come as 200 with
a code; pages of history run from new to old and begin at `to`; rows older than some months are gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from resources.http.transport import Reply
from resources.venues.rows import Rows, frame, of_instruments
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import Envelope, millis

EXCHANGE = "kucoin"
PAGE_ROWS = 100
MEMORY = timedelta(days=90)
_PERPETUAL = "FFWCSX"
_HOUR_MS = 3_600_000
_CONTRACTS = Ask("/api/v1/contracts/active", context="all contracts")
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="code",
    ok="200000",
    code="code",
    message="msg",
    quota=frozenset({"429000", "1015"}),
    # 100001 and 400100 are any wrong parameter
    unknown={"200003": "", "404000": "", "415000": "", "100001": "symbol", "400100": "symbol"},
    busy=frozenset({"500000", "503000"}),
)


@dataclass(frozen=True)
class Answer:
    """A success: the member `data`, and when it arrived."""

    data: Any
    at: datetime


def read(reply: Reply) -> Answer:
    """A success. Raises what a refusal means."""
    return Answer(_ENVELOPE.read(reply).get("data"), reply.received_at)


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED)."""
    return listed(caller.one(_CONTRACTS))


def listed(answer: Answer) -> pl.DataFrame:
    """The perpetuals in trade of an answer of contracts (LISTED)."""
    rows = _perpetuals(answer).keep(lambda row: row.get("status") == "Open")
    symbol = rows.text("symbol")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=rows.text("baseCurrency"),
        quote=rows.text("quoteCurrency"),
        settle=rows.text("settleCurrency"),
        kind=["inverse" if row.get("isInverse") else "linear" for row in rows.rows],
        contract_size=rows.numbers("multiplier").abs(),
        oi_unit="contracts",
        interval_hours=_interval(rows),
        listed_at=rows.instants("firstOpenDate", "ms"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    return of_instruments(quotes(caller.one(_CONTRACTS)), instruments)


def quotes(answer: Answer) -> pl.DataFrame:
    """Current state of every perpetual of an answer (CURRENT)."""
    rows = _perpetuals(answer)
    return frame(
        CURRENT,
        native_symbol=rows.text("symbol"),
        predicted_rate_native=rows.numbers("fundingFeeRate"),
        interval_hours=_interval(rows),
        next_funding_time=_next(rows, answer.at),
        mark_price=rows.numbers("markPrice"),
        index_price=rows.numbers("indexPrice"),
        open_interest_native=rows.numbers("openInterest"),
        is_trailing=False,
    )


def window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    """The settlements in [first, until)."""
    return Ask(
        "/api/v1/contract/funding-rates",
        {"symbol": instrument.request_id, "from": millis(first), "to": millis(until) - 1},
    )


def events(answer: Answer, _: Instrument) -> Page:
    """One page of history."""
    rows = Rows.of(EXCHANGE, answer.data, "data")
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("symbol"),
            funding_time_native=rows.instants("timepoint", "ms", required=True),
            rate_native=rows.numbers("fundingRate"),
        )
    )


def _perpetuals(answer: Answer) -> Rows:
    return Rows.of(EXCHANGE, answer.data, "data").keep(lambda row: row.get("type") == _PERPETUAL)


def _interval(rows: Rows) -> pl.Series:
    """Hours of the interval under way, else of the one set for the contract."""
    under_way = rows.hours("currentFundingRateGranularity", _HOUR_MS)
    return under_way.zip_with(under_way.is_not_null(), rows.hours("fundingRateGranularity", _HOUR_MS))


def _next(rows: Rows, at: datetime) -> pl.Series:
    """The instant of the next settlement: stated, else the minute nearest to the end of what remains."""
    stated, remaining = rows.instants("nextFundingRateDateTime", "ms"), rows.numbers("nextFundingRateTime")
    counted = pl.Series([at]).dt.cast_time_unit("us") + pl.Series(remaining.cast(pl.Duration("ms")))
    return stated.zip_with(stated.is_not_null(), counted.dt.round("1m"))


VENUE = Venue(
    exchange=EXCHANGE,
    read=read,
    listing=listing,
    current=current,
    history=Windowed(page_rows=PAGE_ROWS, ask=window),
    events=events,
    memory=MEMORY,
)
