"""Partitions that are removed for good: one suite over both stores."""

import os
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from polars.testing import assert_frame_equal

from market_assets.core import clock
from market_assets.core.settings import RetentionSettings
from resources.stores.lake import LakeStore
from resources.stores.postgres import PostgresStore
from tests.resources.stores.fits import FITS
from tests.resources.stores.ticks import RATES, TICKS, rates, ticks

KEY, OTHER = "2026-03-02|XA", "2026-03-02|XB"
START = datetime(2026, 4, 1, 12, tzinfo=UTC)


def publish(store, minute, price, key=KEY):
    with clock.frozen(START + timedelta(minutes=minute)):
        return store.write(TICKS, key, ticks(2, venue=key[-2:], price=price)).manifest


def test_a_dropped_partition_is_gone_with_its_history(store, reopened):
    """At any time and for other processes; the partition beside it has all of its versions."""
    publish(store, 0, 1.0)
    current = publish(store, 1, 2.0)
    publish(store, 0, 5.0, OTHER)
    publish(store, 1, 6.0, OTHER)
    looking = reopened()
    assert looking.partitions(TICKS) == [KEY, OTHER]
    assert store.drop(TICKS, KEY) == current
    for one in (store, looking):
        assert one.partitions(TICKS) == [OTHER] == one.partitions(TICKS, as_of=START)
        assert one.manifest(TICKS, KEY) is None
        assert [manifest.partition for manifest in one.manifests(TICKS)] == [OTHER]
        assert one.versions(TICKS, KEY) == []
        assert len(one.versions(TICKS, OTHER)) == 2
        assert one.read(TICKS, [KEY]).is_empty() and one.read(TICKS, [KEY], as_of=START).is_empty()
        assert one.read(TICKS)["price"].to_list() == [6.0, 7.0]
        assert one.scan(TICKS).collect()["price"].to_list() == [6.0, 7.0]
        assert one.read(TICKS, as_of=START)["price"].to_list() == [5.0, 6.0]


def test_there_may_be_nothing_to_drop(store):
    """In a new home, in a table without data, of a partition that is not stored, and a second time."""
    assert store.drop(TICKS, KEY) is None
    store.refresh_views([TICKS, FITS])
    assert store.drop(TICKS, KEY) is None
    publish(store, 0, 1.0)
    assert store.drop(TICKS, OTHER) is None
    assert store.drop(FITS, "2026-03-02") is None
    assert store.drop(TICKS, KEY) is not None
    assert store.drop(TICKS, KEY) is None


def test_what_is_written_after_a_drop_begins_anew(store):
    """Nothing of the old history comes back, also where the same rows are written at the same instant."""
    publish(store, 0, 1.0)
    publish(store, 1, 2.0)
    store.drop(TICKS, KEY)
    with clock.frozen(START + timedelta(minutes=1)):
        written = store.write(TICKS, KEY, ticks(2, price=2.0))
    assert (written.unchanged, written.new_rows, written.removed_rows) == (False, 2, 0)
    assert store.versions(TICKS, KEY) == [written.manifest]
    assert written.manifest.first_published_at == START + timedelta(minutes=1)
    assert store.read(TICKS, as_of=START).is_empty()
    publish(store, 2, 3.0)
    assert store.read(TICKS, as_of=START + timedelta(minutes=1))["price"].to_list() == [2.0, 3.0]


def test_a_table_of_one_partition_can_be_dropped(store):
    """It is there then, and empty."""
    store.write(RATES, "all", rates(a=1.5))
    dropped = store.drop(RATES, "all")
    assert dropped is not None and dropped.rows == 1
    assert_frame_equal(store.read(RATES), RATES.empty())


def test_a_dry_run_prunes_nothing_and_counts_the_same(store):
    """What was looked at, what goes and how much it took up are those of the run that follows."""
    for minute in range(4):
        publish(store, minute, float(minute))
        publish(store, minute, float(minute), OTHER)
    before = {key: store.versions(TICKS, key) for key in (KEY, OTHER)}
    with clock.frozen(START + timedelta(days=3)):
        would = store.prune(TICKS, keep=1, days=2, dry_run=True)
        assert {key: store.versions(TICKS, key) for key in (KEY, OTHER)} == before
        done = store.prune(TICKS, keep=1, days=2)
    # three superseded ones each, of which the last is kept
    assert would == done and (done.examined, done.removed) == (6, 4)
    assert done.bytes > 0
    assert {key: store.versions(TICKS, key) for key in (KEY, OTHER)} == {key: before[key][2:] for key in (KEY, OTHER)}


def test_pruning_frees_the_disk(home):
    """No link of the view keeps the file of a version that is gone."""
    store = LakeStore(home, RetentionSettings())
    publish(store, 0, 1.0)
    publish(store, 1, 2.0)
    version = next((home / "versions/ticks").rglob("*.parquet"))
    assert version.stat().st_nlink > 1
    with version.open("rb") as handle, clock.frozen(START + timedelta(days=3)):
        assert store.prune(TICKS, keep=0, days=2).removed == 1
        assert os.fstat(handle.fileno()).st_nlink == 0
    assert store.read(TICKS)["price"].to_list() == [2.0, 3.0]


def test_a_store_that_never_wrote_has_nothing_to_prune(store):
    """And a look at it makes no table."""
    assert store.prune(TICKS, keep=0, days=0).examined == 0
    assert store.partitions(TICKS) == []


def test_the_view_shows_a_dropped_partition_no_more(home):
    """Also through a connection that was open before, and after a refresh."""
    store = LakeStore(home, RetentionSettings())
    store.refresh_views([TICKS])
    publish(store, 0, 1.0)
    publish(store, 1, 2.0)
    publish(store, 0, 5.0, OTHER)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:

        def prices():
            return [price for (price,) in connection.execute("SELECT price FROM ticks ORDER BY price").fetchall()]

        assert prices() == [2.0, 3.0, 5.0, 6.0]
        store.drop(TICKS, KEY)
        assert prices() == [5.0, 6.0]
        store.refresh_views([TICKS])
        assert prices() == [5.0, 6.0]
        store.drop(TICKS, OTHER)
        assert prices() == []
        publish(store, 2, 9.0)
        assert prices() == [9.0, 10.0]


def test_a_reader_with_the_file_open_reads_it_to_its_end(home):
    """And one that has begun to scan goes on with what is left."""
    store = LakeStore(home, RetentionSettings())
    publish(store, 0, 1.0)
    path = home / "lake/ticks/2026-03-02%7CXA.parquet"
    content = path.read_bytes()
    with path.open("rb") as handle:
        first = handle.read(100)
        store.drop(TICKS, KEY)
        assert not path.exists()
        assert first + handle.read() == content


def test_a_drop_that_was_killed_is_repeated(home):
    """Between its steps the partition is there still, without its history, or is no more but in the view."""
    store = LakeStore(home, RetentionSettings())
    store.refresh_views([TICKS])
    publish(store, 0, 1.0)
    publish(store, 1, 2.0)
    (home / "lake/ticks/2026-03-02%7CXA.parquet").unlink()
    assert store.drop(TICKS, KEY) is None
    assert not list((home / "versions/ticks").iterdir())
    assert not list((home / "lake/ticks/.live").glob("2026*"))
    assert store.versions(TICKS, KEY) == []


@pytest.mark.postgres
def test_a_transaction_that_began_before_sees_the_partition_still(postgres_url):
    """The other one is not waited for, and its rows are those of one state of the database."""
    import psycopg

    store = PostgresStore(postgres_url, RetentionSettings())
    publish(store, 0, 1.0)
    publish(store, 1, 2.0)
    with psycopg.connect(postgres_url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        counts = "SELECT (SELECT count(*) FROM ticks), (SELECT count(*) FROM ticks__versions)"
        assert reader.execute(counts).fetchone() == (2, 2)
        store.drop(TICKS, KEY)
        assert reader.execute(counts).fetchone() == (2, 2)
        reader.rollback()
        assert reader.execute(counts).fetchone() == (0, 0)
        assert reader.execute("SELECT count(*) FROM market_assets_partitions").fetchone() == (0,)
