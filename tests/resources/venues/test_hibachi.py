"""Hibachi: contract by contract, slashes in names, and the newest page of history only."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import hibachi
from resources.venues.hibachi import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import Answers, ccxt_with, instrument, reply, same_history, utc

#: shapes as in the venue's documentation
CONTRACT = {
    "displayName": "ETH/USDT Perps",
    "id": 1,
    "marketCloseTimestamp": None,
    "marketCreationTimestamp": "1727701319.73488",
    "settlementDecimals": 6,
    "settlementSymbol": "USDT",
    "status": "LIVE",
    "symbol": "ETH/USDT-P",
    "underlyingDecimals": 9,
    "underlyingSymbol": "ETH",
}
PRICES = {
    "askPrice": "3514.650296",
    "bidPrice": "3513.596112",
    "fundingRateEstimation": {"estimatedFundingRate": "0.000001", "nextFundingTimestamp": 1712707200},
    "markPrice": "3514.288858",
    "spotPrice": "3514.715000",
    "symbol": "ETH/USDT-P",
    "tradePrice": "2372.746570",
}
ROWS = [
    {"contractId": 2, "fundingTimestamp": 1753488000, "fundingRate": "0.000137", "indexPrice": "117623.65010"},
    {"contractId": 2, "fundingTimestamp": 1753459200, "fundingRate": "0", "indexPrice": "117600"},
]
ETH, BTC = instrument("ETH/USDT-P"), instrument("BTC/USDT-P")
LISTING, HISTORY = "/market/exchange-info", "/market/data/funding-rates"
STATE, INTEREST = "/market/data/prices", "/market/data/open-interest"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_listing_has_live_contracts() -> None:
    """Funding is paid every 8 hours; a contract may be of an unknown age."""
    contracts = [
        CONTRACT,
        {**CONTRACT, "symbol": "OLD/USDT-P", "status": "CLOSED"},
        {**CONTRACT, "symbol": "BTC/USDT-P", "underlyingSymbol": "BTC", "marketCreationTimestamp": None},
    ]
    eth, btc = VENUE.listing(Answers(VENUE, {LISTING: {"futureContracts": contracts}})).rows(named=True)
    assert eth == {
        "native_symbol": "ETH/USDT-P",
        "request_id": "ETH/USDT-P",
        "native_base": "ETH",
        "quote": "USDT",
        "settle": "USDT",
        "kind": "linear",
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 8.0,
        "listed_at": utc("2024-09-30T13:01:59.734880"),
    }
    assert (btc["native_symbol"], btc["listed_at"]) == ("BTC/USDT-P", None)


def test_current_state_is_asked_contract_by_contract() -> None:
    """A slash is encoded where the request is sent; an estimate that is missing is null, one of 0 is 0."""
    prices = {
        "ETH/USDT-P": PRICES,
        "BTC/USDT-P": {**PRICES, "fundingRateEstimation": None, "symbol": "BTC/USDT-P"},
        "SOL/USDT-P": {**PRICES, "fundingRateEstimation": {"estimatedFundingRate": "0.0"}},
    }

    bodies = {STATE: lambda ask: prices[ask.params["symbol"]], INTEREST: {"totalQuantity": "2.3299770166"}}
    answers = Answers(VENUE, bodies)
    eth, btc, sol = VENUE.current(answers, [ETH, BTC, instrument("SOL/USDT-P")]).rows(named=True)
    assert eth == {
        "native_symbol": "ETH/USDT-P",
        "predicted_rate_native": 0.000001,
        "interval_hours": None,
        "next_funding_time": utc("2024-04-10"),
        "mark_price": 3514.288858,
        "index_price": 3514.715,
        "open_interest_native": 2.3299770166,
        "is_trailing": False,
    }
    assert (btc["predicted_rate_native"], btc["next_funding_time"]) == (None, None)
    assert (sol["predicted_rate_native"], sol["next_funding_time"]) == (0.0, None)
    assert [ask.path for ask in answers.asked] == [STATE] * 3 + [INTEREST] * 3
    assert all(ask.may_be_unknown for ask in answers.asked)
    assert urlencode(answers.asked[0].params) == "symbol=ETH%2FUSDT-P"


def test_a_contract_the_venue_does_not_know_is_left_out() -> None:
    """The others are not lost for it."""

    class Partly(Answers):
        def many(self, asks: Any) -> list[Any]:
            return [PRICES, None, None, {"totalQuantity": "1"}]

    found = VENUE.current(Partly(VENUE, {}), [ETH, BTC])
    assert found.select("native_symbol", "open_interest_native").rows() == [("ETH/USDT-P", None)]


def test_settled_rates_as_ccxt_reads_them() -> None:
    """Zero stays; no row says its interval."""
    frame = VENUE.events({"data": ROWS}, BTC).frame
    assert frame.rows() == [
        ("BTC/USDT-P", utc("2025-07-26"), 0.000137, None, None),
        ("BTC/USDT-P", utc("2025-07-25T16:00"), 0.0, None, None),
    ]
    listed = {**CONTRACT, "symbol": "BTC/USDT-P", "underlyingSymbol": "BTC", "orderbookGranularities": ["0.1"]}
    bodies = {LISTING: {"futureContracts": [listed]}, HISTORY: {"data": ROWS}}
    exchange = ccxt_with("hibachi", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_markets())
    assert same_history(frame, exchange.fetch_funding_rate_history("BTC/USDT:USDT"))


def test_a_row_without_a_rate_has_none() -> None:
    """A missing rate stays null (funding.md 2)."""
    rows = [{"fundingTimestamp": 1753488000}, {"fundingTimestamp": 1753459200, "fundingRate": ""}]
    assert VENUE.events({"data": rows}, BTC).frame["rate_native"].to_list() == [None, None]


def test_requests() -> None:
    """History has no parameter but the symbol."""
    assert hibachi.whole(BTC) == Ask(HISTORY, {"symbol": "BTC/USDT-P"}, context="BTC/USDT-P")
    answers = Answers(VENUE, {LISTING: {"futureContracts": []}})
    VENUE.listing(answers)
    assert answers.asked == [Ask(LISTING, context="all contracts")]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"errorCode": 3, "message": "Not found: symbol", "status": "failed"}, NotFound),
        (200, {"errorCode": 3, "message": "Not found: symbol", "status": "failed"}, NotFound),
        (400, {"errorCode": 4, "message": "Missing symbol", "status": "failed"}, BadRequest),
        (200, {"errorCode": 4, "message": "Invalid input", "status": "failed"}, BadRequest),
        (400, "Bad Request", BadRequest),
        (404, "", NotFound),
        (429, "", RateLimited),
        (502, "", Unavailable),
        (200, "<html></html>", Malformed),
    ],
)
def test_refusals(status: int, body: Any, kind: type[VendorError]) -> None:
    """A status of 200 is not success."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(body, status))
    assert type(refused.value) is kind


def test_the_newest_page_is_all_there_is() -> None:
    """What is older is gone: the oldest row is told as the floor."""
    until = utc("2025-03-31")
    kept = [until - 8 * n * HOUR for n in range(1, 51)][::-1]
    rows = [{"fundingTimestamp": round(one.timestamp()), "fundingRate": "0.0001"} for one in kept]
    answers = Answers(VENUE, {HISTORY: {"data": rows[::-1]}})
    found = walk(VENUE, answers, BTC, until - 30 * DAY, until, 8.0)
    assert found.frame["funding_time_native"].to_list() == kept
    assert (len(answers.asked), found.floor) == (1, kept[0])
    recent = walk(VENUE, answers, BTC, until - DAY, until, 8.0)
    assert (recent.frame.height, recent.floor) == (3, None)
