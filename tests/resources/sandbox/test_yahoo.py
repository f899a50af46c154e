"""Yahoo's chart on the wire, over a real socket, against recorded bodies."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.wire import BROWSER, EVENING, Serve, chart, shape


def recorded(shared_data: Path, name: str) -> dict[str, Any]:
    body = json.loads((shared_data / "recorded" / "yahoo" / name).read_text())
    result: dict[str, Any] = body["response"]["bodyJson"]["chart"]["result"][0]
    return result


def error(shared_data: Path, case: str) -> dict[str, Any]:
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    found: dict[str, Any] = next(c for c in map(json.loads, lines) if c["vendor"] == "yahoo" and c["case"] == case)
    return found


def day(year: int, month: int, number: int) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def test_chart_has_the_recorded_shape(client: httpx.Client, shared_data: Path):
    """Every key and type of a recorded answer; the stamps of the same days are the same instants."""
    result = chart(client, "AAPL", day(2020, 8, 31), day(2020, 11, 7))
    example = recorded(shared_data, "chart-AAPL-2020-08-31-to-2020-11-07.json")
    stamp = "1598880600"
    assert (
        result["events"]["splits"]
        == example["events"]["splits"]
        == {stamp: {"date": 1598880600, "numerator": 4, "denominator": 1, "splitRatio": "4:1"}}
    )
    assert result["timestamp"] == example["timestamp"]
    ours, theirs = (list(answer["events"]["dividends"].values()) for answer in (result, example))
    assert shape(ours) == shape(theirs)
    del result["events"], example["events"]
    assert shape(result) == shape(example)


def test_prices_are_float32_and_split_adjusted(client: httpx.Client, market: SyntheticBackend):
    """A price before a 2-for-1 and a 3-for-1 is a sixth of what was traded, rounded to float32; volume is sixfold."""
    result = chart(client, "SPLT", day(2022, 6, 3), day(2022, 6, 4))
    raw = market.bars("SPLT", "yahoo", EVENING).window(date(2022, 6, 3), date(2022, 6, 3))
    quote = result["indicators"]["quote"][0]
    assert quote["close"] == [float(np.float32(raw.close[0] / 6))]
    assert quote["close"][0] != round(quote["close"][0], 6)
    assert quote["volume"] == [raw.volume[0] * 6]


def test_dividends_are_in_todays_shares_and_adjclose_takes_them_off(client: httpx.Client, market: SyntheticBackend):
    """AAPL's dividend before the 4-for-1 is shown as a quarter; adjclose falls by amount / previous close."""
    paid = next(d for d in market.dividends("AAPL", EVENING) if d.ex_date > date(2020, 5, 1))
    assert paid.ex_date < date(2020, 8, 31)
    opens = datetime(paid.ex_date.year, paid.ex_date.month, paid.ex_date.day, 13, 30, tzinfo=UTC)
    result = chart(client, "AAPL", opens - timedelta(days=4), opens + timedelta(hours=1))
    assert result["events"]["dividends"] == {
        str(int(opens.timestamp())): {"amount": pytest.approx(paid.amount / 4), "date": int(opens.timestamp())}
    }
    close, adjusted = result["indicators"]["quote"][0]["close"], result["indicators"]["adjclose"][0]["adjclose"]
    step = (adjusted[-2] / close[-2]) / (adjusted[-1] / close[-1])
    raw = market.bars("AAPL", "yahoo", EVENING).window(None, paid.ex_date - timedelta(days=1))
    assert step == pytest.approx(1 - paid.amount / raw.close[-1], rel=1e-6)


def test_events_only_on_request_and_inside_the_window(client: httpx.Client):
    """Without `events=` there are none; the split of another month is not shown."""
    asked = client.get("/yahoo/v8/finance/chart/AAPL", params={"period1": 1598832000, "period2": 1604707200})
    assert "events" not in asked.json()["chart"]["result"][0]
    assert "splits" not in chart(client, "AAPL", day(2020, 9, 1), day(2020, 11, 7)).get("events", {})


def test_window_bounds_are_instants(client: httpx.Client):
    """period1 is included and period2 is not: a session belongs by the instant it opens."""
    opens = datetime(2024, 6, 13, 13, 30, tzinfo=UTC)
    assert chart(client, "MSFT", opens, opens + timedelta(seconds=1))["timestamp"] == [int(opens.timestamp())]
    assert "timestamp" not in chart(client, "MSFT", opens - timedelta(seconds=60), opens)


def test_stamps_follow_daylight_saving(client: httpx.Client):
    """Sessions open at 14:30Z in winter and 13:30Z in summer; BTC-USD days start at 00:00Z."""
    stamps = chart(client, "MSFT", day(2024, 3, 8), day(2024, 3, 12))["timestamp"]
    assert [datetime.fromtimestamp(s, UTC).strftime("%d %H:%M") for s in stamps] == ["08 14:30", "11 13:30"]
    stamps = chart(client, "BTC-USD", day(2024, 3, 9), day(2024, 3, 11))["timestamp"]
    assert [datetime.fromtimestamp(s, UTC).strftime("%d %H:%M") for s in stamps] == ["09 00:00", "10 00:00"]


def test_empty_window_has_no_timestamp(client: httpx.Client, shared_data: Path):
    """A weekend: 200, no `timestamp`, `quote: [{}]`, as recorded."""
    name = "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json"
    result = chart(client, "AAPL", day(2024, 6, 8), day(2024, 6, 10))
    example = recorded(shared_data, name)
    assert set(result) == set(example)
    assert result["indicators"] == example["indicators"] == {"quote": [{}]}


def test_window_before_the_first_bar(client: httpx.Client, shared_data: Path):
    """400 `Data doesn't exist`, which is an empty answer and no failure."""
    span = {"period1": 1565740800, "period2": 1596067200, "interval": "1d"}
    answer = client.get("/yahoo/v8/finance/chart/IPOX", params=span)
    expected = error(shared_data, "before_first_bar")
    assert (answer.status_code, answer.json()) == (400, json.loads(expected["body"]))


def test_unknown_symbol(client: httpx.Client, shared_data: Path):
    """404 with the recorded body."""
    answer = client.get("/yahoo/v8/finance/chart/ZZZZ", params={"range": "5d"})
    expected = error(shared_data, "unknown_symbol")
    assert (answer.status_code, answer.json()) == (404, json.loads(expected["body"]))


def test_user_agent_that_is_no_browser(serve: Serve, shared_data: Path):
    """curl gets 429 as text; a browser's user agent is served, without any key."""
    address = f"{serve()}/yahoo/v8/finance/chart/AAPL?range=5d"
    refused = httpx.get(address, headers={"User-Agent": "curl/8.5.0"})
    assert (refused.status_code, refused.text) == (429, error(shared_data, "rate_limited")["body"])
    assert "json" not in refused.headers["Content-Type"]
    assert "Retry-After" not in refused.headers
    assert httpx.get(address, headers=BROWSER).status_code == 200


@pytest.mark.parametrize(
    ("symbol", "kind", "zone"),
    [
        ("BRK-B", "EQUITY", "America/New_York"),
        ("SPY", "ETF", "America/New_York"),
        ("%5EVIX", "INDEX", "America/Chicago"),
        ("BTC-USD", "CRYPTOCURRENCY", "UTC"),
    ],
)
def test_ids_and_classes(client: httpx.Client, symbol: str, kind: str, zone: str):
    """Yahoo's own ids, `^` encoded; an index has volume 0."""
    result = chart(client, symbol, day(2024, 6, 10), day(2024, 6, 14))
    assert (result["meta"]["instrumentType"], result["meta"]["exchangeTimezoneName"]) == (kind, zone)
    assert all((volume == 0) == (kind == "INDEX") for volume in result["indicators"]["quote"][0]["volume"])


def test_null_days_are_null_in_every_array(client: httpx.Client, market: SyntheticBackend):
    """The rare day that Yahoo lacks is a null in open, high, low, close, volume and adjclose, with its stamp kept."""
    symbol, missing = next(
        (symbol, bars.day[np.isnan(bars.close)][0].item())
        for symbol in ("AAPL", "MSFT", "KO", "SPY", "JPM", "PG")
        if np.isnan((bars := market.bars(symbol, "yahoo", EVENING)).close).any()
    )
    noon = datetime(missing.year, missing.month, missing.day, 12, tzinfo=UTC)
    result = chart(client, symbol, noon, noon + timedelta(hours=6))
    assert len(result["timestamp"]) == 1
    quote = result["indicators"]["quote"][0]
    assert {name: quote[name] for name in quote} == {
        name: [None] for name in ("open", "high", "low", "close", "volume")
    }
    assert result["indicators"]["adjclose"] == [{"adjclose": [None]}]


def test_live_day_is_an_extra_last_row(serve: Serve, market: SyntheticBackend):
    """While the session trades, today is a last row stamped with the time of the request, not of the open."""
    at = datetime(2024, 6, 14, 15, 30, tzinfo=UTC)
    with httpx.Client(base_url=serve(market, now=at), headers=BROWSER, timeout=30) as http:
        result = chart(http, "MSFT", day(2024, 6, 13), day(2024, 6, 15))
    assert result["timestamp"] == [int(datetime(2024, 6, 13, 13, 30, tzinfo=UTC).timestamp()), int(at.timestamp())]
    assert result["meta"]["regularMarketTime"] == int(at.timestamp())
    with httpx.Client(base_url=serve(market, now=EVENING), headers=BROWSER, timeout=30) as http:
        closed = chart(http, "MSFT", day(2024, 6, 13), day(2024, 6, 15))
    assert closed["timestamp"][-1] == int(datetime(2024, 6, 14, 13, 30, tzinfo=UTC).timestamp())
    assert result["indicators"]["quote"][0]["close"][-1] != closed["indicators"]["quote"][0]["close"][-1]


def test_range_instead_of_periods(client: httpx.Client):
    """`range=5d` is the last week, `max` everything since listing."""
    week = client.get("/yahoo/v8/finance/chart/MSFT?range=5d").json()["chart"]["result"][0]
    assert len(week["timestamp"]) == 5
    everything = client.get("/yahoo/v8/finance/chart/IPOX?range=max").json()["chart"]["result"][0]
    assert everything["timestamp"][0] == everything["meta"]["firstTradeDate"]
    assert client.get("/yahoo/v8/finance/chart/IPOX?range=7w").status_code == 422
    assert client.get("/yahoo/v8/finance/chart/IPOX?period1=x").status_code == 400
