"""Two processes load one home at once and execute Dagster runs on one lake and one instance.

Each has a sandbox of its own, whose market is another one: a partition tells who wrote it, and a mixture would show.
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import duckdb
import httpx
import pytest

from market_assets.core import clock
from market_assets.tables import TABLES, contract
from resources.sandbox.synthetic import SyntheticBackend
from tests import run_workers
from tests.desk import Desk, Sandbox, opened, running

pytestmark = pytest.mark.slow

ASSET = "crypto_klines"
DAYS = ("2024-10-02", "2024-10-03")
#: partitions that one of them writes, and partitions that both write
OWN = (tuple(f"{day}|BTCUSDT" for day in DAYS), tuple(f"{day}|ETHUSDT" for day in DAYS))
BOTH = tuple(f"{day}|SOLUSDT" for day in DAYS)
#: what each of them runs over in each round
ROUNDS = (OWN, (BOTH, BOTH))

Closes = tuple[float, ...]


def watch(home: Path, ending: threading.Event) -> list[dict[str, Closes]]:
    """Ask plain DuckDB for the table again and again until the end; every answer."""
    answers: list[dict[str, Closes]] = []
    while not ending.wait(0.3):
        if (home / "warehouse.duckdb").exists():  # the workers make it when they load
            answers.append(viewed(home))
    return answers


def viewed(home: Path) -> dict[str, Closes]:
    """Partition -> its closes in order of time, as the view of the warehouse shows them."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.sql(
            f"SELECT strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%d') || '|' || symbol AS key, list(close ORDER BY ts) "
            f"FROM {ASSET} GROUP BY key"
        ).fetchall()
    return {key: tuple(closes) for key, closes in rows}


def traded(sandbox: Sandbox, key: str) -> Closes:
    """What the venue says of a partition, asked without any of our code."""
    day, symbol = key.split("|")
    start = clock.instant(day)
    milliseconds = [int(moment.timestamp() * 1000) for moment in (start, start + timedelta(days=1))]
    answer = httpx.get(
        f"{sandbox.url}/binance_usdm/fapi/v1/klines",
        params={
            "symbol": symbol,
            "interval": "1m",
            "startTime": milliseconds[0],
            "endTime": milliseconds[1] - 1,
            "limit": 1500,
        },
        timeout=30,
    )
    return tuple(float(candle[4]) for candle in answer.raise_for_status().json())


def work(sandboxes: Sequence[str], rounds: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """Have a worker for each sandbox execute its runs; what they say."""
    script = Path(run_workers.__file__)
    plan = json.dumps({"sandboxes": sandboxes, "asset": ASSET, "rounds": rounds})
    ended = subprocess.run(
        [sys.executable, str(script), plan],
        env={**os.environ, "PYTHONPATH": str(script.parents[1])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout.splitlines()


@dataclass
class Done:
    """What both workers did."""

    desk: Desk
    #: partition -> its closes on the market of each worker
    markets: dict[str, tuple[Closes, Closes]]
    #: run -> whether its worker says that it succeeded
    runs: dict[str, str]
    #: what a plain DuckDB client was shown meanwhile, answer by answer
    shown: list[dict[str, Closes]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """Two workers that were started at once, wrote partitions of their own at once, and then the same ones at once."""
    home = tmp_path_factory.mktemp("two")
    with contextlib.ExitStack() as stack:
        markets = [stack.enter_context(running(SyntheticBackend(seed=seed))) for seed in (7, 8)]
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        desk = stack.enter_context(opened(home, markets[0], patch, now="2024-10-05T12:07:20Z"))
        desk.set(DAGSTER_HOME=str(home / "dagster"))
        desk.configure(crypto={"symbols": ["BTCUSDT", "ETHUSDT", "SOLUSDT"]})
        # as ours, without pools: they would keep the two apart, and leave the store nothing to do
        (home / "dagster").mkdir()
        (home / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        # Dagster makes its files when it is first asked, and two that make them at once fail (seen with 1.13.27)
        with dg.DagsterInstance.get():
            pass
        ending = threading.Event()
        with ThreadPoolExecutor(1) as reader:
            watched = reader.submit(watch, home, ending)
            try:
                told = work([market.url for market in markets], ROUNDS)
            finally:
                ending.set()
        keys = {*OWN[0], *OWN[1], *BOTH}
        found = {key: (traded(markets[0], key), traded(markets[1], key)) for key in keys}
        yield Done(desk, found, dict(line.split() for line in told), watched.result())


@pytest.fixture
def done(both: Done, monkeypatch: pytest.MonkeyPatch) -> Done:
    """The same, with its home in force."""
    both.desk.enter(monkeypatch)
    return both


@pytest.fixture
def events(done: Done) -> Iterator[list[dg.AssetMaterialization]]:
    """Every materialisation that Dagster's storage knows of."""
    with dg.DagsterInstance.get() as instance:
        yield [
            record.asset_materialization
            for record in instance.fetch_materializations(dg.AssetKey(ASSET), limit=1000).records
            if record.asset_materialization is not None
        ]


def test_both_markets_differ(done: Done) -> None:
    """The premise: no partition is alike on both, and a day has its 1,440 candles."""
    assert {len(closes) for pair in done.markets.values() for closes in pair} == {1440}
    assert [key for key, (one, other) in done.markets.items() if one == other] == []


def test_every_run_succeeds_and_is_kept(done: Done) -> None:
    """One instance on SQLite has each run of both with every one of its events: nothing is lost."""
    assert set(done.runs.values()) == {"True"}
    with dg.DagsterInstance.get() as instance:
        kept = {run.run_id: run.status for run in instance.get_runs()}
        assert kept == dict.fromkeys(done.runs, dg.DagsterRunStatus.SUCCESS)
        assert len(kept) == 2 * len(ROUNDS)
        for run in kept:
            written = [
                event.dagster_event.partition
                for event in instance.all_logs(run, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
                if event.dagster_event is not None
            ]
            assert tuple(sorted(map(str, written))) in {*OWN, BOTH}
            assert instance.all_logs(run, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        assert instance.get_materialized_partitions(dg.AssetKey(ASSET)) == set(done.markets)


def test_partitions_of_one_worker_are_its_own(done: Done) -> None:
    """Writers of one table and of other partitions do not touch one another's."""
    shown = viewed(done.desk.home)
    for number, keys in enumerate(OWN):
        for key in keys:
            assert shown[key] == done.markets[key][number], key


def test_a_partition_of_both_is_one_of_the_two(done: Done) -> None:
    """Whoever came last, its rows are all there and the other's are not."""
    shown = viewed(done.desk.home)
    assert [key for key in BOTH if shown[key] not in done.markets[key]] == []
    assert set(shown) == set(done.markets)


def test_nobody_ever_saw_half_a_partition(done: Done) -> None:
    """What plain DuckDB was shown meanwhile was one market's or the other's, whole, and nothing vanished again."""
    mixed = [key for answer in done.shown for key, closes in answer.items() if closes not in done.markets[key]]
    assert mixed == []
    partitions = [set(answer) for answer in done.shown]
    assert [later for earlier, later in itertools.pairwise(partitions) if earlier - later] == []
    assert any(partitions), "nothing was ever shown while the workers ran"


def test_every_write_is_a_version(done: Done, events: list[dg.AssetMaterialization]) -> None:
    """A write that changed something was kept, the newest is the one in force, and both wrote partitions of both."""
    by_partition: dict[str, list[dict[str, object]]] = {}
    for event in events:
        told = {name: value.value for name, value in event.metadata.items()}
        if not told["unchanged"]:
            by_partition.setdefault(str(event.partition), []).append(told)
    for key in done.markets:
        versions = done.desk.store.versions(contract(ASSET), key)
        changed = sorted(by_partition[key], key=lambda told: str(told["published_at"]))
        assert [manifest.digest for manifest in versions] == [told["digest"] for told in changed], key
    assert {len({told["digest"] for told in by_partition[key]}) for key in BOTH} == {2}


def test_the_warehouse_has_a_view_of_every_table(done: Done) -> None:
    """Two processes that make the views at once leave one whole file."""
    with duckdb.connect(str(done.desk.home / "warehouse.duckdb"), read_only=True) as connection:
        views = {
            name for (name,) in connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
    assert set(TABLES) - views == set()
    assert list(done.desk.home.glob(".warehouse.*")) == []
