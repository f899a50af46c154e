"""The btc REST API over two days of tables written by hand (`btc_hours.py`)."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.btc import readers
from market_assets.settings import Settings

from .btc_hours import NOW, at, configure, fill

PLOTS = ("price_color", "rpn_dominance", "fll_fsl", "dominance_status", "signals")
ROUTES = ("/api/features", "/api/plots/signals", "/api/latest_signals", "/api/performance", "/api/stats")


@pytest.fixture
def btc(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home that holds the two days."""
    found = configure(monkeypatch)
    fill(found)
    return found


@pytest.fixture
def client(btc: Settings) -> Iterator[TestClient]:
    """A client of the app over them."""
    with TestClient(create_app(btc), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return TestClient(create_app(configure(monkeypatch)), raise_server_exceptions=False)


def stamp(hour: int) -> str:
    return f"{at(hour):%Y-%m-%dT%H:%M:%SZ}"


def limited(found: Settings, **api: object) -> Settings:
    btc = found.btc.model_copy(update={"api": found.btc.api.model_copy(update=api)})
    return found.model_copy(update={"btc": btc})


def test_features_are_the_newest_hours_oldest_first(client: TestClient):
    """Without parameters 24 hours come, all groups side by side, with `time` and an envelope; no state leaves."""
    body = client.get("/api/features").json()
    assert [row["time"] for row in body["data"]] == [stamp(hour) for hour in range(24, 48)]
    assert body["metadata"] == {"start_time": stamp(24), "end_time": stamp(47), "record_count": 24}
    last = body["data"][-1]
    assert (last["price"], last["risk_priority_number"], last["bin_index"], last["signal_class"]) == (
        1047.0, 0.7, 2, "Neutral",
    )  # fmt: skip
    assert [name for name in last if name.startswith("st_") or name == "ts"] == []


def test_features_join_on_time_and_unknown_is_null(client: TestClient):
    """Hour 30 has no row in btc_bins: its bin is null and hour 31 keeps its own; dominance 0 stays 0, not null."""
    rows = {row["time"]: row for row in client.get("/api/features", params={"hours": 48}).json()["data"]}
    assert [rows[stamp(hour)]["bin_index"] for hour in (29, 30, 31)] == [2, None, 4]
    assert [rows[stamp(hour)]["dominance"] for hour in (23, 24, 29)] == [-1, None, 0]
    assert rows[stamp(10)]["price"] is None


def test_groups_choose_columns(client: TestClient):
    """Only the groups asked for, each column once; spaces around a name do not matter."""
    row = client.get("/api/features", params={"groups": "rpn, bins", "hours": 1}).json()["data"][0]
    assert {"risk_priority_number", "bin_index"} <= set(row)
    assert not {"price", "dominance", "signal_class"} & set(row)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2024-06-11", "2024-06-11", range(24, 48)),
        ("2024-06-10", "2024-06-11", range(48)),
        ("2024-06-10T05:00:00Z", "2024-06-10T07:00:00Z", range(5, 8)),
        ("2024-06-10T07:00:00+02:00", "2024-06-10T05:30:00Z", range(5, 6)),
    ],
)
def test_dates_are_inclusive(client: TestClient, start: str, end: str, hours: range):
    """A day as an end is the whole day; an instant is that instant, whatever its offset."""
    body = client.get("/api/features", params={"start_date": start, "end_date": end}).json()
    assert [row["time"] for row in body["data"]] == [stamp(hour) for hour in hours]


@pytest.mark.parametrize("kind", PLOTS)
def test_a_plot_is_a_figure(client: TestClient, kind: str):
    """Traces and layout under `data`, the look of the settings, and as many records as hours before thinning."""
    body = client.get(f"/api/plots/{kind}").json()
    assert set(body["data"]) == {"data", "layout"}
    assert body["data"]["layout"]["height"] == 500
    assert body["data"]["layout"]["template"]["layout"]["plot_bgcolor"] == "rgb(17,17,17)"  # plotly_dark
    assert body["metadata"] == {"start_time": stamp(0), "end_time": stamp(47), "record_count": 48}
    assert any(trace["x"] for trace in body["data"]["data"])


def test_a_plot_counts_its_records_before_it_is_thinned(btc: Settings):
    """With room for ten points a line has ten or, for events and gaps, a few more; the count stays 48."""
    dashboard = btc.btc.dashboard.model_copy(update={"max_data_points": 10})
    few = btc.model_copy(update={"btc": btc.btc.model_copy(update={"dashboard": dashboard})})
    body = TestClient(create_app(few)).get("/api/plots/signals").json()
    assert body["metadata"]["record_count"] == 48
    assert len(body["data"]["data"][0]["x"]) < 20


def test_latest_signals_come_newest_first(client: TestClient):
    """The last 24 hours speak at 34, 32 and in the bear hours 26 to 28; 24 and 25 are unknown and say nothing."""
    body = client.get("/api/latest_signals").json()
    assert [row["time"] for row in body["data"]] == [stamp(hour) for hour in (34, 32, 28, 27, 26)]
    assert body["metadata"] == {"start_time": stamp(26), "end_time": stamp(34), "record_count": 5}
    newest = body["data"][0]
    assert list(newest) == [
        "time", "available_at", "price", "risk_priority_number", "bin_index", "dominance_class", "signal_class",
        "hit_ceiling_bottom", "reverse_ceiling_bottom", "signal_l1", "signal_l2", "signal_l3", "signal_strength",
    ]  # fmt: skip
    assert (newest["signal_class"], newest["signal_strength"]) == ("Strong_Buy", 0.3)
    assert len(client.get("/api/latest_signals", params={"hours": 48}).json()["data"]) == 15


def test_performance_is_directional_and_unmatured_is_null(client: TestClient):
    """G-PERF-1 over HTTP: the three Sell hours; over 24 h the one of hour 32 has not matured."""
    body = client.get("/api/performance", params={"hours": 48}).json()
    rows = {(row["signal_class"], row["horizon_h"]): row for row in body["data"]}
    sell = rows["Sell", 1]
    assert (sell["n_signals"], sell["n_matured"], sell["n_episodes"]) == (3, 3, 3)
    assert sell["win_rate"] == pytest.approx(0.666667, abs=1e-6)
    assert sell["up_rate"] == pytest.approx(0.333333, abs=1e-6)
    assert sell["avg_return"] == pytest.approx(-0.006667, abs=1e-6)
    assert sell["avg_net_return"] == pytest.approx(0.005667, abs=1e-6)
    assert rows["Sell", 24]["n_matured"] == 2
    assert rows["ALL", 1]["win_rate"] is None
    never = rows["Strong_Sell", 1]
    assert (never["n_signals"], never["win_rate"], never["avg_return"]) == (0, None, None)
    assert body["metadata"] == {"start_time": stamp(0), "end_time": stamp(47), "record_count": 21}


def test_stats_are_a_plain_object(client: TestClient):
    """Every table by name without envelope; the newest hour became available two minutes ago."""
    body = client.get("/api/stats").json()
    assert body["btc_processed"] == {
        "earliest": stamp(0), "latest": stamp(47), "count": 48, "age_hours": pytest.approx(2 / 60), "status": "ok",
    }  # fmt: skip
    assert body["btc_bins"]["count"] == 47
    assert body["btc_bin_models"] == {
        "earliest": None, "latest": None, "count": 0, "age_hours": None, "status": "empty",
    }  # fmt: skip
    assert len(body) == 11


@pytest.mark.parametrize(("now", "status"), [("02:10", "ok"), ("02:11", "late"), ("06:10", "late"), ("06:11", "stale")])
def test_stats_say_how_old_a_table_is(btc: Settings, monkeypatch: pytest.MonkeyPatch, now: str, status: str):
    """Available at 00:10: at 02:11 it is older than two hours and late, at 06:11 older than six and stale."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", f"2024-06-12T{now}:00Z")
    body = TestClient(create_app(btc)).get("/api/stats").json()
    assert body["btc_signals"]["status"] == status


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"hours": 0}, "hours"),
        ({"hours": 8761}, "hours"),
        ({"hours": "many"}, "hours"),
        ({"start_date": "2024-06-10"}, "together"),
        ({"end_date": "2024-06-10"}, "together"),
        ({"hours": 24, "start_date": "2024-06-10", "end_date": "2024-06-11"}, "both were given"),
        ({"start_date": "2024-06-11", "end_date": "2024-06-10"}, "must not be after"),
        ({"start_date": "2024-06-10T05:00:00", "end_date": "2024-06-11"}, "offset"),
        ({"start_date": "yesterday", "end_date": "2024-06-11"}, "2026-11-03"),
        ({"start_date": "2024-06-10", "end_date": "9999-12-31T23:59:59-14:00"}, "end_date"),
        ({"groups": "rpn,prices"}, "'prices'"),
        ({"groups": ""}, "processed"),
        ({"as_of": "2024-06-10T05:00:00"}, "offset"),
    ],
)
def test_a_bad_parameter_is_400(client: TestClient, query: dict, said: str):
    """400 in the shape of these routes; the message says what must hold."""
    answer = client.get("/api/features", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert said in answer.json()["error"]["message"]


def test_an_unknown_plot_is_404_and_names_the_known(client: TestClient):
    """404 with the five names."""
    answer = client.get("/api/plots/candles")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_plot")
    assert all(kind in answer.json()["error"]["message"] for kind in PLOTS)


def test_more_rows_than_an_export_may_have_is_422(btc: Settings):
    """Beyond btc.export.max_records the answer is refused with the count, not cut."""
    export = btc.btc.export.model_copy(update={"max_records": 30})
    small = btc.model_copy(update={"btc": btc.btc.model_copy(update={"export": export})})
    client = TestClient(create_app(small))
    answer = client.get("/api/features", params={"hours": 48})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "too_many_rows")
    assert "48" in answer.json()["error"]["message"]
    assert client.get("/api/features", params={"hours": 30}).status_code == 200


def test_a_client_that_asks_these_routes_too_often_is_429(btc: Settings):
    """btc.api.rate_limit_per_minute counts all five together, with Retry-After; other routes go on."""
    client = TestClient(create_app(limited(btc, rate_limit_per_minute=5)))
    assert [client.get(path).status_code for path in ROUTES] == [200] * 5
    answer = client.get("/api/stats")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
    # five a minute is one every 12 s
    assert 1 <= int(answer.headers["Retry-After"]) <= 12
    assert client.get("/api/v1/symbols").status_code == 200


def test_the_limit_of_the_whole_api_holds_here_too(btc: Settings):
    """Where api.rate_limit_per_minute is lower it is the one that refuses, in the shape of these routes."""
    api = btc.api.model_copy(update={"rate_limit_per_minute": 1})
    client = TestClient(create_app(btc.model_copy(update={"api": api})))
    codes = [client.get("/api/stats").status_code for _ in range(2)]
    assert codes == [200, 429]
    assert set(client.get("/api/stats").json()) == {"error"}


@pytest.mark.parametrize("path", ROUTES)
def test_a_defect_is_500_without_internals(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str
):
    """Whatever breaks inside, the client learns that it broke and nothing else; the log says where, without values."""

    def broken(*_: object, **__: object) -> None:
        held = "-".join(["value", "of", "a", "variable"])
        raise RuntimeError("/secret/place" + held[:0])

    for name in ("get_all_features", "get_latest_signals", "get_performance_metrics", "get_table_states"):
        monkeypatch.setattr(readers, name, broken)
    answer = client.get(path)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
    logged = capsys.readouterr().out
    assert "RuntimeError: /secret/place" in logged
    assert "value-of-a-variable" not in logged


@pytest.mark.parametrize("path", ROUTES[:-1])
def test_nothing_stored_is_503_with_the_command(empty_client: TestClient, path: str):
    """A table that was never materialised is not an empty range: 503 and what to run."""
    answer = empty_client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_materialised")
    assert "dagster asset materialize" in answer.json()["error"]["message"]


def test_stats_of_an_empty_store_say_empty(empty_client: TestClient):
    """Eleven tables, none with a row: every one is empty, none is zero hours old."""
    body = empty_client.get("/api/stats").json()
    assert {(row["status"], row["count"], row["age_hours"]) for row in body.values()} == {("empty", 0, None)}


@pytest.mark.parametrize("path", ["/api/features", *(f"/api/plots/{kind}" for kind in PLOTS)])
def test_an_empty_range_is_an_answer(client: TestClient, path: str):
    """A range without stored hours: 200, no record, null times."""
    answer = client.get(path, params={"start_date": "2024-01-01", "end_date": "2024-01-02"})
    assert answer.status_code == 200
    assert answer.json()["metadata"] == {"start_time": None, "end_time": None, "record_count": 0}


@pytest.mark.parametrize("path", ROUTES)
def test_as_of_is_repeated(client: TestClient, path: str):
    """Every route takes an instant and says which it answered for."""
    answer = client.get(path, params={"as_of": "2024-06-11T12:30:00+02:00"})
    assert (answer.status_code, answer.json()["as_of"]) == (200, "2024-06-11T10:30:00Z")


def test_as_of_shows_what_was_known_then(client: TestClient):
    """At 10:30 hour 33 (09:00) had been available since 10:10; the newest three hours end with it."""
    query = {"as_of": "2024-06-11T10:30:00Z", "hours": 3}
    body = client.get("/api/features", params=query).json()
    assert [row["time"] for row in body["data"]] == [stamp(hour) for hour in (31, 32, 33)]
    assert client.get("/api/latest_signals", params=query).json()["data"][0]["time"] == stamp(32)
    dated = client.get("/api/features", params={"as_of": query["as_of"], "start_date": "2024-06-11", "end_date": NOW})
    assert dated.json()["metadata"]["end_time"] == stamp(33)


def test_an_answer_is_kept_for_a_minute_per_full_query(btc: Settings):
    """The same query is a hit, another a miss; with btc.api.cache_seconds = 0 nothing is kept."""
    client = TestClient(create_app(btc))
    asked = ["/api/features?hours=2", "/api/features?hours=2", "/api/features?hours=3", "/api/features?hours=2"]
    assert [client.get(url).headers["X-Cache"] for url in asked] == ["miss", "hit", "miss", "hit"]
    never = TestClient(create_app(limited(btc, cache_seconds=0)))
    assert [never.get("/api/stats").headers["X-Cache"] for _ in range(2)] == ["miss", "miss"]


@pytest.mark.parametrize("path", ROUTES)
def test_on_an_open_bind_these_routes_need_the_key_and_say_so_in_their_shape(btc: Settings, path: str):
    """401 with `error`, and the header a browser needs."""
    client = TestClient(create_app(btc.model_copy(update={"api": btc.api.model_copy(update={"host": "0.0.0.0"})})))
    refused = client.get(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")
    assert refused.headers["WWW-Authenticate"].startswith("Basic")


def test_other_routes_keep_their_shape(client: TestClient):
    """Failures outside these five routes are `{detail, code}`, also right beside them."""
    for path in ("/api/plots", "/api/features/x", "/api/v1/historical/NONE"):
        assert set(client.get(path).json()) == {"detail", "code"}, path


@pytest.mark.parametrize("path", ROUTES)
def test_simulated_data_are_marked(btc: Settings, path: str):
    """With MARKET_ASSETS_VENDORS=sandbox every answer says `demo: true`."""
    demo = TestClient(create_app(btc.model_copy(update={"vendors": "sandbox"})))
    assert demo.get(path).json()["demo"] is True
