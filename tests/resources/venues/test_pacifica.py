"""Pacifica: rows stamped off the hour belong to the hour's end; history is walked back by a cursor."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import pacifica
from resources.venues.pacifica import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask, Position
from tests.resources.venues.answers import Answers, ccxt_with, instrument, reply, same_history, utc
from tests.resources.venues.scripted import ms

#: shapes as in the venue's documentation
MARKET = {
    "symbol": "BTC",
    "tick_size": "1",
    "lot_size": "0.00001",
    "max_leverage": 50,
    "funding_rate": "0.0000125",
    "next_funding_rate": "0.0000125",
    "created_at": 1748881333944,
    "instrument_type": "perpetual",
    "base_asset": "BTC",
}
PRICE = {
    "funding": "0.00010529",
    "mark": "1.084819",
    "mid": "1.08615",
    "next_funding": "0.00011096",
    "open_interest": "3634796",
    "oracle": "1.084524",
    "symbol": "XPL",
    "timestamp": 1759222967974,
}
ROW = {
    "oracle_price": "117170.410304",
    "bid_impact_price": "117126",
    "ask_impact_price": "117142",
    "funding_rate": "0.0000125",
    "next_funding_rate": "0.0000130",
    "created_at": 1753806934249,
}
BTC = instrument("BTC", "USDC")
LISTING, PRICES, HISTORY = "/api/v1/info", "/api/v1/info/prices", "/api/v1/funding_rate/history"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def envelope(data: Any, **more: Any) -> dict[str, Any]:
    return {"success": True, "data": data, "error": None, "code": None, **more}


def refusal(code: int, error: str) -> dict[str, Any]:
    return {"success": False, "data": None, "error": error, "code": code}


def test_listing_has_perpetuals() -> None:
    """Spot markets are left out; old answers state no type."""
    old = {name: value for name, value in MARKET.items() if name not in {"instrument_type", "base_asset"}}
    spot = {**MARKET, "symbol": "SOL-USDC", "instrument_type": "spot", "base_asset": "SOL"}
    markets = [MARKET, spot, {**old, "symbol": "kBONK"}]
    btc, bonk = VENUE.listing(Answers(VENUE, {LISTING: envelope(markets)})).rows(named=True)
    assert btc == {
        "native_symbol": "BTC",
        "request_id": "BTC",
        "native_base": "BTC",
        "quote": "USDC",
        "settle": "USDC",
        "kind": "linear",
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 1.0,
        "listed_at": utc("2025-06-02T16:22:13.944"),
    }
    assert bonk["native_symbol"] == "kBONK"


def test_predicted_is_the_next_rate_not_the_last() -> None:
    """`funding` was paid already; a missing next one is null, whatever was paid before it."""
    silent = {**PRICE, "symbol": "NEW", "next_funding": None, "open_interest": ""}
    zero = {**PRICE, "symbol": "ZERO", "next_funding": "0"}
    answers = Answers(VENUE, {PRICES: envelope([PRICE, silent, zero])})
    xpl, new, nothing = VENUE.current(answers, [instrument("XPL", "USDC")]).rows(named=True)
    assert xpl == {
        "native_symbol": "XPL",
        "predicted_rate_native": 0.00011096,
        "interval_hours": 1.0,
        "next_funding_time": None,
        "mark_price": 1.084819,
        "index_price": 1.084524,
        "open_interest_native": 3634796.0,
        "is_trailing": False,
    }
    assert (new["predicted_rate_native"], new["open_interest_native"]) == (None, None)
    assert nothing["predicted_rate_native"] == 0.0


@pytest.mark.parametrize(
    ("created", "settlement"),
    [
        # documented: 35 minutes into an hour
        (1753806934249, "2025-07-29T17:00"),
        # seen live: 0.4 s and 4.5 s after their hour
        (1789246800398, "2026-09-12T21:00"),
        (1776139204506, "2026-04-14T04:00"),
        (1753804800000, "2025-07-29T16:00"),
        (1753804799999, "2025-07-29T16:00"),
        (1753804860001, "2025-07-29T17:00"),
    ],
)
def test_a_row_belongs_to_the_end_of_its_hour(created: int, settlement: str) -> None:
    """Unless it was written within a minute after an hour, which is that hour's own row."""
    frame = VENUE.events(envelope([{**ROW, "created_at": created}]), BTC).frame
    assert frame.rows() == [("BTC", utc(settlement), 0.0000125, 1.0, None)]


def test_settled_rates_as_ccxt_reads_them() -> None:
    """ccxt leaves the stamps where they are; rates agree."""
    rows = [{**ROW, "created_at": 1753808400250}, {**ROW, "created_at": 1753804800250, "funding_rate": "0"}]
    frame = VENUE.events(envelope(rows), BTC).frame
    assert frame["rate_native"].to_list() == [0.0000125, 0.0]
    bodies = {LISTING: envelope([MARKET]), HISTORY: envelope(rows)}
    exchange = ccxt_with("pacifica", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_markets())
    theirs = exchange.fetch_funding_rate_history("BTC/USDC:USDC")
    late = frame.with_columns(pl.col("funding_time_native") + timedelta(milliseconds=250))
    assert same_history(late, theirs)


def test_a_row_without_a_rate_has_none() -> None:
    """Missing is null; the rate of the next settlement is another one."""
    frame = VENUE.events(envelope([{**ROW, "funding_rate": None}]), BTC).frame
    assert frame["rate_native"].to_list() == [None]


def test_a_page_is_asked_by_the_cursor_of_the_last() -> None:
    """The newest has none."""
    before = utc("2025-07-25")
    newest = pacifica.page(BTC, Position(pages=0, rows=0, cursor=None, before=before))
    assert newest == Ask(HISTORY, {"symbol": "BTC", "limit": 4000})
    older = pacifica.page(BTC, Position(pages=1, rows=4000, cursor="11114Lz77", before=before))
    assert older.params == {"symbol": "BTC", "limit": 4000, "cursor": "11114Lz77"}


def test_a_cursor_counts_where_there_is_more() -> None:
    """More without a cursor cannot be walked."""
    assert VENUE.events(envelope([ROW], next_cursor="11114Lz77", has_more=True), BTC).cursor == "11114Lz77"
    assert VENUE.events(envelope([ROW], next_cursor="11114Lz77", has_more=False), BTC).cursor is None
    with pytest.raises(Malformed, match="next_cursor must be text"):
        VENUE.events(envelope([ROW], has_more=True), BTC)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, refusal(400, "Invalid request parameters"), BadRequest),
        (422, refusal(3, "Book not found"), NotFound),
        (200, refusal(55, "Asset not found"), NotFound),
        (200, refusal(400, "Agent not authorized for account"), BadRequest),
        (429, refusal(429, "Rate limit exceeded"), RateLimited),
        (429, "", RateLimited),
        (500, refusal(500, "Internal server error"), Unavailable),
        (200, refusal(500, "Internal server error"), Unavailable),
        (200, "<html></html>", Malformed),
        (200, {"data": []}, Malformed),
    ],
)
def test_refusals(status: int, body: Any, kind: type[VendorError]) -> None:
    """The envelope says itself whether it is a success."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(body, status))
    assert type(refused.value) is kind


def test_a_success_without_data_is_malformed() -> None:
    """It is not an empty page."""
    with pytest.raises(Malformed):
        VENUE.events(envelope(None), BTC)


def served(every: list[datetime]) -> Answers:
    """The venue: 4000 rows a page, newest first, each written 400 ms late."""

    def respond(ask: Ask) -> Any:
        skipped, limit = int(ask.params.get("cursor", 0)), int(ask.params["limit"])
        rest = every[::-1][skipped:]
        page = [{**ROW, "created_at": ms(one) + 400} for one in rest[:limit]]
        more = len(rest) > limit
        return envelope(page, has_more=more, next_cursor=str(skipped + limit) if more else None)

    return Answers(VENUE, {HISTORY: respond})


def test_two_hundred_days_are_4800_rows_on_two_pages() -> None:
    """4000 rows a page, at the hours they settled."""
    first = utc("2025-03-01")
    every = [first + n * HOUR for n in range(-100, 4800)]
    answers = served(every)
    found = walk(VENUE, answers, BTC, first, first + 200 * DAY, 1.0)
    assert found.frame["funding_time_native"].to_list() == every[100:]
    assert (len(answers.asked), found.floor) == (2, None)


def test_the_beginning_of_history_is_told() -> None:
    """A last page without a cursor ends the walk: the venue has nothing older."""
    first = utc("2025-03-01")
    answers = served([first + 5 * DAY + n * HOUR for n in range(48)])
    found = walk(VENUE, answers, BTC, first, first + 7 * DAY, 1.0)
    assert (found.frame.height, found.floor, len(answers.asked)) == (48, first + 5 * DAY, 1)
