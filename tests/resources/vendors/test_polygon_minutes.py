"""Polygon's minutes and quotes, from recorded bodies and from a scripted vendor on a real socket."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.bars.instruments import Bound
from resources.http.errors import (
    Clipped,
    Malformed,
    MissingKey,
    NotEntitled,
    RateLimited,
    Unauthorized,
    VendorError,
)
from resources.vendors import polygon_minutes
from resources.vendors.minute import MINUTES
from resources.vendors.polygon import Polygon
from resources.vendors.polygon_minutes import PolygonMinutes
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings
from tests.resources.vendors.instruments import EVENING, aggs
from tests.resources.vendors.minute_bodies import (
    MINUTE,
    OPEN,
    P_AAPL,
    P_BTC,
    P_EUR,
    P_NDX,
    minute,
    nanos,
    snapshot,
)

KEY = "test-key-0001"
YESTERDAY = (START - timedelta(days=1), START)


@pytest.fixture
def client(host: Host, still: StillTime) -> PolygonMinutes:
    return PolygonMinutes.connect(live_settings(host), timing=still.timing)


def said(shared_data: Path, case: str) -> Says:
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    line = next(row for row in map(json.loads, lines) if (row["vendor"], row["case"]) == ("polygon", case))
    return Says(line["body"].encode(), line["status"], line["headers"])


def test_recorded_aggregates_are_rows_as_stated(shared_data: Path):
    """The recorded AAPL body, read as minutes: stamps, prices, volumes and trades; as recorded it is adjusted."""
    name = "v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json"
    body = json.loads((shared_data / "recorded" / "polygon" / name).read_text())
    with pytest.raises(Malformed, match="adjusted must be False, as asked, was True"):
        polygon_minutes.parse_aggregate_minutes(body, P_AAPL, EVENING)
    found = polygon_minutes.parse_aggregate_minutes({**body, "adjusted": False}, P_AAPL, EVENING)
    assert found.schema == MINUTES
    first = datetime(2005, 4, 1, 5, tzinfo=UTC)
    assert found.row(0) == (first, 1.5032, 1.5064, 1.4489, 1.4604, 642646396.0, 82132, EVENING)


def test_a_currencys_volume_counts_quotes():
    """`v` of EURUSD is stored as trade_count, volume stays unknown; a Sunday evening is a minute like any other."""
    sunday = datetime(2026, 11, 15, 22, 5, tzinfo=UTC)
    body = aggs(minute(sunday, 1.1625, v=12, n=12), ticker="C:EURUSD")
    found = polygon_minutes.parse_aggregate_minutes(body, P_EUR, EVENING)
    assert found.select("ts", "close", "volume", "trade_count").rows() == [(sunday, 1.1625, None, 12)]


def test_an_index_has_neither_volume_nor_trades():
    """Index rows lack v, vw and n, and their answers `adjusted` and `resultsCount` (as recorded)."""
    row = {key: value for key, value in minute(OPEN, 25000.5).items() if key not in {"v", "vw", "n"}}
    body = {"ticker": "I:NDX", "results": [row], "status": "OK"}
    found = polygon_minutes.parse_aggregate_minutes(body, P_NDX, EVENING)
    assert found.select("close", "volume", "trade_count").rows() == [(25000.5, None, None)]


def test_a_coin_has_volume_and_trades():
    """Fractions of a coin are kept, and zero is a measured volume."""
    body = aggs(minute(OPEN, v=0.5, n=3), minute(OPEN + MINUTE, v=0, n=0), ticker="X:BTCUSD")
    found = polygon_minutes.parse_aggregate_minutes(body, P_BTC, EVENING)
    assert found.select("volume", "trade_count").rows() == [(0.5, 3), (0.0, 0)]


def test_what_is_asked_and_what_it_cost(host: Host, client: PolygonMinutes):
    """Milliseconds up to the last before the end, unadjusted, oldest first; DELAYED is as good as OK; all pages."""
    first = START - timedelta(minutes=2)
    following = "https://evil.example/v2/aggs/ticker/C:EURUSD/range/1/minute/1/2?cursor=abc&apiKey=leak"
    host.script = [
        Says(aggs(minute(first, 1.5), ticker="C:EURUSD", status="DELAYED", next_url=following)),
        Says(aggs(minute(first + MINUTE, 1.6), ticker="C:EURUSD")),
    ]
    found = client.minutes(P_EUR, first, START)
    millis = int(START.timestamp()) * 1000
    assert host.asked[0].path == f"/v2/aggs/ticker/C:EURUSD/range/1/minute/{millis - 120_000}/{millis - 1}"
    assert host.asked[0].query == {"adjusted": "false", "sort": "asc", "limit": "50000"}
    assert host.asked[1].query == {"cursor": "abc"}
    assert [asked.headers["Authorization"] for asked in host.asked] == [f"Bearer {KEY}"] * 2
    assert found.frame.select("ts", "close").rows() == [(first, 1.5), (first + MINUTE, 1.6)]
    assert (found.requests, found.credits) == (2, 2)
    assert found.latency_ms > 0
    assert found.trace == ("polygon: 2 rows, 2 page(s), 2 request(s)",)


@pytest.mark.parametrize(
    ("case", "kind", "words", "requests"),
    [
        ("rate_limited", RateLimited, "exceeded the maximum requests per minute", 3),
        ("bad_key", Unauthorized, "the key in POLYGON_API_KEY is refused.*Unknown API Key", 1),
        ("plan_timeframe", NotEntitled, "Your plan doesn't include this data timeframe", 1),
    ],
)
@pytest.mark.parametrize("status", [None, 200])
def test_recorded_refusals(
    shared_data: Path,
    host: Host,
    client: PolygonMinutes,
    case: str,
    kind: type[VendorError],
    words: str,
    requests: int,
    status: int | None,
):
    """Each recorded error body becomes its own error, by its HTTP status or by its own words; no text has the key."""
    answer = said(shared_data, case)
    host.script = [answer._replace(status=status or answer.status)]
    for ask in (lambda: client.minutes(P_EUR, *YESTERDAY), lambda: client.quotes([P_EUR])):
        with pytest.raises(kind, match=words) as refused:
            ask()
        assert KEY not in str(refused.value)
    assert len(host.asked) == 2 * requests


def test_recorded_answer_without_results_is_empty(shared_data: Path, host: Host, client: PolygonMinutes):
    """No data is an absent `results`, which is an answer; about another ticker it is none."""
    answer = said(shared_data, "unknown_ticker_or_no_data")
    body = {**json.loads(answer.body), "adjusted": False}
    host.script = [Says(body)]
    unknown = Bound("polygon", "ZZZZ", "ZZZZ", "stock")
    found = client.minutes(unknown, *YESTERDAY)
    assert (found.frame.height, found.frame.schema, found.requests) == (0, MINUTES, 1)
    with pytest.raises(Malformed, match="ticker must be 'C:EURUSD', as asked, was 'ZZZZ'"):
        client.minutes(P_EUR, *YESTERDAY)


@pytest.mark.parametrize(
    ("bound", "late", "clipped"),
    [
        (P_BTC, timedelta(hours=1), False),
        (P_BTC, timedelta(hours=1, minutes=1), True),
        (P_NDX, timedelta(days=4, hours=23), False),
        (P_EUR, timedelta(days=5, minutes=1), True),
    ],
)
def test_a_history_cut_off_silently_is_noticed(
    host: Host, client: PolygonMinutes, bound: Bound, late: timedelta, clipped: bool
):
    """A coin never rests for an hour, no market for five days: rows that begin later were cut off."""
    first = START - timedelta(days=20)
    row = minute(first + late)
    host.script = [Says(aggs(row, ticker=bound.vendor_id))]
    if not clipped:
        assert client.minutes(bound, first, START).frame.height == 1
        return
    with pytest.raises(Clipped, match=rf"{bound.symbol} 2026-10-31 12:00.*asked was from 2026-10-31 12:00Z"):
        client.minutes(bound, first, START)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (aggs(minute(OPEN), minute(OPEN, c="1")), r"results\[1\].c must be a number, was '1'"),
        (aggs({k: v for k, v in minute(OPEN).items() if k != "v"}), r"results\[0\].v is missing"),
        (aggs(minute(OPEN, t="2026")), r"results\[0\].t must be in milliseconds since 1970, was '2026'"),
        (aggs(results=[minute(OPEN), 7]), r"results\[1\] must be an object, was 7"),
    ],
)
def test_another_shape_is_malformed_by_its_first_offence(body: dict[str, Any], words: str):
    """What is not as agreed is refused, naming the element and what it was."""
    with pytest.raises(Malformed, match=words):
        polygon_minutes.parse_aggregate_minutes(body, P_AAPL, EVENING)


def test_quotes_of_every_kind(host: Host, client: PolygonMinutes):
    """A trade's price and instant, else the middle of a quote, else an index value, else the session's close.

    1.1624 and 1.1626 are 1.1625 in the middle. An unknown ticker and one without any price are left out.
    """
    second = timedelta(seconds=1)
    entries = [
        {
            "ticker": "X:BTCUSD",
            "last_updated": nanos(OPEN),
            "session": {"close": 1.0, "volume": 31.5},
            "last_trade": {"price": 104123.45, "sip_timestamp": nanos(OPEN - second) + 1_234_567},
            "last_quote": {"bid": 104123.4, "ask": 104123.5, "last_updated": nanos(OPEN)},
        },
        {
            "ticker": "C:EURUSD",
            "last_updated": nanos(OPEN),
            "session": {"close": 1.0, "volume": 7},
            "last_quote": {"bid": 1.1624, "ask": 1.1626, "last_updated": nanos(OPEN - 2 * second)},
        },
        {"ticker": "I:NDX", "last_updated": nanos(OPEN - 3 * second), "session": {"close": 1.0}, "value": 25000.5},
        {"ticker": "AAPL", "last_updated": nanos(OPEN - 4 * second), "session": {"close": 271.5, "volume": 0}},
        {"ticker": "MSFT", "last_updated": nanos(OPEN), "session": {}},
        {"ticker": "ZZZZ", "error": "NOT_FOUND", "message": "Ticker not found."},
    ]
    host.script = [Says(snapshot(*entries))]
    others = [Bound("polygon", ticker, ticker, "stock") for ticker in ("MSFT", "ZZZZ")]
    found = client.quotes([P_BTC, P_EUR, P_NDX, P_AAPL, *others])
    assert host.asked[0].path == "/v3/snapshot"
    assert host.asked[0].query == {"ticker.any_of": "X:BTCUSD,C:EURUSD,I:NDX,AAPL,MSFT,ZZZZ", "limit": "250"}
    traded_at = OPEN - second + timedelta(microseconds=1234)
    assert [(one.symbol, one.price, one.at, one.bid, one.ask, one.day_volume) for one in found] == [
        ("BTCUSD", 104123.45, traded_at, 104123.4, 104123.5, 31.5),
        ("EURUSD", pytest.approx(1.1625, abs=1e-12), OPEN - 2 * second, 1.1624, 1.1626, None),
        ("NAS100", 25000.5, OPEN - 3 * second, None, None, None),
        ("AAPL", 271.5, OPEN - 4 * second, None, None, 0.0),
    ]
    assert {(one.source, one.received_at) for one in found} == {("polygon", START)}


def test_quotes_of_nobody_are_not_asked_for(host: Host, client: PolygonMinutes):
    """No instruments, no request; costs go by 250."""
    assert client.quotes([]) == []
    assert host.asked == []
    assert [client.quote_cost(n) for n in (0, 1, 250, 251)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"ticker": "MSFT"}, r"results\[0\].ticker must be one of C:EURUSD, as asked, was 'MSFT'"),
        ({"ticker": "C:EURUSD", "last_quote": []}, r"results\[0\].last_quote must be an object, was \[\]"),
        ({"ticker": "C:EURUSD", "value": 1.5}, r"results\[0\].last_updated is missing; present: ticker, value"),
        (
            {"ticker": "C:EURUSD", "value": 1.5, "last_updated": 1_700_000_000_000},
            r"results\[0\].last_updated must be in nanoseconds since 1970, was 1700000000000",
        ),
        (
            {"ticker": "C:EURUSD", "last_quote": {"bid": "1", "ask": 1}},
            r"results\[0\].last_quote.bid must be a number, was '1'",
        ),
    ],
)
def test_broken_quotes_are_malformed_by_their_first_offence(entry: dict[str, Any], words: str):
    """A quote without an instant of its own is never stamped with ours."""
    with pytest.raises(Malformed, match=words):
        polygon_minutes.parse_snapshot(snapshot(entry), [P_EUR], EVENING)


def test_budget_is_that_of_the_daily_bars(host: Host, still: StillTime):
    """The daily client's request and a request for quotes count in one window of one key."""
    settings = live_settings(host, polygon={"base_url": host.url, "budget": {"per_minute": 5}})
    minutes = PolygonMinutes.connect(settings, timing=still.timing)
    host.script = [Says({"status": "OK", "results": {}}), Says(snapshot())]
    Polygon.connect(settings, timing=still.timing).ticker("AAPL")
    assert minutes.quotes([P_EUR]) == []
    assert [(use.name, use.used, use.limit) for use in minutes.budget()] == [("minute", 2, 5)]


def test_without_a_key_nothing_is_sent(host: Host, still: StillTime):
    """Live mode without POLYGON_API_KEY is switched off and says which variable to set; the sandbox needs none."""
    client = PolygonMinutes.connect(live_settings(host, POLYGON_API_KEY=None), timing=still.timing)
    assert not client.enabled
    with pytest.raises(MissingKey, match="POLYGON_API_KEY is not set"):
        client.minutes(P_EUR, *YESTERDAY)
    assert host.asked == []
    sandbox = live_settings(host, vendors="sandbox", sandbox_url=host.url, polygon={}, POLYGON_API_KEY=None)
    client = PolygonMinutes.connect(sandbox, timing=still.timing)
    assert (client.source, client.enabled, client.budget()) == ("polygon-sandbox", True, [])
