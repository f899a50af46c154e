"""The content digest depends on values, names and types, and on nothing else."""

import hashlib
import json
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pytest

from market_assets.core.contracts import UTC_MICROS
from resources.stores.digest import content_digest
from tests.resources.stores.ticks import TICKS, ticks

STABLE = TICKS.stable_columns
ROWS = ticks(23)


def same(frame):
    return content_digest(frame, STABLE)


def test_the_bytes_hashed_are_as_documented():
    """Header, null masks, fixed-width values with nulls zeroed, then text: here by hand."""
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "yz"]}, schema={"a": pl.Int64, "b": pl.String})
    expected = hashlib.sha256(json.dumps([2, [["a", "Int64"], ["b", "String"]]]).encode())
    expected.update(bytes([0, 1]) + bytes([0, 0]))
    expected.update((1).to_bytes(8, "little") + (0).to_bytes(8, "little"))
    expected.update((1).to_bytes(4, "little") + (2).to_bytes(4, "little"))
    expected.update(b"xyz")
    assert content_digest(frame, ["a", "b"]) == expected.hexdigest()


@pytest.mark.parametrize(
    "relaid",
    [
        lambda rows: pl.concat([rows.slice(0, 5), rows.slice(5, 1), rows.slice(6)], rechunk=False),
        lambda rows: pl.concat([rows, rows, rows]).slice(rows.height, rows.height),
        lambda rows: pl.DataFrame(rows.to_arrow(compat_level=pl.CompatLevel.oldest())),
        lambda rows: pl.concat([ticks(3), rows]).filter(pl.int_range(pl.len()) >= 3),
        lambda rows: rows.with_columns(
            size=pl.when(pl.col("size").is_not_null()).then(pl.col("size")),
            note=pl.when(pl.col("note").is_not_null()).then(pl.col("note").fill_null("garbage")),
        ),
        lambda rows: rows.with_columns(pl.col("price").cast(pl.String).cast(pl.Float64)),
    ],
    ids=["chunks", "slice", "arrow", "filter", "values-under-nulls", "cast"],
)
def test_layout_in_memory_does_not_matter(relaid):
    """Chunks, offsets, masks and what lies under a null."""
    again = relaid(ROWS)
    assert again.equals(ROWS)
    assert same(again) == same(ROWS)


def test_a_mask_without_nulls_is_no_mask():
    """Arrow may or may not carry a bitmap where nothing is null."""
    plain = pa.array([1.0, 2.0])
    masked = pa.Array.from_buffers(pa.float64(), 2, [pa.py_buffer(b"\xff"), plain.buffers()[1]])
    frames = [pl.DataFrame({"a": pl.Series(values)}) for values in (plain, masked)]
    assert content_digest(frames[0], ["a"]) == content_digest(frames[1], ["a"])


def test_volatile_columns_do_not_count():
    """Fetching again changes when, not what."""
    assert same(ROWS.with_columns(pl.col("ingested_at").dt.offset_by("1h"))) == same(ROWS)


@pytest.mark.parametrize(
    "changed",
    [
        lambda rows: rows.with_columns(price=pl.when(pl.col("count") == 7).then(107.5).otherwise("price")),
        lambda rows: rows.with_columns(size=pl.col("size").fill_null(0)),
        lambda rows: rows.with_columns(note=pl.col("note").fill_null("")),
        lambda rows: rows.with_columns(tags=pl.col("tags").fill_null(pl.lit([], dtype=pl.List(pl.String)))),
        lambda rows: rows.with_columns(is_block=pl.col("is_block").fill_null(value=False)),
        lambda rows: rows.head(22),
        lambda rows: rows.reverse(),
    ],
)
def test_any_change_of_a_value_counts(changed):
    """Null is not zero, not empty text, not an empty list and not False; order counts too."""
    assert same(changed(ROWS)) != same(ROWS)


def test_text_and_lists_are_not_run_together():
    """The same letters cut elsewhere are other values."""

    def digest(values):
        return content_digest(pl.DataFrame({"a": values}), ["a"])

    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest([["a"], ["b"]]) != digest([["a", "b"], []])
    assert digest([["ab"]]) != digest([["a", "b"]])


def test_name_and_type_count():
    """Equal numbers in another column or of another width are other data."""
    one = pl.DataFrame({"a": [1, 2]})
    assert content_digest(one, ["a"]) != content_digest(one.rename({"a": "b"}), ["b"])
    assert content_digest(one, ["a"]) != content_digest(one.cast(pl.Int32), ["a"])
    assert content_digest(one.cast(pl.Int32), ["a"]) != content_digest(one.cast(pl.Int16), ["a"])


def test_a_category_is_hashed_as_its_text():
    """Neither its place nor the categories beside it count; another text does."""
    text = pl.DataFrame({"a": ["b", None, "a", ""]})
    digest = content_digest(text, ["a"])
    for categories in (["a", "b", ""], ["b", "", "a", "c"], ["c", "", "b", "a"]):
        assert content_digest(text.cast({"a": pl.Enum(categories)}), ["a"]) == digest
    other = pl.DataFrame({"a": ["b", None, "b", ""]}, schema={"a": pl.Enum(["b", "", "a"])})
    assert content_digest(other, ["a"]) != digest


def test_lists_of_numbers_are_hashed_by_item():
    """No list is no empty list, an unknown item is no zero, and items are not run together."""
    schema = {"a": pl.List(pl.Float64)}
    variants = [[[1.0, 2.0], [3.0]], [[1.0], [2.0, 3.0]], [[1.0, 2.0], []], [[1.0, 2.0], None], [[1.0, None], [3.0]],
                [[1.0, 0.0], [3.0]], [[1.0, -0.0], [3.0]]]  # fmt: skip
    digests = {content_digest(pl.DataFrame({"a": rows}, schema=schema), ["a"]) for rows in variants}
    assert len(digests) == len(variants)
    cut = pl.DataFrame({"a": [[9.0], [1.0, 2.0], [3.0]]}, schema=schema).slice(1)
    assert content_digest(cut, ["a"]) == content_digest(pl.DataFrame({"a": variants[0]}, schema=schema), ["a"])


def test_lists_of_instants_are_hashed_by_item_and_type():
    """An instant a microsecond later, one unknown, another order or another unit are other data."""
    at, later = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2, microsecond=1, tzinfo=UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    def digest(rows, dtype=UTC_MICROS):
        return content_digest(pl.DataFrame({"a": rows}, schema={"a": pl.List(dtype)}), ["a"])

    variants = [[[at, later]], [[later, at]], [[at, at]], [[at]], [[at, None]], [[at, epoch]], [[]], [None]]
    assert len({digest(rows) for rows in variants}) == len(variants)
    assert digest([[at]], pl.Datetime("ms", "UTC")) != digest([[at]])
    assert digest([[1]], pl.Int64) != digest([[epoch.replace(microsecond=1)]])
