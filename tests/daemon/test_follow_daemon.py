"""A real daemon, webserver and sandbox: a raw-only backfill from the UI brings the whole domain up to date."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import polars as pl
import pytest
import yaml

from market_assets import load_asset_value
from market_assets.definitions import build_defs
from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.instance import materialize_range, prepare
from market_assets.settings import settings
from tests.daemon.processes import free_port, process, wait_for

pytestmark = [pytest.mark.daemon, pytest.mark.slow, pytest.mark.timeout(420)]

SYMBOLS, YEARS = ["AAPL", "SPLT"], ["2022", "2023"]
SYMBOL_YEARS = [f"{symbol}|{year}" for symbol in SYMBOLS for year in YEARS]
#: what a backfill of equities_daily_bars has to bring along
DOWNSTREAM = {
    "equities_corporate_actions": SYMBOLS,
    "equities_scored_bars": SYMBOL_YEARS,
    "equities_adjusted_bars": YEARS,
    "equities_gaps": YEARS,
    "equities_features": YEARS,
    "equities_reconciliation": YEARS,
}
#: about 60 s on two idle cores: 15 s for the daemon to start, then four rounds of tick, queue and run
UP_TO_DATE_S = 240.0
_LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on PartitionKeysNotFoundError { message }
  }
}"""

_SCHEDULES = """
{
  workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { ... on RepositoryLocation {
    repositories { schedules { scheduleState { id } } }
  } } } } }
}"""
_STOP = """
mutation Stop($id: String!) {
  stopRunningSchedule(id: $id) { ... on ScheduleStateResult { scheduleState { status } } }
}"""


def silence(url: str) -> str:
    """Why no server answers there; nothing where one does."""
    try:
        httpx.get(url, timeout=5).raise_for_status()
    except httpx.HTTPError as failed:
        return repr(failed)
    return ""


@pytest.fixture
def sandbox(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`market-assets sandbox` on the first Tuesday of 2024, with the whole process tree set to it."""
    port, log = free_port(), home / "sandbox.log"
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2024-01-02T12:00:00Z")
    monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    monkeypatch.setenv("MARKET_ASSETS_SANDBOX_URL", f"http://127.0.0.1:{port}")
    (home / "config.yaml").write_text(yaml.safe_dump({"equities": {"universe": [{"symbol": s} for s in SYMBOLS]}}))
    settings.cache_clear()
    with process(log, "market-assets", "sandbox", "--port", str(port)):
        wait_for("the sandbox answers", 60, lambda: silence(f"http://127.0.0.1:{port}/_sandbox/health"), log)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def instance(sandbox: str) -> Iterator[dg.DagsterInstance]:
    """The repository's Dagster instance in a home of its own; it knows the two symbols and nothing else."""
    prepare(settings())
    with dg.DagsterInstance.get() as found:
        materialize_range(build_defs(settings()), found, ["equities_symbols"])
        found.add_dynamic_partitions(SYMBOLS_NAME, SYMBOLS)
        yield found


@pytest.fixture
def webserver(home: Path, instance: dg.DagsterInstance) -> Iterator[str]:
    """`dagster-webserver` on the repository's workspace."""
    port, log = free_port(), home / "webserver.log"
    with process(log, "dagster-webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)):
        wait_for("the webserver answers", 90, lambda: silence(f"http://127.0.0.1:{port}/server_info"), log)
        yield f"http://127.0.0.1:{port}/graphql"


def ask(webserver: str, query: str, **variables: Any) -> Any:
    """The data of a GraphQL answer."""
    answer = httpx.post(webserver, json={"query": query, "variables": variables}, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]


def stop_schedules(webserver: str) -> None:
    """Switch every schedule off, as on the UI's page of them: what they ask for is not what this test waits for."""
    (location,) = ask(webserver, _SCHEDULES)["workspaceOrError"]["locationEntries"]
    (repository,) = location["locationOrLoadError"]["repositories"]
    assert repository["schedules"]
    for schedule in repository["schedules"]:
        stopped = ask(webserver, _STOP, id=schedule["scheduleState"]["id"])["stopRunningSchedule"]
        assert stopped == {"scheduleState": {"status": "STOPPED"}}


def launch(webserver: str, asset: str, keys: list[str]) -> str:
    """What the UI's launch dialog sends; the id of the backfill."""
    params: dict[str, Any] = {"assetSelection": [{"path": [asset]}], "partitionNames": keys, "tags": []}
    launched = ask(webserver, _LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def lacking(instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """Asset -> partitions that are not materialised yet."""
    wanted = {"equities_daily_bars": SYMBOL_YEARS, **DOWNSTREAM}
    found = {
        asset: set(keys) - instance.get_materialized_partitions(dg.AssetKey(asset)) for asset, keys in wanted.items()
    }
    # the status of symbols is first told when they are listed, before they have any bars
    if newest(instance, "equities_symbol_status") < max(newest(instance, asset) for asset in wanted):
        found["equities_symbol_status"] = {"all"}
    return {asset: keys for asset, keys in found.items() if keys}


def newest(instance: dg.DagsterInstance, asset: str) -> int:
    """Storage id of the asset's last materialisation; 0 where there is none."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    return records[0].storage_id if records else 0


def test_a_raw_only_backfill_brings_everything_up_to_date(
    home: Path, instance: dg.DagsterInstance, webserver: str
) -> None:
    """Backfilling equities_daily_bars alone, as the UI does, ends with every downstream partition materialised.

    Nothing else is triggered: each downstream run was asked for by the sensor `follow`.
    """
    stop_schedules(webserver)
    backfill = launch(webserver, "equities_daily_bars", SYMBOL_YEARS)
    began, log = time.monotonic(), home / "daemon.log"
    with process(log, "dagster-daemon", "run", "-w", "workspace.yaml"):
        wait_for("everything is up to date", UP_TO_DATE_S, lambda: lacking(instance), log)
        took = time.monotonic() - began
    print(f"up to date after {took:.0f} s")  # noqa: T201 - shown by pytest -s
    asked_by: dict[str, set[str]] = {}
    for run in instance.get_runs():
        origin = run.tags.get("dagster/backfill") or run.tags.get("dagster/sensor_name") or "this test"
        for key in run.asset_selection or ():
            asked_by.setdefault(key.to_user_string(), set()).add(origin)
    assert asked_by["equities_daily_bars"] == {backfill}
    del asked_by["equities_daily_bars"], asked_by["equities_symbols"]
    assert asked_by.keys() == {*DOWNSTREAM, "equities_symbol_status"}
    assert set.union(*asked_by.values()) == {"follow"}
    bars, adjusted = load_asset_value("equities_daily_bars"), load_asset_value("equities_adjusted_bars")
    assert bars.height == 2 * (251 + 250)
    assert adjusted.select("symbol", "session_date").equals(bars.select("symbol", "session_date"))
    before_split = adjusted.filter(pl.col("symbol") == "SPLT", pl.col("session_date") < pl.date(2022, 6, 6))
    assert before_split["split_factor"].unique().to_list() == [0.5]
    assert load_asset_value("equities_symbol_status").select("symbol", "status").rows() == [
        ("AAPL", "healthy"),
        ("SPLT", "healthy"),
    ]
