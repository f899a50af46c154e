"""When funding asks: every exchange in use as one range, settlements as they fall due, old looks thinned."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.funding import schemas
from market_assets.funding.assets import ONLY_DUE_TAG
from market_assets.funding.settings import EXCHANGES
from market_assets.settings import settings
from resources.funding_fetch import LOOKS, looks_of
from resources.stores import open_store
from schedules.funding import FRESHNESS_CHECKS, FundingAsks, funding_schedules

NOW = datetime(2026, 11, 20, 9, 7, tzinfo=UTC)
DAY = timedelta(days=1)
CONTRACTS = schemas.FundingContracts.contract()


def know_contracts() -> None:
    """An empty map counts as known."""
    open_store(settings()).write(CONTRACTS, "bybit", CONTRACTS.empty())


def asked(name: str, at: datetime = NOW) -> list[tuple[str, str]] | str:
    """What a schedule's tick asks for: the ends of each range, or why nothing."""
    found = {one.name: one for one in funding_schedules(settings(), default_status=dg.DefaultScheduleStatus.RUNNING)}
    tick = found[name].evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at))
    if tick.skip_message:
        return tick.skip_message
    ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return [(request.tags[ends[0]], request.tags[ends[1]]) for request in tick.run_requests or []]


def test_listings_cover_every_exchange_in_one_run() -> None:
    """From the first to the last of the exchanges in use."""
    assert asked("funding_listings") == [(EXCHANGES[0], EXCHANGES[-1])]


@pytest.mark.parametrize("name", ["funding_snapshots", "funding_settlements", "funding_yesterday", "funding_trailing"])
def test_nothing_is_asked_for_before_contracts_are_known(name: str) -> None:
    """The first listing comes first, and the tick says so."""
    said = asked(name)
    assert isinstance(said, str) and "funding_listings" in said


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("funding_snapshots", "2026-11-20", "2026-11-20"),
        ("funding_settlements", "2026-11-20", "2026-11-20"),
        ("funding_yesterday", "2026-11-19", "2026-11-19"),
        ("funding_late", "2026-11-19", "2026-11-19"),
        ("funding_trailing", "2026-11-17", "2026-11-20"),
    ],
)
def test_each_schedule_asks_for_its_days(name: str, first: str, last: str) -> None:
    """Today, yesterday, or the three days before today and today."""
    know_contracts()
    assert asked(name) == [(f"{first}|{EXCHANGES[0]}", f"{last}|{EXCHANGES[-1]}")]


def test_only_the_hourly_run_leaves_out_contracts_without_a_settlement_due() -> None:
    """The nightly ones ask for everything again."""
    know_contracts()
    asks = FundingAsks(settings())
    hourly = asks.rates(NOW.date(), NOW.date(), NOW, **{ONLY_DUE_TAG: "yes"})
    nightly = asks.rates(NOW.date() - 3 * DAY, NOW.date(), NOW)
    assert isinstance(hourly, list) and isinstance(nightly, list)
    assert [ONLY_DUE_TAG in one.tags for one in (*hourly, *nightly)] == [True, False]


def test_days_before_the_partitions_begin_are_not_asked_for() -> None:
    """A young home's trailing days start with its first day."""
    know_contracts()
    start = settings().funding.start_date
    at = datetime(start.year, start.month, start.day, 4, 30, tzinfo=UTC) + DAY
    assert asked("funding_trailing", at) == [(f"{start}|{EXCHANGES[0]}", f"{start + DAY}|{EXCHANGES[-1]}")]


def look(at: datetime) -> pl.DataFrame:
    return pl.DataFrame(
        [{**dict.fromkeys(LOOKS), "native_symbol": "BTCUSDT", "exchange": "bybit", "snapshot_at": at}], LOOKS
    )


def store_looks(day: date, *minutes: int) -> None:
    for minute in minutes:
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
        looks_of(settings()).append("bybit", at, look(at))


def test_days_beyond_retention_are_thinned_and_only_those_that_need_it() -> None:
    """A day 31 days old with several looks an hour; one with a single look an hour is left alone, a younger one too."""
    old, thin, young = (NOW.date() - n * DAY for n in (31, 40, 30))
    store_looks(old, 0, 5, 10, 70)
    store_looks(thin, 55, 115)
    store_looks(young, 0, 5)
    assert asked("funding_thinning") == [(f"{old}|bybit", f"{old}|bybit")]


def test_days_that_do_not_follow_each_other_are_thinned_apart() -> None:
    """A day between without looks is in no range: nobody could make it up."""
    for days_ago in (31, 33):
        store_looks(NOW.date() - days_ago * DAY, 0, 5)
    assert [first for first, _ in asked("funding_thinning")] == ["2026-10-18|bybit", "2026-10-20|bybit"]


def test_without_old_days_nothing_is_thinned() -> None:
    """And the tick says why."""
    assert "retention.snapshot_days" in str(asked("funding_thinning"))


def test_freshness_is_judged_without_new_data() -> None:
    """A job of checks alone, of snapshots and settlements."""
    found = {one.name: one for one in funding_schedules(settings(), default_status=dg.DefaultScheduleStatus.RUNNING)}
    assert found["funding_freshness"].cron_schedule == "3-59/5 * * * *"
    assert FRESHNESS_CHECKS is not None


def test_run_keys_differ_from_tick_to_tick() -> None:
    """A run key that repeats would be deduplicated for ever."""
    know_contracts()
    asks = FundingAsks(settings())
    keys = [one.run_key for at in (NOW, NOW + timedelta(minutes=5)) for one in asks.snapshot(at)]  # type: ignore[union-attr]
    assert len(set(keys)) == len(keys) == 2
