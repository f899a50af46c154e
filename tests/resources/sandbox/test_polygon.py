"""Polygon on the wire, over a real socket, against recorded bodies."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.wire import HEADERS, Serve, aggregates, get, shape


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "recorded" / "polygon" / name).read_text())


def error(shared_data: Path, case: str) -> dict[str, Any]:
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    found: dict[str, Any] = next(c for c in cases if c["vendor"] == "polygon" and c["case"] == case)
    return found


def assert_error(answer: httpx.Response, expected: dict[str, Any]) -> None:
    """Status and body of a recorded error, but for the request's id."""
    body = json.loads(expected["body"])
    assert answer.status_code == expected["status"]
    assert {**answer.json(), "request_id": body["request_id"]} == body


def test_aggregates_have_the_recorded_shape(client: httpx.Client, shared_data: Path):
    """Every key and type of a recorded answer, and no other."""
    body = aggregates(client, "AAPL", "2005-04-01", "2005-04-04", adjusted="true")
    example = recorded(shared_data, "v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json")
    assert shape(body) == shape(example)
    # the same two days, stamped with New York's midnight: 05:00Z before the change of clocks, 04:00Z after
    assert [row["t"] for row in body["results"]] == [row["t"] for row in example["results"]]


@pytest.mark.parametrize(
    ("path", "name", "beyond"),
    [
        (
            "/v2/aggs/grouped/locale/us/market/stocks/2024-06-13",
            "v2_aggs_grouped_locale_us_market_stocks_2005-04-04_adjusted_true.json",
            set(),
        ),
        ("/v3/reference/splits?ticker=AAPL", "v3_reference_splits.json", set()),
        ("/v3/reference/dividends?ticker=KO", "v3_reference_dividends.json", {"next_url"}),
        ("/v1/marketstatus/now", "v1_marketstatus_now.json", set()),
        ("/v1/marketstatus/upcoming", "v1_marketstatus_upcoming.json", set()),
    ],
)
def test_other_answers_have_the_recorded_shape(
    client: httpx.Client, shared_data: Path, path: str, name: str, beyond: set[str]
):
    """Grouped, reference and status answers have every recorded key with its type."""
    body, example = shape(get(client, f"/polygon{path}")), shape(recorded(shared_data, name))
    if isinstance(body, dict) and isinstance(example, dict):
        assert set(body) - beyond == set(example)
        row, example_row = body.get("results", [{}])[0], example.get("results", [{}])[0]
        # dividends state their currency since 2023, the recording is from 2022
        assert {key: value for key, value in row.items() if key != "currency"} == example_row
    else:
        assert body == example


def test_reference_ticker_says_class_and_listing(client: httpx.Client, shared_data: Path):
    """Type, activity, listing and delisting dates; the recorded keys that a simulated company can have."""
    body = get(client, "/polygon/v3/reference/tickers?ticker=T001")
    made_up = {"cik", "composite_figi", "share_class_figi"}
    assert set(recorded(shared_data, "v3_reference_tickers.json")["results"][0]) - made_up <= set(body["results"][0])
    details = {
        ticker: get(client, f"/polygon/v3/reference/tickers/{ticker}")["results"]
        for ticker in ("AAPL", "SPY", "I:VIX", "DLST", "IPOX", "X:BTCUSD")
    }
    assert [details[t].get("type") for t in details] == ["CS", "ETF", "INDEX", "CS", "CS", None]
    assert details["IPOX"]["list_date"] == "2021-06-15"
    assert (details["DLST"]["active"], details["DLST"]["delisted_utc"]) == (False, "2023-06-30T00:00:00Z")
    assert "delisted_utc" not in details["AAPL"]


def test_unknown_ticker(client: httpx.Client, shared_data: Path):
    """Aggregates answer 200 without `results`; the reference answers 404 NOT_FOUND."""
    assert_error(
        client.get("/polygon/v2/aggs/ticker/ZZZZ/range/1/day/2024-01-02/2024-01-05"),
        error(shared_data, "unknown_ticker_or_no_data"),
    )
    answer = client.get("/polygon/v3/reference/tickers/ZZZZ")
    assert (answer.status_code, answer.json()["status"]) == (404, "NOT_FOUND")
    assert get(client, "/polygon/v3/reference/splits?ticker=ZZZZ")["results"] == []


def test_index_rows_have_no_volume(client: httpx.Client):
    """An index has neither v, vw, n in its rows nor resultsCount, adjusted in its body; days start in Chicago."""
    body = aggregates(client, "I:VIX", "2024-01-03", "2024-01-03")
    assert set(body) == {"ticker", "queryCount", "results", "status", "request_id", "count"}
    assert set(body["results"][0]) == {"o", "c", "h", "l", "t"}
    assert body["results"][0]["t"] == datetime(2024, 1, 3, 6, tzinfo=UTC).timestamp() * 1000


def test_crypto_trades_on_weekends_from_midnight_utc(client: httpx.Client):
    """Saturday and Sunday are bars, stamped 00:00Z."""
    rows = aggregates(client, "X:BTCUSD", "2024-06-08", "2024-06-09")["results"]
    stamps = [datetime.fromtimestamp(row["t"] / 1000, UTC).isoformat() for row in rows]
    assert stamps == ["2024-06-08T00:00:00+00:00", "2024-06-09T00:00:00+00:00"]
    assert rows[0]["v"] != int(rows[0]["v"])


def test_adjusted_divides_prices_and_multiplies_volume(client: httpx.Client):
    """Before a 2-for-1 and a 3-for-1, prices are a sixth and volumes sixfold; after both they are raw."""
    raw = aggregates(client, "SPLT", "2022-06-03", "2022-06-03")["results"][0]
    adjusted = aggregates(client, "SPLT", "2022-06-03", "2022-06-03", adjusted="true")["results"][0]
    assert adjusted["c"] == pytest.approx(raw["c"] / 6, abs=6e-5)
    assert adjusted["v"] == raw["v"] * 6
    between = aggregates(client, "SPLT", "2022-06-06", "2022-06-06", adjusted="true")["results"][0]
    assert between["c"] == pytest.approx(
        aggregates(client, "SPLT", "2022-06-06", "2022-06-06")["results"][0]["c"] / 3, abs=6e-5
    )
    assert (
        aggregates(client, "SPLT", "2024-03-11", "2024-03-12")["results"]
        == aggregates(client, "SPLT", "2024-03-11", "2024-03-12", adjusted="true")["results"]
    )


def follow(http: httpx.Client, body: dict[str, Any]) -> list[dict[str, Any]]:
    """All pages, as a client sees them."""
    pages = [body]
    while "next_url" in pages[-1]:
        address = httpx.URL(pages[-1]["next_url"])
        assert "apiKey" not in str(address)
        assert address.params["cursor"]
        assert str(address).startswith(str(http.base_url.join("/polygon/")))
        pages.append(get(http, str(address)))
    return pages


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_pages_cover_the_window_once(client: httpx.Client, sort: str):
    """Ten sessions in pages of four: 4, 4 and a short last page of 2, each row once, in order."""
    whole = aggregates(client, "MSFT", "2024-01-02", "2024-01-16", sort=sort)
    pages = follow(client, aggregates(client, "MSFT", "2024-01-02", "2024-01-16", sort=sort, limit=4))
    assert [page["resultsCount"] for page in pages] == [4, 4, 2]
    assert [row for page in pages for row in page["results"]] == whole["results"]
    assert len(whole["results"]) == 10
    assert all(page["adjusted"] is False for page in pages)


def test_exactly_one_page_has_no_next(client: httpx.Client):
    """Ten sessions in a page of ten: nothing follows."""
    body = aggregates(client, "MSFT", "2024-01-02", "2024-01-16", limit=10)
    assert (body["resultsCount"], "next_url" in body) == (10, False)


def test_default_limit_is_5000_and_50000_the_most(client: httpx.Client):
    """6,000 sessions do not fit the default page; a limit above 50,000 is refused."""
    pages = follow(client, aggregates(client, "MSFT", "2000-01-01", "2024-06-14"))
    assert [len(page["results"]) for page in pages] == [5000, 1152]
    assert "next_url" not in aggregates(client, "MSFT", "2000-01-01", "2024-06-14", limit=50000)
    refused = client.get("/polygon/v2/aggs/ticker/MSFT/range/1/day/2024-01-02/2024-01-03", params={"limit": 50001})
    assert refused.status_code == 400


def test_reference_pages_of_ten_by_default(client: httpx.Client):
    """Dividends come ten at a time, newest first, unless a limit up to 1,000 is given."""
    first = get(client, "/polygon/v3/reference/dividends?ticker=KO")
    everything = get(client, "/polygon/v3/reference/dividends?ticker=KO&limit=1000")
    assert len(first["results"]) == 10
    n = len(everything["results"])
    for limit, sizes in [(n - 1, [n - 1, 1]), (n, [n]), (n // 2, [n // 2] * 2 + [1] * (n % 2))]:
        pages = follow(client, get(client, f"/polygon/v3/reference/dividends?ticker=KO&limit={limit}"))
        assert [len(page["results"]) for page in pages] == sizes
        assert [row for page in pages for row in page["results"]] == everything["results"]
    ex_dates = [row["ex_dividend_date"] for row in everything["results"]]
    assert ex_dates == sorted(ex_dates, reverse=True)
    assert client.get("/polygon/v3/reference/dividends?ticker=KO&limit=1001").status_code == 400


def test_reference_dates_can_be_bounded(client: httpx.Client):
    """`execution_date.gte` and `.lt` select by date."""
    path = "/polygon/v3/reference/splits?ticker=AAPL&execution_date.gte=2005-02-28&execution_date.lt=2020-08-31"
    assert [row["execution_date"] for row in get(client, path)["results"]] == ["2014-06-09", "2005-02-28"]


def test_split_terms_are_old_and_new_shares(client: httpx.Client):
    """A reverse split 1-for-10 is from 10 to 1."""
    row = get(client, "/polygon/v3/reference/splits?ticker=REVS")["results"][0]
    assert (row["split_from"], row["split_to"]) == (10, 1)


def test_grouped_is_the_whole_market_at_the_end_of_the_window(client: httpx.Client):
    """Every listed stock and ETF that traded, prices as in its own aggregates, `t` at 16:00 in New York."""
    body = get(client, "/polygon/v2/aggs/grouped/locale/us/market/stocks/2024-06-13?adjusted=false")
    rows = {row["T"]: row for row in body["results"]}
    own = aggregates(client, "MSFT", "2024-06-13", "2024-06-13")["results"][0]
    assert {key: value for key, value in rows["MSFT"].items() if key not in {"T", "t"}} == {
        key: value for key, value in own.items() if key != "t"
    }
    assert rows["MSFT"]["t"] == datetime(2024, 6, 13, 20, tzinfo=UTC).timestamp() * 1000
    assert {"SPY", "BRK.B", "IPOX"} <= set(rows)
    assert not {"DLST", "I:VIX", "X:BTCUSD"} & set(rows)


def test_grouped_holiday_is_empty(client: httpx.Client):
    """Good Friday 2024: 200 and no results."""
    body = get(client, "/polygon/v2/aggs/grouped/locale/us/market/stocks/2024-03-29")
    assert (body["resultsCount"], "results" in body) == (0, False)


def test_window_without_sessions_has_no_results_key(client: httpx.Client):
    """A weekend is an empty answer, not an error."""
    body = aggregates(client, "MSFT", "2024-06-08", "2024-06-09")
    assert (body["queryCount"], body["resultsCount"], "results" in body) == (0, 0, False)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer bad-key"}])
def test_missing_or_bad_key(serve: Serve, shared_data: Path, headers: dict[str, str]):
    """401 with the vendor's words."""
    answer = httpx.get(f"{serve()}/polygon/v3/reference/splits", headers=headers)
    assert_error(answer, error(shared_data, "bad_key"))


def test_key_in_the_query_is_accepted_and_not_repeated(serve: Serve):
    """`apiKey=` works as well as the header, and no answer or ledger line shows it."""
    base = serve()
    path = "/polygon/v2/aggs/ticker/MSFT/range/1/day/2024-01-02/2024-01-16"
    answer = httpx.get(base + path, params={"apiKey": "secret-0451", "limit": 4})
    assert answer.status_code == 200
    assert "0451" not in answer.text + httpx.get(f"{base}/_sandbox/ledger").text


def test_delayed_plan_says_so(serve: Serve):
    """A delayed plan's answers are whole, with status DELAYED."""
    headers = {**HEADERS, "Authorization": "Bearer delayed-1"}
    with httpx.Client(base_url=serve(), headers=headers, timeout=30) as http:
        body = aggregates(http, "MSFT", "2024-01-02", "2024-01-03")
    assert (body["status"], body["resultsCount"]) == ("DELAYED", 2)


def test_two_year_plan_refuses_and_clips(serve: Serve, shared_data: Path):
    """A window wholly older than two years is 403; one that starts too early is silently clipped."""
    headers = {**HEADERS, "Authorization": "Bearer plan2y-1"}
    with httpx.Client(base_url=serve(), headers=headers, timeout=30) as http:
        older = http.get("/polygon/v2/aggs/ticker/MSFT/range/1/day/2020-01-02/2022-06-01")
        assert_error(older, error(shared_data, "plan_timeframe"))
        body = aggregates(http, "MSFT", "2020-01-02", "2024-06-14")
    first = datetime.fromtimestamp(body["results"][0]["t"] / 1000, UTC)
    assert first.date().isoformat() == "2022-06-15"  # two years before the sandbox's day
    assert body["status"] == "OK"


def test_limited_plan_runs_out(serve: Serve, shared_data: Path):
    """`limited-3-` answers three requests in a minute, then 429 without Retry-After; another key is not touched."""
    base = serve()
    path = f"{base}/polygon/v1/marketstatus/upcoming"
    answers = [httpx.get(path, headers={"Authorization": "Bearer limited-3-delayed-x"}) for _ in range(8)]
    statuses = [answer.status_code for answer in answers]
    # the eight may straddle a minute: then at most six are served
    assert statuses[:3] == [200, 200, 200]
    assert 3 <= statuses.count(200) <= 6
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert_error(refused, error(shared_data, "rate_limited"))
    assert "Retry-After" not in refused.headers
    assert httpx.get(path, headers={"Authorization": "Bearer other"}).status_code == 200


def test_unreadable_date_and_other_timespans(client: httpx.Client):
    """400 in the vendor's words for a date that is none; the sandbox has days and minutes only."""
    answer = client.get("/polygon/v2/aggs/ticker/MSFT/range/1/day/2024-13-01/2024-06-14")
    assert (answer.status_code, answer.json()["error"].startswith("Could not parse the date.")) == (400, True)
    assert client.get("/polygon/v2/aggs/ticker/MSFT/range/1/hour/2024-01-02/2024-01-03").status_code == 400
    assert client.get("/polygon/v3/reference/splits?cursor=%%%").status_code == 400


def test_epoch_milliseconds_are_dates_too(client: httpx.Client):
    """`from` and `to` may be milliseconds."""
    midnight = int(datetime(2024, 1, 3, 5, tzinfo=UTC).timestamp() * 1000)
    assert len(aggregates(client, "MSFT", str(midnight), str(midnight))["results"]) == 1


def test_market_status_follows_the_session(serve: Serve, market: SyntheticBackend):
    """Open at noon, extended hours after the close, closed at night and on Sundays."""
    states = {}
    for hour, day in [(16, 14), (21, 14), (3, 14), (16, 16)]:
        base = serve(market, now=datetime(2024, 6, day, hour, tzinfo=UTC))
        states[hour, day] = httpx.get(f"{base}/polygon/v1/marketstatus/now", headers=HEADERS).json()["market"]
    assert states == {(16, 14): "open", (21, 14): "extended-hours", (3, 14): "closed", (16, 16): "closed"}


def test_upcoming_lists_holidays_and_early_closes(client: httpx.Client):
    """The rest of 2024 as the exchange published it."""
    rows = client.get("/polygon/v1/marketstatus/upcoming").json()
    nyse = {(row["date"], row["status"]) for row in rows if row["exchange"] == "NYSE" and row["date"] < "2025"}
    assert nyse == {
        ("2024-06-19", "closed"),
        ("2024-07-03", "early-close"),
        ("2024-07-04", "closed"),
        ("2024-09-02", "closed"),
        ("2024-11-28", "closed"),
        ("2024-11-29", "early-close"),
        ("2024-12-24", "early-close"),
        ("2024-12-25", "closed"),
    }
