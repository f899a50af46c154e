"""KuCoin: what its answers mean, what is asked of it, and that nothing of its history is lost."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import kucoin
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import (
    ARRIVED,
    HOUR_MS,
    NEW_YEAR_MS,
    Answers,
    ccxt_with,
    instrument,
    of_ms,
    reply,
    same_history,
    stamps,
    utc,
)

CONTRACTS, HISTORY = "/api/v1/contracts/active", "/api/v1/contract/funding-rates"
BTC = instrument("XBTUSDTM")


def ok(data: Any) -> dict[str, Any]:
    return {"code": "200000", "data": data}


def contract(symbol: str, base: str, quote: str = "USDT", **other: Any) -> dict[str, Any]:
    stated = {
        "symbol": symbol,
        "rootSymbol": quote,
        "type": "FFWCSX",
        "firstOpenDate": 1591086000000,
        "expireDate": None,
        "settleDate": None,
        "baseCurrency": base,
        "quoteCurrency": quote,
        "settleCurrency": quote,
        "maxOrderQty": 1000000,
        "maxPrice": 1000000.0,
        "lotSize": 1,
        "tickSize": 0.05,
        "multiplier": 0.01,
        "isQuanto": True,
        "isInverse": False,
        "status": "Open",
        "fundingFeeRate": 0.000535,
        "predictedFundingFeeRate": None,
        "fundingRateGranularity": 28800000,
        "openInterest": "8724443",
        "markPrice": 4534.07,
        "indexPrice": 4531.92,
        "nextFundingRateTime": 8192636,
        "maxLeverage": 100,
    }
    return stated | other


LISTED = [
    contract("ETHUSDTM", "ETH"),
    contract("XBTUSDTM", "XBT", multiplier=0.001, nextFundingRateDateTime=1790121600000, fundingFeeRate=-7.1e-05),
    contract("XBTUSDM", "XBT", "USD", settleCurrency="XBT", multiplier=-1, isInverse=True, fundingFeeRate=0),
    contract("GUSDTM", "G", fundingRateGranularity=14400000, currentFundingRateGranularity=3600000),
    contract("MUTEUSDTM", "MUTE", fundingFeeRate=None, nextFundingRateTime=None, openInterest=None),
    contract("GONEUSDTM", "GONE", status="BeingSettled"),
    contract("XBTMZ25", "XBT", "USD", type="FFICSX", nextFundingRateTime=None, fundingRateGranularity=None),
]
BODIES = {CONTRACTS: ok(LISTED)}


def test_the_listing_has_every_perpetual_in_trade():
    """Bitcoin stays XBT; dated and closing contracts are left out; an inverse contract of -1 is one of 1 USD."""
    caller = Answers(kucoin.VENUE, BODIES)
    listed = kucoin.VENUE.listing(caller)
    assert listed.drop("request_id", "listed_at").rows() == [
        ("ETHUSDTM", "ETH", "USDT", "USDT", "linear", 0.01, "contracts", 8.0),
        ("XBTUSDTM", "XBT", "USDT", "USDT", "linear", 0.001, "contracts", 8.0),
        ("XBTUSDM", "XBT", "USD", "XBT", "inverse", 1.0, "contracts", 8.0),
        ("GUSDTM", "G", "USDT", "USDT", "linear", 0.01, "contracts", 1.0),
        ("MUTEUSDTM", "MUTE", "USDT", "USDT", "linear", 0.01, "contracts", 8.0),
    ]
    assert listed["request_id"].equals(listed["native_symbol"], check_names=False)
    assert listed["listed_at"].unique().to_list() == [utc("2020-06-02T08:20")]
    assert [(ask.path, ask.params) for ask in caller.asked] == [(CONTRACTS, {})]


def test_the_current_state():
    """8192636 ms after 21:43:27.000 is 2.28 h on, midnight; the interval is the one under way; nothing is null."""
    asked = [instrument(row["symbol"]) for row in LISTED[:5]]
    look = kucoin.VENUE.current(Answers(kucoin.VENUE, BODIES), asked)
    midnight = utc("2026-09-23")
    assert ARRIVED + timedelta(milliseconds=8192636) == midnight - timedelta(milliseconds=364)
    assert look.rows() == [
        ("ETHUSDTM", 0.000535, 8.0, midnight, 4534.07, 4531.92, 8724443.0, False),
        ("XBTUSDTM", -7.1e-05, 8.0, midnight, 4534.07, 4531.92, 8724443.0, False),
        ("XBTUSDM", 0.0, 8.0, midnight, 4534.07, 4531.92, 8724443.0, False),
        ("GUSDTM", 0.000535, 1.0, midnight, 4534.07, 4531.92, 8724443.0, False),
        ("MUTEUSDTM", None, 8.0, None, 4534.07, 4531.92, None, False),
    ]


def test_the_stated_instant_comes_before_the_counted_one():
    """Where both are there, what remains is not needed."""
    both = contract("A", "A", nextFundingRateDateTime=1790121600000, nextFundingRateTime=1)
    look = kucoin.quotes(kucoin.VENUE.read(reply(ok([both]))))
    assert look["next_funding_time"].to_list() == [of_ms(1790121600000)]


def test_no_contracts():
    """An empty answer is an empty frame, whose emptiness is for others to judge."""
    nothing = kucoin.VENUE.read(reply(ok([])))
    assert kucoin.listed(nothing).is_empty()
    assert kucoin.quotes(nothing).schema["next_funding_time"] == pl.Datetime("us", "UTC")


def test_the_request_of_history():
    """[00:00, 08:00) ends a millisecond before eight; the page size is the venue's own."""
    ask = kucoin.window(BTC, utc("2025-01-01"), utc("2025-01-01T08:00"))
    assert ask.path == HISTORY
    assert ask.params == {"symbol": "XBTUSDTM", "from": NEW_YEAR_MS, "to": NEW_YEAR_MS + 8 * HOUR_MS - 1}


def settled(*rows: tuple[int, float | None]) -> dict[str, Any]:
    return ok([{"symbol": "XBTUSDTM", "fundingRate": rate, "timepoint": at} for at, rate in rows])


def test_a_page_of_history():
    """Rows in the venue's order, on the hours of 04, 12 and 20; zero kept, a missing rate null."""
    body = kucoin.VENUE.read(reply(settled((1702310400000, 2.5e-4), (1702296000000, 0), (1702267200000, None))))
    assert kucoin.events(body, BTC).frame.rows() == [
        ("XBTUSDTM", utc("2023-12-11T16:00"), 2.5e-4, None, None),
        ("XBTUSDTM", utc("2023-12-11T12:00"), 0.0, None, None),
        ("XBTUSDTM", utc("2023-12-11T04:00"), None, None, None),
    ]


def test_ccxt_reads_the_same():
    """Contracts and history are those that ccxt reads out of the same bodies."""
    past = settled((1702296000000, 2.26e-4), (1702267200000, -1e-5))
    bodies = {CONTRACTS: ok(LISTED[:4]), HISTORY: past}
    exchange = ccxt_with("kucoinfutures", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_contract_markets())
    for row in kucoin.VENUE.listing(Answers(kucoin.VENUE, BODIES)).head(4).iter_rows(named=True):
        market = exchange.markets_by_id[row["native_symbol"]][0]
        assert (row["native_base"], row["quote"]) == (market["baseId"], market["quoteId"])
        assert (row["settle"], row["contract_size"]) == (market["settleId"], market["contractSize"])
        assert (row["kind"] == "inverse", row["listed_at"]) == (market["inverse"], of_ms(market["created"]))
    ours = kucoin.events(kucoin.VENUE.read(reply(past)), BTC).frame
    assert same_history(ours, exchange.fetch_funding_rate_history("BTC/USDT:USDT"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({"code": "429000", "msg": "Too many requests."}, 429), RateLimited),
        (reply({"code": "429000", "msg": "Too many requests."}), RateLimited),
        (reply({"code": "200003", "msg": "Invalid symbol."}), NotFound),
        (reply({"code": "404000", "msg": "The contract information you requested does not exist."}), NotFound),
        (reply({"code": "415000", "msg": "funding rate is not supported"}), NotFound),
        (reply({"code": "400100", "msg": "symbol is required"}), NotFound),
        (reply({"code": "400100", "msg": "to must be greater than from"}), BadRequest),
        (reply({"code": "500000", "msg": "Internal Server Error"}), Unavailable),
        (reply("<html><body>Sorry</body></html>"), Malformed),
        (reply({"code": "200000"}), Malformed),
    ],
)
def test_refusals(answer: Any, kind: type[VendorError]):
    """Refusals come as 200 with a code; HTML and bodies without a list are malformed."""
    with pytest.raises(kind):
        kucoin.events(kucoin.VENUE.read(answer), BTC)


def test_a_walk_over_a_change_of_interval():
    """60 days, every 8 hours and then every 4, in pages of 100 rows that begin at the newest: all of them once."""
    held = [(at, n / 1e6) for n, at in enumerate(stamps((90, 8), (180, 4), start_ms=NEW_YEAR_MS + 4 * HOUR_MS))]

    def serve(ask: Ask) -> dict[str, Any]:
        start, end = int(ask.params["from"]), int(ask.params["to"])
        return settled(*[row for row in reversed(held) if start <= row[0] <= end][:100])

    caller = Answers(kucoin.VENUE, {HISTORY: serve})
    walked = walk(kucoin.VENUE, caller, BTC, utc("2025-01-01"), utc("2025-03-03"), 4.0)
    assert walked.frame.select("funding_time_native", "rate_native").rows() == [(of_ms(at), rate) for at, rate in held]
    assert (walked.floor, walked.duplicates, walked.outside) == (None, 0, 0)


def test_a_walk_finds_where_history_begins():
    """Of 60 days the newest 100 rows are left: the oldest of them is the floor."""
    held = [(at, n / 1e6) for n, at in enumerate(stamps((180, 8)))][-100:]

    def serve(ask: Ask) -> dict[str, Any]:
        start, end = int(ask.params["from"]), int(ask.params["to"])
        return settled(*[row for row in reversed(held) if start <= row[0] <= end])

    caller = Answers(kucoin.VENUE, {HISTORY: serve})
    walked = walk(kucoin.VENUE, caller, BTC, utc("2025-01-01"), utc("2025-03-02"), 4.0)
    assert (walked.frame.height, walked.floor) == (100, of_ms(held[0][0]))


def test_what_its_record_says():
    """Some three months are kept; a settlement measures the interval that ends with it."""
    assert (kucoin.VENUE.exchange, kucoin.VENUE.measures) == ("kucoin", "ending")
    assert kucoin.VENUE.memory == timedelta(days=90)
