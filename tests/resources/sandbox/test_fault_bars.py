"""Each fault of the bars vendors does what it says, over real HTTP, to minutes and to last prices."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.resources.sandbox.bar_host import DAY_MS, DAY_START_MS, MINUTE_MS, BarHost

#: thirty closed minutes of Friday noon
FIRST_MS = DAY_START_MS - 3 * DAY_MS + DAY_MS // 2
UNTIL_MS = FIRST_MS + 30 * MINUTE_MS
TENTHS = [0, 10, 20]

#: when each row is of, in a unit of its vendor's, and its close
Rows = list[tuple[int, float | None]]
Ask = Callable[[BarHost], Rows]


def yahoo(bars: BarHost) -> Rows:
    result = bars.yahoo("EURUSD=X", FIRST_MS, UNTIL_MS)
    closes = result["indicators"]["quote"][0]["close"]
    return [(stamp * 1000, close) for stamp, close in zip(result["timestamp"], closes, strict=True)]


def polygon(bars: BarHost) -> Rows:
    return [(row["t"], row["c"]) for row in bars.polygon("C:EURUSD", FIRST_MS, UNTIL_MS - 1)["results"]]


def twelvedata(bars: BarHost) -> Rows:
    window = {"start_date": "2026-10-02 12:00:00", "end_date": "2026-10-02 12:29:00", "order": "ASC"}
    rows = bars.twelvedata("time_series", "EUR/USD", **window)["values"]
    return [(minute(row["datetime"]), row["close"] and float(row["close"])) for row in rows]


def alphavantage(bars: BarHost) -> Rows:
    """The last hundred minutes, oldest first."""
    pair = {"from_symbol": "EUR", "to_symbol": "USD", "interval": "1min"}
    rows = bars.alphavantage("FX_INTRADAY", **pair)["Time Series FX (1min)"]
    return [(minute(at), row["4. close"] and float(row["4. close"])) for at, row in reversed(rows.items())]


def minute(stamp: str) -> int:
    """Minutes of the day of a stamp: enough to tell rows apart."""
    return int(stamp[11:13]) * 60 + int(stamp[14:16])


OF_LISTS: dict[str, Ask] = {"yahoo": yahoo, "polygon": polygon, "twelvedata": twelvedata}
OF_ALL: dict[str, Ask] = {**OF_LISTS, "alphavantage": alphavantage}
#: how each is asked for the last price of a pair
QUOTES = {
    "yahoo": ("/yahoo/v7/finance/spark", {"symbols": "EURUSD=X,GBPUSD=X"}),
    "polygon": ("/polygon/v3/snapshot", {"ticker.any_of": "C:EURUSD,C:GBPUSD", "apiKey": "k"}),
    "twelvedata": ("/twelvedata/quote", {"symbol": "EUR/USD,GBP/USD", "apikey": "k"}),
    "alphavantage": (
        "/alphavantage/query",
        {"function": "CURRENCY_EXCHANGE_RATE", "from_currency": "EUR", "to_currency": "USD", "apikey": "k"},
    ),
}


def prices(bars: BarHost, vendor: str) -> list[float]:
    """The last prices in an answer, of EURUSD first."""
    path, options = QUOTES[vendor]
    body = bars.get(path, **options)
    if vendor == "yahoo":
        return [one["response"][0]["meta"]["regularMarketPrice"] for one in body["spark"]["result"]]
    if vendor == "polygon":
        return [one["session"]["close"] for one in body["results"]]
    if vendor == "twelvedata":
        return [float(one["close"]) for one in body.values()]
    return [float(body["Realtime Currency Exchange Rate"]["5. Exchange Rate"])]


@pytest.mark.parametrize("vendor", OF_LISTS)
def test_row_faults_of_lists(bars: BarHost, vendor: str):
    """Rows gone, twice, in another order, silently cut, without values: each tenth or half of them."""
    ask = OF_LISTS[vendor]
    clean = ask(bars)
    assert len(clean) == 30
    bars.fault(f"{vendor}:missing_rows")
    assert ask(bars) == [row for n, row in enumerate(clean) if n not in TENTHS]
    bars.fault(f"{vendor}:duplicates")
    assert [row[0] for row in ask(bars)] == sorted([row[0] for row in clean] + [clean[n][0] for n in TENTHS])
    bars.fault(f"{vendor}:out_of_order")
    assert ask(bars) == clean[15:] + clean[:15]
    bars.fault(f"{vendor}:clip")
    assert ask(bars) == clean[15:]
    bars.fault(f"{vendor}:nulls")
    assert [n for n, row in enumerate(ask(bars)) if row[1] is None] == TENTHS


def test_row_faults_of_objects(bars: BarHost):
    """Alpha Vantage's rows are members: they can lack, be null and be out of order, but not be there twice."""
    clean = alphavantage(bars)
    bars.fault("alphavantage:missing_rows:dates=2026-10-05T15")
    assert {row[0] // 60 for row in alphavantage(bars)} == {13, 14}
    bars.fault("alphavantage:nulls:dates=2026-10-05T15")
    assert [at for at, close in alphavantage(bars) if close is None] == [at for at, _ in clean if at // 60 == 15]
    bars.fault("alphavantage:out_of_order")
    assert sorted(alphavantage(bars)) != alphavantage(bars)
    assert bars.http.post("/_sandbox/faults", json={"spec": "alphavantage:duplicates"}).status_code == 422


@pytest.mark.parametrize("vendor", OF_ALL)
def test_a_late_correction(bars: BarHost, vendor: str):
    """A day that was served before has other closes, of the symbol named alone."""
    ask, day = OF_ALL[vendor], "2026-10-05" if vendor == "alphavantage" else "2026-10-02"
    clean = ask(bars)
    bars.fault(f"{vendor}:correction:symbol=EURUSD:date={day}:factor=1.001")
    for (_, before), (_, after) in zip(clean, ask(bars), strict=True):
        assert (after, before) == (pytest.approx((before or 0) * 1.001, rel=1e-5), before)
    bars.fault(f"{vendor}:correction:symbol=GBPUSD:date={day}:factor=1.001")
    assert ask(bars) == clean


@pytest.mark.parametrize("vendor", OF_ALL)
def test_prices_of_one_vendor_are_off(bars: BarHost, vendor: str):
    """Minutes and last prices are 2 % too high, or as much as told; of one symbol where one is named."""
    ask, clean, last = OF_ALL[vendor], OF_ALL[vendor](bars), prices(bars, vendor)
    bars.fault(f"{vendor}:off_by")
    assert [close for _, close in ask(bars)] == pytest.approx([(close or 0) * 1.02 for _, close in clean], rel=1e-5)
    assert prices(bars, vendor) == pytest.approx([price * 1.02 for price in last], rel=1e-5)
    bars.fault(f"{vendor}:off_by:ratio=-0.5:symbol=EURUSD")
    assert prices(bars, vendor) == pytest.approx([last[0] / 2, *last[1:]], rel=1e-5)
    bars.fault()
    assert (ask(bars), prices(bars, vendor)) == (clean, last)


@pytest.mark.parametrize("vendor", OF_ALL)
def test_broken_bodies(bars: BarHost, vendor: str):
    """A page in place of JSON, half a body, a body that breaks off: each with status 200."""
    path, options = QUOTES[vendor]
    bars.fault(f"{vendor}:not_json")
    assert bars.http.get(path, params=options).text.startswith("<!DOCTYPE")
    bars.fault(f"{vendor}:truncated")
    with pytest.raises(json.JSONDecodeError):
        bars.http.get(path, params=options).json()
    bars.fault(f"{vendor}:disconnect")
    with pytest.raises(httpx.RemoteProtocolError):
        bars.http.get(path, params=options)


@pytest.mark.parametrize("vendor", [*OF_ALL, "fred"])
def test_outage_and_slowness(bars: BarHost, vendor: str):
    """A 5xx is one at every vendor; a slow one outlasts its client, and answers who waits."""
    fred = ("/fred/fred/series/observations", {"series_id": "DGS2", "file_type": "json", "api_key": "k"})
    path, options = QUOTES.get(vendor, fred)
    bars.fault(f"{vendor}:503:times=1", f"{vendor}:timeout:seconds=5:times=1")
    assert bars.http.get(path, params=options).status_code == 503
    with pytest.raises(httpx.ReadTimeout):
        bars.http.get(path, params=options, timeout=0.1)
    assert bars.http.get(path, params=options).status_code == 200


def test_too_many_requests_in_each_vendors_words(bars: BarHost, shared_data: Path):
    """Text at Yahoo, status 200 at Alpha Vantage, a code in the body at Twelve Data, JSON at Polygon and FRED."""
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    recorded = {(one["vendor"], one["case"]): one["body"] for one in map(json.loads, lines)}
    bars.fault(*(f"{vendor}:429" for vendor in (*OF_ALL, "fred")))
    answers = {vendor: bars.http.get(path, params=options) for vendor, (path, options) in QUOTES.items()}
    assert {vendor: answer.status_code for vendor, answer in answers.items()} == {
        "yahoo": 429,
        "polygon": 429,
        "twelvedata": 429,
        "alphavantage": 200,
    }
    assert answers["yahoo"].text == "Edge: Too Many Requests"
    assert answers["alphavantage"].json() == json.loads(recorded["alpha_vantage", "burst_limit"])
    assert answers["twelvedata"].json() == json.loads(recorded["twelvedata", "minute_limit"])
    assert answers["polygon"].json()["error"] == json.loads(recorded["polygon", "rate_limited"])["error"]
    assert bars.http.get("/fred/graph/fredgraph.csv?id=DGS2").status_code == 429


@pytest.mark.parametrize(
    ("kind", "case", "same"),
    [
        ("daily_limit", "daily_limit", slice(None)),
        ("burst", "burst_limit", slice(None)),
        # recorded of one parameter, told of a whole function
        ("premium", "premium_outputsize_full", slice(35)),
    ],
)
def test_refusals_of_alphavantage(bars: BarHost, shared_data: Path, kind: str, case: str, same: slice):
    """Status 200 and the recorded words; those of the day's limit repeat the key."""
    lines = map(json.loads, (shared_data / "recorded" / "errors.jsonl").read_text().splitlines())
    words = next(json.loads(one["body"]) for one in lines if (one["vendor"], one["case"]) == ("alpha_vantage", case))
    bars.fault(f"alphavantage:{kind}:times=1")
    rate = {"from_currency": "EUR", "to_currency": "USD", "apikey": "DEMOKEY123"}
    said = bars.alphavantage("CURRENCY_EXCHANGE_RATE", **rate)
    assert list(said) == list(words) == ["Information"]
    assert said["Information"][same] == words["Information"][same]
    assert ("premium endpoint." in said["Information"]) == (kind == "premium")
    assert "Realtime Currency Exchange Rate" in bars.alphavantage("CURRENCY_EXCHANGE_RATE", **rate)


def test_refusals_of_twelvedata(bars: BarHost, shared_data: Path):
    """Credits used up with status 200, as older servers said; a gate of the plan, of one symbol among several."""
    lines = map(json.loads, (shared_data / "recorded" / "errors.jsonl").read_text().splitlines())
    recorded = {one["case"]: json.loads(one["body"]) for one in lines if one["vendor"] == "twelvedata"}
    bars.fault("twelvedata:credits:times=1", "twelvedata:plan_gated:symbol=NAS100")
    said = bars.twelvedata("quote", "EUR/USD")
    assert (said["code"], said["status"]) == (429, "error")
    assert said["message"].startswith(recorded["minute_limit_http200"]["message"][:55])
    assert bars.twelvedata("quote", "NDX", 404) == recorded["plan_gated_symbol"]
    several = bars.twelvedata("quote", "NDX,EUR/USD")
    assert several["NDX"] == recorded["plan_gated_symbol"]
    assert several["EUR/USD"]["symbol"] == "EUR/USD"


def test_another_symbol_than_was_asked_for(bars: BarHost):
    """In the body of all four, of minutes and of last prices."""
    bars.fault(*(f"{vendor}:wrong_symbol" for vendor in OF_ALL))
    spark, snapshot = (bars.get(path, **options) for path, options in (QUOTES["yahoo"], QUOTES["polygon"]))
    pair = {"from_symbol": "EUR", "to_symbol": "USD", "interval": "1min"}
    named: list[Any] = [
        bars.yahoo("EURUSD=X", FIRST_MS, UNTIL_MS)["meta"]["symbol"],
        spark["spark"]["result"][0]["response"][0]["meta"]["symbol"],
        bars.polygon("C:EURUSD", FIRST_MS, UNTIL_MS)["ticker"],
        snapshot["results"][0]["ticker"],
        bars.twelvedata("time_series", "EUR/USD")["meta"]["symbol"],
        bars.twelvedata("quote", "EUR/USD")["symbol"],
        bars.alphavantage("FX_INTRADAY", **pair)["Meta Data"]["2. From Symbol"],
        bars.alphavantage("CURRENCY_EXCHANGE_RATE", from_currency="EUR", to_currency="USD")[
            "Realtime Currency Exchange Rate"
        ]["1. From_Currency Code"],
    ]
    assert set(named) == {"WRNG"}
