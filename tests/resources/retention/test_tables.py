"""Which partitions of a table go by age."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.settings import load
from market_assets.tables import contract
from resources.retention import tables
from resources.retention.job import Job, Tally
from resources.stores import open_store
from resources.stores.protocol import PartitionStore
from tests.resources.retention.stored import store_rows

NOW = datetime(2026, 8, 1, 15, tzinfo=UTC)
SPREADS, BARS = "funding_spreads", "equities_daily_bars"


@pytest.fixture
def store(home) -> PartitionStore:
    return open_store(load())


def thinned(table: str, days: int, store: PartitionStore, *, dry_run: bool = False, now: datetime = NOW) -> Tally:
    tally = Tally()
    tables.kind(table, days).thin(Job(load(), store, None, now, dry_run), tally)
    return tally


@pytest.mark.parametrize(
    ("dimension", "name", "day_after"),
    [
        ("day", "2026-02-28", "2026-03-01"),
        ("week", "2026-12-28", "2027-01-04"),
        ("month", "2026-02", "2026-03-01"),
        ("month", "2026-12", "2027-01-01"),
        ("year", "2024", "2025-01-01"),
    ],
)
def test_a_partition_ends_the_day_after_its_last(dimension, name, day_after):
    """By the calendar: a year has twelve months, a week begins on Monday."""
    assert tables.end_of(dimension, name) == date.fromisoformat(day_after)


def test_days_that_ended_before_go(store):
    """Of 30 days the one that ended 30 days ago is the last that goes; a dry run finds the same and touches none."""
    store_rows(store, contract(SPREADS), "2026-06-30", "2026-07-01", "2026-07-02", "2026-08-01")
    would = thinned(SPREADS, 30, store, dry_run=True)
    assert len(store.partitions(contract(SPREADS))) == 4
    done = thinned(SPREADS, 30, store)
    assert would == done
    assert (done.total.examined, done.total.removed, done.notes) == (4, 2, [])
    assert done.total.bytes > 0
    assert store.partitions(contract(SPREADS)) == ["2026-07-02", "2026-08-01"]


def test_a_year_goes_once_all_of_it_is_past(store):
    """Of every symbol, whatever the order of its key."""
    store_rows(store, contract(BARS), "AAPL|2024", "XOM|2024", "AAPL|2025", "AAPL|2026")
    # 2025 ended 212 days before the first of August, 2024 ended 577 days before it
    assert thinned(BARS, 577, store).total.removed == 2
    assert thinned(BARS, 213, store).total.removed == 0
    assert thinned(BARS, 212, store).total.removed == 1
    assert store.partitions(contract(BARS)) == ["AAPL|2026"]


def test_the_newest_stays_however_old(store):
    """A table that nobody fills any more is not emptied by itself; it is said."""
    store_rows(store, contract(BARS), "AAPL|2019", "AAPL|2020", "XOM|2020")
    tally = thinned(BARS, 30, store)
    assert store.partitions(contract(BARS)) == ["AAPL|2020", "XOM|2020"]
    assert tally.notes == ["2 partitions of its newest year stay"]


def test_versions_go_with_their_partition(store):
    """Nothing of it can be read as of an earlier instant."""
    kept = contract(SPREADS)
    store_rows(store, kept, "2026-01-01", "2026-08-01")
    store_rows(store, kept, "2026-01-01", rows=2)
    assert len(store.versions(kept, "2026-01-01")) == 2
    thinned(SPREADS, 30, store)
    assert store.versions(kept, "2026-01-01") == []


def test_so_many_go_at_once_the_oldest_first(store, monkeypatch):
    """The others go the next time."""
    monkeypatch.setattr(tables, "MOST_PARTITIONS", 2)
    store_rows(store, contract(SPREADS), *(f"2026-01-0{n}" for n in range(1, 5)))
    tally = thinned(SPREADS, 30, store)
    assert store.partitions(contract(SPREADS)) == ["2026-01-03", "2026-01-04"]
    assert "3 are due, and at most 2 go at once" in tally.notes[1]
    thinned(SPREADS, 30, store)
    assert store.partitions(contract(SPREADS)) == ["2026-01-04"]


@pytest.mark.parametrize(
    ("table", "days", "error", "said"),
    [
        ("funding_spread", 30, UnknownName, "did you mean funding_spreads"),
        ("funding_contracts", 30, InvalidRequest, "funding_contracts is cut by exchange"),
        ("equities_symbols", 30, InvalidRequest, "cut by nothing"),
        (SPREADS, 0, InvalidRequest, "must be 1 or more days, was 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(store, table, days, error, said):
    """A table that there is none of, one that is not cut by time, and no days at all."""
    with pytest.raises(error, match=said):
        thinned(table, days, store)


@examples(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 45), st.integers(0, 86_399))
def test_never_more_than_asked(store, ages, days, second):
    """Whatever is stored and asked: those and only those go that ended so long ago, and the newest never."""
    table, now = contract(SPREADS), datetime(2026, 8, 1, tzinfo=UTC) + timedelta(seconds=second)
    for partition in store.partitions(table):
        store.drop(table, partition)
    names = {age: str(now.date() - timedelta(days=age)) for age in ages}
    store_rows(store, table, *names.values())
    thinned(SPREADS, days, store, now=now)
    # the day of age 5 ended 4 midnights ago
    kept = [name for age, name in names.items() if age - 1 < days or age == min(ages)]
    assert store.partitions(table) == sorted(kept)
