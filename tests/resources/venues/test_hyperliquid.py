"""Hyperliquid: everything by POST at a weight of 20; hourly rates; a coin it does not know is HTTP 500 `null`."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import hyperliquid
from resources.venues.hyperliquid import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import Answers, ccxt_with, instrument, recorded, reply, same_history, utc
from tests.resources.venues.scripted import ms

#: shapes as in the venue's documentation
STATE = {
    "dayNtlVlm": "1709813.11535",
    "funding": "0.00004807",
    "impactPxs": ["2369.3", "2369.6"],
    "markPx": "2369.6",
    "midPx": "2369.45",
    "openInterest": "1815.4712",
    "oraclePx": "2367.3",
    "premium": "0.00090821",
    "prevDayPx": "2381.5",
}
COINS = [
    {"maxLeverage": 50, "name": "ETH", "onlyIsolated": False, "szDecimals": 4},
    {"maxLeverage": 3, "name": "MATIC", "szDecimals": 1, "isDelisted": True},
    {"maxLeverage": 10, "name": "kPEPE", "szDecimals": 0},
    {"name": "@1", "szDecimals": 0},
]
BOTH = [{"universe": COINS}, [STATE, STATE, {**STATE, "funding": "0.0", "markPx": None}, STATE]]
ROWS = [
    {"coin": "ETH", "fundingRate": "0.0000125", "premium": "0.00057962", "time": 1704290400031},
    {"coin": "ETH", "fundingRate": "-0.0000031", "premium": "-0.0005", "time": 1704294000000},
    {"coin": "ETH", "fundingRate": "0.0", "premium": "0.0", "time": 1704297600112},
]
ETH = instrument("ETH", "USDC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_listing_has_the_coins_in_trade() -> None:
    """Delisted coins and pairs of the spot market (`@1`) are left out; names stay as spelled."""
    assert VENUE.listing(Answers(VENUE, {"/info": BOTH})).rows(named=True) == [
        {
            "native_symbol": name,
            "request_id": name,
            "native_base": name,
            "quote": "USDC",
            "settle": "USDC",
            "kind": "linear",
            "contract_size": 1.0,
            "oi_unit": "base",
            "interval_hours": 1.0,
            "listed_at": None,
        }
        for name in ("ETH", "kPEPE")
    ]


def test_current_state_is_that_of_the_coin_at_the_same_place() -> None:
    """States have no names; a funding of 0 is a rate, a null price is none."""
    eth, pepe = VENUE.current(Answers(VENUE, {"/info": BOTH}), [ETH]).rows(named=True)
    assert eth == {
        "native_symbol": "ETH",
        "predicted_rate_native": 0.00004807,
        "interval_hours": 1.0,
        "next_funding_time": None,
        "mark_price": 2369.6,
        "index_price": 2367.3,
        "open_interest_native": 1815.4712,
        "is_trailing": False,
    }
    assert (pepe["native_symbol"], pepe["predicted_rate_native"], pepe["mark_price"]) == ("kPEPE", 0.0, None)


@pytest.mark.parametrize("body", [{}, [{"universe": COINS}], [{"universe": COINS}, [STATE]], [{}, []], [[], []]])
def test_lists_that_do_not_run_side_by_side_are_malformed(body: Any) -> None:
    """A state cannot be given to a coin by guessing."""
    with pytest.raises(Malformed):
        hyperliquid.quotes(body)


def test_settled_rates_as_ccxt_reads_them() -> None:
    """Jitter stays, zero stays, each rate is for one hour."""
    frame = VENUE.events(ROWS, ETH).frame
    assert frame["rate_native"].to_list() == [0.0000125, -0.0000031, 0.0]
    assert frame["interval_hours"].to_list() == [1.0, 1.0, 1.0]
    assert frame["funding_time_native"][0] == utc("2024-01-03T14:00:00.031")
    exchange = ccxt_with("hyperliquid", lambda _: BOTH)
    exchange.set_markets(exchange.fetch_swap_markets())
    exchange.fetch = lambda *_: ROWS
    assert same_history(frame, exchange.fetch_funding_rate_history("ETH/USDC:USDC", since=1))


def test_a_row_without_a_rate_has_none() -> None:
    """Missing is null, never 0."""
    row = {"coin": "ETH", "time": 1704290400031}
    assert VENUE.events([row], ETH).frame["rate_native"].to_list() == [None]


def test_requests_are_posted_and_weighted() -> None:
    """Both ends of a window are included; a request counts 20."""
    listing = Answers(VENUE, {"/info": BOTH})
    VENUE.listing(listing)
    assert listing.asked == [Ask("/info", json={"type": "metaAndAssetCtxs"}, cost=20, context="all coins")]
    first, until = utc("2025-03-01"), utc("2025-03-02")
    assert hyperliquid.window(ETH, first, until) == Ask(
        "/info",
        json={"type": "fundingHistory", "coin": "ETH", "startTime": 1740787200000, "endTime": 1740873599999},
        cost=20,
    )


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, "null", NotFound),
        (500, "upstream failed", Unavailable),
        (503, "null", Unavailable),
        (422, "Failed to deserialize the JSON body into the target type", BadRequest),
        (200, "<html></html>", Malformed),
    ],
)
def test_refusals(status: int, body: bytes, kind: type[VendorError]) -> None:
    """An unknown coin never counts against the venue; everything else is by its status."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(body, status))
    assert type(refused.value) is kind
    assert refused.value.counts is (kind in {Unavailable, RateLimited, Malformed})


def test_the_recorded_refusal(shared_data: Path) -> None:
    """HTTP 429 with the body null."""
    with pytest.raises(RateLimited):
        VENUE.read(recorded(shared_data, "hyperliquid", "rate_limited"))


def test_without_a_coin_nothing_is_unknown() -> None:
    """The same answer to a question about all coins is an outage."""

    class Broken(Answers):
        def one(self, ask: Ask) -> Any:
            return self.venue.read(reply("null", 500))

    with pytest.raises(Unavailable):
        VENUE.listing(Broken(VENUE, {}))


def test_an_answer_of_null_is_not_an_empty_history() -> None:
    """It has no rows to be empty of."""
    with pytest.raises(Malformed, match="must be a list"):
        VENUE.events(VENUE.read(reply("null")), ETH)


def test_thirty_days_are_720_rows_on_two_pages() -> None:
    """ccxt 4.5.90 brings 500 of them."""
    first = utc("2025-03-01")
    every = [first + n * HOUR + timedelta(milliseconds=n % 90) for n in range(-48, 800)]

    def respond(ask: Ask) -> Any:
        assert ask.json is not None
        start, end = ask.json["startTime"], ask.json["endTime"]
        inside = [one for one in every if start <= ms(one) <= end][:500]
        return [{"coin": "ETH", "fundingRate": "0.0000125", "premium": "0", "time": ms(one)} for one in inside]

    answers = Answers(VENUE, {"/info": respond})
    found = walk(VENUE, answers, ETH, first, first + 30 * DAY, 1.0)
    assert found.frame["funding_time_native"].to_list() == every[48 : 48 + 720]
    assert (len(answers.asked), found.floor, found.outside, found.duplicates) == (2, None, 0, 0)
