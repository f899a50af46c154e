"""Repair of open gaps: once a day, a few days, only what asking again may close."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.core import clock
from market_assets.definitions import build_defs
from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.equities.schemas import EquitiesGaps
from market_assets.settings import settings
from resources.fetch_log import FetchLog
from resources.stores import open_store
from sensors.repair import repair_sensor

GAPS = EquitiesGaps.contract()
DAY = date(2026, 11, 16)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        made.add_dynamic_partitions(SYMBOLS_NAME, ["AAPL", "HALT", "KO"])
        yield made


def store_gaps(*rows: tuple[str, str, str]) -> None:
    frame = pl.DataFrame(
        [
            {
                "symbol": symbol,
                "year": 2025,
                "gap_start": date(2025, 3, 3),
                "gap_end": date(2025, 3, 3),
                "n_sessions": 1,
                "cause": cause,
                "status": status,
                "detected_at": clock.now(),
            }
            for symbol, cause, status in rows
        ],
        schema=GAPS.schema,
    )
    open_store(settings()).write(GAPS, "2025", frame)


def tick(instance: dg.DagsterInstance, day: date) -> list[str]:
    """First partitions of the ranges asked for on `day`."""
    sensor = repair_sensor(settings(), default_status=dg.DefaultSensorStatus.STOPPED)
    with clock.frozen(day):
        context = dg.build_sensor_context(instance=instance, definitions=build_defs(settings()))
        result = sensor.evaluate_tick(context)
    return [request.tags["dagster/asset_partition_range_start"] for request in result.run_requests or []]


def fetched_again(instance: dg.DagsterInstance, day: date) -> bool:
    return any("|" in first for first in tick(instance, day))


def test_only_open_repairable_gaps_are_asked_for(instance: dg.DagsterInstance) -> None:
    """A halt is explained and a year nobody fetched is a backfill: neither is repaired."""
    store_gaps(("AAPL", "vendor_missing", "open"), ("HALT", "no_trade", "explained"), ("KO", "unfetched", "open"))
    assert tick(instance, DAY) == ["AAPL|2025"]


def test_a_gap_is_asked_for_once_a_day_for_five_days(instance: dg.DagsterInstance) -> None:
    """The second tick of a day is quiet; after the fifth day only the cause is settled, in the gaps of the year."""
    store_gaps(("AAPL", "fetch_failed", "open"))
    assert tick(instance, DAY) == ["AAPL|2025"]
    assert tick(instance, DAY) == []
    assert [fetched_again(instance, DAY + timedelta(days=n)) for n in range(1, 7)] == [True] * 4 + [False] * 2
    assert tick(instance, DAY + timedelta(days=7)) == ["2025"]


def test_a_closed_gap_is_forgotten(instance: dg.DagsterInstance) -> None:
    """A later gap of the same partition starts with all its tries."""
    store_gaps(("AAPL", "fetch_failed", "open"))
    tick(instance, DAY)
    store_gaps()
    tick(instance, DAY + timedelta(days=1))
    assert FetchLog(settings().home).repair_days("equities_daily_bars") == {}
