"""When crypto asks: the running day as candles close, the day before once it is over, and late data at night."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from market_assets.crypto.assets import CHAIN
from market_assets.crypto.partitions import SYMBOL
from market_assets.settings import load, settings
from resources.crypto_fetch import klines_landing
from schedules.crypto import FRESHNESS_CHECKS, crypto_schedules
from tests.market_assets.crypto.transforms.minute_frames import MINUTE, klines

#: a Friday
NOW = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)
DAY = timedelta(days=1)
SYMBOLS = SYMBOL.get_partition_keys()
ENDS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def schedules(**crypto: Any) -> dict[str, dg.ScheduleDefinition]:
    found = crypto_schedules(load(crypto=crypto), default_status=dg.DefaultScheduleStatus.RUNNING)
    return {one.name: one for one in found}


def requests(name: str, at: datetime, **crypto: Any) -> list[dg.RunRequest] | str:
    """What a schedule's tick asks for, or why nothing."""
    tick = schedules(**crypto)[name].evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at))
    return tick.skip_message or list(tick.run_requests or [])


def asked(name: str, at: datetime = NOW, **crypto: Any) -> list[tuple[str, str]] | str:
    """First and last partition of what is asked for, or why nothing is."""
    found = requests(name, at, **crypto)
    return found if isinstance(found, str) else [(one.tags[ENDS[0]], one.tags[ENDS[1]]) for one in found]


def days(first: str, last: str) -> list[tuple[str, str]]:
    """One range over these days of every symbol."""
    return [(f"{first}|{SYMBOLS[0]}", f"{last}|{SYMBOLS[-1]}")]


def land(closed_at: datetime, *symbols: str) -> None:
    """The stream hands over a candle of each symbol that closed then."""
    found = settings()
    for symbol in symbols:
        rows = klines(closed_at - MINUTE, 1, symbol=symbol, arrived=closed_at)
        klines_landing(found).append(found.crypto.venue.vendor, closed_at, rows)


@pytest.mark.parametrize(
    ("name", "at", "first", "last"),
    [
        ("crypto_current", NOW, "2026-11-20", "2026-11-20"),
        ("crypto_final", datetime(2026, 11, 20, 0, 5, tzinfo=UTC), "2026-11-19", "2026-11-19"),
        ("crypto_late", datetime(2026, 11, 20, 4, 0, tzinfo=UTC), "2026-11-18", "2026-11-19"),
        # the first run of a day is of that day, the last one of the day that ends
        ("crypto_current", datetime(2026, 11, 20, 0, 0, tzinfo=UTC), "2026-11-20", "2026-11-20"),
        ("crypto_current", datetime(2026, 11, 19, 23, 55, tzinfo=UTC), "2026-11-19", "2026-11-19"),
        ("crypto_final", datetime(2027, 1, 1, 0, 5, tzinfo=UTC), "2026-12-31", "2026-12-31"),
        ("crypto_late", datetime(2026, 3, 1, 4, 0, tzinfo=UTC), "2026-02-27", "2026-02-28"),
    ],
)
def test_each_schedule_asks_for_its_days(name: str, at: datetime, first: str, last: str) -> None:
    """Section 1 of the specification; every symbol in one run, days cut at midnight UTC."""
    assert asked(name, at) == days(first, last)


def test_when_each_schedule_ticks() -> None:
    """In UTC: every five minutes, five past midnight, four o'clock, and freshness between two runs."""
    found = schedules()
    assert {name: one.cron_schedule for name, one in found.items()} == {
        "crypto_current": "*/5 * * * *",
        "crypto_final": "5 0 * * *",
        "crypto_late": "0 4 * * *",
        "crypto_sentiments": "10 0 * * *",
        "crypto_freshness": "4-59/5 * * * *",
    }
    assert {one.execution_timezone for one in found.values()} == {"UTC"}


@pytest.mark.parametrize(
    ("crypto", "cron"),
    [
        ({"profile": "scalp"}, "*/1 * * * *"),
        ({"profile": "swing"}, "*/15 * * * *"),
        ({"cadence_min": 10}, "*/10 * * * *"),
        # a profile has its own
        ({"profile": "swing", "cadence_min": 10}, "*/15 * * * *"),
    ],
)
def test_the_profile_says_how_often(crypto: dict[str, Any], cron: str) -> None:
    assert schedules(**crypto)["crypto_current"].cron_schedule == cron


def test_a_run_carries_candles_to_signals() -> None:
    """One selection for all three: overlays and telemetry are one step; account and advice follow by the sensor."""
    assert (
        dg.AssetSelection.assets(
            "crypto_klines", "crypto_timeframes", "crypto_overlays", "crypto_feature_telemetry", "crypto_signals"
        )
        == CHAIN
    )


def test_archive_only_leaves_the_running_day_alone() -> None:
    """`crypto.live` off: closed days still come, from the archive."""
    said = asked("crypto_current", live=False)
    assert isinstance(said, str) and "crypto.live is off" in said
    assert asked("crypto_final", datetime(2026, 11, 20, 0, 5, tzinfo=UTC), live=False) == days(
        "2026-11-19", "2026-11-19"
    )
    assert asked("crypto_late", datetime(2026, 11, 20, 4, 0, tzinfo=UTC), live=False) == days(
        "2026-11-18", "2026-11-19"
    )


def test_a_live_stream_has_the_running_day_to_itself() -> None:
    """While every symbol has a candle that closed in the last two and a half minutes; the final pass comes anyway."""
    land(NOW, *SYMBOLS)
    said = asked("crypto_current", NOW + timedelta(minutes=2))
    assert isinstance(said, str) and "stream" in said
    assert asked("crypto_current", NOW + timedelta(minutes=2.5)) == days("2026-11-20", "2026-11-20")
    assert asked("crypto_final", datetime(2026, 11, 20, 0, 5, tzinfo=UTC)) == days("2026-11-19", "2026-11-19")


def test_a_stream_that_lacks_a_symbol_is_not_live() -> None:
    """Nobody else would ask for it."""
    land(NOW, *SYMBOLS[:-1])
    assert asked("crypto_current", NOW) == days("2026-11-20", "2026-11-20")


def test_a_stream_is_live_over_midnight() -> None:
    """At 00:00 its newest candle is the last one of yesterday."""
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    land(midnight, *SYMBOLS)
    assert isinstance(asked("crypto_current", midnight), str)
    assert isinstance(asked("crypto_current", midnight + timedelta(minutes=2)), str)
    assert asked("crypto_current", midnight + timedelta(minutes=5)) == days("2026-11-20", "2026-11-20")


@pytest.mark.parametrize(("trailing_days", "first"), [(1, "2026-11-19"), (4, "2026-11-16")])
def test_late_data_of_as_many_days_as_are_set(trailing_days: int, first: str) -> None:
    at = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
    assert asked("crypto_late", at, trailing_days=trailing_days) == days(first, "2026-11-19")


def test_days_before_the_partitions_begin_are_not_asked_for() -> None:
    """A young home's trailing days start with its first day."""
    at = datetime(2024, 1, 2, 4, 0, tzinfo=UTC)
    assert asked("crypto_late", at, trailing_days=7) == days("2024-01-01", "2024-01-01")


@pytest.mark.parametrize("name", ["crypto_final", "crypto_late"])
def test_on_the_first_day_there_is_nothing_before(name: str) -> None:
    """Yesterday is no partition yet: the tick says so instead of asking for it."""
    said = asked(name, datetime(2024, 1, 1, 4, 0, tzinfo=UTC))
    assert isinstance(said, str) and "crypto.start_date" in said


def test_sentiment_is_asked_for_once_a_day_where_it_is_wanted() -> None:
    """It has no partitions."""
    found = requests("crypto_sentiments", NOW)
    assert isinstance(found, list) and len(found) == 1
    assert isinstance(requests("crypto_sentiments", NOW, sentiment={"enabled": False}), str)


def test_freshness_is_judged_without_new_data() -> None:
    """A job of checks alone, of candles and the stream."""
    keys = {key.name for key in FRESHNESS_CHECKS.resolve_checks(_graph())}
    assert keys == {"candles_fresh", "stream_alive"}


def _graph() -> Any:
    from market_assets.definitions import build_defs

    return build_defs().resolve_asset_graph()


def test_run_keys_differ_from_tick_to_tick() -> None:
    """A run key that repeats would be deduplicated for ever."""
    ticks = [requests("crypto_current", at) for at in (NOW, NOW + timedelta(minutes=5))]
    ticks += [requests(name, NOW) for name in ("crypto_final", "crypto_late", "crypto_sentiments")]
    keys = [one.run_key for found in ticks for one in found if isinstance(one, dg.RunRequest)]
    assert len(set(keys)) == len(keys) == 5


def test_a_landed_candle_is_what_it_was() -> None:
    """What these tests hand over is read back as the sensor reads it."""
    land(NOW, "BTCUSDT")
    landed = klines_landing(settings()).read("binance_usdm", [NOW.date()])
    assert landed.select("symbol", "ts").rows() == [("BTCUSDT", NOW - MINUTE)]
    assert landed.select(pl.col("close")).item() == 100.0
