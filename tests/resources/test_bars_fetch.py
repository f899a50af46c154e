"""What the bars domain makes of its sources' answers: partitions, what is told of them, and what stays as it was."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.core.partitions import key_of
from resources.bars_fetch import BARS, BarsFetch, minutes_landing
from resources.http.errors import AllSourcesFailed, Unauthorized, Unavailable
from resources.partition_fetch import FetchedPartitions, Unit
from resources.stores import open_store
from resources.stores.protocol import PartitionStore
from tests.market_assets.bars.minute_rows import BTC, rows
from tests.resources.minute_sources import COIN, DAY, NOW, TODAY, Desk

YESTERDAY = TODAY - DAY


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def store(desk: Desk) -> PartitionStore:
    return open_store(desk.settings)


def bring(desk: Desk, store: PartitionStore, *days: datetime, symbol: str = COIN) -> FetchedPartitions:
    """What a run brings of days, stored."""
    fetch = BarsFetch(desk.settings, desk.vendors, store, desk.at)
    (unit,) = fetch.units([key_of(day.date(), symbol) for day in days])
    brought = fetch.minutes(unit)
    for key, frame in brought.frames.items():
        store.write(BARS, key, BARS.validate(frame))
    return brought


def one(desk: Desk, store: PartitionStore, day: datetime, symbol: str = COIN) -> tuple[pl.DataFrame, dict[str, Any]]:
    brought, key = bring(desk, store, day, symbol=symbol), key_of(day.date(), symbol)
    return brought.frames[key], dict(brought.metadata[key])


def land(desk: Desk, first: datetime, closes: list[float], **more: Any) -> None:
    """Minutes of the live collector that land."""
    live = rows(first, closes, BTC, origin="stream", **more)
    late = live.with_columns(ingested_at=pl.col("ts") + timedelta(seconds=62))
    minutes_landing(desk.settings).append(COIN, first, late)


def test_a_unit_is_a_symbol_with_the_days_of_a_month(desk: Desk, store: PartitionStore) -> None:
    """Whatever the order of the keys."""
    fetch = BarsFetch(desk.settings, desk.vendors, store, NOW)
    assert fetch.units(["2026-11-01|EURUSD", "2026-10-31|EURUSD", "2026-11-01|BTCUSD"]) == [
        Unit("EURUSD 2026-10", ("2026-10-31|EURUSD",)),
        Unit("EURUSD 2026-11", ("2026-11-01|EURUSD",)),
        Unit("BTCUSD", ("2026-11-01|BTCUSD",)),
    ]


def test_what_is_told_of_a_day(desk: Desk, store: PartitionStore) -> None:
    """Two minutes are missing: they are counted and named, and the trace is there to read and to compute with."""
    hole = [YESTERDAY + timedelta(minutes=n) for n in (60, 61)]
    desk.sources["yahoo"].fails = Unavailable("yahoo", "HTTP 503")
    desk.sources["alphavantage"].enabled = False
    desk.sources["twelvedata"].has = lambda frame: frame.filter(~pl.col("ts").is_in(hole))
    frame, told = one(desk, store, YESTERDAY)
    assert frame.height == 1438
    trace = told.pop("fallback_trace")
    assert trace.startswith("yahoo: error (HTTP 503) > alphavantage: disabled (needs a key")
    assert trace.endswith("> twelvedata: ok, 1438 rows in 20 ms")
    assert [(step["source"], step["level"], step["outcome"]) for step in told.pop("fallback_steps")] == [
        ("yahoo", 0, "error"),
        ("alphavantage", 1, "disabled"),
        ("twelvedata", 2, "ok"),
    ]
    assert told == {
        "expected_rows": 1440,
        "missing_slots": 2,
        "missing_ranges": ["01:00..01:01"],
        "sources": {"twelvedata": 1438},
        "requests": 1,
        "credits": 1,
        "duplicates": 0,
        "batch_quality": 1.0,
        "disagreements": [],
        "disagreements_warn": 0,
        "disagreements_error": 0,
        "stream_revised_rows": 0,
        "stream_revised_max_rel_diff": None,
        "complete": True,
    }


def test_the_running_day_is_built_on_what_landed(desk: Desk, store: PartitionStore) -> None:
    """600 live minutes stand, 119 are asked for; with no new minute nobody is asked again."""
    land(desk, TODAY, [100.0] * 600)
    frame, told = one(desk, store, TODAY)
    assert frame["origin"].to_list() == ["stream"] * 600 + ["rest"] * 119
    assert (told["complete"], told["expected_rows"], told["requests"]) == (False, 719, 1)
    frame, told = one(desk, store, TODAY)
    assert (frame.height, told["requests"], told["fallback_trace"]) == (719, 0, "nothing is missing")
    assert desk.asked() == {"yahoo": 1}


def test_the_final_pass_corrects_the_stream(desk: Desk, store: PartitionStore) -> None:
    """Landed minutes that differ are replaced and counted; one that breaks a row rule was none."""
    land(desk, YESTERDAY, [100.0] * 20 + [101.0] * 3)
    land(desk, YESTERDAY + timedelta(hours=1), [90.0], high=1.0)
    frame, told = one(desk, store, YESTERDAY)
    assert (frame["origin"].unique().to_list(), frame.height) == (["rest"], 1440)
    assert told["stream_revised_rows"] == 3
    assert told["stream_revised_max_rel_diff"] == pytest.approx(1 / 101)


def test_a_closed_market_and_a_symbol_that_does_not_exist_have_no_rows(tmp_path: Path) -> None:
    """A Saturday of a currency, and a day before valid_from: nothing is asked, nothing was due, and that is final."""
    row = {"symbol": "XYZ", "kind": "crypto", "calendar": "always", "yahoo": "XYZ-USD", "valid_from": "2026-11-20"}
    desk = Desk(tmp_path, bars={"symbols": ["EURUSD", "XYZ"], "instruments": [row]})
    store = open_store(desk.settings)
    saturday = TODAY - 6 * DAY
    for day, symbol, why in ((saturday, "EURUSD", "no minute is due"), (YESTERDAY, "XYZ", "does not exist")):
        frame, told = one(desk, store, day, symbol)
        assert (frame.height, told["expected_rows"], told["complete"]) == (0, 0, True)
        assert why in told["fallback_trace"]
    assert desk.asked() == {}


def test_a_day_that_nobody_serves_costs_that_day_alone(desk: Desk, store: PartitionStore) -> None:
    """Of three days the middle one fails: it stays as it was stored, the others are brought, and the unit tells."""
    one(desk, store, YESTERDAY - DAY)
    before = store.read(BARS, [key_of((YESTERDAY - DAY).date(), COIN)])
    hole = YESTERDAY - DAY
    for source in desk.sources.values():
        source.price = 101.0
        source.has = lambda frame: frame.filter(~pl.col("ts").is_between(hole, hole + DAY, closed="left"))
    brought = bring(desk, store, hole - DAY, hole, YESTERDAY)
    assert sorted(brought.frames) == [key_of((hole - DAY).date(), COIN), key_of(YESTERDAY.date(), COIN)]
    assert brought.incomplete is not None and "1 of 3 days" in brought.incomplete and "2026-11-18" in brought.incomplete
    assert store.read(BARS, [key_of(hole.date(), COIN)]).equals(before)


def test_nothing_at_all_is_a_failure(desk: Desk, store: PartitionStore) -> None:
    """Every day of the unit fails; and a refused key ends it at once."""
    for name, source in desk.sources.items():
        source.fails = Unavailable(name, "HTTP 500")
    with pytest.raises(AllSourcesFailed):
        bring(desk, store, YESTERDAY - DAY, YESTERDAY)
    desk.sources["yahoo"].fails = Unauthorized("yahoo", "unknown key")
    with pytest.raises(Unauthorized):
        bring(desk, store, YESTERDAY - DAY, YESTERDAY)


def test_days_one_by_one_equal_one_run(tmp_path: Path) -> None:
    """A jump is judged by the day before, whether that came from the store or from the same run."""
    found = []
    for name, runs in (("range", [(YESTERDAY - DAY, YESTERDAY)]), ("single", [(YESTERDAY - DAY,), (YESTERDAY,)])):
        desk = Desk(tmp_path / name)
        desk.sources["yahoo"].has = _jumping
        store = open_store(desk.settings)
        for days in runs:
            bring(desk, store, *days)
        found.append(store.read(BARS, [key_of(YESTERDAY.date(), COIN)]).drop("ingested_at"))
    assert found[0].equals(found[1])
    assert found[0]["issues"].to_list()[0] == ["jump"]
    assert found[0]["quality_score"].to_list()[:2] == [0.8, 1.0]


def _jumping(frame: pl.DataFrame) -> pl.DataFrame:
    """Prices that swing by 0.1 %, and are 10 % higher from yesterday on."""
    swing = 1 + 0.001 * (pl.int_range(pl.len()) % 2)
    level = pl.when(pl.col("ts") >= YESTERDAY).then(110.0).otherwise(100.0)
    return frame.with_columns((swing * level).alias(name) for name in ("open", "high", "low", "close"))


class TestLanding:
    """What the live collector handed over is kept until it is published."""

    def test_what_is_published_is_removed_after_three_days(self, desk: Desk, store: PartitionStore) -> None:
        """Four days old and published: gone. Three days old, or with a minute that is not published: it stays."""
        for days, closes in ((4, [100.0] * 10), (3, [100.0] * 10), (5, [100.0] * 10)):
            land(desk, TODAY - days * DAY, closes)
        published = rows(TODAY - 4 * DAY, [100.0] * 20)
        store.write(BARS, key_of((TODAY - 4 * DAY).date(), COIN), published)
        store.write(BARS, key_of((TODAY - 5 * DAY).date(), COIN), rows(TODAY - 5 * DAY, [100.0] * 9))
        fetch = BarsFetch(desk.settings, desk.vendors, store, desk.at)
        assert fetch.prune_landing() == [(COIN, (TODAY - 4 * DAY).date())]
        assert minutes_landing(desk.settings).days(COIN) == [(TODAY - n * DAY).date() for n in (5, 3)]
