"""Everything to a standstill and on again, with the real graph in a real Dagster instance."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import FileCodePointer
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData
from dagster._core.storage.dagster_run import DagsterRun, RunsFilter
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from market_assets.definitions import build_defs
from market_assets.ops import automation
from market_assets.ops.standstill import NotStopped, Standstill, instance_of
from market_assets.settings import settings
from resources import stop_marker as marker
from tests.market_assets.ops.conftest import Watch

FOLLOW = "follow"


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """The real definitions, without any key: funding and what follows run by default."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MARKET_ASSETS_HOME", str(tmp_path_factory.mktemp("graph")))
        for name in ("POLYGON_API_KEY", "GLASSNODE_API_KEY"):
            patched.delenv(name, raising=False)
        settings.cache_clear()
        return build_defs(settings())


def standstill(instance: dg.DagsterInstance | None, defs: dg.Definitions, watch: Watch) -> Standstill:
    return Standstill(settings(), instance, lambda: defs, sleep=watch.sleep, monotonic=watch.monotonic)


def stored(instance: dg.DagsterInstance) -> dict[str, InstigatorStatus]:
    """Name -> what Dagster has stored."""
    return {state.instigator_name: state.status for state in instance.all_instigator_state()}


def by_default(defs: dg.Definitions) -> set[str]:
    """What runs unless somebody turns it off, by the definitions themselves."""
    repository = defs.get_repository_def()
    schedules = {one.name for one in repository.schedule_defs if one.default_status.value == "RUNNING"}
    return schedules | {one.name for one in repository.sensor_defs if one.default_status.value == "RUNNING"}


def state_of(name: str, status: InstigatorStatus, location: str = "market_assets") -> InstigatorState:
    """A state as a daemon or the UI stores it for a schedule of a code location."""
    origin = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name="market_assets.definitions", working_directory="/srv"), location
    )
    return InstigatorState(
        RemoteRepositoryOrigin(origin, "__repository__").get_instigator_origin(name),
        automation.InstigatorType.SCHEDULE,
        status,
        ScheduleInstigatorData("0 6 * * *", 1.0),
    )


def queued(instance: dg.DagsterInstance, location: str = "market_assets") -> str:
    """A run of a code location that waits in the queue."""
    origin = state_of("any", InstigatorStatus.RUNNING, location).origin.repository_origin.get_job_origin("small")
    job = _job()
    run = instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=origin,
        job_code_origin=JobPythonOrigin("small", RepositoryPythonOrigin(sys.executable, FileCodePointer("x.py", "x"))),
    )
    return run.run_id


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        """Done at once."""

    @dg.job
    def small() -> None:
        nothing()

    return small


def test_what_runs_by_default_and_was_never_seen_is_turned_off(
    instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch
):
    """No daemon has run: nothing is stored, and yet all that would run is off, so that a daemon finds it so."""
    assert stored(instance) == {}
    assert FOLLOW in by_default(defs)
    done = standstill(instance, defs, watch).stop("", "me", wait_s=60)
    assert done.is_still
    assert {one.name for one in done.turned_off} == by_default(defs)
    assert stored(instance) == dict.fromkeys(by_default(defs), InstigatorStatus.STOPPED)
    assert automation.running(instance, defs) == []


def test_a_daemon_finds_them_off(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """Dagster's own judgement of the real sensors and schedules, by the code location as its daemon loads it."""
    from dagster._core.remote_origin import InProcessCodeLocationOrigin

    standstill(instance, defs, watch).stop("", "me", wait_s=60)
    target = LoadableTargetOrigin(module_name="market_assets.definitions")
    location = InProcessCodeLocationOrigin(target, location_name="market_assets").create_location(instance)
    (repository,) = location.get_repositories().values()
    everything = [*repository.get_schedules(), *repository.get_sensors()]
    assert len(everything) >= len(by_default(defs))
    states = {state.selector_id: state for state in instance.all_instigator_state()}
    judged = {one.name: one.get_current_instigator_state(states.get(one.selector_id)) for one in everything}
    assert [name for name, state in judged.items() if state.is_running] == []
    Standstill(settings(), instance, lambda: defs).start()
    states = {state.selector_id: state for state in instance.all_instigator_state()}
    judged = {one.name: one.get_current_instigator_state(states.get(one.selector_id)) for one in everything}
    assert {name for name, state in judged.items() if state.is_running} == by_default(defs)


def test_start_turns_on_exactly_what_stop_turned_off(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """Somebody's choice stays: on by hand is on again, off by hand stays off, and by default is by default again."""
    names = sorted(one.name for one in defs.get_repository_def().schedule_defs)
    by_hand = next(name for name in names if name not in by_default(defs))
    off, seen = sorted(set(names) & by_default(defs))[:2]
    instance.add_instigator_state(state_of(by_hand, InstigatorStatus.RUNNING))
    instance.add_instigator_state(state_of(off, InstigatorStatus.STOPPED))
    instance.add_instigator_state(state_of(seen, InstigatorStatus.DECLARED_IN_CODE))
    one = standstill(instance, defs, watch)
    done = one.stop("the exchange sends rubbish", "me@here", wait_s=60)
    assert {entry.name for entry in done.turned_off} == (by_default(defs) - {off}) | {by_hand}
    assert set(stored(instance).values()) == {InstigatorStatus.STOPPED}
    started = one.start()
    assert started.left == ()
    found = stored(instance)
    assert (found[by_hand], found[off], found[seen]) == (
        InstigatorStatus.RUNNING,
        InstigatorStatus.STOPPED,
        InstigatorStatus.DECLARED_IN_CODE,
    )
    assert {name for name, status in found.items() if status != InstigatorStatus.STOPPED} == {
        entry.name for entry in done.turned_off
    }
    assert marker.read(settings()) is None


def test_what_was_due_meanwhile_is_not_made_up_for(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """A schedule that is turned on again counts from now; a sensor goes on from its cursor."""
    name = next(iter(sorted(one.name for one in defs.get_repository_def().schedule_defs)))
    instance.add_instigator_state(state_of(name, InstigatorStatus.RUNNING))
    one = standstill(instance, defs, watch)
    one.stop("", "me", wait_s=60)
    one.start()
    (state,) = [state for state in instance.all_instigator_state() if state.instigator_name == name]
    assert isinstance(state.instigator_data, ScheduleInstigatorData)
    assert state.instigator_data.cron_schedule == "0 6 * * *"
    assert (state.instigator_data.start_timestamp or 0.0) > 1_700_000_000


def test_other_code_locations_are_left_alone(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """An instance may serve others: their schedules, and their runs in the queue, are not ours to stop."""
    instance.add_instigator_state(state_of("nightly", InstigatorStatus.RUNNING, location="their_location"))
    run_id = queued(instance, "their_location")
    done = standstill(instance, defs, watch).stop("", "me", wait_s=60)
    assert stored(instance)["nightly"] == InstigatorStatus.RUNNING
    assert done.cancelled_runs == []
    again = instance.get_run_by_id(run_id)
    assert again is not None
    assert again.status == dg.DagsterRunStatus.QUEUED


def test_the_queue_is_emptied(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """What waits is cancelled, also what a tick that was under way asks for a moment later."""
    first = queued(instance)
    late: list[str] = []
    watch.then = lambda slept: late.append(queued(instance)) if slept == 1 else None
    done = standstill(instance, defs, watch).stop("", "me", wait_s=60)
    assert done.cancelled_runs == [first, *late]
    assert done.is_still
    for run_id in done.cancelled_runs:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.CANCELED


def test_a_daemon_that_writes_its_state_back_is_turned_off_again(
    instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch
):
    """A tick in progress stores the state it had read before: the next look undoes that."""
    name = next(iter(sorted(one.name for one in defs.get_repository_def().schedule_defs)))
    running = state_of(name, InstigatorStatus.RUNNING)
    instance.add_instigator_state(running)
    watch.then = lambda slept: instance.update_instigator_state(running) and None if slept == 1 else None
    standstill(instance, defs, watch).stop("", "me", wait_s=60)
    assert stored(instance)[name] == InstigatorStatus.STOPPED


def test_backfills_ask_for_no_more(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """A backfill under way is ended, and told; one that had ended is left as it is."""
    for number, status in enumerate((BulkActionStatus.REQUESTED, BulkActionStatus.COMPLETED_SUCCESS)):
        instance.add_backfill(
            PartitionBackfill(
                backfill_id=f"backfill{number}",
                status=status,
                from_failure=False,
                tags={},
                backfill_timestamp=1.0,
                asset_selection=[dg.AssetKey("btc_price")],
            )
        )
    done = standstill(instance, defs, watch).stop("", "me", wait_s=60)
    assert done.cancelled_backfills == ["backfill0"]
    statuses = {one.backfill_id: one.status for one in instance.get_backfills()}
    assert statuses == {"backfill0": BulkActionStatus.CANCELED, "backfill1": BulkActionStatus.COMPLETED_SUCCESS}


class Working:
    """A real run that ends when it is told to."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.finish, began = threading.Event(), threading.Event()

        @dg.op
        def work() -> None:
            began.set()
            assert self.finish.wait(60)

        @dg.job
        def long() -> None:
            work()

        self.thread = threading.Thread(target=lambda: long.execute_in_process(instance=instance))
        self.thread.start()
        assert began.wait(60)

    def end(self) -> None:
        self.finish.set()
        self.thread.join(60)


@pytest.fixture
def working(instance: dg.DagsterInstance) -> Iterator[Working]:
    run = Working(instance)
    yield run
    run.end()


def test_a_run_that_has_started_is_let_finish(
    instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch, working: Working
):
    """It waits, tells for what, and the run succeeds."""
    told: list[str] = []
    watch.then = lambda slept: working.end() if slept == 3 else None
    one = Standstill(settings(), instance, lambda: defs, tell=told.append, sleep=watch.sleep, monotonic=watch.monotonic)
    done = one.stop("", "me", wait_s=60)
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert (done.is_still, done.running, done.ended_runs) == (True, [], {run.run_id})
    assert told == [f"waiting for {run.run_id}"] * 3


def test_a_run_that_does_not_end_in_time_is_named(
    instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch, working: Working
):
    """Never cut off: after the wait it says what still runs, and that it is not still."""
    done = standstill(instance, defs, watch).stop("", "me", wait_s=5)
    (run,) = instance.get_runs(RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    assert isinstance(run, DagsterRun)
    assert (done.is_still, done.running) == (False, [run.run_id])
    assert watch.at == 5


COLLECTOR = """
import fcntl, pathlib, sys, time
lock, marker, delay = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
handle = lock.open("a+")
fcntl.flock(handle, fcntl.LOCK_EX)
print("holding", flush=True)
while delay or not marker.exists():
    time.sleep(0.01)
"""


def test_collectors_are_waited_for(home: Path, watch: Watch, defs: dg.Definitions):
    """A process that holds its lock until it has seen the marker; without any Dagster instance."""
    lock = home / "state" / "stream-crypto.lock"
    lock.parent.mkdir(parents=True)
    command = [sys.executable, "-c", COLLECTOR, str(lock), str(home / "stop"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holding\n"
        watch.then = lambda slept: process.wait(60) and None
        done = standstill(None, defs, watch).stop("", "me", wait_s=60)
    assert (done.is_still, done.collecting, done.ended_collectors) == (True, [], {"stream-crypto"})
    assert watch.slept == 2  # one for the collector, one to see that all is quiet


def test_a_collector_that_does_not_look_is_named(home: Path, watch: Watch, defs: dg.Definitions):
    """Its lock is held when the wait is over; whatever domain it collects."""
    lock = home / "state" / "stream-bars.lock"
    lock.parent.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", COLLECTOR, str(lock), str(home / "stop"), "1"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holding\n"
        done = standstill(None, defs, watch).stop("", "me", wait_s=3)
        process.kill()
    assert (done.is_still, done.collecting) == (False, ["stream-bars"])


def test_the_marker_says_why_who_and_what(home: Path, instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """JSON in <home>/stop, there before the first thing is turned off."""
    standstill(instance, defs, watch).stop("bad prices", "ann@desk", wait_s=60)
    said = json.loads((home / "stop").read_text())
    assert (said["reason"], said["stopped_by"]) == ("bad prices", "ann@desk")
    assert {one["name"] for one in said["turned_off"]} == by_default(defs)
    assert said["stopped_at"].endswith("+00:00")


def test_a_second_stop_remembers_the_first(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """Nothing runs by then: what the first one turned off is still turned on by start, its reason still told."""
    one = standstill(instance, defs, watch)
    first = one.stop("bad prices", "ann", wait_s=60)
    again = one.stop("again", "bob", wait_s=60)
    assert again.turned_off == first.turned_off
    kept = marker.read(settings())
    assert kept is not None
    assert (kept.reason, kept.stopped_by) == ("bad prices", "ann")
    assert {entry.name for entry in one.start().turned_on} == by_default(defs)


def test_a_stop_that_was_killed_can_be_repeated(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """The marker was there, half was off: the second stop turns off the rest, and start turns on all."""
    before = automation.running(instance, defs)
    marker.write(settings(), "", "me", map(automation.remembered, before))
    automation.turn_off(instance, before[: len(before) // 2])
    one = standstill(instance, defs, watch)
    one.stop("", "me", wait_s=60)
    assert automation.running(instance, defs) == []
    assert {entry.name for entry in one.start().turned_on} == by_default(defs)


def test_what_somebody_turned_on_meanwhile_is_left(instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """Start does not touch what runs, nor trips over what is no longer there."""
    one = standstill(instance, defs, watch)
    one.stop("", "me", wait_s=60)
    (follow,) = [state for state in instance.all_instigator_state() if state.instigator_name == FOLLOW]
    instance.update_instigator_state(follow.with_status(InstigatorStatus.RUNNING))
    (gone,) = [state for state in instance.all_instigator_state() if state.instigator_name == "gap_repair"]
    instance.delete_instigator_state(gone.instigator_origin_id, gone.selector_id)
    started = one.start()
    assert {entry.name for entry in started.left} == {FOLLOW, "gap_repair"}
    assert stored(instance)[FOLLOW] == InstigatorStatus.RUNNING


def test_there_is_nothing_to_start(home: Path, instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch):
    """Without a marker start refuses; a marker of a Dagster that is not here is not thrown away."""
    with pytest.raises(NotStopped, match="does not stand still"):
        standstill(instance, defs, watch).start()
    standstill(instance, defs, watch).stop("", "me", wait_s=60)
    with pytest.raises(NotStopped, match="Set DAGSTER_HOME"):
        standstill(None, defs, watch).start()
    assert (home / "stop").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"reason": ""}', '{"turned_off": [{"strange": 1}]}'])
def test_a_marker_that_cannot_be_read(home: Path, text: str):
    """It is not taken for one that turned nothing off."""
    home.mkdir(exist_ok=True)
    (home / "stop").write_text(text)
    with pytest.raises(marker.UnreadableMarker, match="Dagster's UI"):
        marker.read(settings())


def test_a_touched_marker_stops_collectors_alone(
    home: Path, instance: dg.DagsterInstance, defs: dg.Definitions, watch: Watch
):
    """`touch <home>/stop`: start takes it away and turns nothing on; a stop on top of it is a stop of its own."""
    (home / "stop").touch()
    assert standstill(instance, defs, watch).start().turned_on == ()
    (home / "stop").touch()
    standstill(instance, defs, watch).stop("why", "ann", wait_s=60)
    kept = marker.read(settings())
    assert kept is not None
    assert (kept.reason, kept.stopped_by) == ("why", "ann")


def test_the_instance_is_that_of_dagster_home(home: Path, instance: dg.DagsterInstance):
    """DAGSTER_HOME with a dagster.yaml is an instance; without one there is none."""
    with instance_of(settings()) as found:
        assert found is not None
        assert found.root_directory == instance.root_directory == str(home / "dagster")
    (home / "dagster" / "dagster.yaml").unlink()
    with instance_of(settings()) as found:
        assert found is None
