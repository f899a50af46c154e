"""What the follow sensor makes of new listings, settlements and looks, on the real graph."""

import dagster as dg

from sensors.follow import Cursor, Follower
from tests.market_assets.funding.conftest import LAST, Funding

EXCHANGES = ("deribit", "dydx")
TODAY = str(LAST)


def tick(funding: Funding, cursor: Cursor) -> set[str]:
    """The assets that one tick asks for, which are then run."""
    follower = Follower(funding.desk.defs.resolve_asset_graph(), funding.desk.instance, cursor)
    follower.collect()
    asked: set[str] = set()
    for request in list(follower.requests()):
        asked |= {key.to_user_string() for key in request.asset_selection or []}
        result = funding.desk.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=funding.desk.instance, asset_selection=list(request.asset_selection or []), tags=request.tags
        )
        assert result.success
    return asked


def until_quiet(funding: Funding, cursor: Cursor) -> list[set[str]]:
    """What each tick asks for, until one asks for nothing."""
    ticks = []
    while asked := tick(funding, cursor):
        ticks.append(asked)
        assert len(ticks) < 10, ticks
    return ticks


def start(fresh: Funding) -> None:
    """Contracts of two exchanges."""
    fresh.desk.configure(funding={"exchanges": list(EXCHANGES)})
    fresh.run("funding_contracts", EXCHANGES)


def test_settlements_bring_hours_completeness_and_spreads(fresh: Funding) -> None:
    """And nothing of what needs a look at the current state."""
    start(fresh)
    fresh.run("funding_rates", fresh.pairs(LAST, exchanges=EXCHANGES))
    assert until_quiet(fresh, Cursor()) == [
        {"funding_completeness", "funding_hourly_rates"},
        {"funding_spreads", "funding_spread_statistics"},
    ]


def test_each_look_brings_statistics_then_pairs_once(fresh: Funding) -> None:
    """Statistics wait for the look, pairs for statistics; spreads are not made anew by a look."""
    start(fresh)
    fresh.run("funding_rates", fresh.pairs(LAST, exchanges=EXCHANGES))
    cursor = Cursor()
    until_quiet(fresh, cursor)
    for now in ("2025-05-07T12:25:00Z", "2025-05-07T12:30:00Z"):
        fresh.at(now)
        fresh.run("funding_snapshot", fresh.pairs(LAST, exchanges=EXCHANGES))
        assert until_quiet(fresh, cursor) == [{"funding_statistics"}, {"funding_opportunities"}]


def test_a_listing_moves_nothing(fresh: Funding) -> None:
    """Neither do exchanges get asked for history because of it, nor is anything computed anew."""
    start(fresh)
    fresh.run("funding_rates", fresh.pairs(LAST, exchanges=EXCHANGES))
    fresh.run("funding_snapshot", fresh.pairs(LAST, exchanges=EXCHANGES))
    cursor = Cursor()
    until_quiet(fresh, cursor)
    fresh.at("2025-05-07T13:02:00Z")
    fresh.run("funding_contracts", EXCHANGES)
    assert until_quiet(fresh, cursor) == []


def test_pairs_do_not_wait_for_a_backfill(fresh: Funding) -> None:
    """While settlements are fetched, a look is still followed by statistics and pairs."""
    start(fresh)
    fresh.run("funding_rates", fresh.pairs(LAST, exchanges=EXCHANGES))
    cursor = Cursor()
    until_quiet(fresh, cursor)
    key = dg.AssetKey("funding_rates")
    job = fresh.desk.defs.resolve_implicit_global_asset_job_def()
    busy = fresh.desk.instance.create_run_for_job(
        job.get_subset(asset_selection={key}), status=dg.DagsterRunStatus.STARTED, asset_selection={key}
    )
    fresh.run("funding_snapshot", fresh.pairs(LAST, exchanges=EXCHANGES))
    assert until_quiet(fresh, cursor) == [{"funding_statistics"}, {"funding_opportunities"}]
    fresh.desk.instance.delete_run(busy.run_id)
