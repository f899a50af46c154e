"""Units of a run: stored as they are finished, failed on their own, fetched side by side or one by one."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS, Contract, Table, column
from market_assets.core.settings import RetentionSettings
from resources.fetch_log import FetchLog
from resources.http.errors import Unauthorized, Unavailable
from resources.http.workers import check
from resources.partition_fetch import FetchedPartitions, PartitionFetch, Unit
from resources.stores.lake import LakeStore

SYMBOLS = ["AA", "BB", "CC", "DD", "EE", "FF"]
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_S = 20.0


class Quotes(Table):
    """One quote of one symbol."""

    key = ("symbol", "ts")
    partitioned_by = {"symbol": "symbol"}
    time_column = "ts"

    symbol = column(pl.String, "Symbol")
    ts = column(UTC_MICROS, "Instant")
    price = column(pl.Float64, "Price")


QUOTES: Contract = Quotes.contract()


def brought(symbol: str, price: float = 1.0, **more: Any) -> FetchedPartitions:
    rows = pl.DataFrame({"symbol": [symbol], "ts": [AT], "price": [price]}, schema=QUOTES.schema)
    return FetchedPartitions({symbol: rows}, **more)


@dataclass
class Bench:
    """A home in which runs fetch one unit per symbol."""

    home: Path
    instance: dg.DagsterInstance
    log: FetchLog = field(init=False)
    store: LakeStore = field(init=False)

    def __post_init__(self) -> None:
        self.log, self.store = FetchLog(self.home), LakeStore(self.home, RetentionSettings())

    def run(
        self,
        fetch: Callable[[Unit], FetchedPartitions],
        symbols: Iterable[str] = SYMBOLS,
        *,
        workers: int = 1,
        retried: str | None = None,
    ) -> dg.ExecuteInProcessResult:
        units = [Unit(symbol, (symbol,)) for symbol in symbols]
        return self.run_units(units, fetch, workers=workers, retried=retried)

    def run_units(
        self,
        units: Sequence[Unit],
        fetch: Callable[[Unit], FetchedPartitions],
        *,
        workers: int = 1,
        retried: str | None = None,
    ) -> dg.ExecuteInProcessResult:
        keys = [key for unit in units for key in unit.partitions]
        parts = dg.StaticPartitionsDefinition(keys)

        @dg.asset(name="quotes", partitions_def=parts, backfill_policy=dg.BackfillPolicy.single_run())
        def asset(context: dg.AssetExecutionContext) -> None:
            PartitionFetch(context, self.store, self.log, QUOTES, 0.01).run(units, fetch, workers=workers)

        tags = {
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
            **({PARENT_RUN_ID_TAG: retried, ROOT_RUN_ID_TAG: retried} if retried else {}),
        }
        return dg.materialize([asset], instance=self.instance, tags=tags, raise_on_error=False)

    def stored(self) -> list[str]:
        return self.store.partitions(QUOTES)

    def told(self) -> dict[str, Mapping[str, Any]]:
        """Partition -> metadata of its one event."""
        records = self.instance.fetch_materializations(dg.AssetKey("quotes"), limit=100).records
        events = [record.asset_materialization for record in records]
        facts = {event.partition: {name: value.value for name, value in event.metadata.items()} for event in events}
        assert len(facts) == len(events)
        return facts

    def outcomes(self) -> dict[str, str]:
        found = self.log.outcomes("quotes")
        return dict(zip(found["partition"], found["outcome"], strict=True))


@pytest.fixture
def bench(home: Path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Bench(home, instance)


def said(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = result.get_step_failure_events()
    error = failure.step_failure_data.error
    return f"{error.message} {failure.step_failure_data.user_failure_data.description}"


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_every_unit_is_stored(bench: Bench, workers: int):
    """More units than workers, or fewer: each is asked for once, stored and noted."""
    asked: list[str] = []

    def fetch(unit: Unit) -> FetchedPartitions:
        asked.append(unit.name)
        return brought(unit.name, metadata={unit.name: {"requests": 3}})

    result = bench.run(fetch, workers=workers)
    assert result.success
    assert {facts["requests"] for facts in bench.told().values()} == {3}
    assert sorted(asked) == bench.stored() == SYMBOLS
    assert bench.outcomes() == dict.fromkeys(SYMBOLS, "ok")
    assert bench.store.read(QUOTES).height == 6


@pytest.mark.parametrize("workers", [1, 3])
def test_a_failure_costs_its_own_unit(bench: Bench, workers: int):
    """The run fails naming the unit and why; the others are stored and told with their own facts."""

    def fetch(unit: Unit) -> FetchedPartitions:
        if unit.name == "BB":
            raise Unavailable("okx", "HTTP 503", endpoint="/x", context="BB")
        return brought(unit.name, metadata={unit.name: {"requests": 3}})

    result = bench.run(fetch, workers=workers)
    assert not result.success
    assert "quotes: 1 of 6 request series failed, 5 stored. BB: okx /x [BB]: HTTP 503." in said(result)
    assert bench.stored() == ["AA", "CC", "DD", "EE", "FF"]
    assert bench.outcomes()["BB"] == "unavailable"
    facts = bench.told()["AA"]
    assert (facts["requests"], facts["quarantined_rows"], facts["dagster/row_count"]) == (3, 0, 1)
    assert facts["step_failed_later"] is True
    assert "BB" not in bench.told()


def test_a_partition_without_a_frame_stays_as_it_is(bench: Bench):
    """Of a unit's two partitions one was not answered: the other is stored and done, only the first has failed."""
    bench.run(lambda unit: brought(unit.name), ["AA"])
    both = Unit("AA to BB", ("AA", "BB"))
    result = bench.run_units([both], lambda _: brought("BB", 2.0, incomplete="1 of 2 was not answered"))
    assert not result.success
    assert "1 of 1 request series failed, 0 stored. AA to BB: 1 of 2 was not answered" in said(result)
    assert bench.store.read(QUOTES)["price"].to_list() == [1.0, 2.0]
    assert bench.outcomes() == {"AA": "incomplete", "BB": "ok"}


@pytest.mark.parametrize("workers", [1, 3])
def test_what_is_incomplete_is_stored_and_counts_as_failed(bench: Bench, workers: int):
    """Its rows are there and told; the run fails naming what is missing; a retry asks for that unit alone."""
    asked: list[str] = []

    def fetch(unit: Unit) -> FetchedPartitions:
        asked.append(unit.name)
        first = len(asked) <= len(SYMBOLS)
        lacking = "2 of 600 contracts were not answered" if first and unit.name == "CC" else None
        return brought(unit.name, 1.0 if first else 2.0, incomplete=lacking)

    result = bench.run(fetch, workers=workers)
    assert not result.success
    expected = "1 of 6 request series failed, 5 stored, 1 stored in part. CC: 2 of 600 contracts were not answered."
    assert expected in said(result)
    assert bench.stored() == SYMBOLS
    assert bench.told().keys() == set(SYMBOLS)
    assert bench.told()["CC"]["step_failed_later"] is True
    note = bench.log.outcomes("quotes").row(by_predicate=pl.col("partition") == "CC", named=True)
    assert (note["outcome"], note["error"]) == ("incomplete", "2 of 600 contracts were not answered")
    again = bench.run(fetch, workers=workers, retried=result.run_id)
    assert again.success
    assert asked[6:] == ["CC"]
    assert bench.store.read(QUOTES, ["CC"])["price"].to_list() == [2.0]
    assert bench.outcomes()["CC"] == "ok"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refused_key_ends_the_run(bench: Bench, workers: int):
    """After Unauthorized no further unit is asked for; what was under way is still stored."""
    asked: list[str] = []
    refused, late = threading.Event(), threading.Event()

    def fetch(unit: Unit) -> FetchedPartitions:
        asked.append(unit.name)
        if unit.name == "AA":
            if workers > 1:
                assert late.wait(LONG_S)
            refused.set()
            raise Unauthorized("okx", "the key is refused")
        late.set()
        assert refused.wait(LONG_S)
        time.sleep(0.2)  # the refusal ends first
        return brought(unit.name)

    result = bench.run(fetch, workers=workers)
    assert not result.success
    assert asked == SYMBOLS[:workers]
    assert bench.stored() == SYMBOLS[1:workers]
    assert f"1 of 6 request series failed, {workers - 1} stored, {6 - workers} not asked" in said(result)


def test_a_slow_unit_does_not_hold_back_the_others(bench: Bench):
    """Two at a time: while the first is waited for, all others are fetched and stored."""
    released = threading.Event()

    def fetch(unit: Unit) -> FetchedPartitions:
        if unit.name == "AA":
            assert released.wait(LONG_S)
        return brought(unit.name)

    class Watching(LakeStore):
        def write(self, contract: Contract, partition: str, *rest: Any, **more: Any) -> Any:
            outcome = super().write(contract, partition, *rest, **more)
            if self.partitions(contract) == SYMBOLS[1:]:
                released.set()
            return outcome

    bench.store = Watching(bench.home, RetentionSettings())
    assert bench.run(fetch, workers=2).success
    assert released.is_set()
    assert bench.stored() == SYMBOLS


def test_threads_fetch_and_the_run_s_own_thread_stores(bench: Bench):
    """Fetching sees the run's stopped clock in a thread of its own; the store is asked by one thread only."""
    threads: dict[str, set[int]] = {"fetch": set(), "store": set()}
    instants: set[datetime] = set()
    together = threading.Barrier(3)

    def fetch(unit: Unit) -> FetchedPartitions:
        together.wait(LONG_S)
        threads["fetch"].add(threading.get_ident())
        instants.add(clock.now())
        return brought(unit.name)

    class Watching(LakeStore):
        def write(self, *given: Any, **more: Any) -> Any:
            threads["store"].add(threading.get_ident())
            return super().write(*given, **more)

    bench.store = Watching(bench.home, RetentionSettings())
    with clock.frozen(AT):
        assert bench.run(fetch, workers=3).success
    assert instants == {AT}
    assert len(threads["fetch"]) == 3
    assert threads["store"] == {threading.get_ident()}


@pytest.mark.parametrize("fault", ["fetch", "store"])
def test_a_fault_of_ours_ends_the_run_and_what_is_under_way(bench: Bench, fault: str):
    """An error that is no vendor's is not a unit's failure: the run ends with it, and its threads stop asking."""
    stopped, asking = threading.Event(), threading.Event()

    class Broken(LakeStore):
        def write(self, *given: Any, **more: Any) -> Any:
            raise KeyError("a bug")

    bench.store = Broken(bench.home, RetentionSettings())

    def fetch(unit: Unit) -> FetchedPartitions:
        if unit.name == "AA":
            assert asking.wait(LONG_S)
            if fault == "store":
                return brought("AA")
            raise KeyError("a bug")
        asking.set()
        try:
            while True:
                check()
        finally:
            stopped.set()

    result = bench.run(fetch, workers=2)
    assert not result.success
    assert "KeyError" in "".join(str(event.step_failure_data.error) for event in result.get_step_failure_events())
    assert stopped.is_set()
    assert bench.stored() == []
