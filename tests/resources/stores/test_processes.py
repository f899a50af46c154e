"""Several processes on one store: no error, no half partition, no loss by kill -9."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.resources.stores import hammer

#: how long four writers and four readers run against one another
SECONDS = 5.0
KILLS = 12

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


def start(what, place, seconds, tasks="-", pipe=None):
    command = [sys.executable, str(HAMMER), what, *place, str(seconds), tasks]
    return subprocess.Popen(command, stdin=pipe, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def crowd(place, seconds, **tasks):
    """How often each process did its task, by task."""
    process = start("crowd", place, seconds, ",".join(name for name, count in tasks.items() for _ in range(count)))
    out, err = process.communicate(timeout=seconds + 120)
    assert process.returncode == 0, err[-3000:]
    said = [line.split() for line in out.splitlines()]
    assert sorted(name for name, _ in said) == sorted(name for name, count in tasks.items() for _ in range(count))
    return {task: [int(done) for name, done in said if name == task] for task in tasks}


def settled(store):
    """Manifests and rows of one moment: a server may still be committing what a killed client sent."""
    for _ in range(50):
        before = store.manifests(hammer.TABLE)
        found = store.read(hammer.TABLE)
        if store.manifests(hammer.TABLE) == before:
            return before, found
    raise AssertionError("the store still changes although no writer is alive")


@pytest.mark.slow
def test_four_writers_and_four_readers(place):
    """Five seconds without an error, and every partition a reader sees is wholly one version."""
    done = crowd(place, SECONDS, write=4, read=4)
    assert min(done["write"]) > 10
    assert min(done["read"]) > 20
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
    done = crowd(("duckdb", str(home)), 3.0, write=2, query=2)
    assert min(done["write"]) > 10
    assert min(done["query"]) > 5


@pytest.mark.slow
def test_kill_minus_nine_leaves_the_old_or_the_new_partition(place):
    """Writers killed at random moments: each partition stays whole, writable and listed."""
    chance = random.Random(7)
    store = hammer.open_store(*place)
    published = {manifest.published_at for manifest in store.manifests(hammer.TABLE)}
    with start("nurse", place, 0, pipe=subprocess.PIPE) as nursery:
        for _ in range(KILLS):
            nursery.stdin.write(f"{chance.randrange(10**6)}\n")
            nursery.stdin.flush()
            writer = int(nursery.stdout.readline())
            time.sleep(chance.uniform(0.0, 0.2))
            os.kill(writer, signal.SIGKILL)
            manifests, found = settled(store)
            assert not hammer.halves(found)
            assert store.partitions(hammer.TABLE) == hammer.KEYS
            stored = dict(found.group_by("venue").len().iter_rows())
            assert {manifest.partition[-2:]: manifest.rows for manifest in manifests} == stored
            assert [store.versions(hammer.TABLE, key)[-1] for key in hammer.KEYS] == manifests
            published |= {manifest.published_at for manifest in manifests}
        nursery.stdin.close()
    assert len(published) > KILLS  # the writers did write before they died
    for venue, key in zip(hammer.VENUES, hammer.KEYS, strict=True):
        assert not store.write(hammer.TABLE, key, hammer.generation(venue, 1)).unchanged
    if place[0] == "duckdb":
        assert list((Path(place[1]) / "lake/generations/_writing").iterdir()) == []
