"""Dagster's IO managers on both stores, through real runs."""

from datetime import date

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets import tables
from market_assets.core.contracts import ContractViolation
from market_assets.core.market_asset import gate
from market_assets.core.settings import RetentionSettings
from resources.io_managers import DuckDBIOManager, PostgresIOManager
from resources.stores.errors import RowsOutsidePartition
from resources.stores.protocol import Stored
from tests.resources.stores.ticks import RATES, TICKS, rates, ticks

DAYS = ["2026-03-02", "2026-03-03", "2026-03-04"]
DAY = dg.DailyPartitionsDefinition(start_date="2026-03-02", end_date="2026-03-05")
VENUE = dg.DynamicPartitionsDefinition(name="venues")
DAY_VENUE = dg.MultiPartitionsDefinition({"venue": VENUE, "day": DAY})


@pytest.fixture(autouse=True)
def known_tables(monkeypatch):
    """The graph's tables, and those of these tests."""
    monkeypatch.setitem(tables.TABLES, "ticks", TICKS)
    monkeypatch.setitem(tables.TABLES, "rates", RATES)


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def manager(request, home):
    if request.param == "duckdb":
        return DuckDBIOManager(home, RetentionSettings())
    return PostgresIOManager(request.getfixturevalue("postgres_url"), RetentionSettings())


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("venues", ["XA", "XB"])
        yield made


def run(assets, manager, instance, first=None, last=None, selection=None, raises=True):
    tags = {}
    key = None
    if first is not None and last is not None:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    else:
        key = first
    return dg.materialize(
        assets,
        partition_key=key,
        instance=instance,
        resources={"io_manager": manager},
        tags=tags,
        selection=selection,
        raise_on_error=raises,
    )


def events(instance, name):
    """Newest materialisation of each partition."""
    found = instance.fetch_materializations(dg.AssetKey(name), limit=100).records
    newest = {}
    for record in reversed(found):
        newest[record.partition_key] = {k: v.value for k, v in record.asset_materialization.metadata.items()}
    return newest


def of_run(context, skip=()):
    """Trades of every partition of a run: as many as the day of the month, prices of the day."""
    frames = []
    for key in context.partition_keys:
        day, venue = key.split("|")
        if key not in skip:
            start = date.fromisoformat(day)
            rows = ticks(start.day, venue=venue, price=float(start.day))
            offset = pl.duration(days=(start - date(2026, 3, 2)).days)
            frames.append(rows.with_columns(ts=pl.col("ts") + offset))
    return pl.concat([TICKS.empty(), *frames])


def make_ticks(**how):
    @dg.asset(name="ticks", partitions_def=DAY_VENUE, backfill_policy=dg.BackfillPolicy.single_run())
    def ticks_asset(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return of_run(context, **how)

    return ticks_asset


def test_every_partition_of_a_range_has_its_own_event(manager, instance):
    """A cross product of days and venues in one run: numbers, span and preview per partition."""
    run([make_ticks()], manager, instance, "2026-03-02|XA", "2026-03-04|XB")
    found = events(instance, "ticks")
    assert sorted(found) == [f"{day}|{venue}" for day in DAYS for venue in ("XA", "XB")]
    for key, numbers in found.items():
        day = int(key[8:10])
        stored = manager.store.manifest(TICKS, key)
        assert numbers["partition"] == key
        assert numbers["dagster/row_count"] == stored.rows == day
        assert numbers["digest"] == stored.digest
        assert numbers["bytes"] == stored.bytes > 0
        assert numbers["min_ts"] == f"{key[:10]}T00:00:00+00:00"
        assert numbers["max_ts"] == f"{key[:10]}T00:{day - 1:02d}:00+00:00"
        assert numbers["published_at"] == stored.published_at.isoformat()
        assert (numbers["unchanged"], numbers["new_rows"], numbers["revised_rows"]) == (False, day, 0)
        assert numbers["revised_max_rel_diff"] is None
        assert f"| {key[-2:]} | {key[:10]} 00:00:00+00:00 | {day:g} |" in numbers["preview"]
    assert len({numbers["digest"] for numbers in found.values()}) == 6


def test_a_partition_without_rows_is_written_empty(manager, instance):
    """A run answers for all of its partitions."""
    run([make_ticks(skip=["2026-03-03|XA"])], manager, instance, "2026-03-02|XA", "2026-03-04|XA")
    assert manager.store.partitions(TICKS) == [f"{day}|XA" for day in DAYS]
    assert events(instance, "ticks")["2026-03-03|XA"]["dagster/row_count"] == 0
    assert events(instance, "ticks")["2026-03-03|XA"]["preview"] == "no rows"


def test_running_again_changes_nothing_and_says_so(manager, instance):
    """Same input, same digest; a correction is counted."""
    asset = make_ticks()
    run([asset], manager, instance, "2026-03-02|XA")
    first = events(instance, "ticks")["2026-03-02|XA"]
    run([asset], manager, instance, "2026-03-02|XA")
    second = events(instance, "ticks")["2026-03-02|XA"]
    assert second["unchanged"] is True
    assert (second["digest"], second["published_at"]) == (first["digest"], first["published_at"])

    @dg.asset(name="ticks", partitions_def=DAY_VENUE)
    def corrected(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return of_run(context).with_columns(price=pl.Series([2.0, 3.3]))

    run([corrected], manager, instance, "2026-03-02|XA")
    third = events(instance, "ticks")["2026-03-02|XA"]
    assert (third["unchanged"], third["revised_rows"]) == (False, 1)
    assert third["revised_max_rel_diff"] == pytest.approx(0.1)


def test_rows_of_no_partition_of_the_run_fail_it_before_anything_is_stored(manager, instance):
    """None is dropped; the partitions and first keys are named."""

    @dg.asset(name="ticks", partitions_def=DAY_VENUE)
    def too_much() -> pl.DataFrame:
        return pl.concat([ticks(2), ticks(1, venue="XZ")])

    with pytest.raises(RowsOutsidePartition, match=r"1 rows belong to 2026-03-02\|XZ.*Nothing was stored"):
        run([too_much], manager, instance, "2026-03-02|XA")
    assert manager.store.partitions(TICKS) == []


def test_a_frame_that_breaks_its_contract_is_not_stored(manager, instance):
    """The gate stands before the store and judges values; types and columns are the store's own check."""

    @dg.asset(name="ticks", partitions_def=DAY_VENUE, dagster_type=gate(TICKS))
    def infinite():
        return ticks(2, price=float("inf"))

    @dg.asset(name="ticks", partitions_def=DAY_VENUE)
    def retyped() -> pl.DataFrame:
        return ticks(2).cast({"size": pl.Int32})

    with pytest.raises(dg.DagsterTypeCheckDidNotPass, match="finite"):
        run([infinite], manager, instance, "2026-03-02|XA")
    with pytest.raises(ContractViolation, match="Int32 instead of Int64"):
        run([retyped], manager, instance, "2026-03-02|XA")
    assert manager.store.partitions(TICKS) == []


def test_an_asset_may_store_its_partitions_while_it_runs(manager, instance):
    """What is stored survives a later failure; returning Stored attaches the numbers only."""

    def make(fail):
        @dg.asset(name="ticks", partitions_def=DAY_VENUE)
        def stepwise(context: dg.AssetExecutionContext) -> Stored:
            written = {}
            for key, part in sorted(TICKS.split(of_run(context)).items()):
                written[key] = manager.store.write(TICKS, key, part, run_id=context.run_id)
                if fail:
                    raise dg.Failure("the vendor went away")
            context.add_asset_metadata({"requests": 7}, asset_key="ticks", partition_key="2026-03-03|XA")
            return Stored(written)

        return stepwise

    assert not run([make(True)], manager, instance, "2026-03-02|XA", "2026-03-03|XA", raises=False).success
    assert manager.store.partitions(TICKS) == ["2026-03-02|XA"]
    run([make(False)], manager, instance, "2026-03-02|XA", "2026-03-03|XA")
    found = events(instance, "ticks")
    assert {key: numbers["unchanged"] for key, numbers in found.items()} == {
        "2026-03-02|XA": True,
        "2026-03-03|XA": False,
    }
    assert found["2026-03-03|XA"]["requests"] == 7
    assert found["2026-03-03|XA"]["dagster/row_count"] == 3
    assert "| XA |" in found["2026-03-03|XA"]["preview"]


def test_stored_must_cover_the_run(manager, instance):
    """A partition that was not written is not reported as written."""

    @dg.asset(name="ticks", partitions_def=DAY_VENUE)
    def half(context: dg.AssetExecutionContext) -> Stored:
        return Stored({"2026-03-02|XA": manager.store.write(TICKS, "2026-03-02|XA", ticks(2))})

    with pytest.raises(RowsOutsidePartition, match=r"lacks 2026-03-03\|XA"):
        run([half], manager, instance, "2026-03-02|XA", "2026-03-03|XA")


def test_inputs_are_the_partitions_the_mapping_names(manager, instance):
    """Identity, one dimension of two, all of them, and none stored: one sorted frame each."""
    seen = {}

    @dg.asset(
        partitions_def=DAY,
        ins={"ticks": dg.AssetIn(partition_mapping=dg.MultiToSingleDimensionPartitionMapping("day"))},
        io_manager_key="nothing",
    )
    def by_day(ticks: pl.DataFrame) -> None:
        seen["day"] = ticks

    @dg.asset(ins={"ticks": dg.AssetIn(partition_mapping=dg.AllPartitionMapping())}, io_manager_key="nothing")
    def by_all(ticks: pl.DataFrame) -> None:
        seen["all"] = ticks

    @dg.asset(partitions_def=DAY_VENUE, io_manager_key="nothing")
    def by_same(ticks: pl.DataFrame) -> None:
        seen["same"] = ticks

    @dg.asset(partitions_def=DAY_VENUE, io_manager_key="nothing")
    def lazily(ticks: pl.LazyFrame) -> None:
        seen["lazy"] = ticks.collect()

    upstream = make_ticks()
    run([upstream], manager, instance, "2026-03-02|XA", "2026-03-03|XB")
    resources = {"io_manager": manager, "nothing": dg.mem_io_manager}

    def load(asset, key):
        defs = dg.Definitions([upstream, asset], jobs=[dg.define_asset_job("one", [asset])], resources=resources)
        defs.resolve_job_def("one").execute_in_process(instance=instance, partition_key=key)

    load(by_day, "2026-03-03")
    assert seen["day"].group_by("venue").len().sort("venue").rows() == [("XA", 3), ("XB", 3)]
    assert seen["day"]["ts"].dt.date().unique().to_list() == [date(2026, 3, 3)]
    load(by_all, None)
    assert seen["all"].height == 2 + 2 + 3 + 3
    assert_frame_equal(seen["all"], seen["all"].sort("venue", "ts"))
    load(by_same, "2026-03-02|XB")
    assert seen["same"].select("venue", "price").rows() == [("XB", 2.0), ("XB", 3.0)]
    load(by_same, "2026-03-04|XA")
    assert_frame_equal(seen["same"], TICKS.empty())
    load(lazily, "2026-03-02|XB")
    assert_frame_equal(seen["lazy"], manager.store.read(TICKS, ["2026-03-02|XB"]))
    assert seen["lazy"].height == 2


def test_unpartitioned_tables_and_their_events(manager, instance):
    """One partition, and the numbers on the asset's event."""

    @dg.asset(name="rates")
    def source() -> pl.DataFrame:
        return rates(b=2.0, a=1.0)

    @dg.asset(name="doubled", io_manager_key="nothing")
    def downstream(rates: pl.DataFrame) -> float:
        return 2 * rates["rate"].sum()

    result = dg.materialize(
        [source, downstream], instance=instance, resources={"io_manager": manager, "nothing": dg.mem_io_manager}
    )
    assert result.output_for_node("doubled") == 6.0
    numbers = events(instance, "rates")[None]
    assert (numbers["dagster/row_count"], numbers["partition"], numbers["min_ts"]) == (2, "all", None)
    assert "| a | 1 |" in numbers["preview"]


def test_definitions_load_asset_values(manager, instance):
    """Dagster's own loader: one partition, all of them, a range, lazily."""
    asset = make_ticks()

    @dg.asset(name="rates")
    def source() -> pl.DataFrame:
        return rates(a=1.0)

    defs = dg.Definitions([asset, source], resources={"io_manager": manager})
    run([asset], manager, instance, "2026-03-02|XA", "2026-03-04|XB")
    run([source], manager, instance)
    assert_frame_equal(defs.load_asset_value("rates", instance=instance), rates(a=1.0))
    one = defs.load_asset_value("ticks", partition_key="2026-03-03|XB", instance=instance)
    assert one["price"].to_list() == [3.0, 4.0, 5.0]
    assert defs.load_asset_value("ticks", instance=instance).height == 2 * (2 + 3 + 4)
    with defs.get_asset_value_loader(instance) as loader:
        some = loader.load_asset_value(
            "ticks", partition_key_range=dg.PartitionKeyRange("2026-03-02|XA", "2026-03-03|XA")
        )
        assert some.height == 2 + 3
        lazy = loader.load_asset_value("ticks", partition_key="2026-03-03|XB", python_type=pl.LazyFrame)
        assert_frame_equal(lazy.collect(), one)
