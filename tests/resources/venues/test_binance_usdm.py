"""Binance USD-M on the wire (funding.md 2, vendors.md 6 and 7); ccxt is the oracle for rates and times."""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import ccxt
import polars as pl
import pytest

from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, Unavailable, VendorError
from resources.venues.binance_usdm import MARKET, VENUE
from resources.venues.pager import walk
from resources.venues.rows import Rows
from resources.venues.venue import Ask, Windowed
from tests.resources.venues.answers import Answers, instrument, recorded, reply
from tests.resources.venues.scripted import HTML, at, ms

#: vendors.md 7, with the jitter and the empty price it tells of
HISTORY = [
    {"symbol": "BTCUSDT", "fundingRate": "-0.03750000", "fundingTime": 1570608000000, "markPrice": "34287.54619963"},
    {"symbol": "BTCUSDT", "fundingRate": "0.00010000", "fundingTime": 1570636800047, "markPrice": ""},
    {"symbol": "BTCUSDT", "fundingRate": "0.00000000", "fundingTime": 1570665600003, "rateType": "FUNDING_RATE"},
]
PREMIUM = {
    "symbol": "BTCUSDT",
    "markPrice": "11793.63104562",
    "indexPrice": "11781.80495970",
    "estimatedSettlePrice": "11781.16138815",
    "lastFundingRate": "0.00038246",
    "interestRate": "0.00010000",
    "nextFundingTime": 1597392000000,
    "time": 1597370495002,
}


def listed(symbol: str, **more: Any) -> dict[str, Any]:
    """A contract of `exchangeInfo`, cut to what is read."""
    told = {"contractType": "PERPETUAL", "status": "TRADING", "baseAsset": symbol[:-4], "quoteAsset": "USDT"}
    return {"symbol": symbol, **told, "marginAsset": "USDT", "onboardDate": 1569398400000, **more}


@pytest.fixture(scope="module")
def recorded_info(shared_data: Path) -> dict[str, Any]:
    """`exchangeInfo` as recorded on 2021-07-21."""
    path = shared_data / "recorded" / "exchange_instruments" / "binance_fapi_exchangeInfo.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        body: dict[str, Any] = json.loads(next(lines))["body"]
    return body


def test_history_is_what_ccxt_reads() -> None:
    """Rates and instants agree with ccxt's; jitter stays, an empty price is null, and 0 is a rate."""
    client = ccxt.binanceusdm()
    client.set_markets([client.parse_market(listed("BTCUSDT", filters=[]))])
    oracle = [client.parse_funding_rate_history(row, client.market("BTC/USDT:USDT")) for row in HISTORY]
    frame = VENUE.events(HISTORY, instrument("BTCUSDT")).frame
    assert [ms(time) for time in frame["funding_time_native"]] == [row["timestamp"] for row in oracle]
    assert frame["rate_native"].to_list() == [row["fundingRate"] for row in oracle] == [-0.0375, 0.0001, 0.0]
    assert frame["mark_price"].to_list() == [34287.54619963, None, None]
    assert frame["interval_hours"].null_count() == 3


def test_a_missing_rate_is_null() -> None:
    """Null, "" and nothing are no rate; a word is refused with its place."""
    rows = [{**HISTORY[0], "fundingRate": rate} for rate in (None, "")]
    assert VENUE.events(rows, instrument("BTCUSDT")).frame["rate_native"].to_list() == [None, None]
    with pytest.raises(Malformed, match=r"\[0\]\.fundingRate must be a number, was 'n/a'"):
        VENUE.events([{**HISTORY[0], "fundingRate": "n/a"}], instrument("BTCUSDT"))


def test_the_recorded_listing_is_what_ccxt_lists(recorded_info: dict[str, Any]) -> None:
    """Every perpetual open for trading, as ccxt finds them in the same body."""
    client = ccxt.binanceusdm()
    markets = [client.parse_market(row) for row in recorded_info["symbols"]]
    oracle = {
        (market["id"], market["baseId"], market["quoteId"], market["settleId"])
        for market in markets
        if market["swap"]
        and market["active"]
        # ccxt takes the far delivery date for a perpetual where the type is empty
        and market["info"]["contractType"] == "PERPETUAL"
    }
    frame = MARKET.listed(recorded_info, [])
    found = set(frame.select("native_symbol", "native_base", "quote", "settle").iter_rows())
    assert found == oracle
    assert len(found) > 100
    btc = frame.row(by_predicate=pl.col("native_symbol") == "BTCUSDT", named=True)
    assert (btc["kind"], btc["contract_size"], btc["oi_unit"]) == ("linear", 1.0, "base")
    assert btc["listed_at"] == at("2019-09-25T08:00")


def test_a_contract_that_funding_info_does_not_name_settles_every_eight_hours() -> None:
    """Documented: the list holds adjusted contracts; another one's default is 8 h."""
    info = {"symbols": [listed("BTCUSDT"), listed("LAYERUSDT"), listed("1000PEPEUSDT")]}
    frame = MARKET.listed(info, [{"symbol": "LAYERUSDT", "fundingIntervalHours": 1}])
    assert frame["interval_hours"].to_list() == [8.0, 1.0, 8.0]
    assert frame["native_base"].to_list() == ["BTC", "LAYER", "1000PEPE"]


def test_only_perpetuals_open_for_trading_are_listed() -> None:
    """Dated contracts and those being settled are not; perpetuals on shares are."""
    rows = [
        listed("BTCUSDT"),
        listed("TSLAUSDT", contractType="TRADIFI_PERPETUAL"),
        listed("BTCUSDT_260326", contractType="CURRENT_QUARTER"),
        listed("OLDUSDT", status="SETTLING"),
    ]
    assert MARKET.listed({"symbols": rows}, [])["native_symbol"].to_list() == ["BTCUSDT", "TSLAUSDT"]


def test_intervals_are_asked_in_the_budget_of_history() -> None:
    """Binance counts both funding paths together: 500 requests in 5 minutes."""
    caller = Answers(VENUE, {"/fapi/v1/exchangeInfo": {"symbols": [listed("BTCUSDT")]}, "/fapi/v1/fundingInfo": []})
    VENUE.listing(caller)
    assert {ask.path: ask.history_budget for ask in caller.asked} == {
        "/fapi/v1/exchangeInfo": False,
        "/fapi/v1/fundingInfo": True,
    }


def test_current_state_is_what_ccxt_reads() -> None:
    """The rate under way, its settlement and both prices; open interest is asked contract by contract."""
    bodies = {
        "/fapi/v1/premiumIndex": [PREMIUM, {**PREMIUM, "symbol": "ETHUSDT"}],
        "/fapi/v1/openInterest": {"symbol": "BTCUSDT", "openInterest": "10659.509"},
    }
    caller = Answers(VENUE, bodies)
    row = VENUE.current(caller, [instrument("BTCUSDT")]).row(0, named=True)
    client = ccxt.binanceusdm()
    client.set_markets([client.parse_market(listed("BTCUSDT", filters=[]))])
    oracle = client.parse_funding_rate(PREMIUM)
    assert row["predicted_rate_native"] == oracle["fundingRate"] == 0.00038246
    assert ms(row["next_funding_time"]) == oracle["fundingTimestamp"]
    assert (row["mark_price"], row["index_price"]) == (oracle["markPrice"], oracle["indexPrice"])
    assert (row["open_interest_native"], row["is_trailing"]) == (10659.509, False)
    # ETHUSDT was not asked for
    assert [ask.params for ask in caller.asked] == [{}, {"symbol": "BTCUSDT"}]
    assert caller.asked[1].may_be_unknown


def test_what_is_not_stated_of_the_present_is_null() -> None:
    """An absent rate is not a rate of 0, nor is open interest that nobody knows."""
    rows = Rows.of("binance_usdm", [{"symbol": "BTCUSDT", "lastFundingRate": "", "nextFundingTime": 0}])
    row = MARKET.state(rows, {"BTCUSDT": None}).row(0, named=True)
    assert {name for name, value in row.items() if value is not None} == {"native_symbol", "is_trailing"}


def test_a_window_is_asked_with_both_ends() -> None:
    """The venue includes both ends: the last millisecond asked for is the one before `until`."""
    assert isinstance(VENUE.history, Windowed)
    ask = VENUE.history.ask(instrument("BTCUSDT"), at("2025-03-01"), at("2025-03-02"))
    assert ask == Ask(
        "/fapi/v1/fundingRate",
        {"symbol": "BTCUSDT", "startTime": 1740787200000, "endTime": 1740873599999, "limit": 1000},
    )


def test_sixty_days_of_an_hourly_contract_come_whole_from_pages_of_500() -> None:
    """`limit=1000` brings 500 rows (2026-09-06): 1,440 rows are still 1,440."""
    first = at("2025-03-01")
    stamps = [ms(first + timedelta(hours=hour)) + hour % 48 for hour in range(1440)]

    def respond(ask: Ask) -> list[dict[str, Any]]:
        start, end = int(ask.params["startTime"]), int(ask.params["endTime"])
        found = [stamp for stamp in stamps if start <= stamp <= end][:500]
        return [{"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": stamp} for stamp in found]

    found = walk(
        VENUE,
        Answers(VENUE, {"/fapi/v1/fundingRate": respond}),
        instrument("BTCUSDT"),
        first,
        first + timedelta(days=60),
        1,
    )
    assert [ms(time) for time in found.frame["funding_time_native"]] == stamps
    assert found.requests == 4


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("rate_limited", RateLimited),
        ("ip_banned", RateLimited),
        ("unknown_symbol", NotFound),
        ("geo_block", NotEntitled),
    ],
)
def test_recorded_refusals(shared_data: Path, case: str, kind: type[VendorError]) -> None:
    """Each recorded refusal is what it means; a ban tells how long."""
    said = recorded(shared_data, "binance", case)
    with pytest.raises(kind) as refused:
        VENUE.read(said)
    wait = said.headers.get("retry-after")
    assert refused.value.retry_after_s == (float(wait) if wait else None)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"code": -1121, "msg": "Invalid symbol."}, 200, NotFound),
        ({"code": -4108, "msg": "Symbol is on delivering or delivered or settling or closed."}, 400, NotFound),
        ({"code": -1003, "msg": "Too many requests."}, 200, RateLimited),
        ({"code": -1001, "msg": "Internal error."}, 200, Unavailable),
        ({"code": -1104, "msg": "Not all sent parameters were read."}, 400, BadRequest),
        (HTML, 503, Unavailable),
        (HTML, 403, RateLimited),
        (HTML, 200, Malformed),
        ("", 200, Malformed),
    ],
)
def test_other_refusals(body: Any, status: int, kind: type[VendorError]) -> None:
    """A status of 200 is not success, and a page of HTML is not an empty history."""
    with pytest.raises(kind):
        VENUE.read(reply(body, status))


def test_an_answer_of_another_shape_is_refused() -> None:
    """An object where a list belongs is named, not read as empty."""
    with pytest.raises(Malformed, match="the body must be a list"):
        VENUE.events({"rows": []}, instrument("BTCUSDT"))
    with pytest.raises(Malformed, match=r"\[1\].fundingTime is missing"):
        VENUE.events([HISTORY[0], {"symbol": "BTCUSDT", "fundingRate": "0"}], instrument("BTCUSDT"))
    with pytest.raises(Malformed, match="symbols is missing"):
        MARKET.listed({}, [])


def test_real_history_survives_the_wire(shared_data: Path) -> None:
    """ENAUSDT of 2025, 4-hourly with its jitter, as Binance would write it."""
    lines = (shared_data / "funding" / "binance_usdm_ENAUSDT_2025.csv").read_text().split()[1:]
    known = [(int(time), float(rate)) for time, rate in (line.split(",") for line in lines)]
    body = [{"symbol": "ENAUSDT", "fundingRate": f"{rate:.8f}", "fundingTime": time} for time, rate in known]
    frame = VENUE.events(body, instrument("ENAUSDT")).frame
    assert [(ms(time), rate) for time, rate in frame.select("funding_time_native", "rate_native").iter_rows()] == known
