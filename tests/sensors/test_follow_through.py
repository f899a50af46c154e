"""The follow sensor where a dependency passes through other partitions: days -> weekly models -> days."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest

from market_assets.core import partitions
from sensors import follow
from sensors.follow import Cursor, Follower
from tests.sensors.test_follow import Outcome, _asset, _table

DAYS, WEEKS = partitions.days(date(2024, 1, 1)), partitions.weeks(date(2024, 1, 1))
ASSETS = [
    _asset("volumes", DAYS),
    _asset("shares", DAYS, volumes=partitions.window(-1, 0)),
    _asset("models", WEEKS, shares=partitions.window(-53, -1)),
    _asset("bins", DAYS, shares=None, models=partitions.window(-28, 0)),
    _asset("signals", DAYS, bins=None),
]
DEFS = dg.Definitions(assets=ASSETS, resources={"io_manager": Outcome()}, executor=dg.in_process_executor)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance of its own, and the tables of this graph."""
    cut = {"volumes": "day", "shares": "day", "models": "week", "bins": "day", "signals": "day"}
    tables = {name: _table(name.title(), **{dimension: "symbol"}).contract() for name, dimension in cut.items()}
    monkeypatch.setattr(follow, "TABLES", tables)
    with dg.DagsterInstance.ephemeral() as fresh:
        yield fresh


def run(instance: dg.DagsterInstance, assets: list[str], first: str, last: str) -> None:
    """One range run."""
    DEFS.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name) for name in assets],
        tags=partitions.range_tags(first, last),
    )


def followed(instance: dg.DagsterInstance) -> list[list[str]]:
    """What each run that the sensor asks for carries, until nothing is stale."""
    cursor, runs = Cursor(), []
    for _ in range(10):
        follower = Follower(DEFS.resolve_asset_graph(), instance, cursor)
        follower.collect()
        requests = list(follower.requests())
        cursor = Cursor.read(follower.cursor.write())
        if not requests:
            return runs
        for request in requests:
            names = [key.to_user_string() for key in request.asset_selection or ()]
            ends = [v for k, v in sorted(request.tags.items(), reverse=True) if "partition_range" in k]
            run(instance, names, ends[0], ends[1])
            runs.append(sorted(names))
    raise AssertionError("the sensor never came to an end")


def test_what_needs_models_of_new_days_waits_for_them(instance: dg.DagsterInstance) -> None:
    """New history: shares first, then the weeks' models, then bins with signals; nothing runs before its input."""
    run(instance, ["volumes"], "2024-01-01", "2024-01-20")
    assert followed(instance) == [["shares"], ["models"], ["bins", "signals"]]


def test_a_day_within_the_week_asks_for_no_model(instance: dg.DagsterInstance) -> None:
    """A new hour of the running day: its chain only, because no week that has begun learns from it."""
    last = DAYS.get_partition_keys()[-1]
    first = DAYS.get_partition_keys()[-3]
    run(instance, ["volumes", "shares"], first, last)
    for week in WEEKS.get_partition_keys()[-1:]:
        run(instance, ["models"], week, week)
    run(instance, ["bins", "signals"], first, last)
    cursor = Cursor(event_id=instance.event_log_storage.get_maximum_record_id() or 0)
    run(instance, ["volumes"], last, last)
    follower = Follower(DEFS.resolve_asset_graph(), instance, cursor)
    follower.collect()
    (request,) = list(follower.requests())
    assert [key.to_user_string() for key in request.asset_selection or ()] == ["shares"]
