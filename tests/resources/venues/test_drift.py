"""Drift: percent now, whole numbers of two units in history, and thirty days of it."""

from datetime import timedelta
from typing import Any

import pytest

from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, VendorError
from resources.venues import drift
from resources.venues.drift import VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import Answers, instrument, reply, utc

#: shapes as in the venue's documentation
CONTRACT = {
    "contract_index": 0,
    "ticker_id": "SOL-PERP",
    "base_currency": "SOL",
    "quote_currency": "USDC",
    "last_price": "238.979183",
    "base_volume": "765355.930000000",
    "product_type": "PERP",
    "open_interest": "1466045.010000000",
    "mark_price": "238.9",
    "index_price": "238.747713",
    "funding_rate": "0.0025",
    "next_funding_rate_timestamp": "1758301205000",
}
CONTRACTS = {
    "contracts": [
        CONTRACT,
        {**CONTRACT, "ticker_id": "SOL", "product_type": "SPOT"},
        {**CONTRACT, "ticker_id": "1MBONK-PERP", "base_currency": "1MBONK", "funding_rate": "0.000000"},
        {
            **{name: value for name, value in CONTRACT.items() if name != "mark_price"},
            "ticker_id": "NEW-PERP",
            "base_currency": "NEW",
            "funding_rate": None,
            "next_funding_rate_timestamp": None,
        },
    ]
}
#: a row of 2026-02-18
ROW = {
    "slot": 401001868,
    "ts": "1771383600",
    "recordId": "28756",
    "marketIndex": 0,
    "fundingRate": "-1889875",
    "oraclePriceTwap": "84642173",
    "markPriceTwap": "84579888",
}
SOL = instrument("SOL-PERP", "USDC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def settled(*rows: dict[str, Any]) -> list[float | None]:
    return VENUE.events({"fundingRates": list(rows)}, SOL).frame["rate_native"].to_list()


def test_listing_has_perpetuals() -> None:
    """Spot stands in the same list."""
    found = VENUE.listing(Answers(VENUE, {"/contracts": CONTRACTS})).rows(named=True)
    assert found[0] == {
        "native_symbol": "SOL-PERP",
        "request_id": "SOL-PERP",
        "native_base": "SOL",
        "quote": "USDC",
        "settle": "USDC",
        "kind": "linear",
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 1.0,
        "listed_at": None,
    }
    assert [row["native_base"] for row in found] == ["SOL", "1MBONK", "NEW"]


def test_the_current_rate_is_in_percent() -> None:
    """0.0025 percent are 2.5e-5; zero stays, missing is null, and a last trade is no mark price."""
    answers = Answers(VENUE, {"/contracts": CONTRACTS})
    sol, bonk, new = VENUE.current(answers, [SOL]).rows(named=True)
    assert sol == {
        "native_symbol": "SOL-PERP",
        "predicted_rate_native": pytest.approx(2.5e-5, rel=1e-12),
        "interval_hours": 1.0,
        "next_funding_time": utc("2025-09-19T17:00:05"),
        "mark_price": 238.9,
        "index_price": 238.747713,
        "open_interest_native": 1466045.01,
        "is_trailing": False,
    }
    assert bonk["predicted_rate_native"] == 0.0
    assert (new["predicted_rate_native"], new["mark_price"], new["next_funding_time"]) == (None, None, None)
    assert answers.asked == [Ask("/contracts", context="all contracts")]


def test_settled_rates_are_what_was_paid_over_the_average_price() -> None:
    """Golden: 1250000 and 150000000 -> 0.00125 / 150 = 8.33333e-6 (funding.md 4)."""
    assert settled({**ROW, "fundingRate": "1250000", "oraclePriceTwap": "150000000"}) == [
        pytest.approx(8.33333e-6, rel=1e-6)
    ]
    frame = VENUE.events({"fundingRates": [ROW]}, SOL).frame
    assert frame["funding_time_native"].to_list() == [utc("2026-02-18T03:00")]
    # -0.001889875 USDC for a SOL of 84.642173
    assert frame["rate_native"].to_list() == pytest.approx([-0.001889875 / 84.642173], rel=1e-12)
    assert frame["interval_hours"].to_list() == [1.0]


def test_zero_is_a_rate_and_what_cannot_be_told_is_none() -> None:
    """Without a price there is no fraction, and never an infinite one; numbers may be numbers."""
    rows = [
        {**ROW, "fundingRate": "0"},
        {**ROW, "fundingRate": None},
        {**ROW, "oraclePriceTwap": ""},
        {**ROW, "oraclePriceTwap": "0"},
        {**ROW, "ts": 1771383600, "fundingRate": 1250000, "oraclePriceTwap": 150000000},
    ]
    assert settled(*rows) == [0.0, None, None, None, pytest.approx(8.33333e-6, rel=1e-6)]


@pytest.mark.parametrize("key", ["fundingRate", "oraclePriceTwap"])
def test_numbers_in_usdc_are_refused(key: str) -> None:
    """Another endpoint of the venue states -0.001024958 and 84.693889: read as whole numbers, nearly 0."""
    with pytest.raises(Malformed, match=rf"fundingRates\[0\].{key} must be a whole number"):
        settled({**ROW, key: "84.693889"})


def test_requests() -> None:
    """History has no parameter but the name."""
    assert drift.whole(SOL) == Ask("/fundingRates", {"marketName": "SOL-PERP"})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, {"message": "Forbidden"}, NotEntitled),
        (404, {"message": "Not Found"}, NotFound),
        (429, {"message": "Too Many Requests"}, RateLimited),
        (200, {"success": False, "message": "Invalid market"}, BadRequest),
        (400, {"message": "marketName is required"}, BadRequest),
        (200, "<html></html>", Malformed),
    ],
)
def test_refusals(status: int, body: Any, kind: type[VendorError]) -> None:
    """What the venue refuses is told apart."""
    with pytest.raises(VendorError) as refused:
        VENUE.read(reply(body, status))
    assert type(refused.value) is kind


def test_an_answer_without_rates_is_malformed() -> None:
    """It is not an empty history."""
    with pytest.raises(Malformed):
        VENUE.events({"records": []}, SOL)


def test_thirty_days_are_kept() -> None:
    """Stamps some seconds late are kept as they are; the oldest row is told as the floor."""
    until = utc("2025-03-31")
    kept = [until - n * HOUR + timedelta(seconds=n % 7) for n in range(720, 0, -1)]
    rows = [{**ROW, "ts": str(round(one.timestamp()))} for one in kept]
    answers = Answers(VENUE, {"/fundingRates": {"fundingRates": rows}})
    found = walk(VENUE, answers, SOL, until - 40 * DAY, until, 1.0)
    assert found.frame["funding_time_native"].to_list() == kept
    assert (len(answers.asked), found.floor) == (1, kept[0])
