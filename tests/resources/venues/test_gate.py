"""Gate: what its answers mean, what is asked of it, and that nothing of its history is lost."""

import gzip
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import polars as pl
import pytest

from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import gate
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import (
    NEW_YEAR_MS,
    Answers,
    ccxt_with,
    instrument,
    of_ms,
    real_history,
    recorded,
    reply,
    same_history,
    utc,
)

CONTRACTS, HISTORY = "/api/v4/futures/usdt/contracts", "/api/v4/futures/usdt/funding_rate"
BTC = instrument("BTC_USDT")


def contract(name: str, **other: Any) -> dict[str, Any]:
    stated = {
        "name": name,
        "type": "direct",
        "quanto_multiplier": "0.0001",
        "mark_type": "index",
        "last_price": "38026",
        "mark_price": "37985.6",
        "index_price": "37954.92",
        "funding_rate_indicative": "0.000219",
        "funding_offset": 0,
        "in_delisting": False,
        "interest_rate": "0.0003",
        "order_price_deviate": "0.5",
        "order_size_min": 1,
        "order_size_max": 1000000,
        "funding_interval": 28800,
        "leverage_min": "1",
        "leverage_max": "100",
        "funding_rate": "0.002053",
        "funding_next_apply": 1610035200,
        "create_time": 1574035200,
        "trade_size": 28530850594,
        "position_size": 5223816,
        "status": "trading",
    }
    return stated | other


LISTED = [
    contract("BTC_USDT"),
    contract("0G_USDT", quanto_multiplier="1", funding_interval=14400, funding_rate="0", create_time=0),
    contract("GONE_USDT", in_delisting=True),
    contract("HALTED_USDT", status="suspend"),
]


def test_the_listing_has_every_contract_in_trade():
    """Contracts that are being delisted or are halted are left out; 28800 seconds are 8 hours."""
    caller = Answers(gate.VENUE, {CONTRACTS: LISTED})
    assert gate.VENUE.listing(caller).rows() == [
        ("BTC_USDT",) * 2 + ("BTC", "USDT", "USDT", "linear", 0.0001, "contracts", 8.0, utc("2019-11-18")),
        ("0G_USDT",) * 2 + ("0G", "USDT", "USDT", "linear", 1.0, "contracts", 4.0, None),
    ]
    # with a limit there would be 100 contracts at most
    assert [(ask.path, ask.params) for ask in caller.asked] == [(CONTRACTS, {})]


def test_the_current_state():
    """The rate to be applied next, not the indicative one after it; open interest counts contracts."""
    look = gate.VENUE.current(Answers(gate.VENUE, {CONTRACTS: LISTED}), [BTC, instrument("0G_USDT")])
    at = utc("2021-01-07T16:00")
    assert look.rows() == [
        ("BTC_USDT", 0.002053, 8.0, at, 37985.6, 37954.92, 5223816.0, False),
        ("0G_USDT", 0.0, 4.0, at, 37985.6, 37954.92, 5223816.0, False),
    ]


def test_nothing_said_is_null():
    """An absent or empty rate is no rate of zero."""
    silent = contract("A_USDT", funding_rate="") | {"funding_next_apply": 0}
    del silent["mark_price"]
    look = gate.quotes([silent]).row(0, named=True)
    assert (look["predicted_rate_native"], look["mark_price"], look["next_funding_time"]) == (None, None, None)


def test_the_request_of_history():
    """[00:00, 08:00) ends a second before eight, as `to` is included."""
    ask = gate.window(BTC, utc("2025-01-01"), utc("2025-01-01T08:00"))
    assert ask.path == HISTORY
    start = NEW_YEAR_MS // 1000
    assert ask.params == {"contract": "BTC_USDT", "from": start, "to": start + 8 * 3600 - 1, "limit": 1000}


def test_a_page_of_history():
    """Rows name no contract; seconds, the jitter of some kept; zero is a rate, nothing is null."""
    body = [{"r": "0.00063521", "t": 1621267200}, {"r": "0", "t": 1621238403}, {"t": 1621209600}]
    assert gate.events(body, BTC).frame.rows() == [
        ("BTC_USDT", utc("2021-05-17T16:00"), 0.00063521, None, None),
        ("BTC_USDT", utc("2021-05-17T08:00:03"), 0.0, None, None),
        ("BTC_USDT", utc("2021-05-17T00:00"), None, None, None),
    ]
    with pytest.raises(Malformed, match=r"\[0\]\.t must be an instant in seconds"):
        gate.events([{"r": "0.1", "t": 1621267200000}], BTC)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> list[dict[str, Any]]:
    """The recorded answer of contracts of 2023-05-24."""
    with gzip.open(shared_data / "recorded" / "exchange_instruments" / "gate_futures_contracts.jsonl.gz") as lines:
        found: list[dict[str, Any]] = orjson.loads(next(lines))["body"]
    return found


def test_every_contract_of_a_real_answer(real: list[dict[str, Any]]):
    """All 302 contracts of the recording are read: 8 hours each, a size, a rate and prices above 0."""
    listed, looks = gate.listed(gate.read(reply(real))), gate.quotes(real)
    delisting = [row["name"] for row in real if row["in_delisting"]]
    assert (len(real), looks.height, listed.height) == (302, 302, 302 - len(delisting))
    assert not set(delisting) & set(listed["native_symbol"])
    assert listed["interval_hours"].unique().to_list() == [8.0]
    assert listed["contract_size"].min() > 0
    assert listed.drop("listed_at").null_count().sum_horizontal().item() == 0
    assert looks.null_count().sum_horizontal().item() == 0
    assert looks["mark_price"].min() > 0
    # the settlement after 2023-05-24 12:09
    assert looks["next_funding_time"].unique().to_list() == [utc("2023-05-24T16:00")]


def test_ccxt_reads_the_same_of_a_real_answer(real: list[dict[str, Any]]):
    """Base, quote, size, rate, prices and next settlement of every recorded contract are those of ccxt."""
    exchange = ccxt_with("gate", lambda _: real)
    exchange.set_markets([exchange.parse_contract_market(row, "usdt") for row in real])
    theirs = exchange.parse_funding_rates(real)
    both = gate.listed(real).join(gate.quotes(real), on="native_symbol")
    assert both.height == gate.listed(real).height
    for row in both.iter_rows(named=True):
        market = exchange.markets_by_id[row["native_symbol"]][0]
        assert (row["native_base"], row["quote"]) == (market["baseId"], market["quoteId"])
        assert (row["kind"] == "linear", row["contract_size"]) == (market["linear"], market["contractSize"])
        rate = theirs[market["symbol"]]
        assert (row["predicted_rate_native"], row["mark_price"]) == (rate["fundingRate"], rate["markPrice"])
        assert (row["index_price"], row["next_funding_time"]) == (rate["indexPrice"], of_ms(rate["fundingTimestamp"]))
        assert rate["interval"] == "8h"


def test_ccxt_reads_the_same_history():
    """Instants and rates are those that ccxt reads out of the same page."""
    body = [{"r": "0.00063521", "t": 1621267200}, {"r": "-0.00002", "t": 1621238400}]
    exchange = ccxt_with("gate", lambda url: {HISTORY: body}[urlsplit(url).path.replace("USDT", "usdt")])
    exchange.set_markets([exchange.parse_contract_market(contract("BTC_USDT"), "usdt")])
    assert same_history(gate.events(body, BTC).frame, exchange.fetch_funding_rate_history("BTC/USDT:USDT"))


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("rate_limited", RateLimited, "HTTP 429: Request Rate limit Exceeded"),
        ("unknown_symbol", NotFound, "HTTP 400: contract not found"),
    ],
)
def test_recorded_refusals(shared_data: Path, case: str, kind: type[VendorError], words: str):
    """A quota is a quota, an unknown contract is not found."""
    with pytest.raises(kind, match=words):
        gate.VENUE.read(recorded(shared_data, "gate", case))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({"label": "INVALID_PARAM_VALUE", "message": "invalid limit, must in (0, 100]"}, 400), BadRequest),
        (reply({"label": "SERVER_ERROR", "message": "internal error"}, 500), Unavailable),
        (reply("<html>403 Forbidden</html>", 403), NotEntitled),
        (reply("<html><body>Sorry</body></html>"), Malformed),
        (reply({"label": "TOO_FAST", "message": "slow"}), Malformed),
    ],
)
def test_other_refusals(answer: Any, kind: type[VendorError]):
    """A wrong parameter is ours, HTML and bodies that are no list are malformed."""
    with pytest.raises(kind):
        gate.events(gate.VENUE.read(answer), BTC)


def test_a_walk_over_four_real_years(shared_data: Path):
    """The recorded history comes back whole, 4,290 settlements, across its hole of 752 hours."""
    held = real_history(shared_data, "gate_BTC.csv.gz")

    def serve(ask: Ask) -> list[dict[str, Any]]:
        start, end = int(ask.params["from"]) * 1000, int(ask.params["to"]) * 1000
        rows = [{"r": repr(rate), "t": at // 1000} for at, rate in reversed(held) if start <= at <= end]
        return rows[: int(ask.params["limit"])]

    caller = Answers(gate.VENUE, {HISTORY: serve})
    walked = walk(gate.VENUE, caller, BTC, utc("2020-01-01"), utc("2024-01-01"), 4.0)
    assert walked.frame.select("funding_time_native", "rate_native").rows() == [(of_ms(at), rate) for at, rate in held]
    assert walked.frame["funding_time_native"].diff().max() == pl.select(pl.duration(hours=752)).item()
    assert (walked.frame.height, walked.floor, walked.outside) == (4290, None, 0)


def test_what_its_record_says():
    """All history is kept; a settlement measures the interval before."""
    assert (gate.VENUE.exchange, gate.VENUE.memory, gate.VENUE.measures) == ("gate", None, "previous")
