"""Listing a table's folder: exact at every moment, and not done again while nothing changes."""

import os

import pytest

from market_assets.core.settings import RetentionSettings
from resources.stores import lake_listing
from resources.stores.lake import LakeStore
from tests.resources.stores.ticks import TICKS, ticks

XA, XB = "2026-03-02|XA", "2026-03-02|XB"
LONG_AGO = (1_000_000_000, 1_000_000_000)


class Clock:
    """A monotonic clock that stands still unless it is moved."""

    def __init__(self):
        self.reading = 1000.0

    def monotonic(self):
        return self.reading


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(lake_listing, "time", found)
    return found


@pytest.fixture
def reader(home, clock):
    """A store that has listed a folder unchanged for a long time, with one partition in it."""
    LakeStore(home, RetentionSettings()).write(TICKS, XA, ticks(3))
    os.utime(home / "lake/ticks", LONG_AGO)
    store = LakeStore(home, RetentionSettings())
    assert store.partitions(TICKS) == [XA]
    clock.reading += 3
    assert store.partitions(TICKS) == [XA]
    assert [manifest.rows for manifest in store.manifests(TICKS)] == [3]
    return store


@pytest.fixture
def other(home):
    """The same store in what might be another process."""
    return LakeStore(home, RetentionSettings())


def test_an_unchanged_folder_is_not_listed_again(reader, monkeypatch):
    """Asking costs one look at the folder, however many partitions it has."""
    monkeypatch.setattr(lake_listing.os, "scandir", None)
    monkeypatch.setattr(lake_listing, "manifest_of", None)
    assert reader.partitions(TICKS) == [XA]
    assert [manifest.partition for manifest in reader.manifests(TICKS)] == [XA]


def test_what_another_process_publishes_is_listed_at_once(reader, other):
    """A new partition and a replaced one, without any time passing."""
    other.write(TICKS, XB, ticks(2, venue="XB"))
    assert reader.partitions(TICKS) == [XA, XB]
    assert [manifest.rows for manifest in reader.manifests(TICKS)] == [3, 2]
    other.write(TICKS, XA, ticks(5))
    assert [manifest.rows for manifest in reader.manifests(TICKS)] == [5, 2]


def test_two_changes_within_one_step_of_the_file_systems_clock_are_both_seen(home, reader, other, clock):
    """A listing made right after a change is not kept: the next change may leave the folder's time as it is."""
    other.write(TICKS, XB, ticks(2, venue="XB"))
    changed = (home / "lake/ticks").stat().st_mtime_ns
    assert [manifest.rows for manifest in reader.manifests(TICKS)] == [3, 2]
    other.write(TICKS, XA, ticks(5))
    os.utime(home / "lake/ticks", ns=(changed, changed))
    clock.reading += 2
    assert [manifest.rows for manifest in reader.manifests(TICKS)] == [5, 2]


def test_the_answer_belongs_to_the_caller(reader):
    """Changing it does not change what the next one gets."""
    reader.partitions(TICKS).clear()
    reader.manifests(TICKS).clear()
    assert reader.partitions(TICKS) == [XA]
    assert len(reader.manifests(TICKS)) == 1


def test_a_table_never_written_has_no_partitions(home):
    """Not an error: nothing was materialised yet."""
    store = LakeStore(home, RetentionSettings())
    assert store.partitions(TICKS) == []
    assert store.manifests(TICKS) == []
