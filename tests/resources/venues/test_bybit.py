"""Bybit: what its answers mean, what is asked of it, and that nothing of its history is lost."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import bybit
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import (
    HOUR_MS,
    NEW_YEAR_MS,
    Answers,
    ccxt_with,
    instrument,
    of_ms,
    query,
    real_history,
    recorded,
    reply,
    same_history,
    stamps,
    utc,
)

INFO, TICKERS, HISTORY = "/v5/market/instruments-info", "/v5/market/tickers", "/v5/market/funding/history"
BTC = instrument("BTCUSDT")
INVERSE = instrument("BTCUSD", "USD", "inverse")


def ok(result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1672712495660}


def contract(symbol: str, base: str, quote: str, **other: Any) -> dict[str, Any]:
    stated = {
        "symbol": symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": quote,
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.50", "maxPrice": "999999.00", "tickSize": "0.50"},
        "lotSizeFilter": {"maxOrderQty": "100.000", "minOrderQty": "1", "qtyStep": "0.001"},
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": quote,
    }
    return stated | other


FIRST = [
    contract("BTCUSDT", "BTC", "USDT"),
    contract("1000PEPEUSDT", "1000PEPE", "USDT", fundingInterval=240, launchTime="1683158400000"),
    contract("BTC-26DEC25", "BTC", "USDT", contractType="LinearFutures", fundingInterval=0),
]
SECOND = [
    contract("BTCPERP", "BTC", "USDC"),
    contract("NEWUSDT", "NEW", "USDT", status="PreLaunch"),
    contract("GONEUSDT", "GONE", "USDT", status="Closed"),
]
COINS = [contract("BTCUSD", "BTC", "USD", contractType="InversePerpetual", settleCoin="BTC")]
#: as Bybit spells a cursor; on the wire it stands once so
CURSOR = "first%3DBTCUSDT%26last%3DBTC-26DEC25"


def instruments(ask: Ask) -> dict[str, Any]:
    if ask.params["category"] == "inverse":
        return ok({"category": "inverse", "list": COINS, "nextPageCursor": ""})
    if "cursor" in ask.params:
        assert ask.params["cursor"] == "first=BTCUSDT&last=BTC-26DEC25"
        return ok({"category": "linear", "list": SECOND, "nextPageCursor": ""})
    return ok({"category": "linear", "list": FIRST, "nextPageCursor": CURSOR})


def ticker(symbol: str, **other: Any) -> dict[str, Any]:
    stated = {
        "symbol": symbol,
        "lastPrice": "19255.50",
        "markPrice": "19255.00",
        "indexPrice": "19260.68",
        "openInterest": "48069.549",
        "turnover24h": "4686694853.047006",
        "volume24h": "243730.252",
        "fundingRate": "0.0001",
        "nextFundingTime": "1663689600000",
        "fundingIntervalHour": "8",
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryTime": "0",
    }
    return stated | other


LINEAR = [
    ticker("BTCUSDT"),
    ticker("1000PEPEUSDT", fundingRate="0", fundingIntervalHour="4"),
    ticker("BTCPERP", fundingRate="", openInterest=""),
    ticker("BTC-26DEC25", fundingRate="", nextFundingTime="0", fundingIntervalHour=""),
]
#: of the documents: 373504107 USD
INVERSES = [ticker("BTCUSD", markPrice="16596.00", openInterest="373504107", fundingRate="-0.001034")]


def tickers(ask: Ask) -> dict[str, Any]:
    rows = INVERSES if ask.params["category"] == "inverse" else LINEAR
    return ok({"category": ask.params["category"], "list": rows})


def test_the_listing_has_every_perpetual_in_trade():
    """Both categories, all pages; dated, announced and closed contracts are left out; 480 minutes are 8 hours."""
    caller = Answers(bybit.VENUE, {INFO: instruments})
    listed = bybit.VENUE.listing(caller)
    assert listed.drop("request_id", "settle").rows() == [
        ("BTCUSDT", "BTC", "USDT", "linear", 1.0, "base", 8.0, utc("2020-03-30")),
        ("1000PEPEUSDT", "1000PEPE", "USDT", "linear", 1.0, "base", 4.0, utc("2023-05-04")),
        ("BTCPERP", "BTC", "USDC", "linear", 1.0, "base", 8.0, utc("2020-03-30")),
        ("BTCUSD", "BTC", "USD", "inverse", 1.0, "usd", 8.0, utc("2020-03-30")),
    ]
    assert listed["settle"].to_list() == ["USDT", "USDT", "USDC", "BTC"]
    assert listed["request_id"].equals(listed["native_symbol"], check_names=False)
    assert [ask.params["category"] for ask in caller.asked] == ["linear", "linear", "inverse"]
    assert all(ask.params["limit"] == 1000 for ask in caller.asked)


def test_a_cursor_that_leads_back_is_refused():
    """A page that names a cursor already used would be read for ever."""
    body = ok({"category": "linear", "list": FIRST, "nextPageCursor": "abc"})
    with pytest.raises(Malformed, match="nextPageCursor must lead on, was 'abc' before"):
        bybit.VENUE.listing(Answers(bybit.VENUE, {INFO: body}))


def test_the_current_state():
    """Open interest in base units of linear and in USD of inverse contracts; zero is a rate, nothing is null."""
    caller = Answers(bybit.VENUE, {TICKERS: tickers})
    asked = [BTC, instrument("1000PEPEUSDT"), instrument("BTCPERP", "USDC"), INVERSE]
    look = bybit.VENUE.current(caller, asked)
    at = utc("2022-09-20T16:00")
    assert look.rows() == [
        ("BTCUSDT", 0.0001, 8.0, at, 19255.0, 19260.68, 48069.549, False),
        ("1000PEPEUSDT", 0.0, 4.0, at, 19255.0, 19260.68, 48069.549, False),
        ("BTCPERP", None, 8.0, at, 19255.0, 19260.68, None, False),
        ("BTCUSD", -0.001034, 8.0, at, 16596.0, 19260.68, 373504107.0, False),
    ]


def test_only_the_categories_of_the_contracts_are_asked():
    """Without inverse contracts there is one request; of no contract none."""
    caller = Answers(bybit.VENUE, {TICKERS: tickers})
    assert bybit.VENUE.current(caller, [BTC])["native_symbol"].to_list() == ["BTCUSDT"]
    assert bybit.VENUE.current(caller, []).is_empty()
    assert [ask.params["category"] for ask in caller.asked] == ["linear"]


def test_the_request_of_history():
    """[00:00, 08:00) ends a millisecond before eight, as endTime is included; the category is the contract's kind."""
    ask = bybit.window(BTC, utc("2025-01-01"), utc("2025-01-01T08:00"))
    assert ask.path == HISTORY
    assert ask.params == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "startTime": NEW_YEAR_MS,
        "endTime": NEW_YEAR_MS + 8 * HOUR_MS - 1,
        "limit": 200,
    }
    assert bybit.window(INVERSE, utc("2025-01-01"), utc("2025-01-02")).params["category"] == "inverse"


def settled(*rows: tuple[int, str]) -> dict[str, Any]:
    listed = [{"symbol": "BTCUSDT", "fundingRate": rate, "fundingRateTimestamp": str(at)} for at, rate in rows]
    return ok({"category": "linear", "list": listed})


def test_a_page_of_history():
    """Rows in the venue's order, zero kept, a missing rate null; a row has no interval and no price."""
    body = settled((1672041600000, "0.0001"), (1672012800000, "0"), (1671984000000, ""))
    page = bybit.events(body, BTC)
    assert page.frame.rows() == [
        ("BTCUSDT", utc("2022-12-26T08:00"), 0.0001, None, None),
        ("BTCUSDT", utc("2022-12-26T00:00"), 0.0, None, None),
        ("BTCUSDT", utc("2022-12-25T16:00"), None, None, None),
    ]
    assert page.cursor is None
    with pytest.raises(Malformed, match=r"result\.list\[0\]\.fundingRateTimestamp must be an instant"):
        bybit.events(settled((1672041600, "0.0001")), BTC)


def test_ccxt_reads_the_same():
    """Contracts, current rates and history are those that ccxt reads out of the same bodies."""

    def answer(url: str) -> Any:
        asked, path = query(url), urlsplit(url).path
        if path == HISTORY:
            return settled((1672041600000, "0.0001"), (1672012800000, "-0.00002"))
        if path == INFO and asked.get("status") == "PreLaunch":
            return ok({"category": "linear", "list": [], "nextPageCursor": ""})
        if path == INFO:
            return ok({"category": asked["category"], "list": FIRST[:2] + SECOND[:1], "nextPageCursor": ""})
        return tickers(Ask(TICKERS, asked))

    exchange = ccxt_with("bybit", answer)
    exchange.set_markets(exchange.fetch_future_markets({"category": "linear"}))
    ours = bybit.VENUE.listing(Answers(bybit.VENUE, {INFO: instruments})).head(3)
    for row in ours.iter_rows(named=True):
        market = exchange.markets_by_id[row["native_symbol"]][0]
        assert (row["quote"], row["settle"]) == (market["quote"], market["settle"])
        assert (row["contract_size"], row["listed_at"]) == (market["contractSize"], of_ms(market["created"]))
    theirs = exchange.fetch_funding_rates(["BTC/USDT:USDT", "BTC/USDC:USDC"])
    looks = bybit.quotes(tickers(Ask(TICKERS, {"category": "linear"}))).rows_by_key("native_symbol", named=True)
    for symbol, name in (("BTCUSDT", "BTC/USDT:USDT"), ("BTCPERP", "BTC/USDC:USDC")):
        look = looks[symbol][0]
        assert look["predicted_rate_native"] == theirs[name]["fundingRate"]
        assert (look["mark_price"], look["index_price"]) == (theirs[name]["markPrice"], theirs[name]["indexPrice"])
        assert look["next_funding_time"] == of_ms(theirs[name]["fundingTimestamp"])
    body = settled((1672041600000, "0.0001"), (1672012800000, "-0.00002"))
    assert same_history(bybit.events(body, BTC).frame, exchange.fetch_funding_rate_history("BTC/USDT:USDT"))


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("ip_limit", RateLimited, "HTTP 403: 403, access too frequent"),
        ("rate_limited", RateLimited, "code 10006: Too many visits"),
        ("unknown_symbol", NotFound, "code 10001: params error: symbol invalid"),
    ],
)
def test_recorded_refusals(shared_data: Path, case: str, kind: type[VendorError], words: str):
    """Both kinds of quota are quotas, an unknown symbol is not found."""
    with pytest.raises(kind, match=words):
        bybit.VENUE.read(recorded(shared_data, "bybit", case))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"retCode": 10001, "retMsg": "params error: endTime invalid"}, BadRequest),
        ({"retCode": 10016, "retMsg": "Server error."}, Unavailable),
        ("<html><body>Sorry</body></html>", Malformed),
        (ok({"category": "linear"}), Malformed),
        (ok(None), Malformed),
    ],
)
def test_other_refusals(body: Any, kind: type[VendorError]):
    """A wrong parameter is ours, a page of HTML and a body without its list are malformed."""
    with pytest.raises(kind):
        bybit.events(bybit.VENUE.read(reply(body)), BTC)


def serving(held: list[tuple[int, float]]) -> dict[str, Any]:
    """Pages of these settlements as Bybit cuts them: the newest of the window, newest first."""

    def serve(ask: Ask) -> dict[str, Any]:
        start, end = int(ask.params["startTime"]), int(ask.params["endTime"])
        rows = [(at, repr(rate)) for at, rate in reversed(held) if start <= at <= end]
        return settled(*rows[: int(ask.params["limit"])])

    return {HISTORY: serve}


def test_a_walk_over_a_change_of_interval():
    """60 days, every 4 hours and then every hour, in pages of 200 rows, newest first: every settlement once."""
    held = [(at, n / 1e6) for n, at in enumerate(stamps((180, 4), (720, 1)))]
    walked = walk(bybit.VENUE, Answers(bybit.VENUE, serving(held)), BTC, utc("2025-01-01"), utc("2025-03-02"), 1.0)
    assert walked.frame["funding_time_native"].to_list() == [of_ms(at) for at, _ in held]
    assert walked.frame["rate_native"].to_list() == [rate for _, rate in held]
    assert (walked.floor, walked.duplicates, walked.outside) == (None, 0, 0)


def test_a_walk_over_three_real_years(shared_data: Path):
    """The recorded history of 2021 to 2023 comes back whole: 3,285 settlements, bit for bit."""
    held = real_history(shared_data, "bybit_BTC.csv.gz")
    walked = walk(bybit.VENUE, Answers(bybit.VENUE, serving(held)), BTC, utc("2021-01-01"), utc("2024-01-01"), 8.0)
    assert walked.frame.select("funding_time_native", "rate_native").rows() == [(of_ms(at), rate) for at, rate in held]
    assert walked.frame.height == 3285


def test_what_its_record_says():
    """All history is kept; a settlement measures the interval before."""
    assert (bybit.VENUE.exchange, bybit.VENUE.memory, bybit.VENUE.measures) == ("bybit", None, "previous")
