"""Bitget: what its answers mean, what is asked of it, and that nothing of its history is lost."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import bitget
from resources.venues.pager import walk
from resources.venues.venue import Ask, Position
from tests.resources.venues.answers import (
    Answers,
    ccxt_with,
    instrument,
    of_ms,
    query,
    recorded,
    reply,
    same_history,
    stamps,
    utc,
)

CONTRACTS, RATES = "/api/v2/mix/market/contracts", "/api/v2/mix/market/current-fund-rate"
TICKERS, HISTORY = "/api/v2/mix/market/tickers", "/api/v2/mix/market/history-fund-rate"
BTC, COIN = instrument("BTCUSDT"), instrument("BTCPERP", "USDC")


def ok(data: Any) -> dict[str, Any]:
    return {"code": "00000", "msg": "success", "requestTime": 1695793701269, "data": data}


def contract(symbol: str, base: str, quote: str, **other: Any) -> dict[str, Any]:
    stated = {
        "symbol": symbol,
        "baseCoin": base,
        "quoteCoin": quote,
        "makerFeeRate": "0.0002",
        "takerFeeRate": "0.0006",
        "supportMarginCoins": [quote],
        "minTradeNum": "0.001",
        "priceEndStep": "1",
        "volumePlace": "3",
        "pricePlace": "1",
        "sizeMultiplier": "0.001",
        "symbolType": "perpetual",
        "symbolStatus": "normal",
        "offTime": "-1",
        "limitOpenTime": "-1",
        "deliveryTime": "",
        "launchTime": "",
        "fundInterval": "8",
        "minLever": "1",
        "maxLever": "125",
        "maintainTime": "",
    }
    return stated | other


LISTED = {
    "USDT-FUTURES": [
        contract("BTCUSDT", "BTC", "USDT"),
        contract("PEPEUSDT", "PEPE", "USDT", fundInterval="4", launchTime="1683158400000"),
        contract("BTCUSDTZ25", "BTC", "USDT", symbolType="delivery", deliveryTime="1766736000000"),
        contract("GONEUSDT", "GONE", "USDT", symbolStatus="off"),
    ],
    "USDC-FUTURES": [contract("BTCPERP", "BTC", "USDC")],
}


def rate(symbol: str, now: str, hours: str = "8") -> dict[str, str]:
    stated = {"fundingRate": now, "fundingRateInterval": hours, "nextUpdate": "1745510400000"}
    return {"symbol": symbol, **stated, "minFundingRate": "-0.003", "maxFundingRate": "0.003"}


def ticker(symbol: str, **other: Any) -> dict[str, Any]:
    stated = {
        "symbol": symbol,
        "lastPr": "104823.8",
        "ts": "1750332210370",
        "indexPrice": "104881.953125",
        "fundingRate": "-0.000014",
        "holdingAmount": "7452.6421",
        "deliveryTime": None,
        "markPrice": "104824.2",
    }
    return stated | other


PRODUCTS: dict[str, dict[str, list[Any]]] = {
    CONTRACTS: LISTED,
    RATES: {
        "USDT-FUTURES": [rate("BTCUSDT", "-0.000013"), rate("PEPEUSDT", "0", "4"), rate("MUTEUSDT", "")],
        "USDC-FUTURES": [rate("BTCPERP", "0.0001")],
    },
    TICKERS: {
        "USDT-FUTURES": [ticker("PEPEUSDT", holdingAmount="0"), ticker("BTCUSDT")],
        "USDC-FUTURES": [ticker("BTCPERP", markPrice="")],
    },
}


def bodies() -> dict[str, Any]:
    return {path: lambda ask, path=path: ok(PRODUCTS[path][str(ask.params["productType"])]) for path in PRODUCTS}


def test_the_listing_has_every_perpetual_in_trade():
    """Both product types; dated and closed contracts are left out; a contract is one unit of its base."""
    caller = Answers(bitget.VENUE, bodies())
    assert bitget.VENUE.listing(caller).rows() == [
        ("BTCUSDT", "BTCUSDT", "BTC", "USDT", "USDT", "linear", 1.0, "base", 8.0, None),
        ("PEPEUSDT", "PEPEUSDT", "PEPE", "USDT", "USDT", "linear", 1.0, "base", 4.0, utc("2023-05-04")),
        ("BTCPERP", "BTCPERP", "BTC", "USDC", "USDC", "linear", 1.0, "base", 8.0, None),
    ]
    assert [ask.params for ask in caller.asked] == [{"productType": "USDT-FUTURES"}, {"productType": "USDC-FUTURES"}]


def test_the_current_state():
    """Rates and prices come of two answers; zero is a rate, nothing is null, also where a ticker is missing."""
    asked = [BTC, instrument("PEPEUSDT"), instrument("MUTEUSDT"), COIN]
    look = bitget.VENUE.current(Answers(bitget.VENUE, bodies()), asked)
    at = utc("2025-04-24T16:00")
    assert look.rows() == [
        ("BTCUSDT", -0.000013, 8.0, at, 104824.2, 104881.953125, 7452.6421, False),
        ("PEPEUSDT", 0.0, 4.0, at, 104824.2, 104881.953125, 0.0, False),
        ("MUTEUSDT", None, 8.0, at, None, None, None, False),
        ("BTCPERP", 0.0001, 8.0, at, None, 104881.953125, 7452.6421, False),
    ]


def test_only_the_products_of_the_contracts_are_asked():
    """Without a contract in USDC there are two requests; of no contract none."""
    caller = Answers(bitget.VENUE, bodies())
    assert bitget.VENUE.current(caller, [BTC])["native_symbol"].to_list() == ["BTCUSDT"]
    assert bitget.VENUE.current(caller, []).is_empty()
    assert [(ask.path, ask.params["productType"]) for ask in caller.asked] == [
        (RATES, "USDT-FUTURES"),
        (TICKERS, "USDT-FUTURES"),
    ]


def test_the_requests_of_history():
    """Pages are counted from 1; the product type is that of the quote currency."""
    first = bitget.page(BTC, Position(0, 0, None, utc("2025-01-01")))
    assert first.path == HISTORY
    assert first.params == {"symbol": "BTCUSDT", "productType": "USDT-FUTURES", "pageSize": 100, "pageNo": 1}
    third = bitget.page(COIN, Position(2, 200, None, utc("2025-01-01")))
    assert third.params == {"symbol": "BTCPERP", "productType": "USDC-FUTURES", "pageSize": 100, "pageNo": 3}


def settled(*rows: tuple[int, str]) -> dict[str, Any]:
    return ok([{"symbol": "BTCUSDT", "fundingRate": rate, "fundingTime": str(at)} for at, rate in rows])


def test_a_page_of_history():
    """Rows in the venue's order, zero kept, a missing rate null."""
    body = settled((1695776400000, "0.0005"), (1695747600000, "0"), (1695715200000, ""))
    assert bitget.events(body, BTC).frame.rows() == [
        ("BTCUSDT", utc("2023-09-27T01:00"), 0.0005, None, None),
        ("BTCUSDT", utc("2023-09-26T17:00"), 0.0, None, None),
        ("BTCUSDT", utc("2023-09-26T08:00"), None, None, None),
    ]


def test_ccxt_reads_the_same():
    """Contracts, current rates and history are those that ccxt reads out of the same bodies."""
    past = settled((1652396400000, "-0.0003"), (1652367600000, "0.0001"))

    def answer(url: str) -> Any:
        path, product = urlsplit(url).path, query(url)["productType"]
        return past if path == HISTORY else ok(PRODUCTS[path].get(product, []))

    exchange = ccxt_with("bitget", answer)
    exchange.options["fetchMarkets"] = {"types": ["swap"]}
    exchange.set_markets(exchange.fetch_default_markets({}))
    for row in bitget.VENUE.listing(Answers(bitget.VENUE, bodies())).iter_rows(named=True):
        market = exchange.markets_by_id[row["native_symbol"]][0]
        assert (row["native_base"], row["quote"], row["settle"]) == (market["base"], market["quote"], market["settle"])
        assert (market["linear"], market["contractSize"]) == (True, row["contract_size"])
    looks = bitget.VENUE.current(Answers(bitget.VENUE, bodies()), [BTC])
    now = exchange.fetch_funding_intervals(["BTC/USDT:USDT"])["BTC/USDT:USDT"]
    ticker = exchange.fetch_funding_rates(["BTC/USDT:USDT"])["BTC/USDT:USDT"]
    assert looks.row(0, named=True) == {
        "native_symbol": "BTCUSDT",
        "predicted_rate_native": now["fundingRate"],
        "interval_hours": float(now["interval"].removesuffix("h")),
        "next_funding_time": of_ms(now["fundingTimestamp"]),
        "mark_price": ticker["markPrice"],
        "index_price": ticker["indexPrice"],
        "open_interest_native": 7452.6421,
        "is_trailing": False,
    }
    assert same_history(bitget.events(past, BTC).frame, exchange.fetch_funding_rate_history("BTC/USDT:USDT"))


def test_the_recorded_refusal(shared_data: Path):
    """A quota is a quota."""
    with pytest.raises(RateLimited, match="code 429: Too Many Requests"):
        bitget.VENUE.read(recorded(shared_data, "bitget", "rate_limited"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({"code": "40034", "msg": "Parameter BTCUSD does not exist", "data": None}, 400), NotFound),
        (reply({"code": "40017", "msg": "Parameter verification failed", "data": None}, 400), BadRequest),
        (reply({"code": "40725", "msg": "service return an error", "data": None}), Unavailable),
        (reply("<html><body>Sorry</body></html>"), Malformed),
        (reply(ok(None)), Malformed),
    ],
)
def test_other_refusals(answer: Any, kind: type[VendorError]):
    """An unknown symbol is not found, a wrong parameter is ours, HTML and bodies without a list are malformed."""
    with pytest.raises(kind):
        bitget.events(bitget.VENUE.read(answer), BTC)


def test_a_walk_back_over_a_change_of_interval():
    """From 60 days of history the last 30, every 8 hours and then every hour, page by page of 100 rows."""
    held = [(at, n / 1e6) for n, at in enumerate(stamps((135, 8), (360, 1)))]

    def serve(ask: Ask) -> dict[str, Any]:
        assert ask.params["pageSize"] == 100
        start = (int(ask.params["pageNo"]) - 1) * 100
        return settled(*[(at, repr(rate)) for at, rate in held[::-1][start : start + 100]])

    caller = Answers(bitget.VENUE, {HISTORY: serve})
    walked = walk(bitget.VENUE, caller, BTC, utc("2025-01-31"), utc("2025-03-02"), 1.0)
    wanted = [(of_ms(at), rate) for at, rate in held if of_ms(at) >= utc("2025-01-31")]
    assert walked.frame.select("funding_time_native", "rate_native").rows() == wanted
    # 45 rows at 8 h and 360 at 1 h are five pages; no further page is asked
    assert (len(wanted), len(caller.asked), walked.floor) == (405, 5, None)


def test_what_its_record_says():
    """All history is kept; a settlement measures the interval that ends with it."""
    assert (bitget.VENUE.exchange, bitget.VENUE.memory, bitget.VENUE.measures) == ("bitget", None, "ending")
