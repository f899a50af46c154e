"""Missing settlements are asked for again: bounded, in pauses, and not where the exchange has forgotten."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from market_assets.core import clock
from market_assets.definitions import build_defs
from market_assets.funding.assets import ONLY_GAPS_TAG
from market_assets.funding.schemas import FundingCompleteness, FundingContracts, FundingRates
from market_assets.settings import settings
from resources.stores import open_store
from sensors.funding_repair import days_with_gaps, funding_repair_sensor

TABLE = FundingCompleteness.contract()
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def gap(start: str, end: str = "") -> dict[str, Any]:
    """A contract that lacks the settlements from `start` to `end`."""
    first, last = clock.instant(start), clock.instant(end or start)
    return {"gap_starts": [first], "gap_ends": [last], "gap_slots": [1.0]}


def store(exchange: str, *contracts: dict[str, Any], day: str = "2026-11-20") -> None:
    """The completeness of an exchange, one row per contract."""
    sound = {"gap_starts": [], "gap_ends": [], "gap_slots": [], "epoch_starts": [], "epoch_intervals": []}
    common = {"day": date.fromisoformat(day), "exchange": exchange, "base_asset": "BTC", "is_active": True}
    counts = {"expected_slots": 90, "hit_slots": 80, "surplus_rows": 0, "completeness_pct": 88.9, "n_unrecoverable": 0}
    rows = [
        {**dict.fromkeys(TABLE.columns), **common, **counts, **sound, "completeness_class": "partial_high"}
        | {"symbol": f"C{n}-USDT-PERP", "native_symbol": f"C{n}USDT"}
        | own
        for n, own in enumerate(contracts)
    ]
    open_store(settings()).write(TABLE, f"{day}|{exchange}", pl.DataFrame(rows, schema=TABLE.schema))


def lacking(now: datetime = NOW) -> set[str]:
    return days_with_gaps(open_store(settings()), ["bybit", "okx"], now)


def tick(instance: dg.DagsterInstance, now: datetime = NOW) -> list[tuple[str, str]]:
    """The ranges that a tick asks for."""
    sensor = funding_repair_sensor(settings(), default_status=dg.DefaultSensorStatus.STOPPED)
    with clock.frozen(now):
        context = dg.build_sensor_context(instance=instance, definitions=build_defs(settings()))
        result = sensor.evaluate_tick(context)
    ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return [(request.tags[ends[0]], request.tags[ends[1]]) for request in result.run_requests or []]


def test_a_gap_names_the_days_it_spans() -> None:
    """From the first missing settlement's day to the last one's, of its exchange alone."""
    store("bybit", gap("2026-11-03T16:00:00Z", "2026-11-05T00:00:00Z"))
    store("okx", {})
    assert lacking() == {"2026-11-03|bybit", "2026-11-04|bybit", "2026-11-05|bybit"}


def test_the_newest_judgement_counts() -> None:
    """A gap of an older completeness that the newest one no longer has is closed."""
    store("bybit", gap("2026-11-03T16:00:00Z"), day="2026-11-19")
    store("bybit", {}, day="2026-11-20")
    assert lacking() == set()


def test_what_the_exchange_has_forgotten_is_left_alone() -> None:
    """Gaps before the history floor cannot be closed; one that reaches over it is repaired from there on."""
    floor = {"history_floor": datetime(2026, 11, 4, 8, tzinfo=UTC)}
    store("bybit", gap("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z") | floor)
    assert lacking() == set()
    store("bybit", gap("2026-11-03T00:00:00Z", "2026-11-05T00:00:00Z") | floor)
    assert lacking() == {"2026-11-04|bybit", "2026-11-05|bybit"}


def test_settlements_of_the_last_hours_may_still_come() -> None:
    """A slot missed an hour ago is the hourly run's business; one of this morning is a gap."""
    store("bybit", gap("2026-11-20T11:00:00Z"))
    assert lacking() == set()
    store("bybit", gap("2026-11-20T08:00:00Z"))
    assert lacking() == {"2026-11-20|bybit"}


def test_delisted_contracts_are_not_repaired() -> None:
    """Nothing settles there any more."""
    store("bybit", gap("2026-11-03T16:00:00Z") | {"is_active": False})
    assert lacking() == set()


def test_a_gap_is_asked_for_again_only_after_the_pause(instance: dg.DagsterInstance) -> None:
    """Once in six hours, as often as it stays open."""
    store("bybit", gap("2026-11-03T16:00:00Z"))
    span = [("2026-11-03|bybit", "2026-11-03|bybit")]
    assert tick(instance, NOW) == span
    assert tick(instance, NOW + HOUR) == []
    assert tick(instance, NOW + 6 * HOUR) == span
    store("bybit", {})
    assert tick(instance, NOW + 12 * HOUR) == []


def know_contracts(*exchanges: str) -> None:
    """An empty map counts as known."""
    for name in exchanges:
        open_store(settings()).write(FundingContracts.contract(), name, FundingContracts.contract().empty())


def test_a_new_home_asks_for_the_window_whole(instance: dg.DagsterInstance) -> None:
    """Thirty days before today in one run, all contracts of them: some exchanges do not say since when they list."""
    know_contracts("binance_usdm", "binance_coinm")
    sensor = funding_repair_sensor(settings(), default_status=dg.DefaultSensorStatus.STOPPED)
    with clock.frozen(NOW):
        context = dg.build_sensor_context(instance=instance, definitions=build_defs(settings()))
        (request,) = sensor.evaluate_tick(context).run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == "2026-10-21|binance_usdm"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-11-19|binance_coinm"
    assert ONLY_GAPS_TAG not in request.tags
    assert tick(instance, NOW + HOUR) == []


def test_an_exchange_without_known_contracts_is_not_asked(instance: dg.DagsterInstance) -> None:
    """Its listing comes first."""
    assert tick(instance) == []


def test_days_that_are_stored_are_not_asked_for_whole(instance: dg.DagsterInstance) -> None:
    """A known empty day is stored."""
    know_contracts("bybit")
    rates = FundingRates.contract()
    for n in range(1, 31):
        if n != 7:
            open_store(settings()).write(rates, f"{(NOW - n * 24 * HOUR):%Y-%m-%d}|bybit", rates.empty())
    assert tick(instance) == [("2026-11-13|bybit", "2026-11-13|bybit")]


def test_a_gap_that_never_closes_is_given_up(instance: dg.DagsterInstance) -> None:
    """After so many tries the exchange has nothing there; once it is closed and opens again, all begins anew."""
    store("bybit", gap("2026-11-03T16:00:00Z"))
    tries = [tick(instance, NOW + 6 * n * HOUR) for n in range(14)]
    assert [len(asked) for asked in tries] == [1] * 12 + [0, 0]
    store("bybit", {})
    assert tick(instance, NOW + 90 * HOUR) == []
    store("bybit", gap("2026-11-03T16:00:00Z"))
    assert len(tick(instance, NOW + 91 * HOUR)) == 1


def test_only_contracts_that_lack_settlements_are_asked_for(instance: dg.DagsterInstance) -> None:
    """The run is tagged so."""
    store("bybit", gap("2026-11-03T16:00:00Z"))
    sensor = funding_repair_sensor(settings(), default_status=dg.DefaultSensorStatus.STOPPED)
    with clock.frozen(NOW):
        context = dg.build_sensor_context(instance=instance, definitions=build_defs(settings()))
        (request,) = sensor.evaluate_tick(context).run_requests or []
    assert ONLY_GAPS_TAG in request.tags


def test_neighbouring_days_and_exchanges_share_a_run(instance: dg.DagsterInstance) -> None:
    """Our own outage of two days at two neighbouring exchanges is one run."""
    for exchange in ("bybit", "okx"):
        store(exchange, gap("2026-11-03T16:00:00Z", "2026-11-04T16:00:00Z"))
    assert tick(instance) == [("2026-11-03|bybit", "2026-11-04|okx")]


def test_a_repair_is_bounded(instance: dg.DagsterInstance) -> None:
    """Scattered days of a month: twenty runs a tick, newest first, the rest at the next."""
    days = [f"2026-{month}-{day:02}T08:00:00Z" for month in (9, 10) for day in range(1, 30, 2)]
    store("bybit", *(gap(day.replace("-9-", "-09-")) for day in days))
    first, second = tick(instance), tick(instance, NOW + HOUR)
    assert (len(first), len(second)) == (20, 10)
    assert not set(first) & set(second)
