"""History of a partition: `as_of`, publication order, pruning. One suite over both stores."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from polars.testing import assert_frame_equal

from market_assets.core import clock
from resources.stores.errors import VersionPruned
from tests.resources.stores.ticks import TICKS, ticks

KEY, OTHER = "2026-03-02|XA", "2026-03-02|XB"
START = datetime(2026, 4, 1, 12, tzinfo=UTC)


#: the same table, written every few minutes
LIVE = replace(TICKS, name="ticks_live", live=True)


def publish(store, day, price, key=KEY, contract=TICKS):
    with clock.frozen(START + timedelta(days=day)):
        return store.write(contract, key, ticks(2, venue=key[-2:], price=price)).manifest


def kept_days(store, contract):
    """The days of April on which the kept versions were published."""
    return [manifest.published_at.day for manifest in store.versions(contract, KEY)]


def test_as_of_reads_each_partition_as_it_was_published(store):
    """The version with the greatest publication at or before that moment; later partitions are absent."""
    publish(store, 0, 1.0)
    publish(store, 1, 5.0, OTHER)
    publish(store, 2, 2.0)
    publish(store, 3, 3.0)

    def read(then):
        return store.read(TICKS, as_of=then)["price"].to_list()

    assert read(START - timedelta(microseconds=1)) == []
    assert read(START) == [1.0, 2.0]
    assert read(START + timedelta(days=1.5)) == [1.0, 2.0, 5.0, 6.0]
    assert read("2026-04-03T12:00:00Z") == [2.0, 3.0, 5.0, 6.0]
    assert read("2027-01-01") == [3.0, 4.0, 5.0, 6.0] == store.read(TICKS)["price"].to_list()
    assert store.partitions(TICKS, as_of=START) == [KEY]
    assert store.partitions(TICKS, as_of=START - timedelta(days=1)) == []
    assert sorted(store.scan(TICKS, as_of=START).collect()["price"].to_list()) == [1.0, 2.0]


def test_versions_are_listed_oldest_first_with_the_current_one_last(store):
    """Each with its own digest and time."""
    published = [publish(store, day, float(day)) for day in range(3)]
    assert store.versions(TICKS, KEY) == published
    assert len({manifest.digest for manifest in published}) == 3
    assert {manifest.first_published_at for manifest in published} == {START}
    assert store.manifest(TICKS, KEY) == published[-1]


def test_publication_is_strictly_later_each_time(store):
    """A stopped clock, or one set back, does not disturb the order of versions."""
    first = publish(store, 5, 1.0)
    second = publish(store, 5, 2.0)
    third = publish(store, 0, 3.0)
    assert first.published_at < second.published_at < third.published_at
    assert store.read(TICKS, as_of=second.published_at)["price"].to_list() == [2.0, 3.0]
    assert store.read(TICKS, as_of=third.published_at)["price"].to_list() == [3.0, 4.0]


def test_going_back_to_earlier_values_is_a_new_version(store):
    """Only the current version counts as unchanged."""
    publish(store, 0, 1.0)
    publish(store, 1, 2.0)
    back = publish(store, 2, 1.0)
    assert [manifest.digest for manifest in store.versions(TICKS, KEY)].count(back.digest) == 2
    assert store.read(TICKS, as_of=START + timedelta(days=1))["price"].to_list() == [2.0, 3.0]


def test_pruning_keeps_the_last_versions_and_the_young_ones(store):
    """A version goes when it is beyond the last `keep` and was replaced over `days` ago."""
    for day in range(6):
        publish(store, day, float(day))
    with clock.frozen(START + timedelta(days=10)):
        assert store.prune(TICKS, keep=3, days=30).removed == 0
        assert store.prune(TICKS, keep=10, days=0).removed == 0
        # superseded on days 1 to 5; beyond the last two: days 1, 2, 3; over 7.5 days ago: days 1 and 2
        assert store.prune(TICKS, keep=2, days=7).removed == 2
    assert [manifest.published_at.day for manifest in store.versions(TICKS, KEY)] == [3, 4, 5, 6]
    assert store.read(TICKS, as_of=START + timedelta(days=2))["price"].to_list() == [2.0, 3.0]


def test_a_write_prunes_its_own_partition_by_the_settings(reopened):
    """retention.versions and retention.versions_days, without a job for it."""
    store = reopened(versions=2, versions_days=0)
    for day in range(5):
        publish(store, day, float(day))
    assert [manifest.published_at.day for manifest in store.versions(TICKS, KEY)] == [3, 4, 5]


def test_a_live_table_keeps_its_versions_by_number_alone(reopened):
    """Whatever retention.versions_days says; a table beside it that is not live keeps all of that time."""
    store = reopened(versions=2, versions_days=30)
    for day in range(5):
        publish(store, day, float(day), contract=LIVE)
        publish(store, day, float(day))
    assert kept_days(store, LIVE) == [3, 4, 5]
    assert kept_days(store, TICKS) == [1, 2, 3, 4, 5]
    assert store.read(LIVE, as_of=START + timedelta(days=3))["price"].to_list() == [3.0, 4.0]
    with pytest.raises(VersionPruned):
        store.read(LIVE, as_of=START)


def test_pruning_a_live_table_goes_by_number_alone(reopened):
    """By hand too, in every partition; the current version and what readers see stay."""
    store = reopened(versions=9, versions_days=30)
    for day in range(5):
        publish(store, day, float(day), contract=LIVE)
        publish(store, day, float(day), OTHER, contract=LIVE)
    with clock.frozen(START + timedelta(days=5)):
        assert store.prune(LIVE, keep=9, days=30).removed == 0
        assert store.prune(LIVE, keep=1, days=30).removed == 2 * 3
        assert store.prune(LIVE, keep=0, days=30).removed == 2 * 1
    assert kept_days(store, LIVE) == [5]
    assert store.read(LIVE, [KEY])["price"].to_list() == [4.0, 5.0]


def test_a_stopped_clock_does_not_keep_the_versions_of_a_live_table(reopened):
    """In a replay all versions are published within microseconds."""
    store = reopened(versions=2, versions_days=30)
    for price in range(6):
        publish(store, 0, float(price), contract=LIVE)
    assert [manifest.published_at.microsecond for manifest in store.versions(LIVE, KEY)] == [3, 4, 5]


def test_what_a_live_table_rejects_is_live_too():
    """Its quarantine is rewritten as often."""
    assert LIVE.quarantine().live
    assert not TICKS.quarantine().live


def test_a_pruned_moment_is_an_error_not_an_absent_partition(reopened):
    """The partition was there at that time, so an answer without it would be wrong."""
    store = reopened(versions=1, versions_days=0)
    for day in range(4):
        publish(store, day, float(day))
    with pytest.raises(VersionPruned, match="first published 2026-04-01"):
        store.read(TICKS, as_of=START + timedelta(hours=1))
    assert store.read(TICKS, as_of=START - timedelta(hours=1)).height == 0
    assert_frame_equal(store.read(TICKS, as_of=START + timedelta(days=3)), store.read(TICKS))


def test_history_is_seen_by_other_processes(store, reopened):
    """Nothing about versions lives in memory alone."""
    publish(store, 0, 1.0)
    publish(store, 1, 2.0)
    other = reopened()
    assert other.versions(TICKS, KEY) == store.versions(TICKS, KEY)
    assert other.read(TICKS, as_of=START)["price"].to_list() == [1.0, 2.0]
