"""When btc asks: the newest days hourly, what is missing once more, models on Monday, restatements daily."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.btc import schemas
from market_assets.core.contracts import Table
from market_assets.settings import settings
from resources.stores import open_store
from schedules.btc import DAILY, FRESHNESS, HOURLY_CHECKS, Hourly, btc_schedules

NOW = datetime(2021, 2, 20, 9, 15, tzinfo=UTC)
FIRST = date(2021, 2, 1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OBSERVED = {"btc_price", "btc_liquidations"}


def store_hours(table: type[Table], day: date, hours: int = 24, *, without: tuple[int, ...] = ()) -> None:
    """A day of a table with so many hours; `without` are hours whose values the vendor lacks."""
    contract = table.contract()
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = []
    for hour in range(hours):
        at = start + hour * HOUR
        row = dict.fromkeys(contract.columns) | {"ts": at, "available_at": at + settings().btc.delay}
        if table is not schemas.BtcSignals:
            row |= {"ingested_at": at + 2 * HOUR, "is_late": False, "source": "glassnode"}
            values = [name for name in ("price", "long_liquidations", "short_liquidations") if name in row]
            row |= dict.fromkeys(values, None if hour in without else 1.0)
        else:
            row |= {"feature_version": settings().btc.feature_version}
        rows.append(row)
    open_store(settings()).write(contract, str(day), pl.DataFrame(rows, schema=contract.schema))


def store_whole_days(first: date, last: date) -> None:
    """Days with every hour of price, liquidations and signals."""
    for n in range((last - first).days + 1):
        for table in (schemas.BtcPrice, schemas.BtcLiquidations, schemas.BtcSignals):
            store_hours(table, first + n * DAY)


def asked(at: datetime = NOW) -> list[tuple[str, str, str]]:
    """What the hourly tick asks for: (what, first day, last day)."""
    found = []
    for request in Hourly(open_store(settings()), settings().btc, at).requests():
        span = [v for k, v in sorted(request.tags.items(), reverse=True) if "partition_range" in k]
        names = {key.to_user_string() for key in request.asset_selection or ()}
        found.append(("chain" if len(names) == len(DAILY) else " ".join(sorted(names)), span[0], span[1]))
    return found


def test_a_new_home_asks_for_the_whole_history_raw() -> None:
    """There is nothing to continue from: each observed table in one run, the follow sensor does the rest."""
    assert asked() == [
        ("btc_price", "2021-02-01", "2021-02-20"),
        ("btc_liquidations", "2021-02-01", "2021-02-20"),
    ]


def test_with_a_whole_history_the_chain_runs_over_the_days_whose_outcomes_mature() -> None:
    """Today, and the two days before it whose labels become known."""
    store_whole_days(FIRST, date(2021, 2, 19))
    assert asked() == [("chain", "2021-02-18", "2021-02-20")]


def test_each_raw_table_is_missed_for_itself() -> None:
    """A failed liquidation download is asked for although the price is complete."""
    store_whole_days(FIRST, date(2021, 2, 19))
    for day in (date(2021, 2, 4), date(2021, 2, 5)):
        (open_store(settings())._lake / "btc_liquidations" / f"{day}.parquet").unlink()  # type: ignore[attr-defined]
    assert asked() == [("btc_liquidations", "2021-02-04", "2021-02-05"), ("chain", "2021-02-18", "2021-02-20")]


def test_a_day_with_a_missing_hour_is_asked_for_again_for_a_week() -> None:
    """Seven days back a hole is still repaired; eight days back it is left as it is."""
    store_whole_days(FIRST, date(2021, 2, 19))
    store_hours(schemas.BtcPrice, date(2021, 2, 12), without=(3,))
    assert asked() == [("chain", "2021-02-18", "2021-02-20")]
    store_hours(schemas.BtcPrice, date(2021, 2, 13), without=(3,))
    assert asked() == [("chain", "2021-02-13", "2021-02-20")]


def test_a_day_that_was_cut_short_is_finished() -> None:
    """A closed day whose chain stopped at hour 20 is run to its end."""
    store_whole_days(FIRST, date(2021, 2, 19))
    store_hours(schemas.BtcSignals, date(2021, 2, 16), hours=20)
    assert asked() == [("chain", "2021-02-16", "2021-02-20")]


def test_without_the_day_before_only_raw_days_are_asked_for() -> None:
    """The chain would have nothing to continue from: filters never start anew by themselves."""
    store_whole_days(FIRST, date(2021, 2, 19))
    store_hours(schemas.BtcSignals, date(2021, 2, 12), hours=5)
    store_hours(schemas.BtcSignals, date(2021, 2, 13), hours=5)
    assert asked() == [("btc_price", "2021-02-13", "2021-02-20"), ("btc_liquidations", "2021-02-13", "2021-02-20")]


def tick(name: str, at: datetime) -> list[tuple[str, str]] | str:
    """The spans that one schedule asks for, or why it skips."""
    schedules = btc_schedules(settings(), default_status=dg.DefaultScheduleStatus.STOPPED)
    schedule = next(one for one in schedules if one.name == name)
    with dg.instance_for_test() as instance:
        result = schedule.evaluate_tick(dg.build_schedule_context(instance=instance, scheduled_execution_time=at))
    if result.skip_message:
        return result.skip_message
    found = []
    for request in result.run_requests or []:
        span = [v for k, v in sorted(request.tags.items(), reverse=True) if "partition_range" in k]
        found.append((span[0], span[1]))
    return found


def model(week: str) -> None:
    """A stored model row."""
    contract = schemas.BtcBinModels.contract()
    at = datetime.fromisoformat(week).replace(tzinfo=UTC)
    row = dict.fromkeys(contract.columns) | {"ts": at, "available_at": at, "feature_version": "x"}
    row |= {"method": "kmeans_trailing", "status": "too_few_rows", "n_train": 0, "n_iter": 0}
    open_store(settings()).write(contract, week, pl.DataFrame([row], schema=contract.schema))


def test_the_model_of_the_week_is_asked_for_on_monday_and_hourly_until_it_is_there() -> None:
    """Monday 00:20, and again later where the first fit could not run."""
    assert tick("btc_weekly_models", datetime(2021, 3, 8, 0, 20, tzinfo=UTC)) == [("2021-03-08", "2021-03-08")]
    assert tick("btc_weekly_models", datetime(2021, 3, 10, 7, 20, tzinfo=UTC)) == [("2021-03-08", "2021-03-08")]
    model("2021-03-08")
    assert tick("btc_weekly_models", datetime(2021, 3, 10, 8, 20, tzinfo=UTC)) == "the model of 2021-03-08 is fitted"


def test_restatements_are_asked_for_over_the_trailing_week() -> None:
    """Seven days back, never before the history."""
    assert tick("btc_revisions", datetime(2021, 3, 10, 3, 40, tzinfo=UTC)) == [("2021-03-03", "2021-03-10")]
    assert tick("btc_revisions", datetime(2021, 2, 3, 3, 40, tzinfo=UTC)) == [("2021-02-01", "2021-02-03")]


def test_crons_follow_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """One minute is set: publication lag first, models five minutes later, ages half an hour later."""
    monkeypatch.setenv("MARKET_ASSETS_BTC__SCHEDULE_MINUTE", "40")
    settings.cache_clear()
    schedules = btc_schedules(settings(), default_status=dg.DefaultScheduleStatus.STOPPED)
    crons = {one.name: one.cron_schedule for one in schedules}
    assert crons["btc_hourly"] == "40 * * * *"
    assert crons["btc_weekly_models"] == "45 * * * *"
    assert crons["btc_freshness"] == "10 * * * *"


def test_the_hourly_run_does_not_ask_for_metadata() -> None:
    """The question for point-in-time variants costs requests; it has a schedule of its own."""
    names = {key.name for key in HOURLY_CHECKS}
    assert "point_in_time_variants" not in names
    assert {"contract", "missing_share", "rows_immutable", "freshness"} <= names


def test_every_table_is_judged_for_its_age_without_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing arrives nothing is materialised: a check-only job tells of it."""
    from market_assets.definitions import build_defs

    graph = build_defs().resolve_asset_graph()
    aged = {key.asset_key.to_user_string() for key in FRESHNESS.resolve_checks(graph)}
    assert aged == {table.contract().name for table in schemas.TABLES}
