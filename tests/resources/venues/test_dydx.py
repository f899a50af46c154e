"""dYdX v4: rates of one hour, walked back by `effectiveBeforeOrAt`; the oracle's price is the mark price."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, VendorError
from resources.venues import dydx
from resources.venues.dydx import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask, Position
from tests.resources.venues.answers import Answers, ccxt_with, instrument, of_ms, reply, same_history, utc

#: shapes as in the venue's documentation
MARKET = {
    "clobPairId": "0",
    "ticker": "BTC-USD",
    "status": "ACTIVE",
    "oraclePrice": "118976.5376",
    "nextFundingRate": "0.00001",
    "initialMarginFraction": "0.02",
    "openInterest": "52.0691",
    "stepSize": "0.0001",
    "tickSize": "1",
    "marketType": "CROSS",
    "baseOpenInterest": "50.3776",
}
#: a market that anyone may open has the address of its coin in its name
LONG = "WIF,raydium,EP2ib6dYdEeqD8MfE2ezHCxX3kP3K2eLKkirfPm5eyMx-USD"
MARKETS = {
    "markets": {
        "BTC-USD": MARKET,
        "OLD-USD": {**MARKET, "ticker": "OLD-USD", "status": "FINAL_SETTLEMENT"},
        LONG: {**MARKET, "ticker": LONG, "nextFundingRate": "0", "openInterest": None},
    }
}
ROWS = [
    {
        "ticker": "BTC-USD",
        "rate": "-0.0000025",
        "price": "116302.62419",
        "effectiveAtHeight": "44865196",
        "effectiveAt": "2025-07-25T11:00:00.013Z",
    },
    {
        "ticker": "BTC-USD",
        "rate": "0",
        "price": "116200.1",
        "effectiveAtHeight": "44861000",
        "effectiveAt": "2025-07-25T10:00:01.450Z",
    },
]
BTC = instrument("BTC-USD", "USD")
LISTING, HISTORY = "/v4/perpetualMarkets", "/v4/historicalFunding/BTC-USD"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_listing_has_the_active_markets() -> None:
    """A closed market is left out; a long name is kept whole, so that it stays unique."""
    found = VENUE.listing(Answers(VENUE, {LISTING: MARKETS})).rows(named=True)
    assert found[0] == {
        "native_symbol": "BTC-USD",
        "request_id": "BTC-USD",
        "native_base": "BTC",
        "quote": "USD",
        "settle": "USDC",
        "kind": "linear",
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 1.0,
        "listed_at": None,
    }
    assert [row["native_base"] for row in found] == ["BTC", LONG.removesuffix("-USD")]


def test_current_state_is_of_one_hour_at_the_oracle_price() -> None:
    """0.00001 an hour are 8.76 percent a year: the trap was to take it for eight hours. Basis is unknown."""
    btc, long = VENUE.current(Answers(VENUE, {LISTING: MARKETS}), [BTC]).rows(named=True)
    assert btc == {
        "native_symbol": "BTC-USD",
        "predicted_rate_native": 0.00001,
        "interval_hours": 1.0,
        "next_funding_time": None,
        "mark_price": 118976.5376,
        "index_price": None,
        "open_interest_native": 52.0691,
        "is_trailing": False,
    }
    assert btc["predicted_rate_native"] / btc["interval_hours"] * 8760 * 100 == pytest.approx(8.76)
    assert (long["predicted_rate_native"], long["open_interest_native"]) == (0.0, None)


def test_settled_rates_as_ccxt_reads_them() -> None:
    """Jitter stays, zero stays; the price they were paid at is the oracle's."""
    frame = VENUE.events({"historicalFunding": ROWS}, BTC).frame
    assert frame.rows() == [
        ("BTC-USD", utc("2025-07-25T11:00:00.013"), -0.0000025, 1.0, 116302.62419),
        ("BTC-USD", utc("2025-07-25T10:00:01.450"), 0.0, 1.0, 116200.1),
    ]
    bodies = {LISTING: {"markets": {"BTC-USD": MARKET}}, HISTORY: {"historicalFunding": ROWS}}
    exchange = ccxt_with("dydx", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_markets())
    assert same_history(frame, exchange.fetch_funding_rate_history("BTC/USDC:USDC"))


def test_a_row_without_a_rate_has_none() -> None:
    """Missing is null, never 0."""
    frame = VENUE.events({"historicalFunding": [{**ROWS[0], "rate": None}]}, BTC).frame
    assert frame["rate_native"].to_list() == [None]


def test_a_page_is_asked_by_its_latest_instant() -> None:
    """The bound is included, so it lies a millisecond before what is known; a name is one part of the path."""
    position = Position(pages=1, rows=100, cursor=None, before=utc("2025-07-25T11:00:00.013"))
    assert dydx.page(BTC, position) == Ask(
        "/v4/historicalFunding/BTC-USD",
        {"limit": 100, "effectiveBeforeOrAt": "2025-07-25T11:00:00.012Z"},
    )
    assert dydx.page(instrument("A/B-USD"), position).path == "/v4/historicalFunding/A%2FB-USD"
    answers = Answers(VENUE, {LISTING: MARKETS})
    VENUE.listing(answers)
    assert answers.asked == [Ask(LISTING, context="all markets")]


TICKER_ERROR = {"errors": [{"msg": "ticker must be a valid ticker (BTC-USD, etc)", "param": "ticker"}]}
LIMIT_ERROR = {"errors": [{"msg": "limit must be a positive integer", "param": "limit"}]}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, TICKER_ERROR, NotFound),
        (400, LIMIT_ERROR, BadRequest),
        (400, "bad", BadRequest),
        (404, {"errors": [{"msg": "No perpetual market found"}]}, NotFound),
        (403, {"errors": [{"msg": "restricted location", "code": "GEOBLOCKED"}]}, NotEntitled),
        (429, {"errors": [{"msg": "Too many requests"}]}, RateLimited),
        (200, "<html></html>", Malformed),
    ],
)
def test_refusals(status: int, body: Any, kind: type[VendorError]) -> None:
    """A ticker that is not known is no bad request."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(body, status))
    assert type(refused.value) is kind


@pytest.mark.parametrize("body", [[], {}, {"markets": []}, {"markets": {"BTC-USD": 1}}])
def test_a_listing_of_another_shape_is_malformed(body: Any) -> None:
    """It is not an empty listing."""
    with pytest.raises(Malformed):
        dydx.listed(body)


def served(every: Sequence[tuple[datetime, float]]) -> Answers:
    """The venue: newest first, from the bound asked for, which is included."""

    def respond(ask: Ask) -> Any:
        latest = datetime.fromisoformat(str(ask.params["effectiveBeforeOrAt"]))
        page = [row for row in reversed(every) if row[0] <= latest][: int(ask.params["limit"])]
        return {"historicalFunding": [{**ROWS[0], "effectiveAt": _iso(one), "rate": repr(rate)} for one, rate in page]}

    return Answers(VENUE, {HISTORY: respond})


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def test_thirty_real_days_are_720_rows_on_eight_pages(shared_data: Path) -> None:
    """100 rows a page, newest first, stamped up to 1.5 s late; ccxt 4.5.90 brings four days of it."""
    real = pl.read_csv(shared_data / "funding" / "dydx_BTC.csv.gz").rows()
    late = [of_ms(count + n * 7 % 1500) for n, (count, _) in enumerate(real)]
    every = list(zip(late, [rate for _, rate in real], strict=True))
    first = utc("2023-03-01")
    expected = [row for row in every if first <= row[0] < first + 30 * DAY]
    answers = served(every)
    found = walk(VENUE, answers, BTC, first, first + 30 * DAY, 1.0)
    assert found.frame.select("funding_time_native", "rate_native").rows() == expected
    assert (len(expected), len(answers.asked), found.floor, found.duplicates) == (720, 8, None, 0)


def test_the_beginning_of_history_is_told() -> None:
    """A market of yesterday has nothing older, and says so by an empty page."""
    first = utc("2025-03-01")
    answers = served([(first + 6 * DAY + n * HOUR, 0.0) for n in range(24)])
    found = walk(VENUE, answers, BTC, first, first + 7 * DAY, 1.0)
    assert (found.frame.height, found.floor) == (24, first + 6 * DAY)
