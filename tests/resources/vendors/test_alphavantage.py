"""Alpha Vantage: recorded and hand-written bodies, what its words mean, its budget, and that its key is nowhere."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.bars.instruments import Bound
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    Malformed,
    MissingKey,
    NotEntitled,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.vendors import alphavantage
from resources.vendors.alphavantage import AlphaVantage
from tests.resources.vendor_host import START, Asked, Host, Says, StillTime
from tests.resources.vendors import minute_host
from tests.resources.vendors.minute_host import KEY, minute_settings, places_of, refusals, told

EURUSD, BTCUSD = minute_host.EURUSD["alphavantage"], minute_host.BTCUSD["alphavantage"]
MSFT = Bound("alphavantage", "MSFT", "MSFT", "stock")
DAY = datetime(2026, 11, 20, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def client(host: Host, still: StillTime) -> AlphaVantage:
    return AlphaVantage.connect(minute_settings(host), timing=still.timing)


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "recorded" / "alpha_vantage" / name).read_text())


def pair_body(*stamps: str, **meta: str) -> dict[str, Any]:
    """Minutes of EUR/USD as the vendor words them."""
    head = {"2. From Symbol": "EUR", "3. To Symbol": "USD", "5. Interval": "1min", "7. Time Zone": "UTC", **meta}
    row = {"1. open": "1.0511", "2. high": "1.0513", "3. low": "1.0510", "4. close": "1.0512"}
    return {"Meta Data": head, "Time Series FX (1min)": dict.fromkeys(stamps, row)}


def test_recorded_minutes_of_a_stock(shared_data: Path):
    """The newest of 100 rows: 2017-12-18 14:56 in New York is 19:56 UTC, prices and volume as recorded."""
    found = alphavantage.parse_minutes(recorded(shared_data, "mock_time_series.json"), MSFT, START)
    assert found.height == 100
    assert found.row(0) == (datetime(2017, 12, 18, 19, 56, tzinfo=UTC), 86.49, 86.5, 86.475, 86.5, 10494, None, START)
    assert found["ts"].is_sorted(descending=True)


def test_stamps_of_a_stock_follow_the_clocks_of_new_york(shared_data: Path):
    """09:30 is 14:30 UTC on the Friday before the clocks go forward, and 13:30 UTC on the Monday after."""
    body = recorded(shared_data, "mock_time_series.json")
    row = next(iter(body["Time Series (1min)"].values()))
    body["Time Series (1min)"] = {"2026-03-09 09:30:00": row, "2026-03-06 09:30:00": row}
    found = alphavantage.parse_minutes(body, MSFT, START)["ts"]
    assert found.to_list() == [datetime(2026, 3, 9, 13, 30, tzinfo=UTC), datetime(2026, 3, 6, 14, 30, tzinfo=UTC)]
    body["Time Series (1min)"] = {"2026-03-08 02:30:00": row}
    with pytest.raises(Malformed, match=r"\[0\] must be a time of America/New_York, was '2026-03-08 02:30:00'"):
        alphavantage.parse_minutes(body, MSFT, START)


def test_recorded_exchange_rate(shared_data: Path, host: Host, client: AlphaVantage):
    """BTC in yuan, refreshed 2017-12-20 19:23:21 UTC; without bid and ask. One request, as agreed."""
    host.script = [Says(recorded(shared_data, "mock_foreign_exchange.json"))]
    (found,) = client.quotes([Bound("alphavantage", "BTC,CNY", "BTCCNY", "crypto")])
    at = datetime(2017, 12, 20, 19, 23, 21, tzinfo=UTC)
    assert found == ("BTCCNY", "alphavantage", 109631.430607, at, START, None, None, None)
    assert host.asked[0].query == {
        "function": "CURRENCY_EXCHANGE_RATE",
        "from_currency": "BTC",
        "to_currency": "CNY",
        "apikey": KEY,
    }


def test_bid_and_ask_of_a_pair(shared_data: Path, host: Host, client: AlphaVantage):
    """They are numbers as text; a dash is none. A stock has no quote, and an empty answer none either."""
    body = recorded(shared_data, "mock_foreign_exchange.json")
    told_rate = body["Realtime Currency Exchange Rate"]
    told_rate |= {"1. From_Currency Code": "EUR", "3. To_Currency Code": "USD", "8. Bid Price": "1.0511"}
    host.script = [Says(body | {}), Says({})]
    told_rate["9. Ask Price"] = "-"
    (found,) = client.quotes([EURUSD, MSFT])
    assert (found.bid, found.ask) == (1.0511, None)
    assert client.quotes([EURUSD]) == []
    assert client.quotes([MSFT]) == []
    assert len(host.asked) == 2


@pytest.mark.parametrize(
    ("bound", "asked"),
    [
        (EURUSD, [{"function": "FX_INTRADAY", "from_symbol": "EUR", "to_symbol": "USD"}]),
        (BTCUSD, [{"function": "CRYPTO_INTRADAY", "symbol": "BTC", "market": "USD"}]),
        (
            MSFT,
            [
                {
                    "function": "TIME_SERIES_INTRADAY",
                    "symbol": "MSFT",
                    "adjusted": "false",
                    "extended_hours": "false",
                    "month": month,
                }
                for month in ("2025-12", "2026-01")
            ],
        ),
    ],
)
def test_each_kind_has_its_function(host: Host, client: AlphaVantage, bound: Bound, asked: list[dict[str, str]]):
    """Pairs in one request; a stock by the months of New York, where 2026-01-01 04:00 UTC is still December."""
    host.script = [Says({})]
    found = client.minutes(bound, datetime(2026, 1, 1, 4, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    common = {"interval": "1min", "outputsize": "full", "apikey": KEY}
    assert [one.query for one in host.asked] == [one | common for one in asked]
    assert (found.frame.height, found.requests, found.credits) == (0, len(asked), len(asked))


def test_the_window_is_cut_out_of_what_came(host: Host, client: AlphaVantage):
    """A pair's answer has 30 days: only the asked day is kept, its end left out. Nothing of it has a volume."""
    host.script = [
        Says(pair_body("2026-11-21 00:00:00", "2026-11-20 23:59:00", "2026-11-20 00:00:00", "2026-11-19 23:59:00"))
    ]
    found = client.minutes(EURUSD, DAY, NEXT)
    assert found.frame["ts"].to_list() == [datetime(2026, 11, 20, 23, 59, tzinfo=UTC), DAY]
    assert found.frame["volume"].to_list() == [None, None]
    assert (found.requests, found.credits, found.bytes > 300, found.latency_ms > 0) == (1, 1, True, True)


def test_a_coin_has_a_volume_as_a_number(host: Host, client: AlphaVantage):
    """CRYPTO_INTRADAY names its members differently, and states volume as a number."""
    row = {"1. open": "91000.5", "2. high": "91010", "3. low": "90990", "4. close": "91001", "5. volume": 12.5}
    meta = {"2. Digital Currency Code": "BTC", "4. Market Code": "USD", "7. Interval": "1min", "9. Time Zone": "UTC"}
    host.script = [Says({"Meta Data": meta, "Time Series Crypto (1min)": {"2026-11-20 11:59:00": row}})]
    (found,) = client.minutes(BTCUSD, DAY, NEXT).frame.select("open", "close", "volume").rows()
    assert found == (91000.5, 91001.0, 12.5)


def test_a_day_before_a_pairs_history_is_not_entitled(host: Host, client: AlphaVantage):
    """The newest 30 days are all there is of a pair, whatever day is meant; the breaker does not mind."""
    host.script = [Says(pair_body("2026-11-20 00:01:00", "2026-11-20 00:00:00"))]
    with pytest.raises(NotEntitled, match=r"EUR,USD begins at 2026-11-20 00:00Z, after the window"):
        client.minutes(EURUSD, DAY - timedelta(days=40), DAY - timedelta(days=39))
    assert client.http.breaker.status().consecutive_failures == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"Global Quote": {}}, "Meta Data is missing; present: Global Quote"),
        (pair_body(**{"2. From Symbol": "GBP"}), "Meta Data.From Symbol must be 'EUR', as asked, was 'GBP'"),
        (pair_body(**{"5. Interval": "5min"}), "Meta Data.Interval must be '1min', as asked, was '5min'"),
        (pair_body(**{"7. Time Zone": "GMT+8"}), "Time Zone must be one of UTC, US/Eastern, was 'GMT[+]8'"),
        ({"Meta Data": pair_body()["Meta Data"]}, r"one member must be a Time Series \(1min\); present: Meta Data"),
        (pair_body("yesterday"), r"FX \(1min\)\[0\] must be a time of UTC, was 'yesterday'"),
        (
            pair_body() | {"Time Series FX (1min)": {"2026-11-20 00:00:00": {"1. open": "1"}}},
            r"\[0\].high is missing; present: 1. open",
        ),
        (
            pair_body()
            | {
                "Time Series FX (1min)": {
                    "2026-11-20 00:00:00": {"1. open": "x", "2. high": "1", "3. low": "1", "4. close": "1"}
                }
            },
            r"\[0\].1. open must be a number, was 'x'",
        ),
    ],
)
def test_another_shape_is_malformed_by_its_first_offence(body: Any, words: str):
    """A status of 200 is not success; nothing is returned from half an answer."""
    with pytest.raises(Malformed, match=words):
        alphavantage.parse_minutes(body, EURUSD, START)


def test_a_body_that_is_no_data_is_malformed(host: Host, still: StillTime, client: AlphaVantage):
    """Nor is a notice nobody knows, or JSON of another kind."""
    host.script = [Says([]), Says(b"<html>"), Says({"Information": "We moved."})]
    for words in ("the body must be an object", "not JSON", "the answer is a notice: We moved"):
        with pytest.raises(Malformed, match=words):
            client.minutes(EURUSD, DAY, NEXT)


def test_a_row_without_any_price_is_left_out(host: Host, client: AlphaVantage):
    """It says nothing; a row that lacks one price is kept as stated."""
    body = pair_body("2026-11-20 00:02:00", "2026-11-20 00:01:00")
    series = {stamp: dict(row) for stamp, row in body["Time Series FX (1min)"].items()}
    series["2026-11-20 00:02:00"] = dict.fromkeys(series["2026-11-20 00:02:00"])
    series["2026-11-20 00:01:00"]["2. high"] = None
    host.script = [Says(body | {"Time Series FX (1min)": series})]
    assert client.minutes(EURUSD, DAY, NEXT).frame["high"].to_list() == [None]


#: recorded case -> error, what it must say, requests made, what was waited for, failures that the breaker counts
REFUSALS: dict[str, tuple[type[VendorError], str, int, list[float], int]] = {
    "daily_limit": (RateLimited, r"API key as \[REDACTED\] and our standard API rate limit is 25", 1, [], 1),
    "burst_limit": (RateLimited, "more sparingly", 3, [1.0, 1.0], 1),
    "old_minute_limit": (RateLimited, "5 calls per minute", 1, [], 1),
    "unknown_symbol_or_bad_call": (BadRequest, "Invalid API call", 1, [], 0),
    "bad_key": (Unauthorized, "ALPHAVANTAGE_API_KEY is refused .*no retry was made", 1, [], 0),
    "premium_outputsize_full": (NotEntitled, "outputsize=full parameter value is a premium feature", 1, [], 0),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_recorded_refusals(
    shared_data: Path,
    host: Host,
    still: StillTime,
    client: AlphaVantage,
    home: Path,
    caplog: pytest.LogCaptureFixture,
    case: str,
):
    """Each recorded text, all of status 200, becomes its own error; the key it echoes, and that of the URL, is gone."""
    kind, words, requests, slept, counted = REFUSALS[case]
    caplog.set_level(logging.DEBUG)
    host.script = [refusals(shared_data, "alpha_vantage")[case]]
    with pytest.raises(kind, match=words) as failed:
        client.minutes(EURUSD, DAY, NEXT)
    assert (len(host.asked), still.slept) == (requests, slept)
    assert client.http.breaker.status().consecutive_failures == counted
    assert KEY not in told(failed.value) + repr(client) + caplog.text
    assert places_of(KEY, home) == []


def test_every_recorded_refusal_is_tested(shared_data: Path):
    """A case added to the recordings needs its line above."""
    assert set(refusals(shared_data, "alpha_vantage")) == set(REFUSALS)


def test_the_days_limit_ends_the_day(shared_data: Path, host: Host, still: StillTime, client: AlphaVantage):
    """Blocked until the next midnight (UTC) and counted as spent; then it is asked again."""
    host.script = [refusals(shared_data, "alpha_vantage")["daily_limit"], Says({})]
    with pytest.raises(RateLimited) as refused:
        client.minutes(EURUSD, DAY, NEXT)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    assert refused.value.retry_at == midnight
    assert [(use.name, use.used, use.limit) for use in client.budget()][1] == ("day", 25, 25)
    with pytest.raises(RateLimited, match="blocked by the vendor until 2026-11-21 00:00:00Z"):
        client.minutes(EURUSD, DAY, NEXT)
    assert len(host.asked) == 1
    still.pass_((midnight - still.at).total_seconds())
    assert client.minutes(EURUSD, DAY, NEXT).requests == 1


def test_the_minutes_limit_ends_the_minute(shared_data: Path, host: Host, still: StillTime, client: AlphaVantage):
    """At 12:00:40 the next minute is 20 s away, and asked in the same call."""
    still.pass_(40)
    host.script = [refusals(shared_data, "alpha_vantage")["old_minute_limit"], Says({})]
    assert client.minutes(EURUSD, DAY, NEXT).requests == 2
    assert still.slept == [20.0]


def test_requests_start_a_second_apart(host: Host, still: StillTime, client: AlphaVantage):
    """Not only in different seconds of the clock: the vendor counts from one request to the next."""
    still.pass_(0.9)
    host.script = [Says({})]
    client.minutes(EURUSD, DAY, NEXT)
    client.minutes(EURUSD, DAY, NEXT)
    assert sum(still.slept) == pytest.approx(1.0, abs=0.01)


def test_the_26th_request_of_a_day_is_not_sent(host: Host, still: StillTime, client: AlphaVantage):
    """25 a day by default, over two clients of one key, a second apart; another key has a budget of its own."""
    host.script = [Says({})]
    other = AlphaVantage.connect(minute_settings(host), timing=still.timing)
    for _ in range(12):
        client.minutes(EURUSD, DAY, NEXT)
        other.quotes([EURUSD])
    client.minutes(EURUSD, DAY, NEXT)
    assert still.slept == pytest.approx([1.0] * 24, abs=0.01)
    for one in (client, other):
        with pytest.raises(BudgetExhausted, match=r"day is spent \(25/25 requests\).*raise bars\.alphavantage\.budget"):
            one.minutes(EURUSD, DAY, NEXT)
    assert len(host.asked) == 25
    AlphaVantage.connect(minute_settings(host, "another-key"), timing=still.timing).minutes(EURUSD, DAY, NEXT)
    assert len(host.asked) == 26


def test_without_a_key_nothing_is_sent(host: Host, still: StillTime, monkeypatch: pytest.MonkeyPatch):
    """It says which variable to set, and can be told to be disabled beforehand."""
    monkeypatch.delenv("ALPHAVANTAGE_API_KEY", raising=False)
    client = AlphaVantage.connect(minute_settings(host, None), timing=still.timing)
    assert not client.enabled
    with pytest.raises(MissingKey, match=r"ALPHAVANTAGE_API_KEY is not set; .*take alphavantage out of bars\.sources"):
        client.minutes(EURUSD, DAY, NEXT)
    assert host.asked == []


def test_the_key_in_the_query_appears_nowhere(
    host: Host, still: StillTime, home: Path, caplog: pytest.LogCaptureFixture
):
    """After success, refusals, redirects, cut bodies and a dead host it is in no log, error or file."""
    caplog.set_level(logging.DEBUG)
    client = AlphaVantage.connect(minute_settings(host), timing=still.timing)
    shown = ""
    for says in (
        Says(pair_body("2026-11-20 00:00:00")),
        Says({"Information": KEY}),
        Says(f"https://x/query?apikey={KEY}".encode(), 500),
        Says(b"", 302, {"Location": f"/query?apikey={KEY}"}),
        Says(KEY.encode() * 9, cut_after=50),
    ):
        host.script = [says]
        try:
            shown += repr(client.minutes(EURUSD, DAY, NEXT))
        except VendorError as failed:
            shown += told(failed)
        still.pass_(120)
    assert host.asked[0].query["apikey"] == KEY
    host.close()
    with pytest.raises(Unavailable) as lost:
        client.minutes(EURUSD, DAY, NEXT)
    assert KEY not in shown + told(lost.value) + caplog.text
    assert places_of(KEY, home) == []


def test_a_key_is_not_cut_in_two(host: Host, still: StillTime, client: AlphaVantage):
    """Long words are shown cut: wherever the cut falls, not even the first half of an echoed key is shown."""
    for filler in range(170, 201, 5):
        host.script = [Says({"Error Message": "Invalid API call " + "x" * (filler - 17) + KEY})]
        with pytest.raises(BadRequest) as failed:
            client.minutes(EURUSD, DAY, NEXT)
        assert KEY[:4] not in str(failed.value)


def test_the_time_of_a_request_is_that_of_the_domain(host: Host, still: StillTime):
    """`bars.timeout_s` holds, whatever other vendors have."""
    client = AlphaVantage.connect(minute_settings(host, timeout_s=0.1), timing=still.timing)

    def late(_: Asked) -> Says:
        time.sleep(0.3)
        return Says({})

    host.script = late
    with pytest.raises(Unavailable, match=r"no whole answer within 0\.1 s"):
        client.minutes(EURUSD, DAY, NEXT)
