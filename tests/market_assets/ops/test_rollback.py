"""Older versions published anew, on both stores, and what follows downstream."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.ops.rollback import carry_out, chosen, plan, report_to
from resources.stores.errors import VersionPruned
from resources.stores.protocol import PartitionStore, Written
from sensors import follow
from sensors.follow import Cursor, Follower
from tests.resources.stores.conftest import OpenStore
from tests.resources.stores.ticks import NIGHT, RATES, TICKS, rates, ticks

FIRST = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONDAY, TUESDAY = "2026-03-02|XA", "2026-03-03|XA"


def publish(store: PartitionStore, at: datetime, partition: str, frame: pl.DataFrame) -> None:
    with clock.frozen(at):
        store.write(TICKS, partition, frame)


def nobody(partition: str, written: Written) -> None:
    """Tells nobody."""


def rolled_back(store: PartitionStore, then: datetime, at: datetime, *partitions: str) -> list[Written]:
    with clock.frozen(at):
        return carry_out(store, TICKS, then, plan(store, TICKS, then, partitions), nobody)


def test_the_version_of_that_time_is_published_again(store: PartitionStore):
    """Three versions, back to the first: its rows are current, as a fourth version; the others stay."""
    good, bad, worse = ticks(3, price=100.0), ticks(3, price=900.0), ticks(1, price=5.0)
    for number, frame in enumerate((good, bad, worse)):
        publish(store, FIRST + number * HOUR, MONDAY, frame)
    (done,) = rolled_back(store, FIRST + 30 * timedelta(minutes=1), FIRST + 5 * HOUR, MONDAY)
    assert_frame_equal(store.read(TICKS, [MONDAY]), good)
    assert (done.manifest.rows, done.new_rows, done.revised_rows, done.removed_rows) == (3, 2, 1, 0)
    history = store.versions(TICKS, MONDAY)
    assert [version.published_at for version in history] == [FIRST + n * HOUR for n in (0, 1, 2, 5)]
    assert (history[-1].run_id, history[-1].extra["rolled_back_to"]) == ("rollback", "2026-03-03T12:30:00+00:00")
    assert history[-1].digest == history[0].digest


def test_a_rollback_can_be_rolled_back(store: PartitionStore):
    """What it replaced is a version like any other, read as of its time and published again."""
    good, bad = ticks(price=100.0), ticks(price=900.0)
    publish(store, FIRST, MONDAY, good)
    publish(store, FIRST + HOUR, MONDAY, bad)
    rolled_back(store, FIRST, FIRST + 2 * HOUR, MONDAY)
    assert_frame_equal(store.read(TICKS, [MONDAY]), good)
    rolled_back(store, FIRST + HOUR, FIRST + 3 * HOUR, MONDAY)
    assert_frame_equal(store.read(TICKS, [MONDAY]), bad)
    assert_frame_equal(store.read(TICKS, [MONDAY], as_of=FIRST + 2 * HOUR), good)


def test_what_changed_and_what_did_not(store: PartitionStore):
    """One newer, one untouched since, one that came later, one whose newer version says the same: fates by rule."""
    unlike = ["2026-03-02|XA", "2026-03-02|XB", "2026-03-02|XC", "2026-03-02|XD"]
    newer, untouched, later, same = unlike
    publish(store, FIRST, newer, ticks(venue="XA"))
    publish(store, FIRST, untouched, ticks(venue="XB"))
    publish(store, FIRST, same, ticks(venue="XD"))
    publish(store, FIRST + HOUR, newer, ticks(venue="XA", price=1.0))
    publish(store, FIRST + HOUR, later, ticks(venue="XC"))
    publish(store, FIRST + HOUR, same, ticks(venue="XD", price=1.0))
    publish(store, FIRST + 2 * HOUR, same, ticks(venue="XD"))
    steps = plan(store, TICKS, FIRST, unlike)
    assert [step.fate for step in steps] == ["roll back", "as it was", "not there then", "as it was"]
    assert steps[2].then is None
    assert steps[0].then is not None
    assert steps[0].then.published_at == FIRST
    done = rolled_back(store, FIRST, FIRST + 3 * HOUR, *unlike)
    assert [one.manifest.partition for one in done] == [newer]
    assert store.read(TICKS, [later]).height == 3


def test_a_pruned_version_stops_it_before_anything_is_written(reopened: OpenStore):
    """Of two partitions one has lost the version of that time: neither is touched, and the other is not named."""
    store = reopened(versions=1, versions_days=0)
    publish(store, FIRST, TUESDAY, ticks(day=NIGHT + timedelta(days=1)))
    publish(store, FIRST + HOUR, TUESDAY, ticks(day=NIGHT + timedelta(days=1), price=1.0))
    for number in range(3):
        publish(store, FIRST + number * HOUR, MONDAY, ticks(price=100.0 + number))
    before = [store.manifest(TICKS, name) for name in (MONDAY, TUESDAY)]
    with pytest.raises(VersionPruned, match=r"no longer kept of 1 partitions \(2026-03-02\|XA; .*Nothing was written"):
        rolled_back(store, FIRST, FIRST + 5 * HOUR, TUESDAY, MONDAY)
    assert [store.manifest(TICKS, name) for name in (MONDAY, TUESDAY)] == before
    assert len(rolled_back(store, FIRST, FIRST + 5 * HOUR, TUESDAY)) == 1


def test_which_partitions_are_meant(store: PartitionStore):
    """One by name, a span of days with both ends, or all; what cannot be is refused."""
    for day in range(3):
        publish(store, FIRST, f"2026-03-0{day + 2}|XA", ticks(day=NIGHT + timedelta(days=day)))
    assert chosen(store, TICKS) == ["2026-03-02|XA", "2026-03-03|XA", "2026-03-04|XA"]
    assert chosen(store, TICKS, partition=TUESDAY) == [TUESDAY]
    assert chosen(store, TICKS, start="2026-03-03") == ["2026-03-03|XA", "2026-03-04|XA"]
    assert chosen(store, TICKS, start="2026-03-02", end="2026-03-03") == [MONDAY, TUESDAY]
    with pytest.raises(UnknownName, match=r"did you mean 2026-03-02\|XA"):
        chosen(store, TICKS, partition="2026-03-02|XB")
    with pytest.raises(InvalidRequest, match="not both"):
        chosen(store, TICKS, partition=MONDAY, start="2026-03-03")
    with pytest.raises(InvalidRequest, match="are no times"):
        chosen(store, RATES, start="2026-03-03")


def test_a_table_without_partitions(store: PartitionStore):
    """It has one, `all`."""
    for number, value in enumerate((1.0, 2.0)):
        with clock.frozen(FIRST + number * HOUR):
            store.write(RATES, "all", rates(a=value))
    with clock.frozen(FIRST + 2 * HOUR):
        carry_out(store, RATES, FIRST, plan(store, RATES, FIRST, chosen(store, RATES)), nobody)
    assert store.read(RATES)["rate"].to_list() == [1.0]


def test_what_is_computed_from_it_follows(store: PartitionStore, monkeypatch: pytest.MonkeyPatch):
    """Dagster is told of the changed partition alone, and the follow sensor asks for what depends on it."""
    days = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-06")
    venues = dg.StaticPartitionsDefinition(["XA", "XB"])
    both = dg.MultiPartitionsDefinition({"day": days, "venue": venues})

    @dg.asset(name="ticks", partitions_def=both)
    def made() -> None:
        """Upstream."""

    @dg.asset(deps=["ticks"], partitions_def=both)
    def spreads() -> None:
        """Downstream."""

    monkeypatch.setattr(follow, "TABLES", {"ticks": TICKS, "spreads": TICKS})
    graph = dg.Definitions(assets=[made, spreads]).resolve_asset_graph()
    with dg.DagsterInstance.ephemeral() as instance:
        for name in ("ticks", "spreads"):
            for venue in ("XA", "XB"):
                partition = f"2026-03-02|{venue}"
                publish(store, FIRST, partition, ticks(venue=venue))
                instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=partition))
        publish(store, FIRST + HOUR, MONDAY, ticks(price=900.0))
        cursor = Cursor()
        Follower(graph, instance, cursor).collect()
        assert not any(cursor.pending.values())
        steps = plan(store, TICKS, FIRST, chosen(store, TICKS))
        with clock.frozen(FIRST + 2 * HOUR):
            carry_out(store, TICKS, FIRST, steps, report_to(instance, TICKS, FIRST))
        follower = Follower(graph, instance, cursor)
        assert follower.collect() == 1
        (request,) = follower.requests()
        assert request.asset_selection == [dg.AssetKey("spreads")]
        assert set(request.tags.values()) == {MONDAY}
        event = instance.get_latest_materialization_event(dg.AssetKey("ticks"))
        assert event is not None
        told = event.asset_materialization
        assert told is not None
        assert (told.partition, told.metadata["rolled_back_to"].value) == (MONDAY, FIRST.isoformat())
        assert (told.metadata["dagster/row_count"].value, told.metadata["unchanged"].value) == (3, False)
