"""Any further exchange by way of ccxt (the extra `ccxt`): ccxt builds URLs and reads answers, nothing else.

Requests go through our own clients, so retry, budget, breaker and raw store are ours, and an answer
that is not JSON is refused before ccxt makes an empty list of it. Its rate limit, retries and pagination
stay off; `pager` walks its history like any other. ccxt drops the range of a request for some exchanges,
or sends an end that the venue does not know: a dry run tells, and of those only the newest page is taken.
Open interest is taken in USD alone, because ccxt does not say whether amounts are contracts or coins.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.transport import Reply, Timing
from resources.venues.ccxt_client import (
    HISTORY,
    INTERESTS,
    MARKETS,
    PAGE_ROWS,
    RATE,
    RATES,
    CcxtSender,
    takes_ranges,
)
from resources.venues.exchange import Exchange
from resources.venues.rows import Rows, frame
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Whole, Windowed
from resources.venues.wire import millis


def connect(
    settings: Settings, exchange: str, *, rates: RateBudget | None = None, timing: Timing | None = None
) -> Exchange:
    """An exchange by its id at ccxt. Raises MissingExtra without ccxt, BadRequest where ccxt cannot serve it."""
    sender = CcxtSender(settings, exchange, rates=rates, timing=timing)
    return Exchange(venue_of(exchange, sender.client, sender.read), sender, workers=1, timing=timing)


def venue_of(exchange: str, client: Any, read: Callable[[Reply], Any]) -> Venue:
    """The record of an exchange whose requests are calls of ccxt."""
    return Venue(
        exchange=exchange,
        read=read,
        listing=lambda caller: listed(exchange, caller.one(Ask(MARKETS, context="listing"))),
        current=lambda caller, instruments: _current(exchange, client, caller, instruments),
        history=Windowed(page_rows=PAGE_ROWS, ask=_window)
        if takes_ranges(client)
        else Whole(ask=_newest, newest_only=True),
        events=lambda value, instrument: Page(events(exchange, value, instrument)),
    )


def listed(exchange: str, markets: Any) -> pl.DataFrame:
    """LISTED out of ccxt's markets. Raises Malformed."""
    rows = Rows.of(exchange, list(markets.values()), "markets").keep(_is_open)
    return frame(
        LISTED,
        native_symbol=rows.text("id"),
        request_id=rows.text("symbol"),
        native_base=rows.text("base"),
        quote=rows.text("quote"),
        settle=rows.text("settle"),
        kind=["linear" if row["linear"] else "inverse" for row in rows.rows],
        contract_size=rows.numbers("contractSize"),
        oi_unit="usd",
        listed_at=rows.instants("created", "ms"),
    )


def state(exchange: str, rates: Any, interests: Any, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """CURRENT out of ccxt's funding rates and open interests, both by ccxt's symbol. Raises Malformed."""
    known = [one for one in instruments if one.request_id in rates]
    rows = Rows.of(exchange, [rates[one.request_id] for one in known], "rates")
    stated = Rows.of(exchange, [interests.get(one.request_id) or {} for one in known], "interests")
    next_time = rows.instants("fundingTimestamp", "ms").to_list()
    later = rows.instants("nextFundingTimestamp", "ms").to_list()
    return frame(
        CURRENT,
        native_symbol=[one.native_symbol for one in known],
        predicted_rate_native=rows.numbers("fundingRate"),
        interval_hours=[_hours(row.get("interval")) for row in rows.rows],
        next_funding_time=[at or other for at, other in zip(next_time, later, strict=True)],
        mark_price=rows.numbers("markPrice"),
        index_price=rows.numbers("indexPrice"),
        open_interest_native=stated.numbers("openInterestValue"),
        is_trailing=False,
    )


def events(exchange: str, value: Any, instrument: Instrument) -> pl.DataFrame:
    """EVENTS out of ccxt's history of a contract. Raises Malformed."""
    rows = Rows.of(exchange, value, "history")
    own = {instrument.request_id: instrument.native_symbol}
    return frame(
        EVENTS,
        native_symbol=[own.get(symbol, symbol) for symbol in rows.text("symbol")],
        funding_time_native=rows.instants("timestamp", "ms", required=True),
        rate_native=rows.numbers("fundingRate"),
    )


def _current(exchange: str, client: Any, caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    if client.has.get(RATES) is True:
        rates = caller.one(Ask(RATES, context="funding rates"))
    else:
        asks = [
            Ask(RATE, json={"symbol": one.request_id}, context=one.native_symbol, may_be_unknown=True)
            for one in instruments
        ]
        answers = zip(instruments, caller.many(asks), strict=True)
        rates = {one.request_id: answer for one, answer in answers if answer is not None}
    has_interest = client.has.get(INTERESTS) is True
    interests = caller.one(Ask(INTERESTS, context="open interest")) if has_interest else {}
    return state(exchange, rates, interests, instruments)


def _window(instrument: Instrument, first: datetime, until: datetime) -> Ask:
    last = {"until": millis(until) - 1}
    return Ask(
        HISTORY,
        json={"symbol": instrument.request_id, "since": millis(first), "limit": PAGE_ROWS, "params": last},
    )


def _newest(instrument: Instrument) -> Ask:
    return Ask(HISTORY, json={"symbol": instrument.request_id, "limit": PAGE_ROWS})


def _is_open(market: Mapping[str, Any]) -> bool:
    tells_kind = bool(market.get("linear")) != bool(market.get("inverse"))
    return bool(market.get("swap")) and market.get("active") is not False and tells_kind


def _hours(interval: Any) -> float | None:
    found = re.fullmatch(r"(\d+)(m|h|d)", interval) if isinstance(interval, str) else None
    return int(found[1]) * {"m": 1 / 60, "h": 1.0, "d": 24.0}[found[2]] if found else None
