"""Lighter: its own rates among those of others, history in percent without a sign."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import lighter
from resources.venues.lighter import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask, Instrument
from tests.resources.venues.answers import Answers, ccxt_with, reply, utc

#: shapes as in the venue's documentation
MARKET = {
    "symbol": "ETH",
    "market_id": 0,
    "market_type": "perp",
    "status": "active",
    "taker_fee": "0.0000",
    "created_at": "1762627046949",
    "quote_multiplier": 1,
    "mark_price": "3551.2",
    "index_price": "3550.9",
    "last_trade_price": 3550.69,
    "open_interest": 39559.3278,
}
DETAILS = {
    "code": 200,
    "order_book_details": [
        MARKET,
        {**MARKET, "symbol": "1000PEPE", "market_id": 4, "open_interest": 0},
        {**MARKET, "symbol": "AI", "market_id": 230},
        {**MARKET, "symbol": "DEAD", "market_id": 300, "status": "inactive"},
    ],
    "spot_order_book_details": [{**MARKET, "symbol": "ETH/USDC", "market_id": 2048, "market_type": "spot"}],
}
#: of before 2026: fewer members
OLD = {name: MARKET[name] for name in ("symbol", "market_id", "status", "last_trade_price", "open_interest")}
RATES = {
    "code": 200,
    "funding_rates": [
        {"market_id": 0, "exchange": "binance", "symbol": "ETH", "rate": 0.0001},
        {"market_id": 0, "exchange": "lighter", "symbol": "ETH", "rate": 0.00009599999999999999},
        {"market_id": 0, "exchange": "hyperliquid", "symbol": "ETH", "rate": 0.0000125},
        {"market_id": 4, "exchange": "lighter", "symbol": "1000PEPE", "rate": 0},
        {"market_id": 230, "exchange": "bybit", "symbol": "AI", "rate": 0.0003},
    ],
}
ETH, BTC = Instrument("ETH", "0", "linear", "USDC", "USDC"), Instrument("BTC", "1", "linear", "USDC", "USDC")
BOOKS, STATED, HISTORY = "/api/v1/orderBookDetails", "/api/v1/funding-rates", "/api/v1/fundings"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def funding(timestamp: int, rate: str | None, direction: str | None) -> dict[str, Any]:
    return {"timestamp": timestamp, "value": "0.471", "rate": rate, "direction": direction}


def settled(*rows: dict[str, Any]) -> pl.DataFrame:
    return VENUE.events({"code": 200, "resolution": "1h", "fundings": list(rows)}, ETH).frame


def test_listing_has_active_perpetuals() -> None:
    """Spot stands in another list; history is asked by number, and 0 is one; thousands stay in the name."""
    found = VENUE.listing(Answers(VENUE, {BOOKS: DETAILS})).rows(named=True)
    assert found[0] == {
        "native_symbol": "ETH",
        "request_id": "0",
        "native_base": "ETH",
        "quote": "USDC",
        "settle": "USDC",
        "kind": "linear",
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 1.0,
        "listed_at": utc("2025-11-08T18:37:26.949"),
    }
    assert [(row["native_base"], row["request_id"]) for row in found[1:]] == [("1000PEPE", "4"), ("AI", "230")]
    [old] = lighter.listed({"code": 200, "order_book_details": [OLD]}).rows(named=True)
    assert (old["native_symbol"], old["listed_at"]) == ("ETH", None)


def test_the_current_rate_is_its_own_and_of_eight_hours() -> None:
    """9.6e-5 for 8 hours are 1.2e-5 for one; where only others have a rate there is none."""
    bodies = {BOOKS: DETAILS, STATED: RATES}
    answers = Answers(VENUE, bodies)
    eth, pepe, ai = VENUE.current(answers, [ETH]).rows(named=True)
    assert eth == {
        "native_symbol": "ETH",
        "predicted_rate_native": pytest.approx(1.2e-5, rel=1e-12),
        "interval_hours": 1.0,
        "next_funding_time": None,
        "mark_price": 3551.2,
        "index_price": 3550.9,
        "open_interest_native": 39559.3278,
        "is_trailing": False,
    }
    assert (pepe["predicted_rate_native"], pepe["open_interest_native"]) == (0.0, 0.0)
    assert ai["predicted_rate_native"] is None
    assert answers.asked == [Ask(BOOKS, context="all markets"), Ask(STATED, context="all markets")]
    exchange = ccxt_with("lighter", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_markets())
    theirs = exchange.fetch_funding_rates()["ETH/USDC:USDC"]
    assert eth["predicted_rate_native"] * 8 == pytest.approx(theirs["fundingRate"], rel=1e-12)


def test_a_last_trade_is_no_mark_price() -> None:
    """Old answers have no other price: then none is known."""
    [row] = lighter.quotes({"code": 200, "order_book_details": [OLD]}).rows(named=True)
    assert (row["mark_price"], row["index_price"], row["open_interest_native"]) == (None, None, 39559.3278)


def test_settled_rates_are_percent_with_the_sign_of_who_paid() -> None:
    """Goldens: "0.0012" long -> 1.2e-5, "0.0002" short -> -2e-6 (funding.md 4)."""
    frame = settled(funding(1788865200, "0.0012", "long"), funding(1788868800, "0.0002", "short"))
    assert frame["funding_time_native"].to_list() == [utc("2026-09-08T11:00"), utc("2026-09-08T12:00")]
    assert frame["rate_native"].to_list() == pytest.approx([1.2e-5, -2e-6], rel=1e-12)
    assert frame["interval_hours"].to_list() == [1.0, 1.0]


def test_a_rate_without_a_sign_is_unknown_unless_it_is_zero() -> None:
    """Zero needs no sign; a missing rate is null."""
    rows = [
        funding(1788865200, "0.0000", "short"),
        funding(1788868800, "0.0000", ""),
        funding(1788872400, "0.0012", ""),
        funding(1788876000, "0.0012", None),
        funding(1788879600, None, "long"),
    ]
    rates = settled(*rows)["rate_native"].to_list()
    assert rates == [0.0, 0.0, None, None, None]
    assert str(rates[0]) == "0.0"


def test_a_direction_of_another_name_is_malformed() -> None:
    """A sign is not guessed."""
    with pytest.raises(Malformed, match=r"fundings\[0\].direction must be long or short, was 'up'"):
        settled(funding(1788865200, "0.0012", "up"))


def test_history_is_asked_in_seconds_by_number() -> None:
    """Both ends are included; rows are counted back from the end, so the count is that of the window."""
    asked = lighter.window(BTC, utc("2025-03-01"), utc("2025-03-02"))
    assert asked == Ask(
        HISTORY,
        {
            "market_id": "1",
            "resolution": "1h",
            "start_timestamp": 1740787200,
            "end_timestamp": 1740873599,
            "count_back": 24,
        },
    )
    half = lighter.window(ETH, utc("2025-03-01T00:30"), utc("2025-03-01T02:00"))
    assert half.params["count_back"] == 2
    assert lighter.window(ETH, utc("2025-03-01"), utc("2025-06-01")).params["count_back"] == 750


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": 20001, "message": "invalid param "}, BadRequest),
        (400, {"code": 20001, "message": "invalid param: market_id"}, NotFound),
        (200, {"code": 21602, "message": "invalid market index"}, NotFound),
        (200, {"code": 23000, "message": "too many requests"}, RateLimited),
        (429, {"code": 23000, "message": "too many requests"}, RateLimited),
        (405, {}, RateLimited),
        (200, {"code": 29500, "message": "internal server error"}, Unavailable),
        (200, {"code": 21506, "message": "too many pending txs"}, BadRequest),
        (502, "bad gateway", Unavailable),
        (200, "<html></html>", Malformed),
        (200, [], Malformed),
    ],
)
def test_refusals(status: int, body: Any, kind: type[VendorError]) -> None:
    """A code other than 200 is none; 405 means too many requests."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(body, status))
    assert type(refused.value) is kind


@pytest.mark.parametrize("beyond_start", [False, True])
def test_sixty_days_are_1440_rows_on_three_pages(beyond_start: bool) -> None:
    """Windows of 600 hours at a page of 750, also where the venue counts back beyond the start."""
    first = utc("2025-03-01")
    every = [round((first + n * HOUR).timestamp()) for n in range(-2000, 1600)]

    def respond(ask: Ask) -> Any:
        start, end = int(ask.params["start_timestamp"]), int(ask.params["end_timestamp"])
        inside = [one for one in every if (beyond_start or start <= one) and one <= end]
        newest = inside[-min(750, int(ask.params["count_back"])) :]
        return {"code": 200, "resolution": "1h", "fundings": [funding(one, "0.0012", "long") for one in newest]}

    answers = Answers(VENUE, {HISTORY: respond})
    found = walk(VENUE, answers, ETH, first, first + 60 * DAY, 1.0)
    assert found.frame["funding_time_native"].to_list() == [first + n * HOUR for n in range(1440)]
    assert (len(answers.asked), found.outside, found.floor) == (3, 0, None)
