"""MEXC: what its answers mean, what is asked of it, and that nothing of its history is lost."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import mexc
from resources.venues.pager import walk
from resources.venues.venue import Ask, Position
from tests.resources.venues.answers import (
    Answers,
    ccxt_with,
    instrument,
    of_ms,
    reply,
    same_history,
    stamps,
    utc,
)

DETAIL, TICKERS, RATES = "/api/v1/contract/detail", "/api/v1/contract/ticker", "/api/v1/contract/funding_rate"
HISTORY = "/api/v1/contract/funding_rate/history"
BTC = instrument("BTC_USDT")
REFUSED = {"success": False, "code": 511, "message": "Endpoint inaccessible"}


def ok(data: Any) -> dict[str, Any]:
    return {"success": True, "code": 0, "data": data}


def contract(symbol: str, base: str, quote: str = "USDT", **other: Any) -> dict[str, Any]:
    stated = {
        "symbol": symbol,
        "displayNameEn": f"{symbol} SWAP",
        "positionOpenType": 3,
        "baseCoin": base,
        "quoteCoin": quote,
        "settleCoin": quote,
        "contractSize": 0.0001,
        "priceUnit": 0.5,
        "minVol": 1,
        "takerFeeRate": 0.0006,
        "state": 0,
        "apiAllowed": False,
    }
    return stated | other


LISTED = [
    contract("BTC_USDT", "BTC"),
    contract("BTC_USD", "BTC", "USD", settleCoin="BTC", contractSize=100),
    contract("VINE_USDT", "VINE", contractSize=10),
    contract("GONE_USDT", "GONE", state=3),
    contract("MUTE_USDT", "MUTE"),
]
#: 1787184000000 is 2026-08-20 00:00
CURRENT = {
    "BTC_USDT": {"fundingRate": 0.000014, "collectCycle": 8, "nextSettleTime": 1787184000000},
    "BTC_USD": {"fundingRate": -0.00002, "collectCycle": 8, "nextSettleTime": 1787184000000},
    "VINE_USDT": {"fundingRate": 0, "collectCycle": 4, "nextSettleTime": 1787169600000},
}
ROWS = [{"symbol": symbol, "timestamp": 1787160725306} | row for symbol, row in CURRENT.items()]
TICKS = [
    {"symbol": "BTC_USDT", "holdVol": 584116901, "indexPrice": 67853.2, "fairPrice": 67835.2, "fundingRate": 0.000014},
    {"symbol": "VINE_USDT", "holdVol": 0, "indexPrice": 0.05, "fairPrice": 0.0501, "fundingRate": 0},
]
BODIES = {DETAIL: ok(LISTED), TICKERS: ok(TICKS), RATES: ok(ROWS)}


def one_by_one() -> dict[str, Any]:
    """Answers of a venue that refuses the list of all rates."""
    unknown = {"success": False, "code": 1001, "message": "Contract does not exist"}
    singles = {f"{RATES}/{row['symbol']}": unknown for row in LISTED} | {
        f"{RATES}/{row['symbol']}": ok(row) for row in ROWS
    }
    return BODIES | singles | {RATES: REFUSED}


EXPECTED = [
    ("BTC_USDT", "BTC_USDT", "BTC", "USDT", "USDT", "linear", 0.0001, "contracts", 8.0, None),
    ("BTC_USD", "BTC_USD", "BTC", "USD", "BTC", "inverse", 100.0, "contracts", 8.0, None),
    ("VINE_USDT", "VINE_USDT", "VINE", "USDT", "USDT", "linear", 10.0, "contracts", 4.0, None),
    ("MUTE_USDT", "MUTE_USDT", "MUTE", "USDT", "USDT", "linear", 0.0001, "contracts", None, None),
]


def test_the_listing_has_every_contract_in_trade():
    """The interval comes of the current rates, and is unknown without one; closed contracts are left out."""
    caller = Answers(mexc.VENUE, BODIES)
    assert mexc.VENUE.listing(caller).rows() == EXPECTED
    assert [(ask.path, ask.params) for ask in caller.asked] == [(DETAIL, {}), (RATES, {})]


def test_each_contract_is_asked_where_the_list_is_refused():
    """The same listing, by one request a contract in trade; one that is unknown has no interval."""
    caller = Answers(mexc.VENUE, one_by_one())
    assert mexc.VENUE.listing(caller).rows() == EXPECTED
    symbols = ("BTC_USDT", "BTC_USD", "VINE_USDT", "MUTE_USDT")
    assert [ask.path for ask in caller.asked[2:]] == [f"{RATES}/{symbol}" for symbol in symbols]
    look = mexc.VENUE.current(Answers(mexc.VENUE, one_by_one()), [BTC])
    assert look.equals(mexc.VENUE.current(Answers(mexc.VENUE, BODIES), [BTC]))


def test_a_quota_is_no_refusal_of_the_list():
    """Asking each contract after a spent quota would make it worse."""
    bodies = BODIES | {RATES: {"success": False, "code": 510, "message": "Requests are too frequent"}}
    with pytest.raises(RateLimited):
        mexc.VENUE.listing(Answers(mexc.VENUE, bodies))


def test_the_current_state():
    """Open interest counts contracts; the mark is the fair price; zero is a rate, nothing is null."""
    asked = [BTC, instrument("BTC_USD"), instrument("VINE_USDT")]
    look = mexc.VENUE.current(Answers(mexc.VENUE, BODIES), asked)
    assert look.rows() == [
        ("BTC_USDT", 0.000014, 8.0, utc("2026-08-20"), 67835.2, 67853.2, 584116901.0, False),
        ("BTC_USD", -0.00002, 8.0, utc("2026-08-20"), None, None, None, False),
        ("VINE_USDT", 0.0, 4.0, utc("2026-08-19T20:00"), 0.0501, 0.05, 0.0, False),
    ]


def test_the_requests_of_history():
    """Pages are counted from 1."""
    first = mexc.page(BTC, Position(0, 0, None, utc("2025-01-01")))
    assert first.path == HISTORY
    assert first.params == {"symbol": "BTC_USDT", "page_num": 1, "page_size": 100}
    assert mexc.page(BTC, Position(2, 200, None, utc("2025-01-01"))).params["page_num"] == 3


def settled(*rows: tuple[int, float | None, int | None]) -> dict[str, Any]:
    listed = [
        {"symbol": "BTC_USDT", "fundingRate": rate, "settleTime": at} | ({"collectCycle": hours} if hours else {})
        for at, rate, hours in rows
    ]
    return ok({"pageSize": 100, "totalCount": 1618, "totalPage": 17, "currentPage": 1, "resultList": listed})


def test_a_page_of_history():
    """A row's own interval is kept, zero too; a missing rate or interval is null."""
    body = settled((1787155200000, 0.0001, 8), (1787126400000, 0, 4), (1609804800000, None, None))
    assert mexc.events(body, BTC).frame.rows() == [
        ("BTC_USDT", utc("2026-08-19T16:00"), 0.0001, 8.0, None),
        ("BTC_USDT", utc("2026-08-19T08:00"), 0.0, 4.0, None),
        ("BTC_USDT", utc("2021-01-05"), None, None, None),
    ]


def test_ccxt_reads_the_same():
    """Contracts, current rates and history are those that ccxt reads out of the same bodies."""
    past = settled((1609804800000, 0.000266, None), (1609776000000, 0.00029, None))
    bodies = one_by_one() | {HISTORY: past}
    exchange = ccxt_with("mexc", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_swap_markets())
    for row in mexc.VENUE.listing(Answers(mexc.VENUE, BODIES)).iter_rows(named=True):
        market = exchange.markets_by_id[row["native_symbol"]][0]
        assert (row["native_base"], row["quote"], row["settle"]) == (market["base"], market["quote"], market["settle"])
        assert (row["kind"] == "linear", row["contract_size"]) == (market["linear"], market["contractSize"])
    look = mexc.VENUE.current(Answers(mexc.VENUE, BODIES), [BTC]).row(0, named=True)
    theirs = exchange.fetch_funding_rate("BTC/USDT:USDT")
    assert look["predicted_rate_native"] == theirs["fundingRate"]
    assert f"{look['interval_hours']:.0f}h" == theirs["interval"]
    assert look["next_funding_time"] == of_ms(theirs["fundingTimestamp"])
    assert same_history(mexc.events(past, BTC).frame, exchange.fetch_funding_rate_history("BTC/USDT:USDT", limit=100))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"success": False, "code": 510, "message": "Requests are too frequent, please try again later"}, RateLimited),
        ({"success": False, "code": 1001, "message": "Contract does not exist"}, NotFound),
        ({"success": False, "code": 600, "message": "Parameter error"}, BadRequest),
        ({"success": False, "code": 501, "message": "System busy"}, Unavailable),
        ("<html><body>Sorry</body></html>", Malformed),
        (ok([]), Malformed),
        (ok({"totalCount": 0}), Malformed),
    ],
)
def test_refusals(body: Any, kind: type[VendorError]):
    """Refusals come as 200; HTML and bodies without a list are malformed."""
    with pytest.raises(kind):
        mexc.events(mexc.VENUE.read(reply(body)), BTC)


def test_a_walk_back_over_a_change_of_interval():
    """From 60 days of history the last 30, every 8 hours and then every 4, page by page, each with its interval."""
    times = [(at, 8) for at in stamps((135, 8))] + [(at, 4) for at in stamps((135, 8), (90, 4))[135:]]
    held = [(at, n / 1e6, hours) for n, (at, hours) in enumerate(times)]

    def serve(ask: Ask) -> dict[str, Any]:
        start, size = (int(ask.params["page_num"]) - 1) * 100, int(ask.params["page_size"])
        return settled(*held[::-1][start : start + size])

    caller = Answers(mexc.VENUE, {HISTORY: serve})
    walked = walk(mexc.VENUE, caller, BTC, utc("2025-01-31"), utc("2025-03-02"), 4.0)
    wanted = [(of_ms(at), rate, hours) for at, rate, hours in held if of_ms(at) >= utc("2025-01-31")]
    assert walked.frame.select("funding_time_native", "rate_native", "interval_hours").rows() == wanted
    # 45 rows at 8 h and 90 at 4 h are two pages
    assert (len(wanted), len(caller.asked), walked.floor) == (135, 2, None)


def test_what_its_record_says():
    """All history is kept; a settlement measures the interval that ends with it."""
    assert (mexc.VENUE.exchange, mexc.VENUE.memory, mexc.VENUE.measures) == ("mexc", None, "ending")
