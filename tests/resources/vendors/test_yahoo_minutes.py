"""Yahoo's minutes and quotes, from recorded bodies and from a scripted vendor on a real socket."""

import json
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, Unavailable
from resources.vendors import yahoo_minutes
from resources.vendors.minute import MINUTES
from resources.vendors.yahoo import Yahoo
from resources.vendors.yahoo_minutes import YahooMinutes
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings
from tests.resources.vendors.instruments import AAPL, EVENING
from tests.resources.vendors.minute_bodies import (
    MINUTE,
    OPEN,
    Y_AAPL,
    Y_BTC,
    Y_EUR,
    Y_GOLD,
    Y_NDX,
    minute_chart,
    spark,
    spark_meta,
)

WEEKEND = "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json"
YESTERDAY = (START - timedelta(days=1), START)
ALL_UNKNOWN = {"spark": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}
TOO_MANY = {
    "spark": {
        "result": None,
        "error": {
            "code": "Bad Request",
            "description": "Number of symbols needs to be less than or equal to 20",
        },
    }
}


@pytest.fixture
def client(host: Host, still: StillTime) -> YahooMinutes:
    return YahooMinutes.connect(live_settings(host), timing=still.timing)


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "recorded" / "yahoo" / name).read_text())["response"]["bodyJson"]


def said(shared_data: Path, case: str) -> Says:
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    line = next(row for row in map(json.loads, lines) if (row["vendor"], row["case"]) == ("yahoo", case))
    return Says(line["body"].encode(), line["status"], line["headers"])


def test_recorded_minutes_of_a_weekend_are_none(shared_data: Path):
    """The recorded answer has no `timestamp` and quote [{}]: an empty frame of the agreed columns."""
    found = yahoo_minutes.parse_chart_minutes(recorded(shared_data, WEEKEND), Y_AAPL, EVENING)
    assert (found.height, found.schema) == (0, MINUTES)


def test_recorded_prices_without_timestamps_are_malformed(shared_data: Path):
    """Prices that nothing dates are not an empty answer; as recorded they are also of another interval."""
    body = recorded(shared_data, "chart-notimestamp-quotes-length.fake.json")
    with pytest.raises(Malformed, match="dataGranularity must be '1m', as asked, was '1d'"):
        yahoo_minutes.parse_chart_minutes(body, Y_AAPL, EVENING)
    body["chart"]["result"][0]["meta"]["dataGranularity"] = "1m"
    with pytest.raises(Malformed, match=r"quote\[0\].open must have one value per timestamp: 1 for 0"):
        yahoo_minutes.parse_chart_minutes(body, Y_AAPL, EVENING)


def test_recorded_row_of_a_live_quote_is_left_in(shared_data: Path):
    """EURUSD recorded, read as minutes, its last row a quote at 03:49:23Z: all rows come as stated, without volume."""
    body = recorded(shared_data, "chart-EURUSD_X-2020-01-01-to-2020-01-03.json")
    result = body["chart"]["result"][0]
    result["meta"]["dataGranularity"] = "1m"
    live = datetime(2020, 1, 3, 3, 49, 23, tzinfo=UTC)
    result["timestamp"][-1] = int(live.timestamp())
    found = yahoo_minutes.parse_chart_minutes(body, Y_EUR, EVENING)
    assert found["ts"].to_list() == [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC), live]
    assert found.select("open", "high", "low", "close").row(0) == (1.1220826, 1.1228385, 1.1159469, 1.1220826)
    assert found["volume"].to_list() == found["trade_count"].to_list() == [None, None, None]


@pytest.mark.parametrize(
    ("stated", "price"),
    [
        (129.0399932861328, 129.04),
        (104123.453125, 104123.45),
        (struct.unpack("f", struct.pack("f", 4012.35))[0], 4012.35),
        (struct.unpack("f", struct.pack("f", 0.00001234))[0], 0.00001234),
        (1234567.89, 1234567.89),
        (25000.0, 25000.0),
    ],
)
def test_a_float32_is_the_shortest_decimal_it_may_stand_for(stated: float, price: float):
    """However many digits a price has, its noise goes and its digits stay; a number that is no float32 is kept."""
    found = pl.DataFrame({"close": [stated]}).select(yahoo_minutes.denoised("close")).item()
    assert found == price


def test_only_rows_without_any_price_are_left_out():
    """A minute of nulls is no minute; one with a price missing is kept for the checks to judge."""
    body = minute_chart([(OPEN, 1.0, 10), (OPEN + MINUTE, None, None), (OPEN + 2 * MINUTE, 3.0, None)], "AAPL")
    body["chart"]["result"][0]["indicators"]["quote"][0]["low"][2] = None
    found = yahoo_minutes.parse_chart_minutes(body, Y_AAPL, EVENING)
    assert found.select("ts", "low", "close", "volume").rows() == [
        (OPEN, 1.0, 1.0, 10.0),
        (OPEN + 2 * MINUTE, None, 3.0, None),
    ]


@pytest.mark.parametrize(
    ("bound", "volume"), [(Y_NDX, None), (Y_EUR, None), (Y_BTC, 0.0), (Y_GOLD, 0.0), (Y_AAPL, 0.0)]
)
def test_a_volume_of_zero_is_measured_or_none(bound, volume: float | None):
    """Currencies and indices have no volume, whatever is stated; elsewhere zero is data."""
    body = minute_chart([(OPEN, 1.0, 0)], bound.vendor_id)
    assert yahoo_minutes.parse_chart_minutes(body, bound, EVENING)["volume"].to_list() == [volume]


def test_what_is_asked_and_what_it_cost(host: Host, client: YahooMinutes):
    """One request in seconds since 1970 with the agent of the settings; rows, requests, credits, bytes and time."""
    first = START - timedelta(minutes=2)
    body = minute_chart([(first, 1.5, 0), (first + MINUTE, 1.6, 0)])
    host.script = [Says(body)]
    found = client.minutes(Y_NDX, first, START)
    assert host.asked[0].path == "/v8/finance/chart/^NDX"
    assert host.asked[0].query == {
        "interval": "1m",
        "period1": str(int(first.timestamp())),
        "period2": str(int(START.timestamp())),
        "includePrePost": "false",
    }
    assert host.asked[0].headers["User-Agent"].startswith("Mozilla/5.0 (compatible;")
    assert found.frame.select("ts", "close", "ingested_at").rows() == [
        (first, 1.5, START),
        (first + MINUTE, 1.6, START),
    ]
    assert (found.requests, found.credits, found.bytes) == (1, 1, len(json.dumps(body)))
    assert found.latency_ms > 0
    assert found.trace == ("yahoo: 2 rows, 1 page(s), 1 request(s)",)


def test_the_time_of_requests_leaves_waits_out(host: Host, client: YahooMinutes, still: StillTime):
    """After a 503 the client waits a second by the clock; the time told is that of both requests alone."""
    host.script = [Says(b"", 503), Says(minute_chart([]))]
    found = client.minutes(Y_NDX, *YESTERDAY)
    assert still.slept == [1.0]
    assert found.requests == found.credits == 2
    assert 0 < found.latency_ms < 1000


@pytest.mark.parametrize("until", [START - timedelta(days=31), START - timedelta(days=29)])
def test_minutes_before_the_last_thirty_days_are_not_asked_for(host: Host, client: YahooMinutes, until: datetime):
    """A window wholly or partly older is refused unsent; one that begins exactly thirty days ago is asked."""
    with pytest.raises(NotEntitled, match=r"EURUSD 2026-10-\d\d 11:59.*from 2026-10-21 12:00Z on; nothing was sent"):
        client.minutes(Y_EUR, min(until, START - timedelta(days=30)) - MINUTE, until)
    assert host.asked == []
    host.script = [Says(minute_chart([], Y_EUR.vendor_id))]
    assert client.minutes(Y_EUR, START - timedelta(days=30), START - timedelta(days=29)).frame.is_empty()


@pytest.mark.parametrize(
    ("case", "kind", "words", "requests"),
    [
        ("unknown_symbol", NotFound, "No data found, symbol may be delisted", 1),
        ("rate_limited", RateLimited, "Edge: Too Many Requests", 3),
        ("1m_window_too_long", BadRequest, "Only 7 days worth of 1m granularity data are allowed", 1),
    ],
)
def test_recorded_refusals(
    shared_data: Path, host: Host, client: YahooMinutes, case: str, kind: type[Exception], words: str, requests: int
):
    """Each recorded error body becomes its own error, with the vendor's words; only 429 is asked again."""
    host.script = [said(shared_data, case)]
    with pytest.raises(kind, match=words):
        client.minutes(Y_AAPL, *YESTERDAY)
    assert len(host.asked) == requests


@pytest.mark.parametrize("case", ["before_first_bar", "weekend_window_no_bars"])
def test_recorded_answers_without_bars_are_empty(shared_data: Path, host: Host, client: YahooMinutes, case: str):
    """The 400 and the 200 that mean no rows are answers: the breaker hears of success."""
    answer = said(shared_data, case)
    body = json.dumps(recorded(shared_data, WEEKEND)).encode() if answer.body.startswith(b"@") else answer.body
    host.script = [answer._replace(body=body)]
    found = client.minutes(Y_AAPL, *YESTERDAY)
    assert (found.frame.height, found.requests) == (0, 1)
    assert client.http.breaker.status().consecutive_failures == 0


def test_a_window_too_old_by_yahoos_own_clock_is_not_entitled(host: Host, client: YahooMinutes):
    """422 has two meanings; that of the history is no error of ours, and the breaker stays as it was."""
    told = "1m data not available for startTime=1 and endTime=2. The requested range must be within the last 30 days."
    error = {"code": "Unprocessable Entity", "description": told}
    host.script = [Says({"chart": {"result": None, "error": error}}, 422)]
    with pytest.raises(NotEntitled, match="within the last 30 days"):
        client.minutes(Y_EUR, *YESTERDAY)
    assert client.http.breaker.status().consecutive_failures == 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda r: r["meta"].update(symbol="NQ=F"), r"meta.symbol must be '\^NDX', as asked, was 'NQ=F'"),
        (lambda r: r["meta"].update(dataGranularity="2m"), "dataGranularity must be '1m', as asked, was '2m'"),
        (lambda r: r["timestamp"].__setitem__(0, "x"), r"timestamp\[0\] must be in seconds since 1970, was 'x'"),
        (lambda r: r["indicators"]["quote"][0].update(low=["1"]), r"quote\[0\].low\[0\] must be a number, was '1'"),
        (lambda r: r["indicators"]["quote"][0].pop("volume"), r"quote\[0\].volume is missing"),
    ],
)
def test_another_shape_is_malformed_by_its_first_offence(spoil, words: str):
    """What is not as agreed is refused, naming the element and what it was."""
    body = minute_chart([(OPEN, 1.0, 10)])
    spoil(body["chart"]["result"][0])
    with pytest.raises(Malformed, match=words):
        yahoo_minutes.parse_chart_minutes(body, Y_NDX, EVENING)


def test_a_page_of_html_is_malformed(host: Host, client: YahooMinutes):
    """Consent pages come with 200: they are no empty answer."""
    host.script = [Says(b"<html>consent</html>")]
    with pytest.raises(Malformed, match="not JSON"):
        client.minutes(Y_NDX, *YESTERDAY)


def test_an_answer_has_the_time_of_the_bars_settings(host: Host, still: StillTime):
    """A source slower than bars.timeout_s is no source."""
    settings = live_settings(host, bars={"timeout_s": 0.2}, fetch={"attempts": 1})

    def slow(_: object) -> Says:
        time.sleep(0.4)
        return Says(minute_chart([]))

    host.script = slow
    with pytest.raises(Unavailable, match=r"no whole answer within 0\.2 s"):
        YahooMinutes.connect(settings, timing=still.timing).minutes(Y_NDX, *YESTERDAY)


def test_budget_and_breaker_are_those_of_the_daily_bars(host: Host, still: StillTime):
    """A daily chart and a request for quotes count in the same windows of the same key."""
    settings = live_settings(host, yahoo={"base_url": host.url, "budget": {"per_minute": 60, "per_day": 2000}})
    minutes = YahooMinutes.connect(settings, timing=still.timing)
    host.script = [Says(ALL_UNKNOWN, 404)]
    with pytest.raises(NotFound):
        Yahoo.connect(settings, timing=still.timing).listing(AAPL.id_at("yahoo"))
    assert minutes.quotes([Y_EUR]) == []
    assert [(use.name, use.used, use.limit) for use in minutes.budget()] == [("minute", 2, 60), ("day", 2, 2000)]


def test_quotes_of_several_instruments_in_one_request(host: Host, client: YahooMinutes):
    """Price and instant as stated; volume where the kind has one; the unknown and the unpriced are left out."""
    host.script = [
        Says(
            spark(
                spark_meta("BTC-USD", 104123.45, regularMarketVolume=31.5),
                spark_meta("^NDX", 25000.5, OPEN - MINUTE, regularMarketVolume=0),
                spark_meta("GC=F", None),
            )
        )
    ]
    found = client.quotes([Y_NDX, Y_EUR, Y_BTC, Y_GOLD, Y_NDX])
    assert host.asked[0].path == "/v7/finance/spark"
    assert host.asked[0].query == {"symbols": "^NDX,EURUSD=X,BTC-USD,GC=F", "range": "1d", "interval": "1d"}
    assert [(one.symbol, one.price, one.at, one.day_volume) for one in found] == [
        ("BTCUSD", 104123.45, OPEN, 31.5),
        ("NAS100", 25000.5, OPEN - MINUTE, None),
    ]
    assert {(one.source, one.received_at, one.bid, one.ask) for one in found} == {("yahoo", START, None, None)}


def test_quotes_of_nobody_are_not_asked_for(host: Host, client: YahooMinutes):
    """No instruments, no request; costs go by twenties."""
    assert client.quotes([]) == []
    assert host.asked == []
    assert [client.quote_cost(n) for n in (0, 1, 20, 21, 100)] == [0, 1, 1, 2, 5]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Says(TOO_MANY, 400), BadRequest, "Number of symbols needs to be less than or equal to 20"),
        (Says(TOO_MANY), BadRequest, "Number of symbols"),
        (Says(b"Not Found", 404), NotFound, "HTTP 404: Not Found"),
        (Says({"spark": []}), Malformed, "spark must be an object"),
        (
            Says(spark(spark_meta("MSFT", 1.0))),
            Malformed,
            r"spark.result\[0\].symbol must be one of eurusd=x, as asked",
        ),
        (
            Says({"spark": {"result": [{"symbol": "EURUSD=X", "response": [{"meta": spark_meta("MSFT", 1.0)}]}]}}),
            Malformed,
            r"response\[0\].meta.symbol must be 'EURUSD=X', was 'MSFT'",
        ),
        (
            Says(spark(spark_meta("EURUSD=X", 1.0, regularMarketTime=None))),
            Malformed,
            r"response\[0\].meta.regularMarketTime must be in seconds since 1970, was None",
        ),
        (
            Says(spark(spark_meta("EURUSD=X", "1.08"))),  # type: ignore[arg-type]
            Malformed,
            r"response\[0\].meta.regularMarketPrice must be a number, was '1.08'",
        ),
    ],
)
def test_refused_and_broken_quotes(host: Host, client: YahooMinutes, answer: Says, kind: type[Exception], words: str):
    """A refusal keeps the vendor's words, another shape is named by its place; nothing becomes an empty list."""
    host.script = [answer]
    with pytest.raises(kind, match=words):
        client.quotes([Y_EUR])


def test_the_sandbox_marks_its_rows_and_has_no_budget(host: Host, still: StillTime):
    """In sandbox mode the path is the vendor's own, and 61 requests pass within a minute."""
    settings = live_settings(host, vendors="sandbox", sandbox_url=host.url, yahoo={})
    client = YahooMinutes.connect(settings, timing=still.timing)
    host.script = [Says(spark())]
    for _ in range(61):
        client.quotes([Y_EUR])
    assert (client.source, client.enabled, client.budget(), still.slept) == ("yahoo-sandbox", True, [], [])
    assert host.asked[0].path == "/yahoo/v7/finance/spark"
