"""Follow where an input is only looked up, and where a table is live: shaped like the funding domain."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import polars as pl
import pytest

from market_assets.core import partitions
from market_assets.core.contracts import Table, column
from market_assets.core.market_asset import REFERENCES_METADATA
from sensors import follow
from sensors.follow import Cursor, Follower
from tests.sensors.test_follow import Outcome

EXCHANGE = dg.StaticPartitionsDefinition(["bybit", "okx"])
DAY = partitions.days(date(2026, 1, 1))
BOTH = dg.MultiPartitionsDefinition({"day": DAY, "exchange": EXCHANGE})
OF_DAY, OF_EXCHANGE = partitions.all_of("day"), partitions.all_of("exchange")


def _table(name: str, live: bool = False, **dimensions: str) -> type[Table]:
    columns = {at: column(pl.String, at) for at in ("day", "exchange")}
    members = {"__doc__": "One row.", "key": ("day",), "partitioned_by": dimensions, "live": live, **columns}
    return type(name, (Table,), members)


def _asset(
    name: str, definition: dg.PartitionsDefinition, references: tuple[str, ...] = (), **ins: dg.PartitionMapping | None
) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=definition,
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[dg.AssetDep(up, partition_mapping=mapping) for up, mapping in ins.items()],
        metadata={REFERENCES_METADATA: list(references)},
    )
    def made() -> int:
        return 1

    return made


DEFS = dg.Definitions(
    assets=[
        _asset("contracts", EXCHANGE),
        _asset("rates", BOTH, ("contracts",), contracts=OF_EXCHANGE),
        _asset("looks", BOTH, ("contracts",), contracts=OF_EXCHANGE),
        _asset("complete", BOTH, ("contracts",), rates=None, contracts=OF_EXCHANGE),
        _asset("scores", BOTH, ("rates", "complete"), rates=None, looks=None, complete=None),
        _asset("pairs", DAY, ("contracts",), looks=OF_DAY, scores=OF_DAY, contracts=dg.AllPartitionMapping()),
    ],
    resources={"io_manager": Outcome()},
    executor=dg.in_process_executor,
)
TABLES = {
    "contracts": _table("Contracts", exchange="exchange"),
    "rates": _table("Rates", day="day", exchange="exchange"),
    "looks": _table("Looks", live=True, day="day", exchange="exchange"),
    "complete": _table("Complete", day="day", exchange="exchange"),
    "scores": _table("Scores", live=True, day="day", exchange="exchange"),
    "pairs": _table("Pairs", live=True, day="day"),
}
SPAN = ("2026-01-02|bybit", "2026-01-03|okx")


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setattr(follow, "TABLES", {name: table.contract() for name, table in TABLES.items()})
    with dg.DagsterInstance.ephemeral() as fresh:
        yield fresh


def run(instance: dg.DagsterInstance, name: str, first: str, last: str) -> None:
    job = DEFS.resolve_implicit_global_asset_job_def()
    tags = partitions.range_tags(first, last)
    job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(name)], tags=tags)


def tick(instance: dg.DagsterInstance, cursor: Cursor) -> list[tuple[list[str], str]]:
    """What one tick asks for, which is then run."""
    follower = Follower(DEFS.resolve_asset_graph(), instance, cursor)
    follower.collect()
    asked = []
    for request in list(follower.requests()):
        asked.append(
            (sorted(key.to_user_string() for key in request.asset_selection or []), "...".join(request.tags.values()))
        )
        job = DEFS.resolve_implicit_global_asset_job_def()
        job.execute_in_process(
            instance=instance, asset_selection=list(request.asset_selection or []), tags=request.tags
        )
    return asked


def going(instance: dg.DagsterInstance, name: str) -> dg.DagsterRun:
    job, key = DEFS.resolve_implicit_global_asset_job_def(), dg.AssetKey(name)
    return instance.create_run_for_job(
        job.get_subset(asset_selection={key}), status=dg.DagsterRunStatus.STARTED, asset_selection={key}
    )


def test_a_change_of_a_reference_asks_for_nothing(instance: dg.DagsterInstance) -> None:
    """Neither the raw tables nor anything computed with the map is made again when the map changes."""
    cursor = Cursor()
    for name in ("rates", "looks"):
        run(instance, name, *SPAN)
    while tick(instance, cursor):
        pass
    run(instance, "contracts", "bybit", "okx")
    assert tick(instance, cursor) == []


def test_what_is_not_a_reference_still_triggers(instance: dg.DagsterInstance) -> None:
    """New rates move completeness, and scores only when there is a look of that day."""
    run(instance, "rates", *SPAN)
    cursor = Cursor()
    assert tick(instance, cursor) == [(["complete"], "2026-01-02|bybit...2026-01-03|okx")]
    assert tick(instance, cursor) == []
    run(instance, "looks", "2026-01-03|bybit", "2026-01-03|okx")
    assert tick(instance, cursor) == [(["scores"], "2026-01-03|bybit...2026-01-03|okx")]
    assert tick(instance, cursor) == [(["pairs"], "2026-01-03...2026-01-03")]


def test_a_reference_that_was_never_stored_holds_nothing_up(instance: dg.DagsterInstance) -> None:
    """Scores need no completeness of the day, which comes with the first settlements."""
    run(instance, "looks", "2026-01-03|bybit", "2026-01-03|okx")
    assert tick(instance, Cursor()) == [(["scores"], "2026-01-03|bybit...2026-01-03|okx")]


def test_a_live_table_does_not_wait_for_a_backfill(instance: dg.DagsterInstance) -> None:
    """While rates are fetched for hours, each round's scores and pairs are computed."""
    busy = going(instance, "rates")
    run(instance, "looks", "2026-01-03|bybit", "2026-01-03|okx")
    cursor = Cursor()
    assert tick(instance, cursor) == [(["scores"], "2026-01-03|bybit...2026-01-03|okx")]
    assert tick(instance, cursor) == [(["pairs"], "2026-01-03...2026-01-03")]
    instance.delete_run(busy.run_id)


def test_a_live_table_waits_for_the_round_under_way(instance: dg.DagsterInstance) -> None:
    """A look that is being taken now comes first: pairs are made once a round."""
    run(instance, "looks", "2026-01-03|bybit", "2026-01-03|okx")
    busy = going(instance, "looks")
    cursor = Cursor()
    assert tick(instance, cursor) == []
    instance.delete_run(busy.run_id)
    assert tick(instance, cursor) == [(["scores"], "2026-01-03|bybit...2026-01-03|okx")]


def test_days_that_begin_on_different_dates_do_not_share_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one run Dagster takes neither for partitioned, and checks would find no partition to judge."""
    later = partitions.days(date(2026, 1, 2))
    names = ("feed", "made", "other_feed", "other_made")
    cut = (DAY, DAY, later, later)
    assets = [
        _asset(name, definition, **({names[n - 1]: None} if n % 2 else {}))
        for n, (name, definition) in enumerate(zip(names, cut, strict=True))
    ]
    defs = dg.Definitions(assets=assets, resources={"io_manager": Outcome()}, executor=dg.in_process_executor)
    monkeypatch.setattr(follow, "TABLES", {name: _table(name.title(), day="day").contract() for name in names})
    with dg.DagsterInstance.ephemeral() as instance:
        for name in ("feed", "other_feed"):
            defs.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey(name)],
                tags=partitions.range_tags("2026-01-03", "2026-01-03"),
            )
        follower = Follower(defs.resolve_asset_graph(), instance, Cursor())
        follower.collect()
        asked = [[key.to_user_string() for key in request.asset_selection or []] for request in follower.requests()]
    assert sorted(asked) == [["made"], ["other_made"]]
