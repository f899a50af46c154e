"""Processes that write and read one store as fast as they can; started by test_processes.py.

    python hammer.py crowd <store> <address> <seconds> write,write,read    forks these, says how often each did it
    python hammer.py nurse <store> <address> 0 -                           forks writers that are there to be killed

`write` writes generations and never stops early; `read` and `query` check that every partition is one of them. Forking
saves each of them the imports; it is safe here because the process that forks never computes, so Polars has no threads
yet.

A generation `g` of a partition has `rows_of(g)` rows, all with `price == g`. A reader that sees two
generations in one partition, or fewer rows than its generation has, has seen half of it.
"""

import os
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from market_assets.core.contracts import UTC_MICROS, Contract, Table, column
from market_assets.core.settings import RetentionSettings
from resources.stores.protocol import PartitionStore

NIGHT = datetime(2026, 3, 2, tzinfo=UTC)
VENUES = [f"V{i}" for i in range(8)]
LARGE = 1_000_000
KEYS = [f"2026-03-02|{venue}" for venue in VENUES]


class Generations(Table):
    """One row of one generation."""

    key = ("venue", "ts")
    partitioned_by = {"venue": "venue", "day": "ts"}
    time_column = "ts"

    venue = column(pl.String, "Partition")
    ts = column(UTC_MICROS, "Position")
    price = column(pl.Float64, "Generation")
    source = column(pl.String, "Vendor")


TABLE: Contract = Generations.contract()


def rows_of(generation: int) -> int:
    """How many rows that generation has; from `LARGE` on many, so that a kill falls into the writing."""
    return (100 + 37 * generation % 400) * (60 if generation >= LARGE else 1)


def generation(venue: str, number: int) -> pl.DataFrame:
    """All rows of one generation of one partition."""
    count = rows_of(number)
    seconds = pl.int_range(count, eager=True) * 1_000_000 + int(NIGHT.timestamp()) * 1_000_000
    return pl.select(venue=pl.repeat(venue, count), ts=seconds.cast(UTC_MICROS)).with_columns(
        price=pl.lit(float(number)), source=pl.lit("a")
    )


def halves(frame: pl.DataFrame) -> list[str]:
    """Partitions that are not wholly one generation."""
    seen = frame.group_by("venue").agg(low=pl.col("price").min(), high=pl.col("price").max(), rows=pl.len())
    return [
        f"{row['venue']}: {row}"
        for row in seen.iter_rows(named=True)
        if row["low"] != row["high"] or row["rows"] != rows_of(int(row["low"]))
    ]


def open_store(kind: str, address: str) -> PartitionStore:
    """The store under test."""
    if kind == "duckdb":
        from resources.stores.lake import LakeStore

        return LakeStore(Path(address), RetentionSettings(versions=3, versions_days=0))
    from resources.stores.postgres import PostgresStore

    return PostgresStore(address, RetentionSettings(versions=3, versions_days=0))


def write(store: PartitionStore, seconds: float, seed: int, first: int = 0) -> int:
    """Write generations of random partitions until the time is up."""
    chance, count = random.Random(seed), 0
    end = time.monotonic() + seconds
    while count == 0 or time.monotonic() < end:
        venue = chance.choice(VENUES)
        store.write(TABLE, f"2026-03-02|{venue}", generation(venue, first + chance.randrange(LARGE)))
        count += 1
    return count


def read(store: PartitionStore, seconds: float, seed: int) -> int:
    """Read random partitions, one or all, by frame, scan and `as_of`, until the time is up."""
    chance, count = random.Random(seed), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        keys = chance.choice([None, [chance.choice(KEYS)]])
        found = store.read(TABLE, keys) if count % 3 else store.scan(TABLE, keys).collect()
        assert not halves(found), halves(found)
        assert found["venue"].n_unique() == (len(VENUES) if keys is None else 1)
        count += 1
    return count


def query(store: PartitionStore, seconds: float, address: str) -> int:
    """Ask plain DuckDB for every partition until the time is up."""
    import duckdb

    del store
    count = 0
    end = time.monotonic() + seconds
    with duckdb.connect(f"{address}/warehouse.duckdb", read_only=True) as connection:
        while time.monotonic() < end:
            found = connection.sql("SELECT venue, price FROM generations").pl()
            assert not halves(found), halves(found)
            assert found["venue"].n_unique() == len(VENUES)
            count += 1
    return count


def nurse(kind: str, address: str) -> None:
    """Fork a writer for each seed on standard input; say its process id after its first write."""
    open_store(kind, address)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            store = open_store(kind, address)
            write(store, 0.0, int(line), first=LARGE)
            sys.stdout.write(f"{os.getpid()}\n")
            sys.stdout.flush()
            write(store, 60.0, int(line) + 1, first=LARGE)
        os.waitpid(child, 0)


def crowd(kind: str, address: str, seconds: float, tasks: Sequence[str]) -> int:
    """Fork a process for each task; write how often it was done in the time. Returns how many failed."""
    open_store(kind, address)
    children = []
    for seed, task in enumerate(tasks):
        child = os.fork()
        if child == 0:
            sys.stdout.write(f"{task} {_done(task, open_store(kind, address), address, seconds, seed)}\n")
            sys.exit()
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


def _done(task: str, store: PartitionStore, address: str, seconds: float, seed: int) -> int:
    if task == "query":
        return query(store, seconds, address)
    return {"write": write, "read": read}[task](store, seconds, seed)


if __name__ == "__main__":
    what, kind, address, seconds, tasks = sys.argv[1:6]
    if what == "nurse":
        nurse(kind, address)
        sys.exit()
    sys.exit(crowd(kind, address, float(seconds), tasks.split(",")))
