"""How the columns of a stored table may change. One suite over both stores."""

from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.core.contracts import Column
from resources.stores.errors import SchemaMismatch
from tests.resources.stores.ticks import RATES, TICKS, rates, ticks

KEY, OTHER = "2026-03-02|XA", "2026-03-02|XB"


def evolved(contract, **changes):
    """The contract with columns added or replaced; None drops one."""
    columns = {**contract.columns, **changes}
    return replace(contract, columns={name: column for name, column in columns.items() if column is not None})


FEE = Column(dtype=pl.Float64, description="Fee", nullable=True)
REQUIRED = Column(dtype=pl.Float64, description="Fee")
WIDER = evolved(TICKS, fee=FEE)


def test_an_added_nullable_column_reads_as_null_where_it_was_not_stored(store):
    """Old partitions need not be written again; new ones hold the column."""
    store.write(TICKS, KEY, ticks(2))
    fees = ticks(2, venue="XB").with_columns(fee=pl.Series([0.5, None]))
    store.write(WIDER, OTHER, fees)
    found = store.read(WIDER)
    assert found["fee"].to_list() == [None, None, 0.5, None]
    assert found.columns == list(WIDER.columns)
    assert_frame_equal(store.scan(WIDER).collect().sort("venue", "ts"), found)
    assert store.read(WIDER, [KEY], columns=["fee"])["fee"].to_list() == [None, None]


def test_rewriting_an_old_partition_fills_the_added_column(store):
    """Same values and a new column are a new version, and no row counts as revised."""
    store.write(TICKS, KEY, ticks(2))
    outcome = store.write(WIDER, KEY, ticks(2).with_columns(fee=pl.lit(0.1)))
    assert (outcome.unchanged, outcome.revised_rows, outcome.new_rows) == (False, 0, 0)
    assert store.read(WIDER)["fee"].to_list() == [0.1, 0.1]
    before = store.versions(WIDER, KEY)[0]
    assert store.read(WIDER, as_of=before.published_at)["fee"].to_list() == [None, None]


def test_an_added_column_that_may_not_be_null_needs_stored_values(store):
    """Reading old rows names the column and the partition; rewriting it mends that."""
    strict = evolved(TICKS, fee=REQUIRED)
    store.write(TICKS, KEY, ticks(2))
    store.write(strict, OTHER, ticks(1, venue="XB").with_columns(fee=pl.lit(1.0)))
    with pytest.raises(SchemaMismatch, match=r"fee as never null.*2026-03-02\|XA"):
        store.read(strict)
    assert store.read(strict, [OTHER])["fee"].to_list() == [1.0]
    store.write(strict, KEY, ticks(2).with_columns(fee=pl.lit(2.0)))
    assert store.read(strict)["fee"].to_list() == [2.0, 2.0, 1.0]


def test_an_empty_old_partition_lacks_no_value(store):
    """Without rows there is nothing to be null."""
    store.write(TICKS, KEY, TICKS.empty())
    assert store.read(evolved(TICKS, fee=REQUIRED)).height == 0


def test_a_dropped_column_is_refused(store):
    """Reading and writing say which column, its type, and the way out; nothing is stored."""
    store.write(TICKS, KEY, ticks(2))
    narrow = evolved(TICKS, size=None)
    with pytest.raises(SchemaMismatch, match=r"size \(Int64 in .*declared type: none.*new name"):
        store.read(narrow)
    with pytest.raises(SchemaMismatch, match=r"size \(Int64 in ticks\)"):
        store.write(narrow, OTHER, ticks(1, venue="XB").drop("size"))
    assert store.partitions(TICKS) == [KEY]


@pytest.mark.parametrize(
    ("dtype", "name"), [(pl.Int64, "Int64"), (pl.String, "String"), (pl.Datetime("us", "UTC"), r"Datetime\[us,UTC\]")]
)
def test_a_retyped_column_is_refused_naming_both_types(store, dtype, name):
    """Also where the values could be converted."""
    store.write(RATES, "all", rates(a=1.0))
    other = evolved(RATES, rate=Column(dtype=dtype, description="Rate", nullable=True))
    with pytest.raises(SchemaMismatch, match=rf"rates.rate .* Float64 in .* declared {name}"):
        store.read(other)
    with pytest.raises(SchemaMismatch, match=rf"declared {name}"):
        store.write(other, "all", pl.DataFrame({"name": ["a"], "rate": [None]}, schema=other.schema))


def test_two_narrow_integers_are_two_types(store):
    """Postgres stores both as smallint; a contract that changes one is refused all the same."""
    store.write(TICKS, KEY, ticks(2))
    other = evolved(TICKS, level=Column(dtype=pl.Int16, description="Level", nullable=True))
    with pytest.raises(SchemaMismatch, match=r"Int8 in .* declared Int16"):
        store.read(other)


def test_a_process_that_does_not_know_a_new_column_is_refused(store):
    """An old writer would store nulls over it without a word."""
    store.write(WIDER, KEY, ticks(1).with_columns(fee=pl.lit(1.0)))
    with pytest.raises(SchemaMismatch, match="fee"):
        store.write(TICKS, KEY, ticks(1))
    with pytest.raises(SchemaMismatch, match="fee"):
        store.read(TICKS)


def test_the_order_of_declared_columns_may_change(store):
    """Columns are found by name."""
    store.write(TICKS, KEY, ticks(2))
    turned = replace(TICKS, columns=dict(reversed(TICKS.columns.items())))
    assert_frame_equal(store.read(turned), ticks(2).select(list(turned.columns)))
