"""What a write must be, and what it leaves behind: one suite over both stores."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.core import clock
from market_assets.core.contracts import ContractViolation, Table, column
from market_assets.core.errors import InvalidRequest
from resources.stores.errors import MixedOrigin, RowsOutsidePartition
from tests.resources.stores.ticks import NIGHT, RATES, TICKS, rates, ticks

KEY = "2026-03-02|XA"


class Costs(Table):
    """One row is what one step cost."""

    key = ("step",)

    step = column(pl.String, "Step")
    cost_ms = column(pl.Float64, "What it cost", volatile=True)


def test_what_was_written_is_read_back_value_for_value(store):
    """Every column type, nulls, empty lists, quotes and newlines survive a store."""
    rows = ticks(11)
    store.write(TICKS, KEY, rows)
    assert_frame_equal(store.read(TICKS, [KEY]), rows)


def test_rows_are_stored_sorted_by_the_key_in_contract_order(store):
    """The order of rows and columns handed over does not matter."""
    shuffled = ticks(7).sample(fraction=1, shuffle=True, seed=3).select(reversed(TICKS.schema.names()))
    store.write(TICKS, KEY, shuffled)
    assert_frame_equal(store.read(TICKS, [KEY]), ticks(7))


def test_the_manifest_states_what_was_stored(store):
    """Rows, span, digest, run and the caller's own notes; the time is the clock's."""
    with clock.frozen("2026-03-03T06:00:00Z"):
        outcome = store.write(TICKS, KEY, ticks(3), run_id="r1", extra={"requests": "2"})
    manifest = store.manifest(TICKS, KEY)
    assert outcome.manifest == manifest
    assert (manifest.table, manifest.partition, manifest.rows, manifest.run_id) == ("ticks", KEY, 3, "r1")
    assert manifest.published_at == manifest.first_published_at == datetime(2026, 3, 3, 6, tzinfo=UTC)
    assert (manifest.min_time, manifest.max_time) == (NIGHT, NIGHT + timedelta(minutes=2))
    assert manifest.extra == {"requests": "2"}
    assert len(manifest.digest) == 64
    assert manifest.bytes > 0
    assert (outcome.unchanged, outcome.new_rows, outcome.revised_rows, outcome.removed_rows) == (False, 3, 0, 0)


def test_unchanged_rows_are_not_written_again(store):
    """The same stable values keep the version, whatever the volatile columns say."""
    first = store.write(TICKS, KEY, ticks(3), run_id="r1")
    again = store.write(TICKS, KEY, ticks(3, ingested_at=NIGHT + timedelta(days=9)), run_id="r2")
    assert again.unchanged
    assert again.manifest == first.manifest
    assert len(store.versions(TICKS, KEY)) == 1
    assert store.read(TICKS, [KEY])["ingested_at"].to_list() == [NIGHT] * 3


def test_measurements_are_stored_though_nothing_else_changed(store):
    """A table of which all but the key is volatile says what was measured last; what follows is not stale by it."""
    contract = Costs.contract()
    rows = pl.DataFrame({"step": ["a"], "cost_ms": [2.0]})
    store.write(contract, "all", rows)
    again = store.write(contract, "all", rows.with_columns(cost_ms=9.0))
    assert again.unchanged
    assert store.read(contract)["cost_ms"].to_list() == [9.0]
    assert len(store.versions(contract, "all")) == 2


def test_a_revision_is_measured_by_key(store):
    """One close corrected from 100 to 103, one row gone, one new: 3 % at most."""
    store.write(TICKS, KEY, ticks(3))
    revised = ticks(4).with_columns(price=pl.Series([103.0, 101.0, 102.0, 103.0])).filter(pl.col("price") != 102.0)
    outcome = store.write(TICKS, KEY, revised)
    assert (outcome.new_rows, outcome.revised_rows, outcome.removed_rows) == (1, 1, 1)
    assert outcome.revised_max_rel_diff == pytest.approx(0.03)
    assert store.read(TICKS, [KEY])["price"].to_list() == [103.0, 101.0, 103.0]


def test_an_empty_partition_is_known_to_be_empty(store):
    """A partition without rows is stored; one that was never written is not."""
    store.write(TICKS, KEY, TICKS.empty())
    assert store.partitions(TICKS) == [KEY]
    assert store.manifest(TICKS, KEY).rows == 0
    assert store.manifest(TICKS, KEY).min_time is None
    assert store.manifest(TICKS, "2026-03-03|XA") is None
    assert_frame_equal(store.read(TICKS, [KEY]), TICKS.empty())


def test_an_emptied_partition_loses_its_rows(store):
    """Replacing by nothing leaves nothing."""
    store.write(TICKS, KEY, ticks(3))
    outcome = store.write(TICKS, KEY, TICKS.empty())
    assert outcome.removed_rows == 3
    assert store.read(TICKS).height == 0


def test_an_unpartitioned_table_has_one_partition(store):
    """It is called `all`, and no other name is taken."""
    store.write(RATES, "all", rates(a=1.0, b=None))
    assert store.partitions(RATES) == ["all"]
    assert_frame_equal(store.read(RATES), rates(a=1.0, b=None))
    with pytest.raises(InvalidRequest, match="one partition, 'all'"):
        store.write(RATES, "2026", rates(a=1.0))


def test_rows_of_another_partition_are_refused(store):
    """None is dropped and none is stored; the first offender is named."""
    store.write(TICKS, KEY, ticks(2))
    mixed = pl.concat([ticks(1, price=7.0), ticks(1, venue="XB")])
    with pytest.raises(RowsOutsidePartition, match=r"1 of 2 do not.*XB"):
        store.write(TICKS, KEY, mixed)
    assert_frame_equal(store.read(TICKS), ticks(2))


@pytest.mark.parametrize("name", ["2026-03-02", "2026-03|XA", "2026-13-02|XA", "|XA", "XA|2026-03-02", "all"])
def test_a_partition_is_spelled_by_its_dimensions(store, name):
    """A key that no row can have is refused even without rows."""
    with pytest.raises(InvalidRequest, match=r"named day\|venue"):
        store.write(TICKS, name, TICKS.empty())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.cast({"price": pl.Float32}), "price.*Float32 instead of Float64"),
        (lambda rows: rows.with_columns(ts=pl.col("ts").dt.replace_time_zone(None)), "ts"),
        (lambda rows: rows.drop("note"), "missing.*note"),
        (lambda rows: rows.with_columns(extra=1), "not in it.*extra"),
        (lambda rows: rows.with_columns(price=pl.lit(None, pl.Float64)), "nulls where none may be.*price"),
        (lambda rows: pl.concat([rows, rows.head(1)]), "more than once"),
        (lambda rows: rows.with_columns(note=pl.lit("a\0b")), "NUL"),
    ],
)
def test_a_frame_that_breaks_its_contract_is_refused(store, change, said):
    """Types, columns, nulls and keys are the store's own check; the old partition stays."""
    store.write(TICKS, KEY, ticks(2))
    with pytest.raises(ContractViolation, match=said):
        store.write(TICKS, KEY, change(ticks(2, price=5.0)))
    assert_frame_equal(store.read(TICKS), ticks(2))


def test_a_lazy_frame_is_refused(store):
    """Only eager rows can be checked before they are stored."""
    with pytest.raises(ContractViolation, match="eager"):
        store.write(TICKS, KEY, ticks(2).lazy())


@pytest.mark.parametrize(("first", "second"), [("alpha", "alpha-sandbox"), ("alpha-sandbox", "alpha")])
def test_a_store_holds_live_or_sandbox_rows_never_both(store, reopened, first, second):
    """The origin is marked by the first rows, and holds in other processes and other tables."""
    store.write(TICKS, KEY, ticks(2, source=first))
    with pytest.raises(MixedOrigin, match=r"holds (live|sandbox) data"):
        reopened().write(TICKS, "2026-03-02|XB", ticks(2, venue="XB", source=second))
    assert store.partitions(TICKS) == [KEY]


def test_one_frame_has_one_origin(store):
    """Live and sandbox rows in one frame are refused, and mark nothing."""
    with pytest.raises(MixedOrigin, match="one origin"):
        store.write(TICKS, KEY, ticks(2).with_columns(source=pl.Series(["alpha", "alpha-sandbox"])))
    assert not store.write(TICKS, KEY, ticks(2, source="alpha-sandbox")).unchanged


def test_rows_without_a_source_fit_any_store(store):
    """Tables without a source column, and empty frames, neither mark a store nor are refused."""
    store.write(RATES, "all", rates(a=1.0))
    store.write(TICKS, KEY, TICKS.empty())
    store.write(TICKS, KEY, ticks(1, source="alpha-sandbox"))
    assert store.write(RATES, "all", rates(a=2.0)).revised_rows == 1


def test_partition_names_may_hold_any_character(store):
    """Names that mean something to file systems, globs or URLs are only text."""
    names = ["../up", ".hidden", "_schema", "a/b", "50%", "x*[1]?", "ü@é", "BRK.B", "a b'c\"d"]
    for i, name in enumerate(names):
        store.write(TICKS, f"2026-03-02|{name}", ticks(1, venue=name, price=float(i)))
    assert store.partitions(TICKS) == sorted(f"2026-03-02|{name}" for name in names)
    for i, name in enumerate(names):
        assert store.read(TICKS, where={"venue": name})["price"].to_list() == [float(i)]


def test_describe_measures_the_store(store):
    """It answers, says what it is, and its bytes grow with its rows."""
    store.write(TICKS, KEY, ticks(2))
    small = store.describe()
    noise = [f"{i * 7919 % 10007:05d}" * 40 for i in range(5000)]
    store.write(TICKS, KEY, ticks(5000 - 3600, note=noise[: 5000 - 3600]))
    assert small.reachable
    assert small.kind in {"duckdb", "postgres"}
    assert store.describe().bytes > small.bytes > 0
