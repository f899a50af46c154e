"""Twelve Data: recorded and hand-written bodies, its errors, its credits, and that its key is nowhere."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.bars.instruments import Bound
from market_assets.core.settings import RateBudget
from resources.http.errors import (
    BudgetExhausted,
    Malformed,
    MissingKey,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.vendors import twelvedata
from resources.vendors.twelvedata import TwelveData
from tests.resources.vendor_host import START, Host, Says, StillTime
from tests.resources.vendors import minute_host
from tests.resources.vendors.minute_host import KEY, minute_settings, places_of, refusals, told

EURUSD, BTCUSD = minute_host.EURUSD["twelvedata"], minute_host.BTCUSD["twelvedata"]
DAY = datetime(2026, 11, 20, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
NOON_S = int(START.timestamp())


@pytest.fixture
def client(host: Host, still: StillTime) -> TwelveData:
    return TwelveData.connect(minute_settings(host), timing=still.timing)


def body(*stamps: str, **meta: str) -> dict[str, Any]:
    """Minutes of EUR/USD as the vendor words them."""
    values = [
        {"datetime": stamp, "open": "1.05110", "high": "1.05130", "low": "1.05100", "close": "1.05120"}
        for stamp in stamps
    ]
    return {"meta": {"symbol": "EUR/USD", "interval": "1min", **meta}, "values": values, "status": "ok"}


def quote(symbol: str, close: str, **more: Any) -> dict[str, Any]:
    """One instrument's entry: its candle of the day began at midnight, its last quote came at 11:59."""
    return {
        "symbol": symbol,
        "datetime": "2026-11-20",
        "timestamp": NOON_S - 43_200,
        "last_quote_at": NOON_S - 60,
        "open": "1.05",
        "high": "1.06",
        "low": "1.04",
        "close": close,
        **more,
    }


def error(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "status": "error"}


def spent(client: TwelveData) -> dict[str, int]:
    """Credits used, by window."""
    return {use.name: use.used for use in client.budget()}


def test_recorded_minutes(shared_data: Path):
    """Text becomes numbers in the order of the answer; stamps are UTC, which is what is asked for."""
    found = twelvedata.parse_minutes(
        json.loads((shared_data / "recorded" / "twelvedata" / "time_series_AAPL_1min.json").read_text()),
        Bound("twelvedata", "AAPL", "AAPL", "stock"),
        START,
    )
    assert found.height == 8
    assert found.row(0) == (
        datetime(2023, 8, 24, 11, 9, tzinfo=UTC), 177.9101, 178.02, 177.91, 178.00121, 293189.0, None, START,
    )  # fmt: skip


def test_a_day_is_one_request(host: Host, client: TwelveData):
    """UTC, oldest first; the key travels in the header alone; currencies have no volume."""
    host.script = [Says(body("2026-11-20 00:00:00", "2026-11-20 00:01:00"))]
    found = client.minutes(EURUSD, DAY, NEXT)
    (asked,) = host.asked
    assert (asked.path, asked.headers["Authorization"]) == ("/time_series", f"apikey {KEY}")
    assert asked.query == {
        "symbol": "EUR/USD",
        "interval": "1min",
        "start_date": "2026-11-20 00:00:00",
        "end_date": "2026-11-21 00:00:00",
        "timezone": "UTC",
        "order": "ASC",
        "outputsize": "5000",
    }
    assert found.frame.select("ts", "close", "volume").rows() == [
        (DAY, 1.0512, None),
        (DAY + timedelta(minutes=1), 1.0512, None),
    ]
    assert (found.requests, found.credits, found.bytes > 200, found.latency_ms > 0) == (1, 1, True, True)


def test_more_than_a_day_is_several_requests(host: Host, client: TwelveData):
    """36 hours are a day and 12 hours; rows follow each other."""
    host.script = lambda asked: Says(body(asked.query["start_date"]))
    found = client.minutes(EURUSD, DAY, DAY + timedelta(hours=36))
    assert [one.query["end_date"] for one in host.asked] == ["2026-11-21 00:00:00", "2026-11-21 12:00:00"]
    assert (found.frame["ts"].to_list(), found.requests, found.credits) == ([DAY, NEXT], 2, 2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": "ok"}, "meta is missing; present: status"),
        ({"meta": body()["meta"], "status": "ok"}, "values is missing"),
        (body(symbol="GBP/USD"), "meta.symbol must be 'EUR/USD', as asked, was 'GBP/USD'"),
        (body(interval="5min"), "meta.interval must be '1min', as asked, was '5min'"),
        (body("2026-11-20"), r"values\[0\].datetime must be a time of UTC, was '2026-11-20'"),
        (body() | {"values": [{"datetime": "2026-11-20 00:00:00", "open": "x"}]}, r"values\[0\].open must be a number"),
    ],
)
def test_another_shape_is_malformed_by_its_first_offence(answer: Any, words: str):
    """A status of 200 is not success."""
    with pytest.raises(Malformed, match=words):
        twelvedata.parse_minutes(answer, EURUSD, START)


def test_a_body_that_is_no_object_is_malformed(host: Host, client: TwelveData):
    """Nor is any JSON."""
    host.script = [Says([]), Says(b"<html>")]
    for words in ("the body must be an object", "not JSON"):
        with pytest.raises(Malformed, match=words):
            client.minutes(EURUSD, DAY, NEXT)


#: recorded case -> error, what it must say, failures that the breaker counts
REFUSALS: dict[str, tuple[type[VendorError] | None, str, int]] = {
    "minute_limit": (RateLimited, "code 429: You have run out of API credits for the current minute. 9 API", 1),
    "minute_limit_http200": (RateLimited, "code 429: .* 17 API credits were used", 1),
    "bad_key": (Unauthorized, "TWELVEDATA_API_KEY is refused .*no retry was made", 0),
    "unknown_symbol": (NotFound, "code 404: .*parameter is missing or invalid", 0),
    "no_data_for_dates": (None, "", 0),
    "plan_gated_symbol": (NotEntitled, "available starting with the Grow or Venture plan", 0),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_recorded_refusals(
    shared_data: Path,
    host: Host,
    client: TwelveData,
    home: Path,
    caplog: pytest.LogCaptureFixture,
    case: str,
):
    """Each recorded error, by HTTP or in the body, becomes its own after one request; no data is an empty answer."""
    kind, words, counted = REFUSALS[case]
    caplog.set_level(logging.DEBUG)
    host.script = [refusals(shared_data, "twelvedata")[case]]
    if kind is None:
        found = client.minutes(EURUSD, DAY, NEXT)
        assert (found.frame.height, found.requests) == (0, 1)
    else:
        with pytest.raises(kind, match=words) as failed:
            client.minutes(EURUSD, DAY, NEXT)
        assert KEY not in told(failed.value)
    assert len(host.asked) == 1
    assert client.http.breaker.status().consecutive_failures == counted
    assert KEY not in repr(client) + caplog.text
    assert places_of(KEY, home) == []


def test_every_recorded_refusal_is_tested(shared_data: Path):
    """A case added to the recordings needs its line above."""
    assert set(refusals(shared_data, "twelvedata")) == set(REFUSALS)


@pytest.mark.parametrize("http", [200, 429])
def test_the_minutes_limit_ends_with_the_minute(host: Host, still: StillTime, client: TwelveData, http: int):
    """At 12:00:45 it waits the 15 s that are left, in the same call, whatever the HTTP status was."""
    still.pass_(45)
    limit = error(429, "You have run out of API credits for the current minute.")
    host.script = [Says(limit, http), Says(body("2026-11-20 00:00:00"))]
    assert client.minutes(EURUSD, DAY, NEXT).requests == 2
    assert still.slept == [15.0]


def test_a_limit_that_a_call_cannot_wait_for_blocks_until_it_is_over(host: Host, still: StillTime, client: TwelveData):
    """At 12:00:00 the minute is longer than a call may take: told when it ends, and nothing is sent before."""
    host.script = [Says(error(429, "You have run out of API credits for the current minute.")), Says(body())]
    with pytest.raises(RateLimited) as refused:
        client.minutes(EURUSD, DAY, NEXT)
    assert refused.value.retry_at == START + timedelta(minutes=1)
    assert spent(client) == {"minute": 8, "day": 1}
    with pytest.raises(RateLimited, match="blocked by the vendor until 2026-11-20 12:01:00Z"):
        client.quotes([EURUSD])
    still.pass_(60)
    assert client.minutes(EURUSD, DAY, NEXT).requests == 1
    assert len(host.asked) == 2


def test_the_days_limit_ends_with_the_day(host: Host, client: TwelveData):
    """The text for the day speaks of the day alone: blocked until midnight, and counted as spent."""
    limit = "You have run out of API credits for the day. 803 API credits were used, with the current limit being 800."
    host.script = [Says(error(429, limit))]
    with pytest.raises(RateLimited) as refused:
        client.minutes(EURUSD, DAY, NEXT)
    assert refused.value.retry_at == NEXT
    assert spent(client) == {"minute": 1, "day": 800}


def test_other_refusals(host: Host, client: TwelveData):
    """403 is a gate; 5xx is retried, told by the body alone too; a 400 that is not about dates is our mistake."""
    cases: list[tuple[Says, type[VendorError], int]] = [
        (Says(error(403, "The endpoint is not in your plan"), 403), NotEntitled, 1),
        (Says(error(500, "Internal error")), Unavailable, 3),
        (Says({"status": "error"}, 503), Unavailable, 3),
        (Says(b"bad gateway", 502), Unavailable, 3),
        (Says(error(400, "Invalid **interval** provided"), 400), VendorError, 1),
    ]
    for says, kind, requests in cases:
        host.asked.clear()
        host.script = [says]
        with pytest.raises(kind):
            client.minutes(EURUSD, DAY, NEXT)
        assert len(host.asked) == requests


def used(n: int) -> Says:
    return Says(body("2026-11-20 00:00:00"), headers={"api-credits-used": str(n), "api-credits-left": str(8 - n)})


def test_credits_are_those_of_the_headers(host: Host, still: StillTime, client: TwelveData):
    """A request that cost 5 counts as 5, of the minute and of the day; then 2 more make 7, which we knew."""
    host.script = [used(5), used(7), used(7)]
    assert client.minutes(EURUSD, DAY, NEXT).credits == 5
    assert spent(client) == {"minute": 5, "day": 5}
    assert client.minutes(EURUSD, DAY, NEXT).credits == 2
    assert client.minutes(EURUSD, DAY, NEXT).credits == 1
    assert spent(client) == {"minute": 8, "day": 8}
    assert still.slept == []


def test_a_ninth_credit_waits_for_the_next_minute(host: Host, still: StillTime, client: TwelveData):
    """A request may cost more than a minute has; the next one then waits, over both clients of the key."""
    host.script = [used(60), used(1)]
    other = TwelveData.connect(minute_settings(host), timing=still.timing)
    assert client.minutes(EURUSD, DAY, NEXT).credits == 60
    assert other.minutes(EURUSD, DAY, NEXT).credits == 1
    assert still.slept == [pytest.approx(60, abs=0.01)]
    assert spent(client) == {"minute": 1, "day": 61}


def test_the_801st_credit_of_a_day_is_not_spent(host: Host, still: StillTime):
    """A day's budget, here 3, is refused unsent, naming the setting."""
    client = TwelveData.connect(minute_settings(host), rates=RateBudget(per_day=3), timing=still.timing)
    host.script = [Says({"EUR/USD": quote("EUR/USD", "1.05"), "BTC/USD": quote("BTC/USD", "91000")})]
    client.quotes([EURUSD, BTCUSD])
    with pytest.raises(BudgetExhausted, match=r"day is spent \(2/3 requests\).*raise bars\.twelvedata\.budget"):
        client.quotes([EURUSD, BTCUSD])
    assert len(host.asked) == 1


def test_quotes_of_several(host: Host, client: TwelveData):
    """By symbol: what is unknown, gated or without a price is left out; each symbol costs a credit."""
    gated = Bound("twelvedata", "NDX", "NAS100", "index")
    unknown, silent = Bound("twelvedata", "NO/PE", "NOPE", "spot"), Bound("twelvedata", "XAU/USD", "XAUUSD", "spot")
    host.script = [
        Says(
            {
                "BTC/USD": quote("BTC/USD", "91000.5", volume="12.5"),
                "EUR/USD": quote("EUR/USD", "1.05120"),
                "NDX": error(404, "This symbol is available starting with the Grow or Venture plan."),
                "NO/PE": error(404, "**symbol** or **figi** parameter is missing or invalid."),
                "XAU/USD": quote("XAU/USD", ""),
            }
        )
    ]
    found = client.quotes([EURUSD, gated, BTCUSD, unknown, silent])
    at = START - timedelta(minutes=1)
    assert found == [
        ("EURUSD", "twelvedata", 1.0512, at, START, None, None, None),
        ("BTCUSD", "twelvedata", 91000.5, at, START, None, None, 12.5),
    ]
    assert host.asked[0].query == {"symbol": "EUR/USD,NDX,BTC/USD,NO/PE,XAU/USD", "timezone": "UTC"}
    assert spent(client) == {"minute": 5, "day": 5}


def test_a_quote_of_one_is_bare(host: Host, client: TwelveData):
    """One symbol is answered without its name around it; without `last_quote_at` the candle's instant stands."""
    host.script = [Says(quote("EUR/USD", "1.0512", last_quote_at=None, timestamp=NOON_S - 30))]
    (found,) = client.quotes([EURUSD])
    assert (found.price, found.at) == (1.0512, START - timedelta(seconds=30))
    assert client.quotes([]) == []
    assert len(host.asked) == 1


def test_quotes_that_are_refused_as_a_whole(host: Host, still: StillTime, client: TwelveData):
    """An error of the key, or another shape, is raised, also where only one symbol's entry tells it."""
    late = quote("EUR/USD", "1.05", timestamp="noon")
    cases: list[tuple[Any, type[VendorError], str]] = [
        (error(401, "**apikey** parameter is incorrect"), Unauthorized, "TWELVEDATA_API_KEY is refused"),
        ({"EUR/USD": error(429, "run out of API credits for the current minute")}, RateLimited, "code 429"),
        (quote("EUR/USD", "1.05"), Malformed, "the body must have entries by symbol; present: symbol, "),
        ({"EUR/USD": quote("GBP/USD", "1.3")}, Malformed, "EUR/USD.symbol must be as asked, was 'GBP/USD'"),
        ({"EUR/USD": []}, Malformed, r"quotes\[0\] must be an object"),
        ({"EUR/USD": late}, Malformed, r"quotes\[0\].timestamp must be a number, was 'noon'"),
    ]
    for answer, kind, words in cases:
        host.script = [Says(answer)]
        with pytest.raises(kind, match=words):
            client.quotes([EURUSD, BTCUSD])
        still.pass_(120)


def test_a_batch_fits_into_a_minute(host: Host, still: StillTime):
    """As many symbols as a minute has credits for, and 120 at most."""
    for per_minute, batch in ((8, 8), (55, 55), (610, 120), (0, 120)):
        rates = RateBudget(per_minute=per_minute)
        client = TwelveData.connect(minute_settings(host), rates=rates, timing=still.timing)
        assert (client.quote_batch, client.quote_cost(batch)) == (batch, batch)


def test_without_a_key_nothing_is_sent(host: Host, still: StillTime, monkeypatch: pytest.MonkeyPatch):
    """It says which variable to set, and can be told to be disabled beforehand."""
    monkeypatch.delenv("TWELVEDATA_API_KEY", raising=False)
    client = TwelveData.connect(minute_settings(host, None), timing=still.timing)
    assert not client.enabled
    with pytest.raises(MissingKey, match=r"TWELVEDATA_API_KEY is not set; .*take twelvedata out of bars\.sources"):
        client.quotes([EURUSD])
    assert host.asked == []


def test_an_echoed_key_appears_nowhere(
    host: Host, still: StillTime, client: TwelveData, home: Path, caplog: pytest.LogCaptureFixture
):
    """Wherever an error's words are cut, and whatever it means, not even half of the key is shown or stored."""
    caplog.set_level(logging.DEBUG)
    shown = ""
    for filler, status in enumerate((200, 400, 401, 403, 404, 429, 500) * 4, 165):
        host.script = [Says(error(status, "x" * filler + KEY), status)]
        with pytest.raises(VendorError) as failed:
            client.minutes(EURUSD, DAY, NEXT)
        shown += told(failed.value)
        still.pass_(3600)
    assert len(host.asked) >= 28
    assert "[REDACTED]" in shown
    assert KEY[:6] not in shown + caplog.text
    assert places_of(KEY, home) == []
