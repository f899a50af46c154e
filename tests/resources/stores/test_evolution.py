"""How the columns of a stored table may change. One suite over both stores."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.core.contracts import Column
from resources.stores.errors import SchemaMismatch
from tests.resources.stores.fits import FITS, MONDAY, STATES, TRENDS, fits
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


WEEK, NEXT_WEEK = "2026-03-02", "2026-03-09"


def with_trends(*categories):
    """The fits with other categories of trend."""
    return evolved(FITS, trend=Column(dtype=pl.Enum(categories), description="Trend"))


def test_an_appended_category_changes_nothing_that_is_stored(store):
    """Old rows read with the new type, the same rows written again keep their version, new ones may use it."""
    first = store.write(FITS, WEEK, fits(6))
    more = with_trends(*TRENDS, "new")
    old = fits(6).cast({"trend": more.schema["trend"]})
    assert_frame_equal(store.read(more), old)
    again = store.write(more, WEEK, old)
    assert again.unchanged
    assert again.manifest == first.manifest
    new = old.with_columns(trend=pl.lit("new", more.schema["trend"]), ts=pl.col("ts") + pl.duration(weeks=1))
    store.write(more, NEXT_WEEK, new)
    assert store.read(more)["trend"].to_list() == [*fits(6)["trend"], *["new"] * 6]
    assert_frame_equal(store.scan(more).collect().sort("trend", "ts"), store.read(more))
    assert store.read(more, where={"trend": ["flat", "new"]}, columns=["ts"]).height == 2 + 6


def test_a_revision_counts_across_an_appended_category(store):
    """Rows that take the new category are revised; the version before reads with it declared."""
    store.write(FITS, WEEK, fits(3))
    more = evolved(FITS, state=Column(dtype=pl.Enum([*STATES, "new"]), description="State", nullable=True))
    old = fits(3).cast({"state": more.schema["state"]})
    outcome = store.write(more, WEEK, old.with_columns(state=pl.lit("new", more.schema["state"])))
    assert (outcome.new_rows, outcome.revised_rows, outcome.removed_rows) == (0, 3, 0)
    before = store.versions(more, WEEK)[0]
    assert_frame_equal(store.read(more, as_of=before.published_at), old)


def test_a_revision_counts_across_an_appended_category_of_the_key(store):
    """One row kept, one changed, one with the new category."""
    store.write(FITS, WEEK, fits(2, edges=[[1.0], [2.0]]))
    more = with_trends(*TRENDS, "new")
    after = fits(3, edges=[[1.0], [2.5], [3.0]]).cast({"trend": more.schema["trend"]})
    outcome = store.write(more, WEEK, after.with_columns(trend=pl.col("trend").replace("falling", "new")))
    assert (outcome.new_rows, outcome.revised_rows, outcome.removed_rows) == (1, 1, 0)


def test_a_category_may_be_declared_between_others(store):
    """Text counts, not the place: rows keep their category and sort by its new place."""
    store.write(FITS, WEEK, fits(3))
    store.write(FITS, NEXT_WEEK, fits(3, week=MONDAY + timedelta(weeks=1)))
    turned = with_trends("falling", "new", "flat", "rising")
    found = store.read(turned)
    assert found["trend"].to_list() == ["falling", "falling", "flat", "flat", "rising", "rising"]
    assert_frame_equal(found, found.sort("trend", "ts"))
    assert store.read(turned, [WEEK])["trend"].to_list() == ["falling", "flat", "rising"]
    assert_frame_equal(store.read(FITS, [WEEK]), fits(3))


def test_a_vanished_category_is_refused(store):
    """Also where no row has it: reading and writing name it, and nothing is stored."""
    store.write(FITS, WEEK, fits(2, trends=("flat",)))
    fewer = with_trends("rising", "flat")
    with pytest.raises(SchemaMismatch, match=r"fits.trend must keep its categories: falling in .*2026-03-02.*new name"):
        store.read(fewer)
    with pytest.raises(SchemaMismatch, match=r"categories: falling in fits"):
        store.write(fewer, NEXT_WEEK, fewer.empty())
    renamed = with_trends("rising", "flat", "Falling")
    with pytest.raises(SchemaMismatch, match="categories: falling"):
        store.read(renamed)
    assert store.partitions(FITS) == [WEEK]


def test_a_process_that_does_not_know_a_new_category_is_refused(store, reopened):
    """As with a new column: an old writer is stopped at its first write."""
    more = with_trends(*TRENDS, "new")
    store.write(FITS, WEEK, fits(1))
    store.write(more, NEXT_WEEK, more.empty())
    old = reopened()
    with pytest.raises(SchemaMismatch, match="categories: new"):
        old.write(FITS, WEEK, fits(2))
    assert old.read(FITS, [WEEK]).height == 1


@pytest.mark.parametrize(
    ("column", "dtype", "said"),
    [
        ("trend", pl.String(), r'Enum\["rising", "flat", "falling"\] in .* declared String'),
        ("window_h", pl.Int32(), "Int16 in .* declared Int32"),
        ("centers", pl.List(pl.String), r"List\[Float64\] in .* declared List\[String\]"),
        ("notes", pl.Enum(["a"]), r'List\[String\] in .* declared Enum\["a"\]'),
    ],
)
def test_categories_lists_and_widths_keep_their_type(store, column, dtype, said):
    """Both types are named."""
    store.write(FITS, WEEK, fits(2))
    other = evolved(FITS, **{column: replace(FITS.columns[column], dtype=dtype)})
    with pytest.raises(SchemaMismatch, match=said):
        store.read(other)


def test_old_and_new_partitions_are_read_together_by_column(store):
    """Whichever columns are asked for: some partitions hold the added one, some do not."""
    store.write(TICKS, KEY, ticks(2))
    store.write(WIDER, OTHER, ticks(2, venue="XB").with_columns(fee=pl.lit(0.5)))
    assert store.read(WIDER, columns=["fee"])["fee"].to_list() == [None, None, 0.5, 0.5]
    assert store.read(WIDER, columns=["note", "fee"], where={"count": 0})["fee"].to_list() == [None, 0.5]
