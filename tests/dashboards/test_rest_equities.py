"""The equities REST API over a store written by hand. Golden values are those of the spec."""

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.settings import Settings
from resources.stores import open_store
from resources.stores.protocol import PartitionStore

from .conftest import CLOSES, DAYS, action, scored, write

HISTORY = "/api/v1/historical/AAPL"


def closes(body: dict) -> list[float]:
    return [round(bar["close"], 9) for bar in body["data"]]


def test_history_is_raw_unless_asked(client: TestClient):
    """Without `adjust` the bars are as traded, oldest first, with the documented fields."""
    body = client.get(HISTORY).json()
    assert closes(body) == CLOSES
    assert (body["symbol"], body["timeframe"], body["adjust"], body["count"]) == ("AAPL", "1d", "none", 5)
    assert body["data"][0] == {
        "time": "2024-01-02T00:00:00Z",
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 100.0,
        "volume": 1000.0,
        "source": "polygon",
        "validated": True,
        "quality_score": 1.0,
        "gap_detected": False,
        "volume_anomaly": False,
    }


@pytest.mark.parametrize(
    ("adjust", "expected"),
    [("split", [50.0, 51.0, 52.0, 53.0, 54.0]), ("total", [49.5, 50.49, 51.48, 52.47, 54.0])],
)
def test_history_adjusts_at_read_time(client: TestClient, adjust: str, expected: list[float]):
    """The golden series of the spec: a 2-for-1 split, then a dividend of 0.53 on 53.00."""
    body = client.get(HISTORY, params={"adjust": adjust}).json()
    assert closes(body) == expected
    assert [bar["volume"] for bar in body["data"]] == [2000.0, 2000.0, 2000.0, 1000.0, 1000.0]


def test_an_announced_split_is_not_applied_before_its_day(configured: Settings, monkeypatch: pytest.MonkeyPatch):
    """On the eve of a 2-for-1 split prices are still on the old share basis; from its day on they are not."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2024-01-04T22:00:00Z")
    store = open_store(configured)
    write(store, "equities_scored_bars", scored("AAPL", DAYS[:3], CLOSES[:3]))
    split = action("AAPL", "split", DAYS[3], split_from=1.0, split_to=2.0, split_ratio=2.0, price_factor=0.5)
    write(store, "equities_corporate_actions", [split])
    client = TestClient(create_app(configured))
    eve = {"adjust": "split", "as_of": "2024-01-04T23:00:00Z"}
    assert closes(client.get(HISTORY, params=eve).json()) == [100.0, 102.0, 104.0]
    day = {"adjust": "split", "as_of": "2024-01-05T23:00:00Z"}
    assert closes(client.get(HISTORY, params=day).json()) == [50.0, 51.0, 52.0]


def test_the_end_is_inclusive(client: TestClient):
    """`start` and `end` are both part of the answer."""
    body = client.get(HISTORY, params={"start": "2024-01-03", "end": "2024-01-05"}).json()
    assert [bar["time"][:10] for bar in body["data"]] == ["2024-01-03", "2024-01-04", "2024-01-05"]
    assert (body["start_date"], body["end_date"]) == ("2024-01-03", "2024-01-05")


def test_an_earnings_gap_is_listed_not_dropped_silently(client: TestClient):
    """A bar below the quality bound is left out and its date listed; asked for, it is served."""
    strict = client.get("/api/v1/historical/IBM").json()
    assert strict["excluded_dates"] == ["2024-01-03"]
    assert (strict["count"], strict["excluded_count"]) == (2, 1)
    loose = client.get("/api/v1/historical/IBM", params={"validated_only": False}).json()
    assert (loose["count"], loose["excluded_count"]) == (3, 0)
    assert loose["data"][1]["gap_detected"] is True
    bounded = client.get("/api/v1/historical/IBM", params={"validated_only": False, "min_quality": 0.81}).json()
    assert bounded["excluded_dates"] == ["2024-01-03"]


def test_pages_follow_each_other_without_overlap(client: TestClient):
    """Following `next_cursor` gives every bar once, and every excluded date on the page it falls in."""
    seen: list[str] = []
    cursor = None
    for _ in range(5):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        body = client.get(HISTORY, params=query).json()
        seen += [bar["time"][:10] for bar in body["data"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert seen == [day.isoformat() for day in DAYS]


def test_an_excluded_date_is_on_exactly_one_page(client: TestClient):
    """An excluded date is listed once, on the page that reaches it."""
    first = client.get("/api/v1/historical/IBM", params={"limit": 1}).json()
    second = client.get("/api/v1/historical/IBM", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert (first["excluded_dates"], second["excluded_dates"]) == ([], ["2024-01-03"])
    assert second["next_cursor"] is None


def test_a_week_is_built_from_its_sessions(client: TestClient):
    """Week of 2024-01-01: open of Tuesday, close of Friday, extremes, summed volume. The next one is not over."""
    body = client.get(HISTORY, params={"timeframe": "1w"}).json()
    assert body["count"] == 1
    week = body["data"][0]
    assert week["time"] == "2024-01-01T00:00:00Z"
    assert [week[name] for name in ("open", "high", "low", "close", "volume")] == [100.0, 105.0, 52.0, 53.0, 4000.0]


@pytest.mark.parametrize("timeframe", ["5m", "7q"])
def test_another_timeframe_names_the_available_ones(client: TestClient, timeframe: str):
    """A timeframe that is not stored is 404 and says which are."""
    answer = client.get(HISTORY, params={"timeframe": timeframe})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_timeframe")
    assert "1d, 1w" in answer.json()["detail"]


def test_an_unknown_symbol_names_the_near_ones(client: TestClient):
    """A misspelt symbol is 404 with what it may have been."""
    answer = client.get("/api/v1/historical/AAPLE")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_symbol")
    assert "AAPL" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"start": "yesterday"}, "2026-11-03"),
        ({"start": "2024-01-05", "end": "2024-01-02"}, "start must not be after end"),
        ({"as_of": "2024-01-05T10:00:00"}, "offset"),
        ({"adjust": "dividends"}, "adjust"),
        ({"limit": 0}, "limit"),
        ({"limit": 50_001}, "limit"),
        ({"min_quality": 1.5}, "min_quality"),
        ({"cursor": "!!"}, "next_cursor"),
        ({"start": "99999-01-01"}, "start"),
    ],
)
def test_a_request_that_cannot_be_answered_says_what_must_hold(client: TestClient, query: dict, said: str):
    """Bad dates, ranges, limits and cursors are 422 in the one error shape."""
    answer = client.get(HISTORY, params=query)
    assert answer.status_code == 422
    assert set(answer.json()) == {"detail", "code"}
    assert said in answer.json()["detail"]


def test_a_symbol_without_bars_is_not_materialised(client: TestClient):
    """A known symbol that was never fetched is 503 with the command, not an empty list."""
    answer = client.get("/api/v1/historical/MSFT")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_materialised")
    assert "dagster asset materialize" in answer.json()["detail"]


def test_adjusting_needs_the_actions(client: TestClient):
    """IBM's actions were never asked for: adjusting is 503, because none known is not none looked for."""
    answer = client.get("/api/v1/historical/IBM", params={"adjust": "split"})
    assert (answer.status_code, answer.json()["code"]) == (503, "not_materialised")


def test_a_range_without_sessions_is_empty_not_an_error(client: TestClient):
    """A weekend has no bar; that is an answer."""
    body = client.get(HISTORY, params={"start": "2024-01-06", "end": "2024-01-07"}).json()
    assert (body["count"], body["data"], body["next_cursor"]) == (0, [], None)


def test_as_of_answers_with_the_version_published_then(
    client: TestClient, store: PartitionStore, monkeypatch: pytest.MonkeyPatch
):
    """A corrected close replaces the old one; `as_of` before the correction still gives the old one."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2024-01-13T00:00:00Z")
    write(store, "equities_scored_bars", scored("AAPL", DAYS, [*CLOSES[:4], 54.5]))
    client.post("/api/cache/clear", headers={"X-API-Key": "the-first-key"})
    assert closes(client.get(HISTORY).json())[-1] == 54.5
    then = client.get(HISTORY, params={"as_of": "2024-01-12T12:00:00Z"}).json()
    assert closes(then)[-1] == 54.0
    assert then["as_of"] == "2024-01-12T12:00:00Z"


def test_status_counts_what_is_stored(client: TestClient):
    """Records, validated share in percent, newest session and flagged gaps, measured."""
    body = client.get("/api/v1/status").json()
    assert body["database"] == {
        "symbols_available": 2,
        "latest_data": "2024-01-08",
        "total_records": 8,
        "validated_records": 7,
        "validation_rate_pct": 87.5,
    }
    assert body["data_quality"] == {"records_with_gaps_flagged": 1, "scheduler_status": "unknown"}


def test_status_of_an_empty_store_is_null_not_zero(empty_client: TestClient):
    """Nothing stored is unknown: null, and no invented zero."""
    body = empty_client.get("/api/v1/status").json()
    assert body["status"] == "no_data"
    assert set(body["database"].values()) == {None}


def test_symbol_names_are_always_present(empty_client: TestClient):
    """The names come from the universe, so they are there before the first fetch."""
    body = empty_client.get("/api/v1/symbols").json()
    assert body["symbols"] == ["AAPL", "IBM", "MSFT", "BTC-USD"]
    assert body["count"] == 4


def test_details_say_empty_where_nothing_is_stored(client: TestClient):
    """A symbol without rows is `empty`, never a dash; the age counts from the session's close at 21:00Z."""
    found = {row["symbol"]: row for row in client.get("/api/v1/symbols/detailed").json()["symbols"]}
    assert found["MSFT"]["status"] == "empty"
    assert (found["MSFT"]["latest_data"], found["MSFT"]["data_age_hours"], found["MSFT"]["timeframes"]) == (
        None,
        None,
        [],
    )
    # 2024-01-08 21:00Z to 2024-01-12 00:00Z is 75 hours
    assert found["AAPL"]["data_age_hours"] == 75.0
    assert found["AAPL"]["timeframes"] == ["1d", "1w"]


def test_rows_are_filtered_and_paged(client: TestClient):
    """Gaps by symbol and status, reconciliation by verdict, actions in key order, one page at a time."""
    assert client.get("/api/v1/gaps", params={"symbol": "IBM"}).json()["data"][0]["cause"] == "vendor_missing"
    assert client.get("/api/v1/gaps", params={"status": "explained"}).json()["count"] == 0
    failed = client.get("/api/v1/reconciliation", params={"status": "fail"}).json()
    assert [row["session_date"] for row in failed["data"]] == ["2024-01-04"]
    first = client.get("/api/v1/corporate-actions/AAPL", params={"limit": 1}).json()
    rest = client.get("/api/v1/corporate-actions/AAPL", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [first["data"][0]["kind"], rest["data"][0]["kind"]] == ["cash_dividend", "split"]
    assert rest["next_cursor"] is None


def test_a_table_without_data_is_503(client: TestClient):
    """Features were never materialised: 503 with the code, not an empty list."""
    answer = client.get("/api/v1/features/AAPL")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_materialised")


def test_null_leaves_as_null(client: TestClient):
    """Unknown numbers are JSON null; NaN never leaves."""
    body = client.get("/api/v1/corporate-actions/AAPL")
    split = next(row for row in body.json()["data"] if row["kind"] == "split")
    assert split["amount"] is None
    assert "NaN" not in body.text


@pytest.mark.parametrize("path", ["news", "sentiment/AAPL", "earnings", "options/iv", "fundamentals/AAPL"])
def test_what_is_not_served_says_so(client: TestClient, path: str):
    """News, sentiment, earnings, option IV and fundamentals are 404 `not_available`."""
    answer = client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_available")


def test_an_answer_is_kept_until_something_is_published(client: TestClient, store: PartitionStore):
    """The second request is a hit; a publication of a table read makes the next one a miss."""
    headers = [client.get(HISTORY).headers["X-Cache"] for _ in range(2)]
    assert headers == ["miss", "hit"]
    assert client.get(f"{HISTORY}?end=2024-01-05&start=2024-01-03").headers["X-Cache"] == "miss"
    assert client.get(f"{HISTORY}?start=2024-01-03&end=2024-01-05").headers["X-Cache"] == "hit"
    write(store, "equities_scored_bars", scored("IBM", DAYS[:2], [100.0, 101.0]))
    client.app.state.services.data.forget()
    assert client.get(HISTORY).headers["X-Cache"] == "miss"


def test_sandbox_data_are_marked(configured: Settings, store: PartitionStore, monkeypatch: pytest.MonkeyPatch):
    """With MARKET_ASSETS_VENDORS=sandbox every body says `demo: true`; without it none mentions demo."""
    live = TestClient(create_app(configured))
    demo = TestClient(create_app(configured.model_copy(update={"vendors": "sandbox"})))
    for path in ("/api/v1/status", "/api/v1/symbols", HISTORY, "/health", "/api/health", "/metrics/json"):
        assert demo.get(path).json()["demo"] is True, path
        assert "demo" not in live.get(path).json(), path


def test_weekly_excludes_by_the_same_rule(client: TestClient):
    """A session left out for its quality is not in the week's bar either, and is listed."""
    body = client.get("/api/v1/historical/IBM", params={"timeframe": "1w"}).json()
    assert body["excluded_dates"] == ["2024-01-03"]
    assert (body["data"][0]["volume"], body["data"][0]["high"]) == (2000.0, 113.5)
