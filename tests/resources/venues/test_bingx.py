"""BingX: what its answers mean, what is asked of it, and that nothing of its history is lost."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import bingx
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import (
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

CONTRACTS, PREMIUMS = "/openApi/swap/v2/quote/contracts", "/openApi/swap/v2/quote/premiumIndex"
INTEREST, HISTORY = "/openApi/swap/v2/quote/openInterest", "/openApi/swap/v2/quote/fundingRate"
BTC = instrument("BTC-USDT")


def ok(data: Any) -> dict[str, Any]:
    return {"code": 0, "msg": "", "data": data}


def contract(symbol: str, **other: Any) -> dict[str, Any]:
    base, quote = symbol.split("-")
    stated = {
        "contractId": "100",
        "symbol": symbol,
        "size": "0.0001",
        "quantityPrecision": 4,
        "pricePrecision": 1,
        "takerFeeRate": 0.0005,
        "tradeMinQuantity": 0.0001,
        "currency": quote,
        "asset": base,
        "status": 1,
        "apiStateOpen": "true",
        "apiStateClose": "true",
        "launchTime": 1586275200000,
        "maintainTime": 0,
        "offTime": 0,
        "displayName": symbol,
    }
    return stated | other


LISTED = [
    contract("BTC-USDT"),
    contract("1000PEPE-USDT", status="1", launchTime=0),
    contract("ETH-USDC"),
    contract("SOON-USDT", status=5),
    contract("GONE-USDT", status=0, apiStateOpen="false"),
]
STATED = [
    {
        "symbol": "BTC-USDT",
        "markPrice": "67823.4",
        "indexPrice": "67845.9",
        "lastFundingRate": "-0.00007700",
        "nextFundingTime": 1787184000000,
        "fundingIntervalHours": 8,
        "minFundingRate": "-0.003000",
        "maxFundingRate": "0.003000",
        "updateTime": 1787155200000,
    },
    {
        "symbol": "1000PEPE-USDT",
        "markPrice": "0.0101",
        "indexPrice": "0.0102",
        "lastFundingRate": "0",
        "nextFundingTime": 1787169600000,
        "fundingIntervalHours": 4,
    },
    # as older answers say it, without the interval
    {"symbol": "ETH-USDC", "markPrice": "", "indexPrice": "", "lastFundingRate": "", "nextFundingTime": 0},
]
UNKNOWN = {"code": 109425, "msg": "ETH-USDC not exist, please verify it in api: /openApi/swap/v2/quote/contracts"}
HELD = {"BTC-USDT": "1360193030.3", "1000PEPE-USDT": "0"}


def open_interest(ask: Ask) -> dict[str, Any]:
    symbol = str(ask.params["symbol"])
    return ok({"openInterest": HELD[symbol], "symbol": symbol, "time": 1787160758781}) if symbol in HELD else UNKNOWN


BODIES = {CONTRACTS: ok(LISTED), PREMIUMS: ok(STATED), INTEREST: open_interest}


def test_the_listing_has_every_contract_in_trade():
    """Contracts that are announced or offline are left out; the interval comes of the rates, or is unknown."""
    caller = Answers(bingx.VENUE, BODIES)
    assert bingx.VENUE.listing(caller).rows() == [
        ("BTC-USDT", "BTC-USDT", "BTC", "USDT", "USDT", "linear", 1.0, "usd", 8.0, utc("2020-04-07T16:00")),
        ("1000PEPE-USDT", "1000PEPE-USDT", "1000PEPE", "USDT", "USDT", "linear", 1.0, "usd", 4.0, None),
        ("ETH-USDC", "ETH-USDC", "ETH", "USDC", "USDC", "linear", 1.0, "usd", None, utc("2020-04-07T16:00")),
    ]
    assert [(ask.path, ask.params) for ask in caller.asked] == [(CONTRACTS, {}), (PREMIUMS, {})]


def test_the_current_state():
    """Open interest is in quote currency: 1360193030.3 USDT at 67823.4 are 20055 BTC; an unknown one is null."""
    caller = Answers(bingx.VENUE, BODIES)
    asked = [BTC, instrument("1000PEPE-USDT"), instrument("ETH-USDC", "USDC")]
    look = bingx.VENUE.current(caller, asked)
    assert look.rows() == [
        ("BTC-USDT", -0.000077, 8.0, utc("2026-08-20"), 67823.4, 67845.9, 1360193030.3, False),
        ("1000PEPE-USDT", 0.0, 4.0, utc("2026-08-19T20:00"), 0.0101, 0.0102, 0.0, False),
        ("ETH-USDC", None, None, None, None, None, None, False),
    ]
    assert look["open_interest_native"][0] / look["mark_price"][0] == pytest.approx(20055, abs=1)
    asked_for = [ask.params.get("symbol") for ask in caller.asked]
    assert asked_for == [None, "BTC-USDT", "1000PEPE-USDT", "ETH-USDC"]


def test_the_request_of_history():
    """[00:00, 08:00) ends a millisecond before eight; our clock is not in it."""
    ask = bingx.window(BTC, utc("2025-01-01"), utc("2025-01-01T08:00"))
    assert ask.path == HISTORY
    assert ask.params == {
        "symbol": "BTC-USDT",
        "startTime": NEW_YEAR_MS,
        "endTime": NEW_YEAR_MS + 8 * HOUR_MS - 1,
        "limit": 1000,
    }


def settled(*rows: tuple[int, str], **more: Any) -> dict[str, Any]:
    return ok([{"symbol": "BTC-USDT", "fundingRate": rate, "fundingTime": at} | more for at, rate in rows])


def test_a_page_of_history():
    """Zero kept, a missing rate null, the mark price where newer answers have one."""
    body = ok(
        settled((1787155200000, "-0.00011700"), markPrice="68532.3")["data"]
        + settled((1585684800000, "0"), (1585656000000, ""))["data"]
    )
    assert bingx.events(body, BTC).frame.rows() == [
        ("BTC-USDT", utc("2026-08-19T16:00"), -0.000117, None, 68532.3),
        ("BTC-USDT", utc("2020-03-31T20:00"), 0.0, None, None),
        ("BTC-USDT", utc("2020-03-31T12:00"), None, None, None),
    ]


def test_ccxt_reads_the_same():
    """Contracts, current rates, open interest and history are those that ccxt reads out of the same bodies."""
    past = settled((1585684800000, "0.0001"), (1585656000000, "-0.0002"))
    bodies = BODIES | {INTEREST: open_interest(Ask(INTEREST, {"symbol": "BTC-USDT"})), HISTORY: past}
    exchange = ccxt_with("bingx", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_swap_markets({}))
    for row in bingx.VENUE.listing(Answers(bingx.VENUE, BODIES)).iter_rows(named=True):
        market = exchange.markets_by_id[row["native_symbol"]][0]
        assert (row["native_base"], row["quote"]) == (market["baseId"], market["quoteId"])
        assert (row["settle"], row["contract_size"]) == (market["settleId"], market["contractSize"])
        assert (row["kind"] == "linear", market["active"]) == (market["linear"], True)
    look = bingx.VENUE.current(Answers(bingx.VENUE, BODIES), [BTC]).row(0, named=True)
    theirs = exchange.fetch_funding_rates(["BTC/USDT:USDT"])["BTC/USDT:USDT"]
    assert look["predicted_rate_native"] == theirs["fundingRate"]
    assert f"{look['interval_hours']:.0f}h" == theirs["interval"]
    assert (look["mark_price"], look["index_price"]) == (theirs["markPrice"], theirs["indexPrice"])
    assert look["next_funding_time"] == of_ms(theirs["nextFundingTimestamp"])
    # a value in quote currency, not an amount
    assert look["open_interest_native"] == exchange.fetch_open_interest("BTC/USDT:USDT")["openInterestValue"]
    assert same_history(bingx.events(past, BTC).frame, exchange.fetch_funding_rate_history("BTC/USDT:USDT"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": 100410, "msg": "rate limited"}, RateLimited),
        (UNKNOWN, NotFound),
        ({"code": 80014, "msg": "Invalid parameters", "data": {}}, BadRequest),
        ({"code": 100500, "msg": "internal error"}, Unavailable),
        ("<html><body>Sorry</body></html>", Malformed),
        (ok(None), Malformed),
    ],
)
def test_refusals(body: Any, kind: type[VendorError]):
    """Refusals come as 200 with a code; HTML and bodies without a list are malformed."""
    with pytest.raises(kind):
        bingx.events(bingx.VENUE.read(reply(body)), BTC)


def test_a_walk_over_a_change_of_interval():
    """90 days, every 8 hours and then every hour, in pages of 1000 rows, newest first: every settlement once."""
    held = [(at, f"{n / 1e6:.6f}") for n, at in enumerate(stamps((90, 8), (1440, 1)))]

    def serve(ask: Ask) -> dict[str, Any]:
        start, end = int(ask.params["startTime"]), int(ask.params["endTime"])
        return settled(*[row for row in reversed(held) if start <= row[0] <= end][: int(ask.params["limit"])])

    caller = Answers(bingx.VENUE, {HISTORY: serve})
    walked = walk(bingx.VENUE, caller, BTC, utc("2025-01-01"), utc("2025-04-01"), 1.0)
    assert walked.frame["funding_time_native"].to_list() == [of_ms(at) for at, _ in held]
    assert walked.frame["rate_native"].to_list() == [float(rate) for _, rate in held]
    assert (walked.floor, walked.duplicates, walked.outside) == (None, 0, 0)


def test_what_its_record_says():
    """All history is kept; a settlement measures the interval that ends with it."""
    assert (bingx.VENUE.exchange, bingx.VENUE.memory, bingx.VENUE.measures) == ("bingx", None, "ending")
