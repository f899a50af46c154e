"""When equities ask: sessions only, after the close in summer and winter, trailing years."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl
import pytest

from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.equities.schemas import EquitiesDailyBars, EquitiesSymbols
from market_assets.equities.settings import SymbolSettings
from market_assets.equities.transforms import symbols
from market_assets.equities.universe import OVERRIDES
from market_assets.settings import settings
from resources.stores import open_store
from schedules.equities import equities_schedules, trailing_years

NEW_YORK = ZoneInfo("America/New_York")


def tick(name: str, at: datetime, *listed: SymbolSettings) -> list[dict[str, str]] | str:
    """The partition ranges a schedule asks for at `at`, or why it skips."""
    frame: pl.DataFrame = symbols.universe(listed, OVERRIDES.empty())
    open_store(settings()).write(EquitiesSymbols.contract(), "all", frame)
    schedule = next(
        s for s in equities_schedules(settings(), default_status=dg.DefaultScheduleStatus.STOPPED) if s.name == name
    )
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions(SYMBOLS_NAME, [line.symbol for line in listed])
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=at)
        result = schedule.evaluate_tick(context)
    if result.skip_message:
        return result.skip_message
    return [
        {k.rsplit("_", 1)[-1]: v for k, v in request.tags.items() if "partition_range" in k}
        for request in result.run_requests or []
    ]


AAPL, MSFT = SymbolSettings(symbol="AAPL"), SymbolSettings(symbol="MSFT")
GONE = SymbolSettings(symbol="GONE", active=False)
COIN = SymbolSettings(symbol="BTC-USD", asset_class="crypto")


def test_a_session_asks_for_the_running_year_of_active_exchange_symbols() -> None:
    """Inactive symbols and coins are not asked for after New York's close."""
    at = datetime(2026, 11, 20, 18, 30, tzinfo=NEW_YORK)
    assert tick("equities_after_close", at, AAPL, MSFT, GONE, COIN) == [{"start": "AAPL|2026", "end": "MSFT|2026"}]


@pytest.mark.parametrize("day", [date(2026, 11, 26), date(2026, 12, 25), date(2026, 4, 3)])
def test_a_holiday_asks_for_nothing(day: date) -> None:
    """Thanksgiving, Christmas and Good Friday have no session."""
    at = datetime(day.year, day.month, day.day, 18, 30, tzinfo=NEW_YORK)
    assert tick("equities_after_close", at, AAPL) == f"{day} is no session of XNYS"


@pytest.mark.parametrize("month", [1, 7])
def test_the_tick_comes_after_close_and_lag_in_winter_and_summer(month: int) -> None:
    """16:00 plus 120 minutes is 18:00 in New York, whatever that is in UTC."""
    schedule = equities_schedules(settings(), default_status=dg.DefaultScheduleStatus.STOPPED)[0]
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 18 * * 1-5", "America/New_York")
    close = datetime(2026, month, 15, 16, 0, tzinfo=NEW_YORK)
    ticked = datetime(2026, month, 15, 18, 30, tzinfo=NEW_YORK)
    assert (ticked - close).total_seconds() / 60 >= settings().equities.vendor_delay_min


def test_a_coin_s_day_is_asked_for_after_utc_midnight() -> None:
    """On New Year's morning the day that ended belongs to the old year."""
    at = datetime(2026, 1, 1, 2, 15, tzinfo=ZoneInfo("UTC"))
    assert tick("equities_crypto_daily", at, AAPL, COIN) == [{"start": "BTC-USD|2025", "end": "BTC-USD|2025"}]


def test_late_corrections_reach_into_the_old_year_in_january() -> None:
    """Thirty sessions before mid January lie in two years."""
    assert trailing_years(date(2026, 1, 17), 30) == [2025, 2026]
    assert trailing_years(date(2026, 6, 20), 30) == [2026]


def test_without_symbols_the_schedule_says_what_to_do() -> None:
    """An empty universe is a reason, not a run."""
    at = datetime(2026, 11, 20, 18, 30, tzinfo=NEW_YORK)
    assert "symbols add" in tick("equities_after_close", at, GONE)


def test_what_a_fallback_served_is_asked_of_the_first_source_again() -> None:
    """Saturday re-fetches the running year of all, and the older year that Yahoo had to serve."""
    bars = EquitiesDailyBars.contract()
    rows = pl.DataFrame(
        [
            {
                "symbol": "MSFT",
                "timeframe": "1d",
                "ts": datetime(2023, 3, 1, tzinfo=UTC),
                **dict.fromkeys(("open", "high", "low", "close"), 10.0),
                "volume": 1.0,
                "source": "yahoo",
                "ingested_at": datetime(2023, 3, 2, tzinfo=UTC),
                "session_date": date(2023, 3, 1),
                "vwap_vendor": None,
                "trade_count": None,
                "price_basis": "unadjusted_derived",
                "fallback_level": 1,
            }
        ],
        schema=bars.schema,
    )
    open_store(settings()).write(bars, "MSFT|2023", rows)
    saturday = datetime(2026, 6, 20, 3, 0, tzinfo=UTC)
    assert tick("equities_late_corrections", saturday, AAPL, MSFT) == [
        {"start": "AAPL|2026", "end": "MSFT|2026"},
        {"start": "MSFT|2023", "end": "MSFT|2023"},
    ]


def test_the_running_year_is_reconciled() -> None:
    """The second source is asked for the running year of all symbols."""
    at = datetime(2026, 6, 18, 2, 0, tzinfo=UTC)
    assert tick("equities_reconcile", at, AAPL) == [{"start": "2026", "end": "2026"}]
