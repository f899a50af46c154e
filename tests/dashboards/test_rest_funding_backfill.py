"""Backfills of settled funding over REST: what is lacking, what Dagster is asked for, and what is refused."""

import functools
import time
from datetime import date

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.definitions import build_defs
from market_assets.funding.partitions import EXCHANGE_DAY
from market_assets.settings import Settings

from . import funding_home
from .dagster_home import instance

RATES = dg.AssetKey("funding_rates")
KEYS = {"X-API-Key": funding_home.KEY}
VERIFY = "/api/backfill/verify"


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home."""
    return funding_home.filled(monkeypatch)


@pytest.fixture
def client(found: Settings) -> TestClient:
    """A client of the app over it."""
    return TestClient(create_app(found), raise_server_exceptions=False)


@pytest.fixture
def reader(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return funding_home.reader(monkeypatch)


@functools.cache
def graph() -> BaseAssetGraph:
    """The graph of the definitions, which is the daemon's."""
    return build_defs().resolve_asset_graph()


# --- verify --------------------------------------------------------------------------------------------------------


def test_verify_shows_what_is_lacking_worst_first(reader: TestClient):
    """The unknown last; of gaps that can be closed the partitions, of those too old none."""
    body = reader.get(VERIFY).json()
    n = len(funding_home.OPEN)
    assert (body["days"], body["threshold"]) == (30, 95.0)
    assert (body["total_contracts"], body["complete"], body["below"], body["unknown"]) == (n, n - 3, 2, 1)
    assert [row["completeness_pct"] for row in body["data"]][:2] == [80.0, 90.0]
    assert body["data"][-1]["completeness_class"] == "interval_unknown"
    eth = body["data"][1]
    assert (eth["exchange"], eth["symbol"], eth["expected_slots"], eth["hit_slots"]) == (
        "bybit", "ETH-USDT-PERP", 90, 81,
    )  # fmt: skip
    assert eth["gaps"] == [{"first": "2026-10-04T08:00:00Z", "last": "2026-10-04T12:00:00Z", "n": 2}]
    assert body["repair_candidates"] == [{"exchange": "bybit", "partitions": ["2026-10-04|bybit"]}]


def test_verify_may_be_narrowed(reader: TestClient):
    """By exchange, by contract, and by what counts as complete."""
    okx = reader.get(VERIFY, params={"exchange": "okx"}).json()
    assert (okx["total_contracts"], okx["below"], okx["repair_candidates"]) == (1, 1, [])
    eth = reader.get(VERIFY, params={"symbol": "ETHUSDT"}).json()
    assert [row["exchange"] for row in eth["data"]] == ["bybit", "binance_usdm"]
    assert reader.get(VERIFY, params={"threshold": 80}).json()["below"] == 0


def test_verify_over_another_window_counts_anew(reader: TestClient):
    """Of the running day dydx was due 12 times by 12:03, as the settlement of noon still has its ten minutes.

    bybit's ETH settled at 0, 4, 5 and 6, and has settled no more since.
    """
    body = reader.get(VERIFY, params={"days": 1}).json()
    rows = {(row["exchange"], row["symbol"]): row for row in body["data"]}
    dydx = rows["dydx", "BTC-USD-PERP"]
    assert (dydx["expected_slots"], dydx["hit_slots"], dydx["completeness_pct"]) == (12, 12, 100.0)
    assert rows["bybit", "ETH-USDT-PERP"]["completeness_pct"] < 95
    assert (
        "2026-10-05|bybit" in next(one for one in body["repair_candidates"] if one["exchange"] == "bybit")["partitions"]
    )
    assert reader.get(VERIFY, params={"days": 1, "exchange": "dydx"}).json()["data"][0]["exchange"] == "dydx"


# --- start ---------------------------------------------------------------------------------------------------------


def launched(found: dg.DagsterInstance) -> list[tuple[str, set[str]]]:
    """Id and partitions of every backfill, as the daemon's own graph reads them."""
    listed = []
    for backfill in found.get_backfills():
        data = backfill.get_asset_backfill_data(graph())
        keys = data.target_subset.get_partitions_subset(RATES).get_partition_keys()
        listed.append((backfill.backfill_id, set(keys)))
    return listed


def test_a_backfill_is_handed_to_dagster(client: TestClient):
    """The daemon finds exactly the days and exchanges asked for; the answer has its id, and the status shows it."""
    dagster = instance()
    asked = {"start_date": "2026-10-03", "end_date": "2026-10-04", "exchanges": ["bybit", "DYDX"]}
    answer = client.post("/api/backfill/start", json=asked, headers=KEYS)
    body = answer.json()
    assert (answer.status_code, body["status"]) == (202, "success")
    assert (body["partitions"], body["exchanges"], body["limited"]) == (4, ["bybit", "dydx"], [])
    assert (body["first_day"], body["last_day"]) == ("2026-10-03", "2026-10-04")
    expected = {f"2026-10-0{day}|{name}" for day in (3, 4) for name in ("bybit", "dydx")}
    assert launched(dagster) == [(body["backfill_id"], expected)]
    status = client.get("/api/backfill/status").json()
    assert (status["running"], status["completed"]) == (True, False)
    assert status["backfills"][0]["id"] == body["backfill_id"]
    assert status["backfills"][0]["partitions_total"] == 4
    assert client.get("/api/backfill-status").json() == status


def test_without_a_body_the_newest_month_of_all_exchanges_is_asked_for(client: TestClient):
    """Thirty days up to today, of every exchange in use; those that keep less are named."""
    dagster = instance()
    body = client.post("/api/backfill/start", headers=KEYS).json()
    assert (body["first_day"], body["last_day"], body["partitions"]) == ("2026-09-06", "2026-10-05", 150)
    assert len(launched(dagster)[0][1]) == 150
    long = client.post("/api/backfill/start", json={"days": 120, "exchanges": ["okx", "bybit"]}, headers=KEYS).json()
    assert long["limited"] == ["okx keeps 90 days"]


def test_days_end_where_partitions_begin(found: Settings):
    """funding.start_date bounds `days`, which is a number of days and not a date."""
    instance()
    funding = found.funding.model_copy(update={"start_date": date(2026, 10, 1)})
    client = TestClient(create_app(found.model_copy(update={"funding": funding})))
    body = client.post("/api/backfill/start", json={"days": 366, "exchanges": ["bybit"]}, headers=KEYS).json()
    assert (body["first_day"], body["partitions"]) == ("2026-10-01", 5)


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"days": 0}, 400, "from 1 to 366"),
        ({"days": 367}, 400, "from 1 to 366"),
        ({"days": 3, "start_date": "2026-10-01"}, 400, "both were given"),
        ({"end_date": "2026-10-01"}, 400, "start_date"),
        ({"start_date": "2026-10-03", "end_date": "2026-10-01"}, 400, "first not after the last"),
        ({"start_date": "2024-12-31"}, 400, "funding.start_date"),
        ({"start_date": "2026-10-03", "end_date": "2026-10-06"}, 400, "2026-10-05"),
        ({"start_date": "2025-01-01"}, 400, "at most 366 days"),
        ({"exchanges": []}, 400, "one at least"),
        ({"exchanges": ["bybt"]}, 404, "bybit"),
        ({"days": "many"}, 422, "days"),
        ({"symbols": ["BTC"]}, 422, "symbols"),
    ],
)
def test_what_cannot_be_fetched_is_refused(client: TestClient, asked: dict, status: int, said: str):
    """With what must hold, and before Dagster is asked: there is none here."""
    answer = client.post("/api/backfill/start", json=asked, headers=KEYS)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_an_exchange_that_is_no_longer_in_use_is_refused(found: Settings, monkeypatch: pytest.MonkeyPatch):
    """Its contracts are stored and known, but nobody asks it any more."""
    funding = found.funding.model_copy(update={"exchanges": ("bybit",)})
    client = TestClient(create_app(found.model_copy(update={"funding": funding})))
    answer = client.post("/api/backfill/start", json={"exchanges": ["okx"]}, headers=KEYS)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("path", ["/api/backfill/start", "/api/backfill/retry"])
def test_a_backfill_needs_a_key(client: TestClient, path: str):
    """None, or a wrong one: 401."""
    for headers in ({}, {"X-API-Key": "wrong"}):
        assert client.post(path, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/api/backfill/start", "/api/backfill/retry"])
def test_without_dagster_a_backfill_is_503(client: TestClient, path: str):
    """There is nobody to hand it to."""
    answer = client.post(path, headers=KEYS)
    assert (answer.status_code, answer.json()["code"]) == (503, "orchestrator_unavailable")


# --- retry ---------------------------------------------------------------------------------------------------------


def record(found: dg.DagsterInstance, name: str, status: BulkActionStatus, stored: list[str]) -> None:
    """A backfill of four partitions, of which some are stored."""
    keys = ["2026-10-03|bybit", "2026-10-03|okx", "2026-10-04|bybit", "2026-10-04|okx"]
    begun = time.time()
    data = AssetBackfillData.from_asset_partitions(
        asset_graph=graph(),
        partition_names=keys,
        asset_selection=[RATES],
        dynamic_partitions_store=found,
        all_partitions=False,
        backfill_start_timestamp=begun,
    )
    done = AssetGraphSubset.from_asset_partition_set({AssetKeyPartitionKey(RATES, key) for key in stored}, graph())
    found.add_backfill(
        PartitionBackfill(
            backfill_id=name,
            status=status,
            from_failure=False,
            tags={},
            backfill_timestamp=begun,
            asset_selection=[RATES],
            asset_backfill_data=data._replace(materialized_subset=done),
        )
    )


def test_a_retry_asks_for_what_was_left_undone(client: TestClient):
    """Failed and never begun alike; what is stored is not fetched again."""
    dagster = instance()
    record(dagster, "first", BulkActionStatus.COMPLETED_FAILED, ["2026-10-03|bybit"])
    body = client.post("/api/backfill/retry", json={"backfill_id": "first"}, headers=KEYS).json()
    assert body["partitions"] == 3
    assert dict(launched(dagster))[body["backfill_id"]] == {"2026-10-03|okx", "2026-10-04|bybit", "2026-10-04|okx"}


def test_a_retry_without_an_id_is_of_the_newest(client: TestClient):
    """The newest backfill of settled rates."""
    dagster = instance()
    record(dagster, "older", BulkActionStatus.COMPLETED_FAILED, [])
    record(dagster, "newer", BulkActionStatus.CANCELED, ["2026-10-03|bybit", "2026-10-03|okx", "2026-10-04|bybit"])
    body = client.post("/api/backfill/retry", headers=KEYS).json()
    assert (body["partitions"], body["exchanges"]) == (1, ["okx"])


def test_nothing_to_retry_is_said(client: TestClient):
    """No backfill, one that runs, one that is done, one that nobody knows."""
    dagster = instance()

    def refused(**asked: str) -> tuple[int, str]:
        answer = client.post("/api/backfill/retry", json=asked, headers=KEYS)
        return answer.status_code, answer.json()["detail"]

    assert refused()[0] == 400
    record(dagster, "running", BulkActionStatus.REQUESTED, [])
    assert "still running" in refused()[1]
    record(dagster, "done", BulkActionStatus.COMPLETED_SUCCESS, sorted(_four()))
    assert "nothing to retry" in refused(backfill_id="done")[1]
    assert refused(backfill_id="dune")[0] == 404
    assert "done" in refused(backfill_id="dune")[1]


def _four() -> set[str]:
    return {f"2026-10-0{day}|{name}" for day in (3, 4) for name in ("bybit", "okx")}


def test_the_cut_is_that_of_the_asset():
    """What is handed to Dagster is cut as funding_rates is."""
    definition = graph().get(RATES).partitions_def
    assert definition == EXCHANGE_DAY
