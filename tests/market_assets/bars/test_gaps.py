"""The gaps of a bars home: what stored days, the fetch log, the quarantine and a second source tell of them."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from market_assets.bars.gaps import typed_gaps
from market_assets.bars.schemas import BarsMinute, BarsReconciliation
from market_assets.bars.transforms.reconciliation import Other, compared
from market_assets.core import clock, trading_hours
from market_assets.core.gaps import FOUND
from market_assets.settings import settings
from resources.fetch_log import FetchLog
from resources.stores import open_store
from tests.market_assets.bars import minute_rows
from tests.market_assets.bars.conftest import Bars

#: a Friday, at noon: yesterday is settled
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BARS = BarsMinute.contract()
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
BTC, EUR, GBP, NAS = "BTCUSD", "EURUSD", "GBPUSD", "NAS100"
WHOLE = minute_rows.rows(NOW, [100.0] * 1440)


def start(day: int) -> datetime:
    """Midnight of a day, counted from that before the first of November."""
    return datetime(2026, 10, 31, tzinfo=UTC) + day * DAY


def rows(day: int, symbol: str, *, lost: tuple[int, int] = (0, 0)) -> pl.DataFrame:
    """The market minutes of a day of November, but for those from number `lost[0]` before `lost[1]`."""
    calendar = settings().bars.instrument(symbol).calendar
    ts = trading_hours.minutes(calendar, start(day), start(day) + DAY).to_list()
    kept = [*ts[: lost[0]], *ts[lost[1] :]]
    moved = WHOLE.with_columns(pl.lit(symbol).alias("symbol"), pl.col("ts", "ingested_at") + (start(day) - NOW))
    return moved.filter(pl.col("ts").is_in(kept))


def store(day: int, symbol: str, *, lost: tuple[int, int] = (0, 0)) -> None:
    with clock.frozen(start(day) + 2 * DAY):
        open_store(settings()).write(BARS, f"{start(day):%Y-%m-%d}|{symbol}", rows(day, symbol, lost=lost))


def found(now: datetime = NOW) -> list[tuple[str, int, str]]:
    """Partition, length and kind of each gap."""
    gaps = typed_gaps(open_store(settings()), settings(), now)
    assert gaps.schema == FOUND
    return gaps.select("partition", "n_missing", "kind").rows()


def failed(day: int, symbol: str, outcome: str, error: str) -> None:
    """The last fetch of a day, two days later."""
    with clock.frozen(start(day) + 2 * DAY):
        FetchLog(settings().home).failed(BARS.name, [f"{start(day):%Y-%m-%d}|{symbol}"], "a-run", outcome, error)


def test_days_between_are_ours() -> None:
    """Of an index the 390 minutes of its session; Saturday and Sunday lack nothing."""
    store(12, NAS)
    store(17, NAS)
    assert found() == [("2026-11-13|NAS100", 390, "ours"), ("2026-11-16|NAS100", 390, "ours")]


def test_minutes_of_coins_and_of_others() -> None:
    """A lone coin's are ours, a currency's had no trade."""
    for symbol in (BTC, EUR):
        store(17, symbol, lost=(100, 105))
    assert found() == [("2026-11-17|BTCUSD", 5, "ours"), ("2026-11-17|EURUSD", 5, "no_trades")]


def test_a_minute_in_quarantine_is_ours() -> None:
    """A source stated it; what was rejected of minutes that are there is no gap."""
    store(17, EUR, lost=(100, 105))
    rejected = rows(17, EUR).slice(104, 2).with_columns(reason=pl.lit("high_low_crossed"), run_id=pl.lit("a-run"))
    rejected = rejected.with_columns(row_number=pl.int_range(pl.len(), dtype=pl.Int64))
    open_store(settings()).write(BARS.quarantine(), "2026-11-17|EURUSD", BARS.quarantine().conform(rejected))
    assert found() == [("2026-11-17|EURUSD", 4, "no_trades"), ("2026-11-17|EURUSD", 1, "ours")]


def test_minutes_that_a_second_source_has_are_ours_until_they_are_stored() -> None:
    """It has all 1,440; five of the stored day are missing when they are compared, two when they are looked at."""
    store(17, EUR, lost=(100, 105))
    other = rows(17, EUR).select("ts", "close", "ingested_at")
    lacking = rows(17, EUR, lost=(100, 105))
    told = compared(lacking, Other("twelvedata", lacking["instrument_kind"][0], other), settings().bars)
    open_store(settings()).write(BarsReconciliation.contract(), "2026-11-17|EURUSD", told)
    (row,) = typed_gaps(open_store(settings()), settings(), NOW).to_dicts()
    assert (row["kind"], row["reason"]) == ("ours", "a second source has 5 minutes more of the day")
    store(17, EUR, lost=(100, 102))
    (row,) = typed_gaps(open_store(settings()), settings(), NOW).to_dicts()
    assert (row["n_missing"], row["reason"]) == (2, "a second source has 2 minutes more of the day")


def test_a_day_without_a_bar() -> None:
    """Its source answered, without rows: a halt where another currency traded, a holiday where none did."""
    for symbol in (EUR, GBP):
        store(16, symbol)
    said = "yahoo [{} 2026-11-17]: no rows, although 1440 minutes were due. Nothing was stored."
    store(17, GBP)
    failed(17, EUR, "all_failed", said.format(EUR))
    assert found() == [("2026-11-17|EURUSD", 1440, "halt")]
    store(18, GBP)
    failed(18, EUR, "all_failed", said.format(EUR))
    # what was said of another day does not count
    assert found()[1:] == [("2026-11-18|EURUSD", 1440, "ours")]


def test_a_day_on_which_nobody_traded_is_a_holiday() -> None:
    """Although one of them could not be asked; a coin's day is its own."""
    for symbol in (EUR, GBP, BTC):
        store(16, symbol)
        store(18, symbol)
    said = "yahoo, twelvedata [EURUSD 2026-11-17]: needs a source; yahoo: empty (no rows, although 1440 were due)"
    failed(17, EUR, "incomplete", f"1 of 2 days are as they were: {said}. Nothing was stored")
    failed(17, GBP, "unavailable", "yahoo [GBPUSD 2026-11-17]: no connection.")
    assert found() == [
        ("2026-11-17|BTCUSD", 1440, "ours"),
        ("2026-11-17|EURUSD", 1440, "holiday"),
        ("2026-11-17|GBPUSD", 1440, "holiday"),
    ]


def test_a_failed_fetch_is_ours() -> None:
    """Whether others traded or not."""
    store(16, EUR)
    failed(17, EUR, "unavailable", "yahoo [EURUSD 2026-11-17]: no connection.")
    assert found() == [("2026-11-17|EURUSD", 1440, "ours")]


def test_what_no_source_in_use_keeps_cannot_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yahoo keeps thirty days; with a key Twelve Data keeps years, unless it must not serve the day."""
    monkeypatch.setenv("MARKET_ASSETS_GAPS__REPAIR_DAYS", "40")
    settings.cache_clear()
    store(-15, EUR)
    store(-10, EUR)
    # a Sunday's three hours, two weekdays
    lost = [("2026-10-18|EURUSD", 180), ("2026-10-19|EURUSD", 1440), ("2026-10-20|EURUSD", 1440)]
    assert found() == [(*one, "vendor_has_no_data") for one in lost]
    monkeypatch.setenv("TWELVEDATA_API_KEY", "a-test")
    told = {"source": "twelvedata", "symbol": "EURUSD", "first": "2026-10-18", "last": "2026-10-18"}
    monkeypatch.setenv("MARKET_ASSETS_BARS__SOURCE_EXCLUSIONS", json.dumps([told]))
    settings.cache_clear()
    assert [key for key, _, kind in found() if kind == "vendor_has_no_data"] == ["2026-10-18|EURUSD"]
    assert len(found()) == 3


def test_what_may_come_by_itself_is_left_out() -> None:
    """The running day, and until six in the morning the one before."""
    for day in (18, 19, 20):
        store(day, BTC, lost=(600, 1440))
    assert [key for key, *_ in found()] == ["2026-11-18|BTCUSD", "2026-11-19|BTCUSD"]
    assert [key for key, *_ in found(NOW - 7 * HOUR)] == ["2026-11-18|BTCUSD"]


def test_an_answer_without_rows_is_known_from_what_the_fetch_says(fresh: Bars) -> None:
    """The log's text is that of a real run: two days, of one of which no source has a row."""
    fresh.run("bars_minute", keys=fresh.pairs(date(2026, 9, 29), date(2026, 9, 29), ["EURUSD"]))
    sources = ("yahoo", "alphavantage", "twelvedata", "polygon")
    fresh.desk.sandbox.fault(*(f"{name}:missing_rows:dates=2026-09-30" for name in sources))
    fresh.run("bars_minute", keys=fresh.pairs(date(2026, 9, 30), date(2026, 10, 1), ["EURUSD"]), succeed=False)
    fresh.desk.sandbox.heal()
    gaps = typed_gaps(fresh.desk.store, fresh.desk.settings, clock.now())
    of_day = gaps.filter(partition="2026-09-30|EURUSD")
    assert of_day.select("kind", "n_missing").rows() == [("holiday", 1440)]
