"""The follow sensor on a small graph of the same shape as a domain."""

from collections.abc import Iterator

import dagster as dg
import polars as pl
import pytest

from market_assets.core import partitions
from market_assets.core.contracts import Table, column
from sensors import follow
from sensors.follow import Cursor, Follower

SYMBOLS = dg.DynamicPartitionsDefinition(name="symbols")
YEARS = partitions.years(2020)
BOTH = partitions.by_symbol_and_year(SYMBOLS, YEARS)


def _table(name: str, **dimensions: str) -> type[Table]:
    columns = {at: column(pl.String, at) for at in ("symbol", "year")}
    return type(name, (Table,), {"__doc__": "One row.", "key": ("symbol",), "partitioned_by": dimensions, **columns})


class Outcome(dg.IOManager):
    """Stores nothing; says `unchanged` where the run is tagged so."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        tags = context.step_context.run_tags
        context.add_output_metadata({"unchanged": tags.get("unchanged") == "yes"})

    def load_input(self, context: dg.InputContext) -> int:
        return 0


def _asset(
    name: str, definition: dg.PartitionsDefinition | None, **ins: dg.PartitionMapping | None
) -> dg.AssetsDefinition:
    policy = dg.BackfillPolicy.single_run() if definition else None
    deps = [dg.AssetDep(up, partition_mapping=mapping) for up, mapping in ins.items()]

    @dg.asset(name=name, partitions_def=definition, backfill_policy=policy, deps=deps)
    def made() -> int:
        return 1

    return made


ASSETS = [
    _asset("names", None),
    _asset("bars", BOTH, names=None),
    _asset("actions", SYMBOLS, bars=partitions.all_of("symbol")),
    _asset("scored", BOTH, bars=partitions.same_symbol_with_previous_year(), actions=partitions.all_of("symbol")),
    _asset("adjusted", YEARS, scored=partitions.all_of("year"), actions=dg.AllPartitionMapping()),
    _asset("features", YEARS, adjusted=partitions.with_previous_year()),
    _asset("status", None, scored=dg.AllPartitionMapping(), features=dg.AllPartitionMapping()),
]
DEFS = dg.Definitions(assets=ASSETS, resources={"io_manager": Outcome()}, executor=dg.in_process_executor)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    tables = {
        "names": _table("Names"),
        "bars": _table("Bars", symbol="symbol", year="year"),
        "actions": _table("Actions", symbol="symbol"),
        "scored": _table("Scored", symbol="symbol", year="year"),
        "adjusted": _table("Adjusted", year="year"),
        "features": _table("Features", year="year"),
        "status": _table("Status"),
    }
    monkeypatch.setattr(follow, "TABLES", {name: table.contract() for name, table in tables.items()})
    with dg.DagsterInstance.ephemeral() as fresh:
        fresh.add_dynamic_partitions("symbols", ["AAPL", "BAC", "XOM"])
        yield fresh


def materialize(instance: dg.DagsterInstance, request: dg.RunRequest) -> None:
    job = DEFS.resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance, asset_selection=list(request.asset_selection or []), tags=request.tags)


def run(instance: dg.DagsterInstance, name: str, first: str, last: str, **tags: str) -> None:
    request = dg.RunRequest(asset_selection=[dg.AssetKey(name)], tags=partitions.range_tags(first, last) | tags)
    materialize(instance, request)


def follow_until_quiet(instance: dg.DagsterInstance, cursor: Cursor) -> list[tuple[list[str], str]]:
    """Tick and run what is asked for until nothing is; what was asked, in order."""
    asked = []
    for _ in range(12):
        follower = Follower(DEFS.resolve_asset_graph(), instance, cursor)
        follower.collect()
        requests = list(follower.requests())
        cursor.__init__(**vars(Cursor.read(cursor.write())))  # type: ignore[misc]
        if not requests:
            return asked
        for request in requests:
            names = sorted(key.to_user_string() for key in request.asset_selection or [])
            asked.append((names, "...".join(request.tags.values())))
            materialize(instance, request)
    raise AssertionError(f"never quiet: {asked}")


def test_a_raw_range_brings_everything_downstream_up_to_date_once(instance: dg.DagsterInstance) -> None:
    """Actions before scores, years in one run with what follows them, status at the end; nothing twice."""
    run(instance, "bars", "AAPL|2021", "BAC|2022")
    assert follow_until_quiet(instance, Cursor()) == [
        (["actions"], "AAPL...BAC"),
        (["scored"], "AAPL|2021...BAC|2022"),
        (["adjusted", "features"], "2021...2022"),
        (["status"], ""),
    ]


def test_unchanged_content_makes_nothing_stale(instance: dg.DagsterInstance) -> None:
    """Re-materialising the same bytes moves nothing downstream."""
    run(instance, "bars", "AAPL|2021", "AAPL|2021")
    cursor = Cursor()
    follow_until_quiet(instance, cursor)
    run(instance, "bars", "AAPL|2021", "AAPL|2021", unchanged="yes")
    assert follow_until_quiet(instance, cursor) == []


def test_a_change_moves_its_own_partitions_and_those_that_look_back_to_them(instance: dg.DagsterInstance) -> None:
    """A changed 2021 rescored 2021 and 2022 (which looks back), and no year that has no data."""
    run(instance, "bars", "AAPL|2021", "AAPL|2022")
    cursor = Cursor()
    follow_until_quiet(instance, cursor)
    run(instance, "bars", "AAPL|2021", "AAPL|2021")
    asked = follow_until_quiet(instance, cursor)
    assert (["scored"], "AAPL|2021...AAPL|2022") in asked
    assert not any("2023" in span for _, span in asked)


def test_everything_between_two_ticks_is_collected(instance: dg.DagsterInstance) -> None:
    """Several partitions materialised in separate runs since the last tick are all followed."""
    for key in ("AAPL|2021", "BAC|2021", "XOM|2021"):
        run(instance, "bars", key, key)
    asked = follow_until_quiet(instance, Cursor())
    assert (["scored"], "AAPL|2021...XOM|2021") in asked


def test_a_reference_table_does_not_rebuild_history(instance: dg.DagsterInstance) -> None:
    """A change of the universe asks no vendor for bars."""
    job = DEFS.resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("names")])
    assert follow_until_quiet(instance, Cursor()) == []


def test_what_runs_upstream_is_waited_for(instance: dg.DagsterInstance) -> None:
    """While a run of bars is in progress its downstream stays pending; afterwards it is asked for."""
    run(instance, "bars", "AAPL|2021", "AAPL|2021")
    job = DEFS.resolve_implicit_global_asset_job_def()
    going = instance.create_run_for_job(
        job.get_subset(asset_selection={dg.AssetKey("bars")}),
        status=dg.DagsterRunStatus.STARTED,
        asset_selection={dg.AssetKey("bars")},
    )
    cursor = Cursor()
    follower = Follower(DEFS.resolve_asset_graph(), instance, cursor)
    follower.collect()
    assert list(follower.requests()) == []
    assert "actions" in cursor.pending
    instance.delete_run(going.run_id)
    assert follow_until_quiet(instance, cursor)[0][0] == ["actions"]


def test_the_cursor_survives_a_restart() -> None:
    """What is pending is written with the cursor."""
    cursor = Cursor(7, {"scored": {"AAPL|2021": 5}, "adjusted": {}})
    assert Cursor.read(cursor.write()) == Cursor(7, {"scored": {"AAPL|2021": 5}})
