"""When bars asks: the running day while markets are open, the day before once it is over, and late data at night."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from market_assets.bars.assets import CHAIN
from market_assets.bars.partitions import SYMBOL
from market_assets.bars.schemas import BarsMinute
from market_assets.settings import load
from resources.bars_fetch import minutes_landing
from schedules.bars import FRESHNESS_CHECKS, bars_schedules

#: a Friday, an hour into the session of the indices
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SYMBOLS = SYMBOL.get_partition_keys()
INDICES, CURRENCIES = ["NAS100", "US500", "US30"], ["EURUSD", "GBPUSD"]
ENDS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def schedules(**bars: Any) -> dict[str, dg.ScheduleDefinition]:
    # whose sources need no key
    found = bars_schedules(load(bars=bars, vendors="sandbox"), default_status=dg.DefaultScheduleStatus.RUNNING)
    return {one.name: one for one in found}


def requests(name: str, at: datetime, **bars: Any) -> list[dg.RunRequest] | str:
    """What a schedule's tick asks for, or why nothing."""
    tick = schedules(**bars)[name].evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at))
    return tick.skip_message or list(tick.run_requests or [])


def asked(name: str, at: datetime = NOW, **bars: Any) -> list[tuple[str, str]] | str:
    """First and last partition of what is asked for, or why nothing is."""
    found = requests(name, at, **bars)
    return found if isinstance(found, str) else [(one.tags[ENDS[0]], one.tags[ENDS[1]]) for one in found]


def days(first: str, last: str, *symbols: str) -> list[tuple[str, str]]:
    """One range over these days, of every symbol unless two ends are stated."""
    begin, end = symbols or (SYMBOLS[0], SYMBOLS[-1])
    return [(f"{first}|{begin}", f"{last}|{end}")]


def land(closed_at: datetime, *symbols: str) -> None:
    """The collector hands over a minute of each symbol that closed then."""
    contract = BarsMinute.contract()
    for symbol in symbols:
        row = dict.fromkeys(contract.columns) | {
            "symbol": symbol, "timeframe": "1m", "ts": closed_at - MINUTE, "open": 1.0, "high": 1.0, "low": 1.0,
            "close": 1.0, "source": "yahoo-sandbox", "ingested_at": closed_at,
        }  # fmt: skip
        minutes_landing(load(vendors="sandbox")).append(symbol, closed_at, pl.DataFrame([row], contract.schema))


@pytest.mark.parametrize(
    ("name", "at", "first", "last"),
    [
        ("bars_current", NOW, "2026-11-20", "2026-11-20"),
        ("bars_final", datetime(2026, 11, 20, 0, 20, tzinfo=UTC), "2026-11-19", "2026-11-19"),
        ("bars_comparison", datetime(2026, 11, 20, 0, 50, tzinfo=UTC), "2026-11-19", "2026-11-19"),
        ("bars_late", datetime(2026, 11, 20, 4, 0, tzinfo=UTC), "2026-11-18", "2026-11-19"),
        # closed days are asked for as well: a calendar's exception would be found out
        ("bars_final", datetime(2026, 11, 22, 0, 20, tzinfo=UTC), "2026-11-21", "2026-11-21"),
        ("bars_final", datetime(2027, 1, 1, 0, 20, tzinfo=UTC), "2026-12-31", "2026-12-31"),
        ("bars_late", datetime(2026, 3, 1, 4, 0, tzinfo=UTC), "2026-02-27", "2026-02-28"),
    ],
)
def test_each_schedule_asks_for_its_days(name: str, at: datetime, first: str, last: str) -> None:
    """Section 1 of the specification; every symbol in one run, days cut at midnight UTC."""
    assert asked(name, at) == days(first, last)


def test_when_each_schedule_ticks() -> None:
    """In UTC: every five minutes, 00:20 and 04:00 as the specification says, and beside them what they leave alone."""
    found = schedules()
    assert {name: one.cron_schedule for name, one in found.items()} == {
        "bars_current": "*/5 * * * *",
        "bars_final": "20 0 * * *",
        "bars_late": "0 4 * * *",
        "bars_comparison": "50 0 * * *",
        "bars_macro": "30 22 * * *",
        "bars_freshness": "3-59/5 * * * *",
    }
    assert {one.execution_timezone for one in found.values()} == {"UTC"}


@pytest.mark.parametrize(
    ("at", "symbols"),
    [
        # coins alone
        (SATURDAY, ("BTCUSD", "BTCUSD")),
        # currencies, coins, futures and gold, which are one range
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), ("EURUSD", "XAUUSD")),
        # what closed at 21:00 is asked for until its last minute must have come: 5 + 1 + 2:10 minutes later
        (datetime(2026, 11, 20, 21, 5, tzinfo=UTC), (SYMBOLS[0], SYMBOLS[-1])),
        (datetime(2026, 11, 20, 21, 10, tzinfo=UTC), ("EURUSD", "XAUUSD")),
    ],
)
def test_only_markets_that_were_open_since_the_last_tick(at: datetime, symbols: tuple[str, str]) -> None:
    """In winter New York closes at 21:00 UTC; currencies and futures go on until 22:00."""
    day = f"{at:%F}"
    assert asked("bars_current", at) == days(day, day, *symbols)


def test_a_holiday_is_no_session() -> None:
    """Thanksgiving: the indices are left out at an hour at which they are open the day before."""
    thursday = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)
    assert asked("bars_current", thursday, symbols=INDICES) == "no market of bars.symbols is open"
    assert asked("bars_current", thursday - DAY, symbols=INDICES) == days("2026-11-25", "2026-11-25", "NAS100", "US30")


@pytest.mark.parametrize("symbols", [INDICES, CURRENCIES])
def test_on_a_weekend_nothing_is_asked_of_closed_markets(symbols: list[str]) -> None:
    """And the tick says so."""
    assert asked("bars_current", SATURDAY, symbols=symbols) == "no market of bars.symbols is open"


def test_a_symbol_that_nobody_can_be_asked_for_is_left_out() -> None:
    """Without a key there is no source of gold; with one there is."""
    ticks = []
    for more in ({}, {"twelvedata_api_key": "a-key"}):
        found = bars_schedules(load(**more), default_status=dg.DefaultScheduleStatus.RUNNING)
        (current,) = [one for one in found if one.name == "bars_current"]
        requests = current.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=NOW)).run_requests or []
        ticks.append(sorted((one.tags[ENDS[0]][11:], one.tags[ENDS[1]][11:]) for one in requests))
    assert ticks == [[("NAS100", "XAUUSD_FUT")], [("NAS100", "XAUUSD")]]


@pytest.mark.parametrize(("minutes", "cron"), [(1, "*/1 * * * *"), (10, "*/10 * * * *")])
def test_the_settings_say_how_often(minutes: int, cron: str) -> None:
    assert schedules(micro_batch_min=minutes)["bars_current"].cron_schedule == cron


def test_a_run_carries_minutes_to_signals() -> None:
    """One selection for all: signals and outcomes are one step; health follows by the sensor."""
    assert (
        dg.AssetSelection.assets(
            "bars_minute", "bars_indicators", "bars_scanner_features", "bars_signals", "bars_outcomes"
        )
        == CHAIN
    )


def test_a_live_collector_has_the_running_day_to_itself() -> None:
    """While every symbol that trades has a minute of the last two and a half; the final pass comes anyway."""
    land(NOW, *SYMBOLS)
    said = asked("bars_current", NOW + timedelta(minutes=2))
    assert said == "the live collector hands over the running day"
    assert asked("bars_current", NOW + timedelta(minutes=2.5)) == days("2026-11-20", "2026-11-20")
    assert asked("bars_final", datetime(2026, 11, 20, 0, 20, tzinfo=UTC)) == days("2026-11-19", "2026-11-19")


def test_a_collector_that_lacks_a_symbol_is_not_live() -> None:
    """Nobody else would ask for it; one whose market is closed lacks nothing."""
    land(NOW, *SYMBOLS[1:])
    assert asked("bars_current", NOW) == days("2026-11-20", "2026-11-20")
    land(SATURDAY, "BTCUSD")
    assert asked("bars_current", SATURDAY) == "the live collector hands over the running day"


@pytest.mark.parametrize(("trailing_days", "first"), [(1, "2026-11-19"), (4, "2026-11-16")])
def test_late_data_of_as_many_days_as_are_set(trailing_days: int, first: str) -> None:
    at = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
    assert asked("bars_late", at, trailing_days=trailing_days) == days(first, "2026-11-19")


def test_days_before_the_partitions_begin_are_not_asked_for() -> None:
    """A young home's trailing days start with its first day."""
    at = datetime(2025, 1, 2, 4, 0, tzinfo=UTC)
    assert asked("bars_late", at, trailing_days=7) == days("2025-01-01", "2025-01-01")


@pytest.mark.parametrize("name", ["bars_final", "bars_late", "bars_comparison"])
def test_on_the_first_day_there_is_nothing_before(name: str) -> None:
    """Yesterday is no partition yet: the tick says so instead of asking for it."""
    said = asked(name, datetime(2025, 1, 1, 4, 0, tzinfo=UTC))
    assert isinstance(said, str) and "bars.start_date" in said


def test_what_is_switched_off_is_not_asked_for() -> None:
    """Macro series have no partitions; comparing spends budgets."""
    found = requests("bars_macro", NOW)
    assert isinstance(found, list) and len(found) == 1
    assert requests("bars_macro", NOW, macro={"enabled": False}) == "bars.macro.enabled is off"
    assert requests("bars_comparison", NOW, reconcile=False) == "bars.reconcile is off"


def test_freshness_is_judged_without_new_data() -> None:
    """A job of checks alone: of minutes, the collector, the sources and macro series."""
    from market_assets.definitions import build_defs

    keys = {key.name for key in FRESHNESS_CHECKS.resolve_checks(build_defs().resolve_asset_graph())}
    assert keys == {"minutes_fresh", "collector_alive", "bars_stored", "one_source_left", "macro_fresh"}


def test_run_keys_differ_from_tick_to_tick() -> None:
    """A run key that repeats would be deduplicated for ever."""
    ticks = [requests("bars_current", at) for at in (NOW, NOW + timedelta(minutes=5))]
    ticks += [requests(name, NOW) for name in ("bars_final", "bars_late", "bars_comparison", "bars_macro")]
    keys = [one.run_key for found in ticks for one in found if isinstance(one, dg.RunRequest)]
    assert len(set(keys)) == len(keys) == 6
