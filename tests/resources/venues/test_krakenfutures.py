"""Kraken Futures: the tickers' rates are absolute, history's relative; all of it comes in one answer."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import krakenfutures
from resources.venues.krakenfutures import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import Answers, ccxt_with, instrument, reply, same_history, utc

#: shapes as in the venue's documentation
LINEAR = {
    "symbol": "PF_XBTUSD",
    "type": "flexible_futures",
    "tickSize": 1,
    "contractSize": 1,
    "tradeable": True,
    "openingDate": "2022-03-22T13:15:36Z",
    "fundingRateCoefficient": 8,
    "maxRelativeFundingRate": 0.005,
    "marginLevels": [],
}
INVERSE = {**LINEAR, "symbol": "PI_ETHUSD", "type": "futures_inverse", "openingDate": None}
LISTED = [
    LINEAR,
    INVERSE,
    {**LINEAR, "symbol": "PF_PEPEUSD", "base": "PEPE", "quote": "USD"},
    {**LINEAR, "symbol": "FF_XBTUSD_261225", "lastTradingTime": "2026-12-25T08:00:00.000Z"},
    {**INVERSE, "symbol": "FI_XBTUSD_261225", "lastTradingTime": "2026-12-25T08:00:00.000Z"},
    {**LINEAR, "symbol": "PF_OLDUSD", "tradeable": False},
    {"symbol": "in_xbtusd", "type": "spot index", "tradeable": False},
]
TICKER = {
    "symbol": "PF_ENJUSD",
    "last": 0.0433,
    "tag": "perpetual",
    "pair": "ENJ:USD",
    "markPrice": 0.0434,
    "openInterest": 72513.0,
    "fundingRate": -0.000000756414717067,
    "fundingRatePrediction": 0.000000195218676,
    "suspended": False,
    "indexPrice": 0.043391,
}
ROWS = {
    "rates": [
        {
            "timestamp": "2018-08-31T16:00:00.000Z",
            "fundingRate": 2.18900669884e-7,
            "relativeFundingRate": 0.00006077996,
        },
        {"timestamp": "2018-08-31T20:00:00.000Z", "fundingRate": 0, "relativeFundingRate": 0.0},
    ]
}
XBT = instrument("PF_XBTUSD", "USD")
INSTRUMENTS, TICKERS = "/derivatives/api/v3/instruments", "/derivatives/api/v3/tickers"
HISTORY = "/derivatives/api/v4/historicalfundingrates"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def body(name: str, rows: Any) -> dict[str, Any]:
    return {"result": "success", name: rows, "serverTime": "2022-02-18T14:16:29.440Z"}


def test_listing_has_perpetuals_only() -> None:
    """Dated contracts share the perpetuals' types; XBT stays as spelled, a stated base comes first."""
    linear, inverse, pepe = VENUE.listing(Answers(VENUE, {INSTRUMENTS: body("instruments", LISTED)})).rows(named=True)
    assert linear == {
        "native_symbol": "PF_XBTUSD",
        "request_id": "PF_XBTUSD",
        "native_base": "XBT",
        "quote": "USD",
        "settle": "USD",
        "kind": "linear",
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 1.0,
        "listed_at": utc("2022-03-22T13:15:36"),
    }
    assert inverse == {
        **linear,
        "native_symbol": "PI_ETHUSD",
        "request_id": "PI_ETHUSD",
        "native_base": "ETH",
        "settle": "ETH",
        "kind": "inverse",
        "oi_unit": "usd",
        "listed_at": None,
    }
    assert (pepe["native_symbol"], pepe["native_base"]) == ("PF_PEPEUSD", "PEPE")


def ccxt_reading(listed: Any) -> Any:
    bodies = {INSTRUMENTS: listed, HISTORY: ROWS}
    exchange = ccxt_with("krakenfutures", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_markets())
    return exchange


def predicted(ticker: dict[str, Any], kind: str = "linear") -> Any:
    answers = Answers(VENUE, {TICKERS: body("tickers", [ticker, {"symbol": "in_xbtusd", "last": 1.0}])})
    [row] = VENUE.current(answers, [instrument(ticker["symbol"], "USD", kind)]).rows(named=True)
    return row


def test_a_linear_rate_is_usd_for_a_coin() -> None:
    """1.95218676e-7 USD for a coin of 0.0434 USD, as ccxt divides it."""
    row = predicted(TICKER)
    assert row["predicted_rate_native"] == pytest.approx(0.000000195218676 / 0.0434, rel=1e-12)
    listed = body("instruments", [{**LINEAR, "symbol": "PF_ENJUSD"}])
    theirs = ccxt_reading(listed).parse_funding_rate(TICKER)
    assert row["predicted_rate_native"] == pytest.approx(theirs["nextFundingRate"], rel=1e-9)
    assert {name: row[name] for name in ("mark_price", "index_price", "open_interest_native")} == {
        "mark_price": 0.0434,
        "index_price": 0.043391,
        "open_interest_native": 72513.0,
    }
    assert (row["interval_hours"], row["next_funding_time"], row["is_trailing"]) == (1.0, None, False)


def test_an_inverse_rate_is_coins_for_a_usd() -> None:
    """Documented row of history: 2.18900669884e-7 x 277.66 USD = 6.078e-5, which division would make 7.9e-10."""
    documented = ROWS["rates"][0]
    price = float(documented["relativeFundingRate"]) / float(documented["fundingRate"])
    # ETH cost some 280 USD on 2018-08-31, BTC 7000
    assert price == pytest.approx(277.66, abs=0.01)
    absolute = {"fundingRatePrediction": documented["fundingRate"], "markPrice": price}
    ticker = {**TICKER, "symbol": "PI_ETHUSD", **absolute}
    row = predicted(ticker, "inverse")
    assert row["predicted_rate_native"] == pytest.approx(6.077996e-5, rel=1e-12)


@pytest.mark.parametrize(
    ("changed", "rate"),
    [
        ({"fundingRatePrediction": 0}, 0.0),
        ({"fundingRatePrediction": None}, None),
        ({"markPrice": None}, None),
        ({"markPrice": 0}, None),
    ],
)
def test_zero_is_a_rate_and_what_cannot_be_told_is_none(changed: dict[str, Any], rate: float | None) -> None:
    """Without a price there is no fraction, and never an infinite one."""
    assert predicted({**TICKER, **changed})["predicted_rate_native"] == rate
    assert predicted({**TICKER, **changed}, "inverse")["predicted_rate_native"] == rate


def test_settled_rates_are_relative() -> None:
    """As ccxt reads them; no row says its interval."""
    frame = VENUE.events(ROWS, XBT).frame
    assert frame.rows() == [
        ("PF_XBTUSD", utc("2018-08-31T16:00"), 0.00006077996, None, None),
        ("PF_XBTUSD", utc("2018-08-31T20:00"), 0.0, None, None),
    ]
    exchange = ccxt_reading(body("instruments", LISTED))
    assert same_history(frame, exchange.fetch_funding_rate_history("BTC/USD:USD"))


def test_requests() -> None:
    """History has no parameter but the symbol."""
    assert krakenfutures.whole(XBT) == Ask(HISTORY, {"symbol": "PF_XBTUSD"})
    answers = Answers(VENUE, {INSTRUMENTS: body("instruments", []), TICKERS: body("tickers", [])})
    VENUE.listing(answers)
    VENUE.current(answers, [XBT])
    assert answers.asked == [Ask(INSTRUMENTS, context="all contracts"), Ask(TICKERS, context="all contracts")]


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, {"result": "error", "error": "apiLimitExceeded"}, RateLimited),
        (200, {"result": "error", "error": "Unavailable"}, Unavailable),
        (200, {"result": "error", "error": "contractNotFound"}, NotFound),
        (200, {"errors": [{"code": 87, "message": "notFound"}], "status": "BAD_REQUEST"}, NotFound),
        (200, {"result": "error"}, BadRequest),
        (200, {"result": "error", "error": "invalidArgument: symbol"}, BadRequest),
        (400, {"result": "error", "error": "Bad Request"}, BadRequest),
        (404, {"result": "error", "error": "notFound"}, NotFound),
        (429, "", RateLimited),
        (503, "", Unavailable),
        (200, "<html></html>", Malformed),
    ],
)
def test_refusals(status: int, said: Any, kind: type[VendorError]) -> None:
    """A status of 200 is not success."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(said, status))
    assert type(refused.value) is kind


def test_history_comes_whole_and_is_cut_to_the_range() -> None:
    """A day out of all years; no floor, since history begins before it."""
    first = utc("2025-03-01")
    every = [first + n * HOUR for n in range(-2000, 100)]
    rates = [{"timestamp": one.isoformat(), "relativeFundingRate": 1e-6, "fundingRate": 0.1} for one in every]
    answers = Answers(VENUE, {HISTORY: {"rates": rates}})
    found = walk(VENUE, answers, XBT, first, first + DAY, 1.0)
    assert found.frame["funding_time_native"].to_list() == every[2000:2024]
    assert (len(answers.asked), found.floor) == (1, None)
