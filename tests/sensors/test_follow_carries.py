"""Follow where an asset goes on from its own day before: shaped like the simulated account of the crypto domain."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest

from market_assets.core import partitions
from market_assets.core.market_asset import CARRIES_METADATA
from sensors import follow
from sensors.follow import Cursor, Follower
from tests.sensors.test_follow import Outcome, _table

DAY = partitions.days(date(2026, 1, 1))


def _asset(name: str, carries: bool = False, **ins: dg.PartitionMapping | None) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=DAY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[dg.AssetDep(up, partition_mapping=mapping) for up, mapping in ins.items()],
        metadata={CARRIES_METADATA: True} if carries else {},
    )
    def made() -> int:
        return 1

    return made


DEFS = dg.Definitions(
    assets=[_asset("signals"), _asset("account", carries=True, signals=None)],
    resources={"io_manager": Outcome()},
    executor=dg.in_process_executor,
)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    tables = {"signals": _table("Signals", day="year"), "account": _table("Account", day="year")}
    monkeypatch.setattr(follow, "TABLES", {name: table.contract() for name, table in tables.items()})
    with dg.DagsterInstance.ephemeral() as fresh:
        yield fresh


def run(instance: dg.DagsterInstance, name: str, first: int, last: int, **tags: str) -> None:
    span = partitions.range_tags(f"2026-01-0{first}", f"2026-01-0{last}")
    job = DEFS.resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(name)], tags={**span, **tags})


def followed(instance: dg.DagsterInstance, cursor: Cursor) -> list[str]:
    """Tick and run what is asked for until nothing is; the ranges asked for, in order."""
    asked: list[str] = []
    for _ in range(6):
        follower = Follower(DEFS.resolve_asset_graph(), instance, cursor)
        follower.collect()
        requests = list(follower.requests())
        cursor.__init__(**vars(Cursor.read(cursor.write())))  # type: ignore[misc]
        if not requests:
            return asked
        for request in requests:
            first, last = (key.removeprefix("2026-01-0") for key in request.tags.values())
            asked.append(f"{first}-{last}")
            run(instance, "account", int(first), int(last))
    raise AssertionError(f"never quiet: {asked}")


def test_a_changed_day_is_followed_through_all_later_ones(instance: dg.DagsterInstance) -> None:
    """The account of day 2 changes, so those of days 3 to 5 go on from something else; not those that are not there."""
    cursor = Cursor()
    run(instance, "signals", 1, 5)
    assert followed(instance, cursor) == ["1-5"]
    run(instance, "signals", 2, 2)
    assert followed(instance, cursor) == ["2-5"]
    run(instance, "signals", 6, 6)
    assert followed(instance, cursor) == ["6-6"]


def test_an_account_made_by_hand_is_followed_through_all_later_ones(instance: dg.DagsterInstance) -> None:
    """Nobody upstream changed; later days are stale all the same, once, and days before are not."""
    cursor = Cursor()
    run(instance, "signals", 1, 4)
    followed(instance, cursor)
    run(instance, "account", 2, 2)
    assert followed(instance, cursor) == ["3-4"]
    run(instance, "account", 1, 4)
    assert followed(instance, cursor) == []


def test_the_same_account_again_moves_nothing(instance: dg.DagsterInstance) -> None:
    """Unchanged content is no reason to go on from it anew."""
    cursor = Cursor()
    run(instance, "signals", 1, 4)
    followed(instance, cursor)
    run(instance, "account", 2, 2, unchanged="yes")
    assert followed(instance, cursor) == []
