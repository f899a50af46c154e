"""The follow sensor while runs are queued, halfway, or overtaken: nothing is lost and nothing is done twice."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from market_assets.core import partitions
from sensors.follow import Cursor, Follower
from tests.sensors.test_follow import ASSETS, follow_until_quiet, run
from tests.sensors.test_follow import instance as instance  # noqa: PLC0414 - a fixture

Hook = Callable[[str], None]


class Watched(dg.IOManager):
    """Stores nothing; calls a hook once when an asset is about to be stored."""

    def __init__(self) -> None:
        self.stores: dict[str, Hook] = {}

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        name = context.asset_key.to_user_string()
        self.stores.pop(name, _nothing)(name)

    def load_input(self, context: dg.InputContext) -> int:
        return 0


def _nothing(_: str) -> None:
    """No hook."""


@pytest.fixture
def watched() -> Iterator[Watched]:
    """The IO manager of the runs that `go` makes."""
    yield Watched()


def go(instance: dg.DagsterInstance, watched: Watched, names: list[str], first: str, last: str) -> None:
    """One range run of several assets."""
    defs = dg.Definitions(assets=ASSETS, resources={"io_manager": watched}, executor=dg.in_process_executor)
    defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name) for name in names],
        tags=partitions.range_tags(first, last),
    )


def tick(instance: dg.DagsterInstance, cursor: Cursor) -> list[list[str]]:
    """One tick whose runs are not made; the assets of each run it asks for."""
    defs = dg.Definitions(assets=ASSETS, resources={"io_manager": Watched()})
    follower = Follower(defs.resolve_asset_graph(), instance, Cursor.read(cursor.write()))
    follower.collect()
    asked = [sorted(key.to_user_string() for key in one.asset_selection or []) for one in follower.requests()]
    cursor.__init__(**vars(Cursor.read(follower.cursor.write())))  # type: ignore[misc]
    return asked


def build(instance: dg.DagsterInstance) -> Cursor:
    """Everything of two symbols and two years is up to date; the cursor behind it."""
    run(instance, "bars", "AAPL|2021", "BAC|2022")
    cursor = Cursor()
    follow_until_quiet(instance, cursor)
    return cursor


def queue(instance: dg.DagsterInstance, asset: str) -> str:
    """A run of the asset that waits in the queue; its id."""
    job = dg.Definitions(assets=ASSETS).resolve_implicit_global_asset_job_def()
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("market_assets"), "__repository__")
    created = instance.create_run_for_job(
        job.get_subset(asset_selection={dg.AssetKey(asset)}),
        status=dg.DagsterRunStatus.QUEUED,
        asset_selection={dg.AssetKey(asset)},
        remote_job_origin=RemoteJobOrigin(repository, job.name),
        job_code_origin=None,
    )
    return created.run_id


def test_what_is_queued_upstream_is_waited_for(instance: dg.DagsterInstance) -> None:
    """A backfill is several runs: while one of them waits in the queue nothing downstream is started."""
    run(instance, "bars", "AAPL|2021", "AAPL|2021")
    queued = queue(instance, "bars")
    cursor = Cursor()
    assert tick(instance, cursor) == []
    instance.delete_run(queued)
    assert tick(instance, cursor) == [["actions"]]


def test_a_tick_in_the_middle_of_a_run_asks_for_nothing_twice(instance: dg.DagsterInstance, watched: Watched) -> None:
    """Adjusted prices are stored, their features are not yet: the same run makes them, and no other."""
    cursor = build(instance)
    seen: list[list[list[str]]] = []
    watched.stores["features"] = lambda _: seen.append(tick(instance, cursor))
    go(instance, watched, ["adjusted", "features"], "2021", "2022")
    assert seen == [[]], "while it runs"
    assert tick(instance, cursor) == [["status"]]


def test_an_input_that_changes_while_it_is_read_is_read_again(instance: dg.DagsterInstance, watched: Watched) -> None:
    """Bars arrive while the symbol's actions are computed from them: the actions are later, and still stale."""
    cursor = build(instance)
    watched.stores["actions"] = lambda _: run(instance, "bars", "AAPL|2022", "AAPL|2022")
    go(instance, watched, ["actions"], "AAPL", "AAPL")
    assert (["actions"], "AAPL...AAPL") in follow_until_quiet(instance, cursor)


def test_what_is_stored_while_a_tick_reads_is_left_to_the_next(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that comes after its asset was read, and before the tick ends, is not passed over."""
    cursor = build(instance)
    run(instance, "bars", "AAPL|2021", "AAPL|2021")
    reading = Follower._collect_asset

    def slow(self: Follower, key: dg.AssetKey, *rest: int) -> int:
        found = reading(self, key, *rest)
        if key == dg.AssetKey("bars"):
            run(instance, "bars", "BAC|2022", "BAC|2022")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Follower, "_collect_asset", slow)
        tick(instance, cursor)
    asked = follow_until_quiet(instance, cursor)
    assert any("BAC" in span for names, span in asked if names == ["scored"])


def test_a_descendant_stays_stale_where_its_group_does_not_reach(instance: dg.DagsterInstance) -> None:
    """Adjusted is stale in 2021, features in 2022 too: the run over 2021 does not settle 2022."""
    cursor = build(instance)
    newest = instance.event_log_storage.get_maximum_record_id() or 0
    cursor.pending = {"adjusted": {"2021": newest + 1}, "features": {"2021": newest + 1, "2022": newest + 1}}
    assert tick(instance, cursor) == [["adjusted", "features"]]
    assert cursor.pending == {"features": {"2022": newest + 1}}
