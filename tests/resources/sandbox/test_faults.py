"""Each fault does what it says, to whom it says, as often as it says."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from resources.sandbox.fault_kinds import KINDS
from resources.sandbox.faults import UnknownFault, parse
from tests.resources.sandbox.wire import HEADERS, Serve, aggregates, chart, get

WEEK = ("2020-01-02", "2020-01-15")  # ten sessions, 2020-01-02 .. 2020-01-15
PATH = "/polygon/v2/aggs/ticker/AAPL/range/1/day/{}/{}".format(*WEEK)

Ask = Callable[..., httpx.Client]


@pytest.fixture
def faulty(serve: Serve) -> Ask:
    """A client of a sandbox with these faults."""
    return lambda *specs: httpx.Client(base_url=serve(faults=specs), headers=HEADERS, timeout=30)


def days(body: dict[str, Any]) -> list[date]:
    """Session dates of stock rows."""
    return [datetime.fromtimestamp(row["t"] / 1000, UTC).date() for row in body["results"]]


@pytest.fixture
def clean(serve: Serve) -> dict[str, Any]:
    """The answer without a fault."""
    with httpx.Client(base_url=serve(), headers=HEADERS, timeout=30) as http:
        body = aggregates(http, "AAPL", *WEEK)
    assert len(body["results"]) == 10
    return body


def test_status_with_retry_after_a_number_of_times(faulty: Ask):
    """`polygon:429:retry_after=2:times=3`: three refusals in the vendor's words, then served."""
    http = faulty("polygon:429:retry_after=2:times=3")
    answers = [http.get(PATH) for _ in range(4)]
    assert [a.status_code for a in answers] == [429, 429, 429, 200]
    assert answers[0].headers["Retry-After"] == "2"
    assert answers[0].json()["error"].startswith("You've exceeded the maximum requests per minute")


@pytest.mark.parametrize("status", [500, 503, 403, 401])
def test_any_error_status(faulty: Ask, status: int):
    """Any status from 400 to 599 can be had."""
    assert faulty(f"polygon:{status}:times=1").get(PATH).status_code == status


def test_yahoo_refuses_in_its_own_way(faulty: Ask):
    """Yahoo's 429 is text, its 500 JSON; faults with a status strike one after the other."""
    http = faulty("yahoo:429:times=1", "yahoo:500:times=1")
    assert http.get("/yahoo/v8/finance/chart/AAPL?range=5d").text == "Edge: Too Many Requests"
    assert http.get("/yahoo/v8/finance/chart/AAPL?range=5d").json()["chart"]["error"]["code"] == "Internal Server Error"


def test_timeout_outlasts_the_client(faulty: Ask):
    """The client gives up first; the ledger notes it as a client that left."""
    http = faulty("polygon:timeout:seconds=5:times=1")
    started = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        http.get(PATH, timeout=0.3)
    assert time.monotonic() - started < 3
    assert http.get(PATH).status_code == 200
    until = time.monotonic() + 3
    while len(ledger := get(http, "/_sandbox/ledger")) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert sorted(entry["status"] for entry in ledger) == [200, 499]


def test_timeout_answers_late_to_who_waits(faulty: Ask, clean: dict[str, Any]):
    """A client that waits long enough gets the whole answer."""
    started = time.monotonic()
    assert aggregates(faulty("polygon:timeout:seconds=0.3"), "AAPL", *WEEK) == clean
    assert time.monotonic() - started >= 0.3


def test_truncated_body_is_whole_http_and_broken_json(faulty: Ask):
    """Status 200, and JSON that ends in the middle."""
    answer = faulty("polygon:truncated").get(PATH)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="char"):
        answer.json()


def test_disconnect_breaks_the_connection(faulty: Ask):
    """The body stops before its announced length."""
    with pytest.raises(httpx.RemoteProtocolError):
        faulty("polygon:disconnect").get(PATH)


@pytest.mark.parametrize("path", [PATH, "/yahoo/v8/finance/chart/AAPL?range=5d"])
def test_not_json_is_a_page_with_status_200(faulty: Ask, path: str):
    """HTML where JSON was promised."""
    answer = faulty("polygon:not_json", "yahoo:not_json").get(path)
    assert (answer.status_code, answer.text[:9]) == (200, "<!DOCTYPE")


def test_nulls(faulty: Ask):
    """Nulls in Yahoo's arrays on the days named; the other days are untouched."""
    http = faulty("yahoo:nulls:dates=2020-01-06,2020-01-08")
    quote = chart(http, "MSFT", datetime(2020, 1, 2, tzinfo=UTC), datetime(2020, 1, 11, tzinfo=UTC))["indicators"][
        "quote"
    ][0]
    assert [value is None for value in quote["close"]] == [False, False, True, False, True, False, False]
    assert [value is None for value in quote["volume"]] == [value is None for value in quote["open"]]


def test_duplicates(faulty: Ask, clean: dict[str, Any]):
    """One row in ten comes twice."""
    body = aggregates(faulty("polygon:duplicates"), "AAPL", *WEEK)
    assert body["results"] == [clean["results"][0], *clean["results"]]
    assert body["resultsCount"] == 11


def test_out_of_order(faulty: Ask, clean: dict[str, Any]):
    """The same rows, not sorted."""
    body = aggregates(faulty("polygon:out_of_order"), "AAPL", *WEEK)
    assert body["results"] == clean["results"][5:] + clean["results"][:5]


def test_missing_rows_of_one_symbol(faulty: Ask, clean: dict[str, Any]):
    """The day is left out for AAPL, in its own answer and in the market's, and for nobody else."""
    http = faulty("polygon:missing_rows:symbol=AAPL:dates=2020-01-06")
    body = aggregates(http, "AAPL", *WEEK)
    assert body["results"] == [
        row for row, day in zip(clean["results"], days(clean), strict=True) if day != date(2020, 1, 6)
    ]
    assert len(aggregates(http, "MSFT", *WEEK)["results"]) == 10
    grouped = get(http, "/polygon/v2/aggs/grouped/locale/us/market/stocks/2020-01-06")
    assert "MSFT" in {row["T"] for row in grouped["results"]}
    assert "AAPL" not in {row["T"] for row in grouped["results"]}


def test_extra_rows_on_a_saturday(faulty: Ask, clean: dict[str, Any]):
    """A row on a day without a session, in its place among the others; also at the end of a window."""
    http = faulty("polygon:extra_rows:dates=2020-01-04,2020-01-18")
    body = aggregates(http, "AAPL", *WEEK)
    assert [day for day in days(body) if day not in days(clean)] == [date(2020, 1, 4)]
    assert days(body) == sorted(days(body))
    assert days(aggregates(http, "AAPL", "2020-01-17", "2020-01-19")) == [date(2020, 1, 17), date(2020, 1, 18)]


def test_wrong_symbol(faulty: Ask):
    """The body names another symbol than was asked for."""
    http = faulty("polygon:wrong_symbol", "yahoo:wrong_symbol")
    assert aggregates(http, "AAPL", *WEEK)["ticker"] == "WRNG"
    week = chart(http, "AAPL", datetime(2020, 1, 2, tzinfo=UTC), datetime(2020, 1, 11, tzinfo=UTC))
    assert week["meta"]["symbol"] == "WRNG"


def test_late_correction(faulty: Ask, clean: dict[str, Any]):
    """One close is another one than before; every other value is the same, and the bar stays consistent."""
    body = aggregates(faulty("polygon:correction:symbol=AAPL:date=2020-01-06:factor=1.01"), "AAPL", *WEEK)
    changed = [(old, new) for old, new in zip(clean["results"], body["results"], strict=True) if old != new]
    assert len(changed) == 1
    old, new = changed[0]
    assert new["c"] == pytest.approx(old["c"] * 1.01, abs=1e-4)
    assert new["h"] >= new["c"]


def test_clip_starts_in_the_middle(faulty: Ask, clean: dict[str, Any]):
    """The first half of the window is silently not there."""
    body = aggregates(faulty("polygon:clip"), "AAPL", *WEEK)
    assert body["results"] == clean["results"][5:]
    assert body["status"] == "OK"


def test_missing_actions(faulty: Ask):
    """A split that the vendor stated before is stated no more, at both vendors."""
    http = faulty("polygon:missing_actions:dates=2020-08-31", "yahoo:missing_actions")
    left = get(http, "/polygon/v3/reference/splits?ticker=AAPL")["results"]
    assert [row["execution_date"] for row in left] == ["2014-06-09", "2005-02-28", "2000-06-21"]
    assert "events" not in chart(http, "AAPL", datetime(2020, 8, 28, tzinfo=UTC), datetime(2020, 9, 2, tzinfo=UTC))


def test_match_restricts_to_a_path(faulty: Ask):
    """`match=` names a part of the path that must be there."""
    http = faulty("polygon:500:match=/v3/reference/splits")
    assert http.get("/polygon/v3/reference/splits?ticker=AAPL").status_code == 500
    assert http.get(PATH).status_code == 200


@pytest.mark.parametrize("symbol", ["BTC-USD", "X:BTCUSD"])
def test_symbol_is_ours_or_the_vendors(faulty: Ask, symbol: str):
    """A fault for a symbol takes its house name or the vendor's id, and counts only its requests."""
    http = faulty(f"polygon:503:symbol={symbol}:times=1")
    assert http.get(PATH).status_code == 200
    assert http.get("/polygon/v1/marketstatus/now").status_code == 200
    coin = "/polygon/v2/aggs/ticker/X:BTCUSD/range/1/day/2024-01-01/2024-01-02"
    assert [http.get(coin).status_code for _ in range(2)] == [503, 200]


def test_rate_is_an_even_share(faulty: Ask):
    """`rate=0.25` strikes every fourth request, the same ones in every run."""
    http = faulty("polygon:500:rate=0.25")
    assert [http.get(PATH).status_code for _ in range(8)] == [200, 200, 200, 500] * 2


def test_faults_by_api(faulty: Ask):
    """POST adds by spec or by parts, GET shows what struck how often, DELETE ends all."""
    http = faulty()
    http.post("/_sandbox/faults", json={"spec": "polygon:500:times=1"}).raise_for_status()
    parts = {"vendor": "polygon", "fault": "missing_rows", "symbol": "AAPL", "dates": ["2020-01-06"]}
    http.post("/_sandbox/faults", json=parts).raise_for_status()
    assert http.get(PATH).status_code == 500
    assert date(2020, 1, 6) not in days(aggregates(http, "AAPL", *WEEK))
    shown = get(http, "/_sandbox/faults")
    assert [(fault["fault"], fault["struck"]) for fault in shown] == [("500", 1), ("missing_rows", 1)]
    assert http.delete("/_sandbox/faults").json() == []
    assert date(2020, 1, 6) in days(aggregates(http, "AAPL", *WEEK))


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("polygon:trunkated", "truncated"),
        ("nasdaq:500", "polygon, yahoo"),
        ("polygon:200", "400..599"),
        ("polygon:clip:factor=2", "symbol, match, times, rate"),
        ("polygon:extra_rows", "dates=YYYY-MM-DD"),
        ("polygon:nulls:dates=2020-13-01", "cannot be read"),
        ("polygon:500:times=often", "cannot be read"),
        ("polygon:500:rate=2", "rate"),
        ("polygon:500:3", "name=value"),
        ("polygon:late:dates=2020-01-06", "glassnode, not of polygon"),
        ("glassnode:extra_rows:dates=2020-01-06", "polygon, yahoo, not of glassnode"),
        ("polygon:429:reset=2", "retry_after, symbol"),
        ("polygon:correction:date=2020-01-06:hours=3", "date, factor, symbol"),
        ("polygon:nulls:dates=2020-01-06T05", "cannot be read"),
        ("glassnode:nulls:dates=2020-01-06T05:30", "whole hour"),
        ("glassnode:late", "dates=YYYY-MM-DD or YYYY-MM-DDTHH"),
        ("bybit:correction", "date=YYYY-MM-DD or YYYY-MM-DDTHH"),
        ("bybit:429:reset=2", "retry_after, symbol"),
        ("okx:wrong_symbol", "polygon, yahoo, alphavantage, twelvedata, not of okx"),
        ("glassnode:off_by", "polygon, yahoo, alphavantage, twelvedata, not of glassnode"),
        ("yahoo:off_by:factor=2", "ratio, symbol"),
        ("yahoo:off_by:ratio=much", "cannot be read"),
        ("alphavantage:duplicates", "not of alphavantage"),
        ("polygon:credits", "twelvedata, not of polygon"),
        ("glassnode:same_page", "dydx, kucoin, not of glassnode"),
        ("binance_archive:wrong_window", "not of binance_archive"),
        ("kraken:500", "kucoin, binance_archive"),
    ],
)
def test_unknown_faults_name_the_known_ones(faulty: Ask, spec: str, named: str):
    """A misspelt fault is refused with what would be right: 422 on the API, UnknownFault elsewhere."""
    with pytest.raises(UnknownFault, match=named):
        parse(spec)
    answer = faulty().post("/_sandbox/faults", json={"spec": spec})
    assert answer.status_code == 422
    assert named in answer.json()["detail"]


def test_unknown_fault_lists_every_kind():
    """The message is the reference."""
    with pytest.raises(UnknownFault) as refused:
        parse("polygon:nope")
    assert all(kind in str(refused.value) for kind in KINDS)


def test_body_that_is_no_fault(faulty: Ask):
    """JSON without spec or parts is refused with the form it should have."""
    answer = faulty().post("/_sandbox/faults", json={"what": 1})
    assert (answer.status_code, "vendor:kind" in answer.json()["detail"]) == (422, True)
