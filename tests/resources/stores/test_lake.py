"""What is particular to the lake: its files, its leftovers, its memory."""

import os

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.settings import RetentionSettings
from resources.stores import lake_files
from resources.stores.errors import CorruptPartition, IncompleteWrite
from resources.stores.lake import LakeStore
from resources.stores.locks import held
from tests.resources.stores.ticks import TICKS, ticks

KEY = "2026-03-02|XA"
FILE = "2026-03-02%7CXA.parquet"


@pytest.fixture
def store(home):
    return LakeStore(home, RetentionSettings())


def test_the_layout_is_plain_parquet(store, home):
    """Any reader of Parquet finds one file per partition and the columns of the contract."""
    with clock.frozen("2026-04-01T12:00:00.5Z"):
        store.write(TICKS, KEY, ticks(3))
    with clock.frozen("2026-04-02T12:00:00Z"):
        store.write(TICKS, KEY, ticks(4))
    assert pl.read_parquet(home / "lake/ticks" / FILE).equals(ticks(4))
    old = home / "versions/ticks/2026-03-02%7CXA/20260401T120000.500000Z.parquet"
    assert pl.read_parquet(old).equals(ticks(3))
    assert pl.read_parquet(home / "lake/ticks/_schema.parquet").schema == TICKS.schema
    assert store.partitions(TICKS) == [KEY]


def test_a_superseded_version_takes_no_second_copy(store, home):
    """It is a hard link made before the replacement, not a copy."""
    store.write(TICKS, KEY, ticks(3))
    before = (home / "lake/ticks" / FILE).stat().st_ino
    store.write(TICKS, KEY, ticks(4))
    (kept,) = (home / "versions/ticks/2026-03-02%7CXA").iterdir()
    assert kept.stat().st_ino == before


def test_an_unchanged_write_leaves_the_file_alone(store, home):
    """Not one byte and no new inode."""
    store.write(TICKS, KEY, ticks(3))
    before = (home / "lake/ticks" / FILE).stat()
    store.write(TICKS, KEY, ticks(3))
    after = (home / "lake/ticks" / FILE).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_leftovers_of_killed_writers_go_with_the_next_write(store, home):
    """Those of the same partition and of others, but not of one that is being written now."""
    store.write(TICKS, KEY, ticks(3))
    writing = home / "lake/ticks/_writing"
    mine, dead, alive = (writing / f"2026-03-02%7C{venue}@abc" for venue in ("XA", "XB", "XC"))
    for left in (mine, dead, alive):
        left.write_bytes(b"half a file")
    with held(home / "locks/ticks/2026-03-02%7CXC.lock"):
        store.write(TICKS, KEY, ticks(4))
    assert [file.name for file in writing.iterdir()] == [alive.name]
    assert store.partitions(TICKS) == [KEY]


def test_a_file_from_elsewhere_is_named(store, home):
    """A Parquet file without our manifest is no partition, and is not read as one."""
    store.write(TICKS, KEY, ticks(3))
    ticks(1).write_parquet(home / "lake/ticks/2026-03-03%7CXA.parquet")
    with pytest.raises(CorruptPartition, match=r"2026-03-03%7CXA.parquet has none"):
        store.read(TICKS)


def test_a_write_that_stored_fewer_rows_raises_and_keeps_the_old_version(store, home, monkeypatch):
    """Rows are counted in the new file before it takes the old one's place."""
    store.write(TICKS, KEY, ticks(3))
    whole = pl.DataFrame.write_parquet
    monkeypatch.setattr(pl.DataFrame, "write_parquet", lambda frame, *to, **how: whole(frame.head(2), *to, **how))
    with pytest.raises(IncompleteWrite, match="must store 4 rows, and 2 were read back"):
        store.write(TICKS, KEY, ticks(4))
    monkeypatch.undo()
    assert store.read(TICKS).equals(ticks(3))
    assert list((home / "lake/ticks/_writing").iterdir()) == []


def test_what_is_kept_in_memory_is_exact(store, home):
    """Another process's write is seen at once, whatever was read before."""
    store.write(TICKS, KEY, ticks(3))
    assert store.read(TICKS).height == 3
    LakeStore(home, RetentionSettings()).write(TICKS, KEY, ticks(5))
    assert store.read(TICKS).height == 5
    assert store.manifest(TICKS, KEY).rows == 5


def test_memory_is_bounded():
    """The least recently used frames go first."""
    from resources.stores.lake_files import RecentFiles

    kept = RecentFiles(capacity=10)
    for name in "abc":
        kept.put(name, (1, 1, 1), name.upper(), 4)
    assert [kept.get(name, (1, 1, 1)) for name in "abc"] == [None, "B", "C"]
    kept.get("b", (1, 1, 1))
    kept.put("d", (1, 1, 1), "D", 4)
    assert [kept.get(name, (1, 1, 1)) for name in "bcd"] == ["B", None, "D"]
    assert kept.get("d", (2, 1, 1)) is None


def test_a_large_file_is_read_by_column(store, monkeypatch):
    """Beyond the limit only the asked columns are decoded, and nothing is kept."""
    monkeypatch.setattr(lake_files, "LARGE_FILE_BYTES", 1)
    store.write(TICKS, KEY, ticks(9))
    seen = []
    whole = pl.read_parquet
    monkeypatch.setattr(pl, "read_parquet", lambda *a, **k: seen.append(k["columns"]) or whole(*a, **k))
    found = store.read(TICKS, columns=["note"], where=pl.col("price") > 105)
    assert found["note"].to_list() == ticks(9)["note"].to_list()[6:]
    assert set(seen[0]) == {"venue", "ts", "price", "note"}
    store.read(TICKS, columns=["note"])
    assert len(seen) == 2


def test_large_and_small_files_are_read_together(store, monkeypatch):
    """By column the one and whole the other: the answer has the asked columns of both."""
    small = store.write(TICKS, KEY, ticks(1)).manifest.bytes
    large = store.write(TICKS, "2026-03-02|XB", ticks(500, venue="XB")).manifest.bytes
    monkeypatch.setattr(lake_files, "LARGE_FILE_BYTES", (small + large) // 2)
    found = store.read(TICKS, columns=["price"], where=pl.col("count") < 2)
    assert found["price"].to_list() == [100.0, 100.0, 101.0]


def test_a_failed_replacement_leaves_the_old_partition(store, home, monkeypatch):
    """An error of the file system between writing and renaming loses nothing."""
    store.write(TICKS, KEY, ticks(3))

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write(TICKS, KEY, ticks(4))
    monkeypatch.undo()
    assert store.read(TICKS).equals(ticks(3))
    assert len(store.versions(TICKS, KEY)) == 1
