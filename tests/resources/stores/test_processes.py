"""Several processes on one store: no error, no half partition, no loss by kill -9."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.resources.stores import hammer

#: how long four writers and four readers run against one another
SECONDS = 20.0
KILLS = 30

HAMMER = Path(hammer.__file__)
ROOT = HAMMER.parents[3]


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request, home):
    """Kind and address of a store that holds generation 0 of every partition."""
    address = str(home) if request.param == "duckdb" else request.getfixturevalue("postgres_url")
    store = hammer.open_store(request.param, address)
    store.refresh_views([hammer.TABLE])
    for venue, key in zip(hammer.VENUES, hammer.KEYS, strict=True):
        store.write(hammer.TABLE, key, hammer.generation(venue, 0))
    return request.param, address


def start(what, place, seconds, seed=0):
    command = [sys.executable, str(HAMMER), what, *place, str(seconds), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def finished(process):
    out, err = process.communicate(timeout=SECONDS + 120)
    assert process.returncode == 0, err[-3000:]
    return int(out.splitlines()[-1])


@pytest.mark.slow
def test_four_writers_and_four_readers(place):
    """Twenty seconds without an error, and every partition a reader sees is wholly one version."""
    writers = [start("write", place, SECONDS, seed) for seed in range(4)]
    readers = [start("read", place, SECONDS, seed) for seed in range(4)]
    written = [finished(process) for process in writers]
    seen = [finished(process) for process in readers]
    assert min(written) > 20
    assert min(seen) > 20
    store = hammer.open_store(*place)
    for key in hammer.KEYS:
        history = store.versions(hammer.TABLE, key)
        assert [manifest.published_at for manifest in history] == sorted({m.published_at for m in history})
        assert len(history) == 4  # three superseded ones by the retention, and the current one


@pytest.mark.slow
def test_plain_duckdb_queries_while_writers_run(home):
    """A client that knows nothing of us sees whole partitions, all of them, without an error."""
    store = hammer.open_store("duckdb", str(home))
    store.refresh_views([hammer.TABLE])
    for venue, key in zip(hammer.VENUES, hammer.KEYS, strict=True):
        store.write(hammer.TABLE, key, hammer.generation(venue, 0))
    writers = [start("write", ("duckdb", str(home)), 8.0, seed) for seed in range(2)]
    clients = [start("query", ("duckdb", str(home)), 8.0) for _ in range(2)]
    assert min(finished(process) for process in writers) > 20
    assert min(finished(process) for process in clients) > 5


@pytest.mark.slow
def test_kill_minus_nine_leaves_the_old_or_the_new_partition(place):
    """Writers killed at random moments: each partition stays whole, writable and listed."""
    chance = random.Random(7)
    store = hammer.open_store(*place)
    killed = 0
    while killed < KILLS:
        writers = [start("write", place, 60.0, chance.randrange(10**6)) for _ in range(2)]
        for process in writers:
            assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.3, 0.6))
        for process in writers:
            time.sleep(chance.uniform(0.0, 0.05))
            process.kill()
            process.communicate(timeout=30)
            killed += 1
        found = store.read(hammer.TABLE)
        assert not hammer.halves(found)
        assert store.partitions(hammer.TABLE) == hammer.KEYS
        for key in hammer.KEYS:
            newest = store.versions(hammer.TABLE, key)[-1]
            assert newest == store.manifest(hammer.TABLE, key)
            assert newest.rows == store.read(hammer.TABLE, [key]).height
    for venue, key in zip(hammer.VENUES, hammer.KEYS, strict=True):
        assert not store.write(hammer.TABLE, key, hammer.generation(venue, 1_000_001)).unchanged
    if place[0] == "duckdb":
        assert list((Path(place[1]) / "lake/generations/_writing").iterdir()) == []
