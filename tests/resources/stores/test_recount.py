"""Rows and digests computed from the rows are those that were written, on both stores."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from market_assets.core.contracts import Contract, Table, column
from market_assets.core.settings import RetentionSettings
from resources.stores.lake import LakeStore
from resources.stores.lake_recount import recount as recount_lake
from resources.stores.postgres import PostgresStore
from resources.stores.postgres_recount import recount as recount_postgres
from resources.stores.protocol import PartitionStore
from resources.stores.recounted import Recounted
from tests.resources.stores.conftest import BOTH
from tests.resources.stores.ticks import NIGHT, RATES, TICKS, Rates, rates, ticks

Recount = Callable[[str, Contract | None], Iterator[Recounted]]
KEY = "2026-03-02|XA"


class Graded(Rates):
    """One rate by name, as a later version declares it: with a grade, and one column that is no content."""

    grade = column(pl.Enum(["low", "high"]), "Grade", nullable=True)
    seen = column(pl.Int64, "Times it was seen", nullable=True, volatile=True)


@pytest.fixture(params=BOTH)
def counting(request: pytest.FixtureRequest, home: Path) -> tuple[PartitionStore, Recount]:
    """An empty store, and what recounts it."""
    if request.param == "duckdb":
        return LakeStore(home, RetentionSettings()), lambda table, kind: recount_lake(home, table, kind)
    url = request.getfixturevalue("postgres_url")
    return PostgresStore(url, RetentionSettings()), lambda table, kind: recount_postgres(url, table, kind)


def test_the_digest_is_the_one_that_was_written(counting: tuple[PartitionStore, Recount]):
    """Every type of column, nulls, several partitions, a replaced and an empty one."""
    store, recount = counting
    store.write(TICKS, KEY, ticks(price=1.0))
    written = [
        store.write(TICKS, KEY, ticks(7)).manifest,
        store.write(TICKS, "2026-03-02|XB", ticks(venue="XB")).manifest,
        store.write(TICKS, "2026-03-02|XC", TICKS.empty()).manifest,
    ]
    expected = [Recounted(one.partition, one.rows, one.digest) for one in written]
    assert sorted(recount("ticks", TICKS), key=lambda one: one.partition) == expected
    counted = [Recounted(one.partition, one.rows, None) for one in written]
    assert sorted(recount("ticks", None), key=lambda one: one.partition) == counted


def test_columns_that_came_later_do_not_count(counting: tuple[PartitionStore, Recount]):
    """A partition stored before them, and one stored with them, whose Enum is digested as its text."""
    store, recount = counting
    graded: Contract = _named(Graded, "rates")
    before = store.write(RATES, "all", rates(a=1.0, b=None)).manifest
    assert list(recount("rates", graded)) == [Recounted("all", 2, before.digest)]
    frame = rates(a=1.0, b=None).with_columns(
        grade=pl.Series(["high", None], dtype=graded.schema["grade"]), seen=pl.Series([1, 2], dtype=pl.Int64)
    )
    after = store.write(graded, "all", frame).manifest
    assert list(recount("rates", graded)) == [Recounted("all", 2, after.digest)]
    assert before.digest != after.digest


def test_a_table_that_is_not_there_has_no_partition(counting: tuple[PartitionStore, Recount]):
    """Nothing was ever written, or not of it."""
    store, recount = counting
    assert list(recount("ticks", TICKS)) == []
    store.write(RATES, "all", rates(a=1.0))
    assert list(recount("ticks", TICKS)) == []
    assert list(recount("ticks", None)) == []


@pytest.mark.postgres
def test_rows_that_the_books_do_not_know_count(postgres_url: str):
    """Neither does a row that went unnoticed: the rows are counted, not the books."""
    import psycopg

    written = PostgresStore(postgres_url, RetentionSettings()).write(TICKS, KEY, ticks()).manifest
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("INSERT INTO ticks SELECT venue, ts + interval '1 day', price, size, count, level, is_block, "
                   "settles, note, tags, source, ingested_at, '2026-03-03|XA' FROM ticks LIMIT 1")  # fmt: skip
        db.execute("DELETE FROM ticks WHERE ts = %s", [NIGHT])
    found = {one.partition: one for one in recount_postgres(postgres_url, "ticks", TICKS)}
    assert {key: one.rows for key, one in found.items()} == {KEY: 2, "2026-03-03|XA": 1}
    assert found[KEY].digest != written.digest


def test_a_file_that_cannot_be_read_is_told(home: Path):
    """By what is wrong with it; its neighbour counts."""
    store = LakeStore(home, RetentionSettings())
    for venue in ("XA", "XB"):
        store.write(TICKS, f"2026-03-02|{venue}", ticks(venue=venue))
    (file,) = (home / "lake" / "ticks").glob("*XA.parquet")
    (home / "lake" / "ticks" / ".live").rename(home / "live")
    file.write_bytes(b"PAR1" + bytes(100))
    damaged, whole = sorted(recount_lake(home, "ticks", TICKS), key=lambda one: one.partition)
    assert (damaged.partition, damaged.rows, damaged.digest) == (KEY, 0, None)
    assert damaged.damage.startswith("cannot be read: ")
    assert (whole.rows, whole.damage) == (3, "")
    frame = pl.DataFrame({"x": [1]})
    frame.write_parquet(file)
    (stranger, _) = sorted(recount_lake(home, "ticks", TICKS), key=lambda one: one.partition)
    assert "carries the manifest" in stranger.damage


def _named(table: type[Table], name: str) -> Contract:
    from dataclasses import replace

    return replace(table.contract(), name=name)
