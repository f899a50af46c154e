"""Deribit: `interest_1h` hour by hour, never the trailing `interest_8h`; errors have codes of their own."""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import deribit
from resources.venues.deribit import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import Answers, ccxt_with, instrument, of_ms, reply, utc
from tests.resources.venues.scripted import ms

#: shapes as in the venue's documentation
BTC_LISTED = {
    "tick_size": 0.5,
    "settlement_period": "perpetual",
    "settlement_currency": "BTC",
    "quote_currency": "USD",
    "kind": "future",
    "is_active": True,
    "instrument_name": "BTC-PERPETUAL",
    "future_type": "reversed",
    "expiration_timestamp": 32503708800000,
    "creation_timestamp": 1534242287000,
    "counter_currency": "USD",
    "contract_size": 10.0,
    "base_currency": "BTC",
}
SOL_LISTED = {
    **BTC_LISTED,
    "settlement_currency": "USDC",
    "quote_currency": "USDC",
    "counter_currency": "USDC",
    "instrument_name": "SOL_USDC-PERPETUAL",
    "future_type": "linear",
    "contract_size": 0.1,
    "base_currency": "SOL",
}
TICKER = {
    "timestamp": 1583778859480,
    "state": "open",
    "open_interest": 111543850,
    "mark_price": 7750.02,
    "instrument_name": "BTC-PERPETUAL",
    "index_price": 7748.01,
    "funding_8h": 0.0000026,
    "current_funding": 0.00008,
}
ROW = {
    "timestamp": 1569891600000,
    "index_price": 8222.87,
    "prev_index_price": 8305.72,
    "interest_8h": -0.00009234260068476106,
    "interest_1h": -4.739622041017375e-7,
}
BTC = instrument("BTC-PERPETUAL", "USD", "inverse")
INSTRUMENTS, HISTORY = "/api/v2/public/get_instruments", "/api/v2/public/get_funding_rate_history"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def answered(result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}


def refusal(code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"message": message, "code": code}, "testnet": False, "usDiff": 36}


def listed(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return VENUE.listing(Answers(VENUE, {INSTRUMENTS: answered(list(rows))})).rows(named=True)


def test_listing_has_perpetuals_only() -> None:
    """Inverse ones count open interest in USD, linear ones in coins; dated, closed and spot ones are left out."""
    dated = {**BTC_LISTED, "settlement_period": "month", "instrument_name": "BTC-27MAY22"}
    closed = {**BTC_LISTED, "instrument_name": "OLD-PERPETUAL", "is_active": False}
    spot = {"kind": "spot", "instrument_name": "BTC_USDC", "settlement_period": None}
    btc, sol = listed(BTC_LISTED, dated, closed, spot, SOL_LISTED)
    assert btc == {
        "native_symbol": "BTC-PERPETUAL",
        "request_id": "BTC-PERPETUAL",
        "native_base": "BTC",
        "quote": "USD",
        "settle": "BTC",
        "kind": "inverse",
        "contract_size": 10.0,
        "oi_unit": "usd",
        "interval_hours": 1.0,
        "listed_at": utc("2018-08-14T10:24:47"),
    }
    names = ("native_symbol", "native_base", "quote", "settle", "kind", "contract_size", "oi_unit")
    assert tuple(sol[name] for name in names) == ("SOL_USDC-PERPETUAL", "SOL", "USDC", "USDC", "linear", 0.1, "base")


def test_recorded_listings_give_their_perpetuals(shared_data: Path) -> None:
    """Real bodies of 2021 and 2022: 1017 options and futures, of which 19 are perpetual."""
    with gzip.open(shared_data / "recorded" / "exchange_instruments" / "deribit_instruments.jsonl.gz", "rt") as lines:
        bodies = [json.loads(line)["body"] for line in lines]
    every = [row for body in bodies for row in body["result"]]
    perpetual = sorted(row["instrument_name"] for row in every if row["instrument_name"].endswith("-PERPETUAL"))
    assert (len(every), len(perpetual)) == (1017, 19)
    found = [row for body in bodies for row in deribit.listed(VENUE.read(reply(body))).rows(named=True)]
    assert sorted(row["native_symbol"] for row in found) == perpetual
    inverse = {row["native_symbol"]: (row["contract_size"], row["settle"]) for row in found if row["oi_unit"] == "usd"}
    # the rows of 2021 state neither a type nor a currency of settlement
    assert inverse == {
        "BTC-PERPETUAL": (10.0, "BTC"),
        "ETH-PERPETUAL": (1.0, "ETH"),
        "SOL-PERPETUAL": (10.0, "SOL"),
    }
    assert {row["settle"] for row in found if row["kind"] == "linear"} == {"USDC"}


def test_current_funding_is_for_eight_hours() -> None:
    """0.00008 for 8 hours are 0.00001 for one; an unknown instrument is left out."""
    asked: list[Ask] = []

    class Tickers(Answers):
        def many(self, asks: Any) -> list[Any]:
            asked.extend(asks)
            return [TICKER, None]

    frame = VENUE.current(Tickers(VENUE, {}), [BTC, instrument("GONE-PERPETUAL", "USD", "inverse")])
    assert asked[0] == Ask(
        "/api/v2/public/ticker",
        {"instrument_name": "BTC-PERPETUAL"},
        context="BTC-PERPETUAL",
        may_be_unknown=True,
    )
    assert frame.rows(named=True) == [
        {
            "native_symbol": "BTC-PERPETUAL",
            "predicted_rate_native": 0.00001,
            "interval_hours": 1.0,
            "next_funding_time": None,
            "mark_price": 7750.02,
            "index_price": 7748.01,
            "open_interest_native": 111543850.0,
            "is_trailing": False,
        }
    ]


def test_a_funding_of_zero_is_kept_and_a_missing_one_null() -> None:
    """The trailing rate beside it is no substitute."""
    silent = {name: value for name, value in TICKER.items() if name != "current_funding"}
    frame = deribit.quotes([{**TICKER, "current_funding": 0}, silent])
    assert frame["predicted_rate_native"].to_list() == [0.0, None]


def test_settled_rates_are_of_one_hour() -> None:
    """ccxt agrees on the instant and reads the trailing eight hours, which we must not."""
    frame = VENUE.events([ROW], BTC).frame
    assert frame.rows() == [("BTC-PERPETUAL", utc("2019-10-01T01:00"), -4.739622041017375e-7, 1.0, None)]
    bodies = {INSTRUMENTS: answered([BTC_LISTED]), HISTORY: answered([ROW])}
    exchange = ccxt_with("deribit", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_markets())
    [theirs] = exchange.fetch_funding_rate_history("BTC/USD:BTC", since=1)
    assert of_ms(theirs["timestamp"]) == frame["funding_time_native"][0]
    assert theirs["fundingRate"] == ROW["interest_8h"]


def test_history_is_asked_in_milliseconds() -> None:
    """The start is not included (ccxt 4.5.90 subtracts one as well), the end is."""
    assert deribit.window(BTC, utc("2023-11-14T22:13:20"), utc("2023-11-15T22:13:20")) == Ask(
        "/api/v2/public/get_funding_rate_history",
        {
            "instrument_name": "BTC-PERPETUAL",
            "start_timestamp": 1699999999999,
            "end_timestamp": 1700086399999,
        },
    )


def test_the_listing_is_asked_in_one_request() -> None:
    """Futures of every currency at once."""
    answers = Answers(VENUE, {INSTRUMENTS: answered([BTC_LISTED])})
    VENUE.listing(answers)
    params = {"currency": "any", "kind": "future", "expired": "false"}
    assert answers.asked == [Ask("/api/v2/public/get_instruments", params, context="all futures")]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, refusal(10028, "too_many_requests"), RateLimited),
        (429, refusal(10028, "too_many_requests"), RateLimited),
        (429, "", RateLimited),
        (400, refusal(13020, "not_found"), NotFound),
        (400, refusal(10020, "invalid_or_unsupported_instrument"), NotFound),
        (400, refusal(-32602, "Invalid params"), BadRequest),
        (400, refusal(10041, "settlement_in_progress"), Unavailable),
        (200, refusal(10028, "too_many_requests"), RateLimited),
        (503, refusal(10040, "retry"), Unavailable),
        (500, "oops", Unavailable),
        (200, "<html></html>", Malformed),
        (200, {"jsonrpc": "2.0"}, Malformed),
    ],
)
def test_refusals(status: int, body: Any, kind: type[VendorError]) -> None:
    """The code counts, whatever the status."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(body, status))
    assert type(refused.value) is kind


def test_a_refusal_tells_how_long_to_wait() -> None:
    """Retry-After is heeded where the venue sends it."""
    with pytest.raises(RateLimited) as refused:
        VENUE.read(reply(refusal(10028, "too_many_requests"), 429, {"retry-after": "7"}))
    assert refused.value.retry_after_s == 7.0


def served(every: list[Any]) -> Answers:
    """The venue: at most 744 rows, the newest of the window."""

    def respond(ask: Ask) -> Any:
        start, end = int(ask.params["start_timestamp"]), int(ask.params["end_timestamp"])
        inside = [one for one in every if start < ms(one) <= end][-744:]
        return answered([{**ROW, "timestamp": ms(one), "interest_1h": 1e-6, "interest_8h": 8e-6} for one in inside])

    return Answers(VENUE, {HISTORY: respond})


def test_a_day_is_24_rows_whose_sum_is_its_rate() -> None:
    """24 x 1e-6; the trailing rates would add up to eight times that."""
    first = utc("2025-03-01")
    answers = served([first + n * HOUR for n in range(-100, 100)])
    found = walk(VENUE, answers, BTC, first, first + DAY, 1.0)
    assert found.frame["funding_time_native"].to_list() == [first + n * HOUR for n in range(24)]
    assert found.frame["rate_native"].sum() == pytest.approx(2.4e-5, rel=1e-12)
    assert len(answers.asked) == 1


def test_sixty_days_are_1440_rows_at_a_page_of_744() -> None:
    """Windows of 595 hours: three requests, nothing lost at their ends."""
    first = utc("2025-03-01")
    answers = served([first + n * HOUR for n in range(-100, 1600)])
    found = walk(VENUE, answers, BTC, first, first + timedelta(days=60), 1.0)
    assert found.frame["funding_time_native"].to_list() == [first + n * HOUR for n in range(1440)]
    assert len(answers.asked) == 3
