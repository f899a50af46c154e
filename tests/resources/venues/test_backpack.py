"""Backpack: markets of several kinds in one list, ISO stamps in UTC without saying so, pages by offset."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import backpack
from resources.venues.backpack import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask, Position
from tests.resources.venues.answers import Answers, ccxt_with, instrument, reply, same_history, utc

#: shapes as in the venue's documentation
MARKET = {
    "baseSymbol": "SOL",
    "createdAt": "2025-01-21T06:34:54.691858",
    "filters": {},
    "fundingInterval": 28800000,
    "marketType": "PERP",
    "orderBookState": "Open",
    "quoteSymbol": "USDC",
    "symbol": "SOL_USDC_PERP",
}
MARKETS = [
    {**MARKET, "marketType": "SPOT", "symbol": "SOL_USDC"},
    MARKET,
    {**MARKET, "symbol": "kPEPE_USDC_PERP", "baseSymbol": "kPEPE", "fundingInterval": "3600000"},
    {**MARKET, "symbol": "NEW_USDC_PERP", "baseSymbol": "NEW", "fundingInterval": None, "createdAt": None},
    {**MARKET, "symbol": "IP_USDC_PERP", "orderBookState": "Closed"},
]
MARKS = [
    {
        "fundingRate": "0.0001",
        "indexPrice": "118333.18643195",
        "markPrice": "118343.51853741",
        "nextFundingTimestamp": 1753113600000,
        "symbol": "BTC_USDC_PERP",
    },
    {"fundingRate": "0", "indexPrice": "1", "markPrice": "", "nextFundingTimestamp": 0, "symbol": "SOL_USDC_PERP"},
    {"indexPrice": "1", "markPrice": "1", "symbol": "NEW_USDC_PERP"},
]
INTEREST = [
    {"openInterest": "0", "symbol": "SOL_USDC_PERP", "timestamp": 1753105735301},
    {"openInterest": "1273.85214", "symbol": "BTC_USDC_PERP", "timestamp": 1753105735301},
]
ROWS = [
    {"fundingRate": "-0.0001", "intervalEndTimestamp": "2025-07-22T00:00:00", "symbol": "BTC_USDC_PERP"},
    {"fundingRate": "0", "intervalEndTimestamp": "2025-07-21T16:00:00", "symbol": "BTC_USDC_PERP"},
]
BTC = instrument("BTC_USDC_PERP", "USDC")
LISTING, PRICES, OPEN, HISTORY = (
    f"/api/v1/{name}" for name in ("markets", "markPrices", "openInterest", "fundingRates")
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_listing_has_open_perpetuals() -> None:
    """Intervals come in milliseconds, as a number or as text, or not at all; `k` names stay."""
    found = VENUE.listing(Answers(VENUE, {LISTING: MARKETS})).rows(named=True)
    assert found[0] == {
        "native_symbol": "SOL_USDC_PERP",
        "request_id": "SOL_USDC_PERP",
        "native_base": "SOL",
        "quote": "USDC",
        "settle": "USDC",
        "kind": "linear",
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 8.0,
        "listed_at": utc("2025-01-21T06:34:54.691858"),
    }
    assert [(row["native_base"], row["interval_hours"], row["listed_at"]) for row in found[1:]] == [
        ("kPEPE", 1.0, found[0]["listed_at"]),
        ("NEW", None, None),
    ]


def test_current_state_meets_open_interest_by_name() -> None:
    """0 is a rate and an interest; an empty price, an absent rate and an absent interest are none."""
    answers = Answers(VENUE, {PRICES: MARKS, OPEN: INTEREST})
    btc, sol, new = VENUE.current(answers, [BTC]).rows(named=True)
    assert btc == {
        "native_symbol": "BTC_USDC_PERP",
        "predicted_rate_native": 0.0001,
        "interval_hours": None,
        "next_funding_time": utc("2025-07-21T16:00"),
        "mark_price": 118343.51853741,
        "index_price": 118333.18643195,
        "open_interest_native": 1273.85214,
        "is_trailing": False,
    }
    names = ("predicted_rate_native", "mark_price", "next_funding_time", "open_interest_native")
    assert tuple(sol[name] for name in names) == (0.0, None, None, 0.0)
    assert tuple(new[name] for name in names) == (None, 1.0, None, None)
    assert answers.asked == [Ask(PRICES, context="all markets"), Ask(OPEN, context="all markets")]


def test_settled_rates_as_ccxt_reads_them() -> None:
    """A stamp without a zone is in UTC; no row says its interval."""
    frame = VENUE.events(ROWS, BTC).frame
    assert frame.rows() == [
        ("BTC_USDC_PERP", utc("2025-07-22"), -0.0001, None, None),
        ("BTC_USDC_PERP", utc("2025-07-21T16:00"), 0.0, None, None),
    ]
    bodies = {LISTING: [{**MARKET, "symbol": "BTC_USDC_PERP", "baseSymbol": "BTC"}], HISTORY: ROWS}
    exchange = ccxt_with("backpack", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_markets({"marketType": "PERP"}))
    assert same_history(frame, exchange.fetch_funding_rate_history("BTC/USDC:USDC"))


def test_a_row_without_a_rate_has_none() -> None:
    """Missing or empty is null, never 0."""
    rows = [{**ROWS[0], "fundingRate": ""}, {**ROWS[1], "fundingRate": None}]
    assert VENUE.events(rows, BTC).frame["rate_native"].to_list() == [None, None]


def test_a_page_is_asked_by_the_rows_before_it() -> None:
    """The offset counts rows, not pages."""
    position = Position(pages=2, rows=1999, cursor=None, before=utc("2025-07-25"))
    assert backpack.page(BTC, position) == Ask(HISTORY, {"symbol": "BTC_USDC_PERP", "limit": 1000, "offset": 1999})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": "INVALID_MARKET", "message": "Invalid market"}, NotFound),
        (400, {"code": "INVALID_CLIENT_REQUEST", "message": "failed to parse parameter"}, BadRequest),
        (200, {"code": "SERVER_ERROR", "message": "Server error"}, Unavailable),
        (200, {"code": "TOO_MANY_REQUESTS", "message": "slow down"}, RateLimited),
        (400, "Bad Request", BadRequest),
        (404, {"code": "RESOURCE_NOT_FOUND", "message": "Not found"}, NotFound),
        (429, {"code": "TOO_MANY_REQUESTS", "message": "slow down"}, RateLimited),
        (500, {"code": "SERVER_ERROR", "message": "Server error"}, Unavailable),
        (200, "<html></html>", Malformed),
    ],
)
def test_refusals(status: int, body: Any, kind: type[VendorError]) -> None:
    """Codes are words."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(body, status))
    assert type(refused.value) is kind


def test_a_hundred_days_are_2400_rows_on_three_pages() -> None:
    """1000 rows a page, newest first; ccxt 4.5.90 brings the newest page whatever is asked."""
    first = utc("2025-03-01")
    every = [first + n * HOUR for n in range(-1000, 2400)]

    def respond(ask: Ask) -> Any:
        skipped, limit = int(ask.params["offset"]), int(ask.params["limit"])
        page = every[::-1][skipped : skipped + limit]
        return [{**ROWS[0], "intervalEndTimestamp": f"{one:%Y-%m-%dT%H:%M:%S}"} for one in page]

    answers = Answers(VENUE, {HISTORY: respond})
    found = walk(VENUE, answers, BTC, first, first + 100 * DAY, 1.0)
    assert found.frame["funding_time_native"].to_list() == every[1000:]
    assert (len(answers.asked), found.floor, found.duplicates) == (3, None, 0)
    # the last page is short, and the one after it empty: history begins there
    older = walk(VENUE, Answers(VENUE, {HISTORY: respond}), BTC, first - 100 * DAY, first + 100 * DAY, 1.0)
    assert (older.frame.height, older.floor) == (3400, every[0])
