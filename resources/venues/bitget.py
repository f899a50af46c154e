"""Bitget v2: linear perpetuals in USDT and USDC.

Quirks (vendors.md, seen 2026): each product type is asked for itself; history has no time parameters and runs
page by page from new to old; sizes and open interest are in base units. Coin-margined contracts are left out:
their size is stated in coin, not in USD.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from resources.venues.rows import Rows, frame, joined, of_instruments
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Backward, Caller, Instrument, Page, Position, Venue
from resources.venues.wire import Envelope

EXCHANGE = "bitget"
PRODUCTS = ("USDT-FUTURES", "USDC-FUTURES")
PAGE_ROWS = 100
_ENVELOPE = Envelope(
    vendor=EXCHANGE,
    status="code",
    ok="00000",
    code="code",
    message="msg",
    quota=frozenset({"429", "1001", "30014"}),
    # 40034: a parameter does not exist; 40309: the contract has been removed
    unknown={"40034": "", "40309": ""},
    busy=frozenset({"40015", "40200", "40604", "40725"}),
)


def product(quote: str) -> str:
    """The product type of contracts with this quote currency."""
    return f"{quote}-FUTURES"


def listing(caller: Caller) -> pl.DataFrame:
    """Every perpetual in trade (LISTED), those in USDT first."""
    asks = [Ask("/api/v2/mix/market/contracts", {"productType": name}, context=name) for name in PRODUCTS]
    return pl.concat([listed(body) for body in caller.many(asks)])


def listed(body: Any) -> pl.DataFrame:
    """The perpetuals in trade of one answer of contracts (LISTED)."""
    rows = Rows.at(EXCHANGE, body, "data").keep(
        lambda row: row.get("symbolType") == "perpetual" and row.get("symbolStatus") == "normal"
    )
    symbol, quote = rows.text("symbol"), rows.text("quoteCoin")
    return frame(
        LISTED,
        native_symbol=symbol,
        request_id=symbol,
        native_base=rows.text("baseCoin"),
        quote=quote,
        settle=quote,
        kind="linear",
        contract_size=1.0,
        oi_unit="base",
        interval_hours=rows.numbers("fundInterval"),
        listed_at=rows.instants("launchTime", "ms"),
    )


def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """Current state of `instruments` (CURRENT)."""
    products = [name for name in PRODUCTS if any(product(one.quote) == name for one in instruments)]
    rates, tickers = (
        caller.many([Ask(path, {"productType": name}, context=name) for name in products])
        for path in ("/api/v2/mix/market/current-fund-rate", "/api/v2/mix/market/tickers")
    )
    looks = [quotes(*bodies) for bodies in zip(rates, tickers, strict=True)]
    return of_instruments(pl.concat([CURRENT.to_frame(), *looks]), instruments)


def quotes(rates: Any, tickers: Any) -> pl.DataFrame:
    """Current state of one product type, out of its current funding rates and its tickers (CURRENT)."""
    funding, prices = Rows.at(EXCHANGE, rates, "data"), Rows.at(EXCHANGE, tickers, "data")
    looks = frame(
        CURRENT,
        native_symbol=funding.text("symbol"),
        predicted_rate_native=funding.numbers("fundingRate"),
        interval_hours=funding.numbers("fundingRateInterval"),
        next_funding_time=funding.instants("nextUpdate", "ms"),
        is_trailing=False,
    )
    told = pl.DataFrame(
        {
            "native_symbol": prices.text("symbol"),
            "mark_price": prices.numbers("markPrice"),
            "index_price": prices.numbers("indexPrice"),
            "open_interest_native": prices.numbers("holdingAmount"),
        }
    )
    return joined(looks, told)


def page(instrument: Instrument, position: Position) -> Ask:
    """The next page back."""
    return Ask(
        "/api/v2/mix/market/history-fund-rate",
        {
            "symbol": instrument.request_id,
            "productType": product(instrument.quote),
            "pageSize": PAGE_ROWS,
            "pageNo": position.pages + 1,
        },
    )


def events(body: Any, _: Instrument) -> Page:
    """One page of history."""
    rows = Rows.at(EXCHANGE, body, "data")
    return Page(
        frame(
            EVENTS,
            native_symbol=rows.text("symbol"),
            funding_time_native=rows.instants("fundingTime", "ms", required=True),
            rate_native=rows.numbers("fundingRate"),
        )
    )


VENUE = Venue(
    exchange=EXCHANGE,
    read=_ENVELOPE.read,
    listing=listing,
    current=current,
    history=Backward(page_rows=PAGE_ROWS, ask=page),
    events=events,
)
