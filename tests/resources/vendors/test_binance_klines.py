"""Minute candles by REST: own windows, closed rows only, refusals in the venue's words (crypto.md 2, vendors.md 6)."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.core.settings import RateBudget
from market_assets.crypto.transforms.klines import PARSED
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    Clipped,
    Malformed,
    NotEntitled,
    NotFound,
    RateLimited,
    Unavailable,
    VendorError,
)
from resources.vendors.binance_klines import BinanceKlines, parse, weight
from tests.resources.vendor_host import Asked, Host, Says, StillTime
from tests.resources.vendors.kline_host import MINUTE, Market, crypto_settings, ms, row

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
#: vendors.md 6, as documented
DOCUMENTED: list[Any] = [
    1499040000000,
    "0.01634790",
    "0.80000000",
    "0.01575800",
    "0.01577100",
    "148976.11427815",
    1499644799999,
    "2434.19055334",
    308,
    "1756.87402397",
    "28.46694368",
    "0",
]
HTML = b"<html><head><title>403 Forbidden</title></head></html>"


def client(host: Host, still: StillTime, **crypto: Any) -> BinanceKlines:
    """The market at `host`."""
    return BinanceKlines.connect(crypto_settings(host, **crypto), timing=still.timing)


def spans(host: Host) -> list[tuple[datetime, int]]:
    """What was asked for: first minute, rows."""
    return [
        (datetime.fromtimestamp(int(asked.query["startTime"]) / 1000, UTC), int(asked.query["limit"]))
        for asked in host.asked
    ]


def in_turn(host: Host, first: Market, then: Market) -> Callable[[Asked], Says]:
    """One market answers the first request, the other the rest."""

    def answer(asked: Asked) -> Says:
        market = first if len(host.asked) == 1 else then
        return market(asked)

    return answer


def test_a_documented_row_is_read_by_position() -> None:
    """Texts become numbers as Python reads them; the venue's close stamp is ignored."""
    frame = parse("binance_usdm", [DOCUMENTED])
    assert frame.schema == PARSED
    assert frame.row(0) == (
        datetime(2017, 7, 3, tzinfo=UTC),
        0.0163479,
        0.8,
        0.015758,
        0.015771,
        148976.11427815,
        2434.19055334,
        308,
        1756.87402397,
        28.46694368,
    )
    assert parse("binance_usdm", []).schema == PARSED


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"code": 0}, "the body must be a list of candles"),
        ([DOCUMENTED, DOCUMENTED[:10]], r"\[1\] must be a list of 11 values, was \[1499040000000"),
        ([DOCUMENTED, None], r"\[1\] must be a list of 11 values, was None"),
        ([["1m"] * 12], r"\[0\].open_time must be a number, was '1m'"),
        ([[1499040000, *DOCUMENTED[1:]]], r"\[0\].open_time must be an instant in milliseconds"),
        ([DOCUMENTED, [*DOCUMENTED[:4], "n/a", *DOCUMENTED[5:]]], r"\[1\].close must be a number, was 'n/a'"),
    ],
)
def test_an_answer_of_another_shape_is_refused(body: Any, said: str) -> None:
    """The first offence is named with its place."""
    with pytest.raises(Malformed, match=said):
        parse("binance_usdm", body)


def test_a_window_is_asked_page_by_page(host: Host, still: StillTime) -> None:
    """Each page is a window of its own; the venue's end is included, so the last millisecond before it is asked for."""
    host.script = Market(now=NOON)
    first = NOON - timedelta(minutes=3200)
    found = client(host, still).klines("BTCUSDT", first, NOON - 100 * MINUTE)
    assert found.frame["ts"].to_list() == [first + n * MINUTE for n in range(3100)]
    assert spans(host) == [(first, 1500), (first + 1500 * MINUTE, 1500), (first + 3000 * MINUTE, 100)]
    asked = host.asked[0].query
    assert (asked["symbol"], asked["interval"]) == ("BTCUSDT", "1m")
    assert int(asked["endTime"]) == ms(first + 1500 * MINUTE) - 1
    assert (found.requests, found.received_at) == (3, still.now())
    assert found.frame.row(0)[1:] == (100.0, 101.0, 99.5, 100.5, 10.5, 1055.25, 7, 4.25, 427.125)


@pytest.mark.parametrize(("seconds", "last"), [(4, -2), (5, -1), (59, -1)])
def test_the_running_minute_is_dropped(host: Host, still: StillTime, seconds: int, last: int) -> None:
    """And the one before it until the grace of 5 s is over: nothing that may still change is given."""
    still.pass_(seconds)
    host.script = Market(now=NOON)
    found = client(host, still).klines("BTCUSDT", NOON - 10 * MINUTE, NOON + MINUTE)
    assert found.frame["ts"][-1] == NOON + last * MINUTE
    assert found.frame.height == 11 + last
    assert len(host.asked) == 1, "what is not over is no bare edge"


def test_what_ended_while_the_answer_was_under_way_is_dropped(host: Host, still: StillTime) -> None:
    """Asked at 12:00:03, arrived 2.5 s later: by then the grace of 11:59 was over, when it was asked for it was not."""
    market = Market(now=NOON)

    def slowly(asked: Asked) -> Says:
        says = market(asked)
        still.pass_(2.5)
        return says

    still.at, host.script = NOON + timedelta(seconds=3), slowly
    found = client(host, still).klines("BTCUSDT", NOON - 5 * MINUTE, NOON).frame
    assert found["ts"].to_list() == [NOON - n * MINUTE for n in (5, 4, 3, 2)]


def test_a_hole_is_no_clipping(host: Host, still: StillTime) -> None:
    """Minutes the venue never had: inside nothing is asked, a bare edge is asked for once more."""
    gone = [NOON - n * MINUTE for n in (30, 60, 59, 58)]
    host.script = Market(now=NOON, without=gone)
    found = client(host, still).klines("BTCUSDT", NOON - 60 * MINUTE, NOON - 10 * MINUTE)
    assert found.frame.height == 46
    assert spans(host) == [(NOON - 60 * MINUTE, 50), (NOON - 60 * MINUTE, 3)]


def test_before_the_first_candle_there_is_nothing(host: Host, still: StillTime) -> None:
    """A listing in the middle of the window: its head is empty also when asked for by itself."""
    host.script = Market(now=NOON, first=NOON - 20 * MINUTE)
    found = client(host, still).klines("BTCUSDT", NOON - 60 * MINUTE, NOON)
    assert found.frame.height == 19
    assert len(host.asked) == 2


def test_an_empty_window_is_empty(host: Host, still: StillTime) -> None:
    """What that means is for those to say who know the listing."""
    host.script = Market(now=NOON, first=NOON)
    found = client(host, still).klines("BTCUSDT", NOON - 60 * MINUTE, NOON - 10 * MINUTE)
    assert (found.frame.height, found.requests) == (0, 1)


def test_an_answer_that_is_cut_off_is_an_error(host: Host, still: StillTime) -> None:
    """500 rows where 1,440 were asked for, as the funding route did in September 2026: nothing is given."""
    host.script = Market(now=NOON, most=500)
    with pytest.raises(Clipped, match=r"only 2026-11-19 00:00\.\.2026-11-19 08:20Z came") as refused:
        client(host, still).klines("BTCUSDT", NOON - timedelta(hours=36), NOON - timedelta(hours=12))
    assert "[BTCUSDT 2026-11-19 00:00..2026-11-20 00:00Z]" in str(refused.value)


def test_an_answer_that_starts_late_is_an_error(host: Host, still: StillTime) -> None:
    """Its head comes when asked for by itself."""
    market = Market(now=NOON)
    late = Market(now=NOON, first=NOON - 30 * MINUTE)
    host.script = in_turn(host, late, market)
    with pytest.raises(Clipped, match="has 30 candles"):
        client(host, still).klines("BTCUSDT", NOON - 60 * MINUTE, NOON - 10 * MINUTE)


def test_a_minute_that_comes_late_is_no_clipping(host: Host, still: StillTime) -> None:
    """At the live edge the venue may be some minutes behind: they are taken when they are there."""
    behind, market = Market(now=NOON - 4 * MINUTE), Market(now=NOON)
    host.script = in_turn(host, behind, market)
    found = client(host, still).klines("BTCUSDT", NOON - 60 * MINUTE, NOON - MINUTE)
    assert found.frame.height == 59
    assert found.frame["ts"].is_unique().all()


def test_another_window_is_refused(host: Host, still: StillTime) -> None:
    """The newest page, whatever was asked for."""
    host.script = [Says([row(NOON - n * MINUTE) for n in range(5, 0, -1)])]
    with pytest.raises(Malformed, match="the wrong window: 5 of 5 rows lie outside, the first opens 2026-11-20 11:55"):
        client(host, still).klines("BTCUSDT", NOON - timedelta(days=3), NOON - timedelta(days=2))


def test_weights_go_by_the_limit() -> None:
    """crypto.md 2: 1, 2, 5, 10 below 100, below 500, up to 1,000, above."""
    counts = [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (1500, 10)]
    assert [weight(rows) for rows, _ in counts] == [expected for _, expected in counts]


def test_a_request_costs_its_weight(host: Host, still: StillTime, tmp_path: Path) -> None:
    """Of 25 a minute two whole days fit, the third waits for the next minute; a message names the setting."""
    host.script = Market(now=NOON)
    asking = client(host, still, budget={"per_minute": 25}, home=tmp_path)
    for _ in range(3):
        asking.klines("BTCUSDT", NOON - timedelta(days=2), NOON - timedelta(days=1))
    assert [round(wait) for wait in still.slept] == [60]
    small = BinanceKlines.connect(
        crypto_settings(host, home=tmp_path / "b"), rates=RateBudget(per_minute=9), timing=still.timing
    )
    with pytest.raises(BudgetExhausted, match=r"counts as 10 never fits.*crypto\.budget"):
        small.klines("BTCUSDT", NOON - timedelta(days=2), NOON - timedelta(days=1))


def test_what_the_venue_counted_of_this_address_counts(host: Host, still: StillTime, tmp_path: Path) -> None:
    """The header says 1,435 of our 1,440 are used, by whomever: a page of weight 10 waits for the next minute."""
    market = Market(now=NOON)

    def counted(asked: Asked) -> Says:
        says = market(asked)
        return Says(says.body, says.status, {"X-MBX-USED-WEIGHT-1M": "1435"})

    host.script = counted
    asking = client(host, still, budget={"per_minute": 1440}, home=tmp_path)
    for _ in range(2):
        asking.klines("BTCUSDT", NOON - timedelta(days=2), NOON - timedelta(days=1))
    assert [round(wait) for wait in still.slept] == [60]


def test_own_ceilings_are_60_percent(host: Host, still: StillTime) -> None:
    """Of 2,400 a minute for futures, 6,000 for spot, where nothing else is said."""
    for market, limit in (("um_futures", 1440), ("spot", 3600)):
        windows = client(host, still, market=market, budget=None).http.budget.windows
        assert [(window.seconds, window.limit) for window in windows] == [(60, limit)]


@pytest.mark.parametrize(
    ("case", "kind", "said"),
    [
        ("unknown_symbol", NotFound, r"\[BTCXUSDT 2026-11-20 11:00\.\.2026-11-20 11:30Z\]: .*Invalid symbol"),
        ("bad_interval", BadRequest, "code -1120: Invalid interval"),
        ("geo_block", NotEntitled, r"HTTP 451.*Set crypto\.base_url"),
        ("rate_limited", RateLimited, "HTTP 429: Too much request weight"),
        ("ip_banned", RateLimited, "HTTP 418: Way too much request weight"),
    ],
)
def test_recorded_refusals_are_told_as_what_they_are(
    host: Host, still: StillTime, shared_data: Path, case: str, kind: type[VendorError], said: str
) -> None:
    """With symbol and window, and what to do."""
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    (one,) = (told for told in map(json.loads, lines) if (told["vendor"], told["case"]) == ("binance", case))
    host.script = [Says(one["body"].encode(), one["status"], one["headers"])]
    with pytest.raises(kind, match=said):
        client(host, still).klines("BTCXUSDT", NOON - 60 * MINUTE, NOON - 30 * MINUTE)


def test_a_ban_is_kept_to(host: Host, still: StillTime, tmp_path: Path) -> None:
    """418 with Retry-After 120: the source is blocked, and nothing is sent before it is over."""
    host.script = [Says({"code": -1003, "msg": "banned"}, 418, {"Retry-After": "120"})]
    asking = client(host, still, home=tmp_path)
    for _ in range(2):
        with pytest.raises(RateLimited) as held:
            asking.klines("BTCUSDT", NOON - 60 * MINUTE, NOON - 30 * MINUTE)
        assert held.value.retry_at == NOON + timedelta(seconds=120)
    assert len(host.asked) == 1
    still.pass_(121)
    host.script = Market(now=NOON)
    assert asking.klines("BTCUSDT", NOON - 60 * MINUTE, NOON - 30 * MINUTE).frame.height == 30


@pytest.mark.parametrize(
    ("says", "kind", "requests"),
    [
        (Says(HTML, 403, {"Content-Type": "text/html"}), RateLimited, 3),
        (Says(HTML, 200, {"Content-Type": "text/html"}), Malformed, 1),
        (Says(b"", 503), Unavailable, 3),
        (Says({"code": -1003, "msg": "Too many requests."}, 200), RateLimited, 3),
    ],
)
def test_other_refusals(host: Host, still: StillTime, says: Says, kind: type[VendorError], requests: int) -> None:
    """The firewall's page, a page with status 200, an overloaded venue, an error with status 200."""
    host.script = [says]
    with pytest.raises(kind):
        client(host, still).klines("BTCUSDT", NOON - 60 * MINUTE, NOON - 30 * MINUTE)
    assert len(host.asked) == requests


def test_the_recorded_listing_says_since_when(host: Host, still: StillTime, shared_data: Path) -> None:
    """exchangeInfo of 2021-07-21: every symbol of the body, BTCUSDT since 2019-09-25 16:00 UTC+8."""
    path = shared_data / "recorded" / "exchange_instruments" / "binance_fapi_exchangeInfo.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        body = json.loads(next(lines))["body"]
    host.script = [Says(body)]
    found = client(host, still).listing().frame
    assert found["symbol"].to_list() == sorted(told["symbol"] for told in body["symbols"])
    assert found.filter(symbol="BTCUSDT").row(0) == ("BTCUSDT", datetime(2019, 9, 25, 8, tzinfo=UTC), True)
    stopped = {told["symbol"] for told in body["symbols"] if told["status"] != "TRADING"}
    assert set(found.filter(~pl.col("is_trading"))["symbol"]) == stopped
    assert host.asked[0].path == "/fapi/v1/exchangeInfo"


def test_spot_does_not_say_since_when(host: Host, still: StillTime) -> None:
    """Null, not 1970; its routes are below /api/v3 and its pages shorter."""
    host.script = Market(root="/api/v3", now=NOON)
    asking = client(host, still, market="spot")
    assert asking.listing().frame["listed_at"].to_list() == [None, None]
    asking.klines("BTCUSDT", NOON - 1200 * MINUTE, NOON - 100 * MINUTE)
    assert [int(asked.query["limit"]) for asked in host.asked[1:]] == [1000, 100]
    assert {asked.path for asked in host.asked} == {"/api/v3/exchangeInfo", "/api/v3/klines"}
