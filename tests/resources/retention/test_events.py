"""Which runs go with their events, and that nothing goes with them that is the latest of its kind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import psycopg
import pytest
import yaml
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.tags import BACKFILL_ID_TAG, PARENT_RUN_ID_TAG
from hypothesis import Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from market_assets.settings import load
from resources.retention import events
from resources.retention.job import Job, Tally
from resources.run_ledger import RunLedger
from resources.stores import open_store
from tests.resources.ledger_graph import BREAKS, GRAPH, fresh_instance, run
from tests.resources.retention.runs import CHECK, Past

NOW = datetime(2026, 8, 1, tzinfo=UTC)
FAILED, CANCELED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED
BOTH = ["on_disk", pytest.param("made_in_postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="module")
def made_in_postgres(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance whose storage is a database of its own."""
    home = tmp_path_factory.mktemp("dagster")
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE retention_of_events")
    url = postgres_server.replace("/postgres?", "/retention_of_events?", 1)
    told = {"telemetry": {"enabled": False}, "storage": {"postgres": {"postgres_url": url}}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(told))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@pytest.fixture(params=BOTH)
def past(request: pytest.FixtureRequest) -> Past:
    """An instance on disk or in PostgreSQL, without any run."""
    instance: dg.DagsterInstance = request.getfixturevalue(request.param)
    instance.wipe()
    return Past(instance)


@pytest.fixture(scope="module")
def in_memory() -> Iterator[dg.DagsterInstance]:
    """An instance with the same SQL that is on no disk."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def memory(in_memory: dg.DagsterInstance) -> Past:
    """It without any run."""
    in_memory.wipe()
    return Past(in_memory)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def thinned(past: Past, *, dry_run: bool = False, now: datetime = NOW, **retention: int) -> Tally:
    found = load(retention=retention)
    tally = Tally()
    events.thin(Job(found, open_store(found), past.instance, now, dry_run), tally)
    return tally


def test_a_run_goes_whole_once_it_is_superseded(past: Past) -> None:
    """With its record, its tags, its events and its file; what came after it is untouched."""
    old = past.run(ago(40), {"prices": ["a", "b"]}, ["prices"], tags={"mine": "yes"})
    new = past.run(ago(35), {"prices": ["a", "b"]}, ["prices"])
    last = past.run(ago(1), {"other": [None]})
    before = latest_of(past)
    would = thinned(past, dry_run=True)
    assert past.runs() == {old, new, last}
    done = thinned(past)
    assert past.runs() == {new, last}
    assert would == done
    assert (done.total.examined, done.total.removed) == (2, 1)
    assert done.kept_since == ago(30)
    assert "1 runs stay" in done.notes[0]
    assert latest_of(past) == before
    made = past.instance.fetch_materializations(dg.AssetKey("prices"), limit=10).records
    assert [record.run_id for record in made] == [new, new]
    assert past.instance.get_run_tags(tag_keys=["mine"]) == []
    storage = past.instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        assert not Path(storage.path_for_shard(old)).exists()
        assert Path(storage.path_for_shard(new)).exists()
        assert done.total.bytes > 100_000
    else:
        assert not done.counts_bytes


def test_a_run_that_holds_the_latest_of_anything_stays(past: Past) -> None:
    """Of one of its partitions, of an asset without partitions, of a check; whatever its age."""
    whole = past.run(ago(400), {"summary": [None]})
    of_a = past.run(ago(300), {"prices": ["a", "b"]})
    past.run(ago(290), {"prices": ["b"]})
    judged = past.run(ago(280), {"daily": ["a"]}, ["daily"])
    unjudged = past.run(ago(270), {"daily": ["a"]})
    only_judged = past.run(ago(260), judged=["names"])
    of_b = past.run(ago(200), {"prices": ["b"]})
    last = past.run(ago(1))
    assert thinned(past).total.removed == 1
    assert past.runs() == {whole, of_a, judged, unjudged, only_judged, of_b, last}


def test_a_judgement_of_everything_supersedes_all_before_it(memory: Past) -> None:
    """Those of partitions too, and of several such judgements only the last stays."""
    memory.run(ago(100), {"prices": ["a"]}, ["prices"])
    memory.run(ago(95), judged=["prices"])
    of_a = memory.run(ago(90), {"prices": ["a"]})
    judged = memory.run(ago(85), judged=["prices"])
    last = memory.run(ago(1))
    assert thinned(memory).total.removed == 2
    assert memory.runs() == {of_a, judged, last}


def test_runs_that_failed_have_a_time_of_their_own(memory: Past) -> None:
    """Their events are what one looks at; runs that neither ended nor are old stay, of whatever state."""
    gone = [memory.run(ago(100), status=FAILED), memory.run(ago(91), status=CANCELED), memory.run(ago(31))]
    kept = [
        memory.run(ago(89), status=FAILED),
        memory.run(ago(29)),
        memory.run(ago(500), status=dg.DagsterRunStatus.STARTED),
        memory.run(ago(500), status=dg.DagsterRunStatus.NOT_STARTED),
        memory.run(ago(1)),
    ]
    assert thinned(memory).total.removed == len(gone)
    assert memory.runs() == set(kept)


def test_what_is_under_way_keeps_what_it_looks_back_at(memory: Past) -> None:
    """The run that is repeated now, and those of a backfill that has not ended."""
    parent, of_backfill = memory.run(ago(50), status=FAILED), memory.run(ago(50), tags={BACKFILL_ID_TAG: "going"})
    of_ended = memory.run(ago(50), tags={BACKFILL_ID_TAG: "ended"})
    running = memory.run(ago(0.1), status=dg.DagsterRunStatus.STARTED, tags={PARENT_RUN_ID_TAG: parent})
    for name, status in (("going", BulkActionStatus.REQUESTED), ("ended", BulkActionStatus.COMPLETED_SUCCESS)):
        memory.instance.add_backfill(
            PartitionBackfill(
                backfill_id=name, status=status, from_failure=False, tags={}, backfill_timestamp=0.0, asset_selection=[]
            )
        )
    assert thinned(memory, failed_runs_days=30).total.removed == 1
    assert memory.runs() == {parent, of_backfill, running}
    assert of_ended not in memory.runs()


def test_what_a_ledger_tells_of_can_still_be_looked_at(home: Path) -> None:
    """A failure that lasts keeps its run."""
    with fresh_instance() as instance:
        BREAKS["summary"] = ValueError("no rows")
        failed = run(instance, "summary").run_id
        BREAKS.clear()
        RunLedger(home).follow(instance, GRAPH)
        past = Past(instance)
        past.run(ago(1), {"other": [None]})
        later = datetime.now(UTC) + timedelta(days=1_000)
        assert thinned(past, now=later).total.removed == 0
        run(instance, "summary")
        RunLedger(home).follow(instance, GRAPH)
        assert thinned(past, now=later).total.removed == 1
        assert failed not in past.runs()


def test_numbers_of_events_are_not_given_twice(past: Past) -> None:
    """SQLite would use the newest number again once it is free, and whoever reads on from it would miss an event."""
    past.run(ago(50), {"prices": ["a"]}, ["prices"])
    past.run(ago(45), judged=["prices"])
    before = past.instance.event_log_storage.get_maximum_record_id()
    thinned(past)
    past.run(ago(40), {"prices": ["a"]})
    after = past.instance.event_log_storage.get_maximum_record_id()
    assert before is not None and after is not None and after > before


def test_one_call_looks_at_so_many_runs_and_the_next_goes_on(memory: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that stay at the beginning do not keep the others from being looked at, and in the end it begins anew."""
    monkeypatch.setattr(events, "MOST_RUNS", 4)
    monkeypatch.setattr(events, "_AT_ONCE", 3)
    stay = [memory.run(ago(90 - n), {"prices": [str(n)]}) for n in range(5)]
    gone = [memory.run(ago(80 - n)) for n in range(5)]
    last = memory.run(ago(1))
    first = thinned(memory)
    assert (first.total.examined, first.total.removed) == (4, 0)
    assert "the next goes on" in first.notes[-1]
    would = thinned(memory, dry_run=True)
    assert thinned(memory) == would
    assert (would.total.examined, would.total.removed) == (4, 3)
    assert (thinned(memory).total.removed, memory.runs()) == (2, {*stay, last})
    assert len(gone) == 5
    assert thinned(memory).total.examined == 4


def test_results_of_checks_stay(memory: Past) -> None:
    """Dagster has no way to remove those of a run."""
    memory.run(ago(50), {"prices": ["a"]}, ["prices"])
    memory.run(ago(40), {"prices": ["a"]}, ["prices"])
    memory.run(ago(1))
    assert thinned(memory).total.removed == 1
    key = dg.AssetCheckKey(dg.AssetKey("prices"), CHECK)
    assert len(memory.instance.event_log_storage.get_asset_check_execution_history(key, 10)) == 2


PARTS = ("a", "b", "c")
ENDED = (dg.DagsterRunStatus.SUCCESS, FAILED, CANCELED, dg.DagsterRunStatus.STARTED)


class Made(NamedTuple):
    """A run as it is drawn: days ago, how it ended, what it made, and whether it judged prices where it made none."""

    age: int
    status: dg.DagsterRunStatus
    prices: frozenset[str]
    loose: frozenset[str]
    looks: bool

    @property
    def judges(self) -> bool:
        return bool(self.prices) or self.looks

    def goes(self, later: list["Made"], days: int, failed_days: int) -> bool:
        """By hand: old, and all that it made and judged was made and judged again, by one of these or another."""
        limits = {dg.DagsterRunStatus.SUCCESS: days, FAILED: failed_days, CANCELED: failed_days}
        if self.age <= limits.get(self.status, self.age):
            return False
        if not later or (self.tells and not any(other.tells for other in later)):
            return False  # the newest run, or that of the newest event
        made_again = all(any(part in other.prices for other in later) for part in self.prices) and all(
            any(part in other.loose for other in later) for part in self.loose
        )
        # who makes loose parts is about these, so looks at no more than that
        whole = any(other.looks and not other.prices and not other.loose for other in later)
        return made_again and (not self.judges or whole or bool(self.prices))

    @property
    def tells(self) -> bool:
        return bool(self.prices or self.loose or self.looks)


of_parts = st.frozensets(st.sampled_from(PARTS), max_size=3)
some_runs = st.lists(
    st.builds(Made, st.integers(1, 150), st.sampled_from(ENDED), of_parts, of_parts, st.booleans()),
    max_size=8,
    unique_by=lambda run: run.age,
)


@examples(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(some_runs, st.integers(1, 120), st.integers(1, 120))
def test_exactly_the_runs_go_that_are_old_and_superseded(
    in_memory: dg.DagsterInstance, made: list[Made], days: int, failed_days: int
) -> None:
    """Whatever the ages and the limits: the set that one finds by looking at every run and every other."""
    in_memory.wipe()
    past, ordered = Past(in_memory), sorted(made, key=lambda run: -run.age)
    ids = [
        past.run(
            ago(run.age),
            {"prices": sorted(run.prices), "loose": sorted(run.loose)},
            ["prices"] if run.judges else [],
            status=run.status,
        )
        for run in ordered
    ]
    gone = {ids[n] for n, run in enumerate(ordered) if run.goes(ordered[n + 1 :], days, failed_days)}
    would = thinned(past, dry_run=True, events_days=days, failed_runs_days=failed_days)
    assert past.runs() == set(ids)
    done = thinned(past, events_days=days, failed_runs_days=failed_days)
    assert past.runs() == set(ids) - gone
    assert would == done and done.total.removed == len(gone)


def latest_of(past: Past) -> dict[str, int]:
    """The newest materialisation of every partition, by number."""
    storage = past.instance.event_log_storage
    found = storage.get_latest_storage_id_by_partition(dg.AssetKey("prices"), dg.DagsterEventType.ASSET_MATERIALIZATION)
    return dict(found)
