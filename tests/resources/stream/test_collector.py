"""The loop: whatever happens to connections, disks and venues, nothing is lost and nothing comes twice."""

import asyncio
import random
import shutil
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.http.errors import Unavailable
from resources.segments import Segments
from resources.stream.candle import MINUTE, Candle
from resources.stream.collector import Collector
from resources.stream.feed import Feed, Pace
from resources.stream.hot import HotCache, HotReader
from resources.stream.landing import Landing
from resources.stream.socket import Patience
from resources.vendors import binance_stream
from tests.resources.stream.scripted_venue import START, FastClock, ScriptedVenue, candle

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
PATIENCE = Patience(silent_s=2.0, first_wait_s=0.005, max_wait_s=0.02)
PACE = Pace(PATIENCE, flush_s=0.05, grace_s=5.0, publish_s=0.01, fill_s=0.02, fill_max_s=0.1)
#: as if everything before the test's start were stored
BEFORE = timedelta(hours=36)
Steps = Callable[[ScriptedVenue, Collector], Coroutine[Any, Any, None]]


def known(symbols: tuple[str, ...] = SYMBOLS, until: datetime = START) -> list[Candle]:
    """Every minute from the day before until the test's start."""
    n_minutes = int(BEFORE / MINUTE)
    return [candle(symbol, until - n * MINUTE, "stored") for symbol in symbols for n in range(1, n_minutes + 1)]


def collect(
    landing: Landing,
    hot: HotCache,
    steps: Steps,
    *,
    clock: FastClock | None = None,
    stored: list[Candle] | None = None,
    pace: Pace = PACE,
    venue: ScriptedVenue | None = None,
) -> tuple[ScriptedVenue, Collector]:
    """Run a collector against a scripted venue while `steps` happen, and stop it in an orderly way."""
    clock = clock or FastClock()
    venue = venue or ScriptedVenue(SYMBOLS, clock)
    had = known() if stored is None else stored

    async def run() -> Collector:
        async with venue.open():
            feed = Feed("venue", SYMBOLS, venue.url, binance_stream.parse, venue.fill, lambda: had)
            collector = Collector(feed, landing, hot, pace, now=clock.now)
            stopping = asyncio.Event()
            running = asyncio.create_task(collector.run(stopping))
            try:
                await asyncio.wait_for(steps(venue, collector), timeout=20)
            finally:
                stopping.set()
                await asyncio.wait_for(running, timeout=10)
            return collector

    return venue, asyncio.run(run())


async def until(true: Callable[[], bool], every_s: float = 0.01) -> None:
    """Wait for something to become true; `collect` ends a test that waits for ever."""
    while not true():
        await asyncio.sleep(every_s)


def landed(segments: Segments) -> pl.DataFrame:
    """Every row of every file, repeated ones too."""
    files = sorted(segments.root.rglob("*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files]) if files else segments.read("venue")


def expected(first: datetime, end: datetime) -> list[tuple[str, datetime, float]]:
    """What the venue produced from one minute before another."""
    n_minutes = (end - first) // MINUTE
    return [
        (symbol, first + n * MINUTE, candle(symbol, first + n * MINUTE).close)
        for symbol in SYMBOLS
        for n in range(n_minutes)
    ]


def rows(frame: pl.DataFrame, end: datetime) -> list[tuple[str, datetime, float]]:
    return frame.filter(pl.col("ts") < end).sort("symbol", "ts").select("symbol", "ts", "close").rows()


def test_fifty_forced_disconnects_lose_and_double_nothing(landing: Landing, hot: HotCache, segments: Segments) -> None:
    """After fifty broken connections every minute that the venue produced is stored once, with the venue's values."""
    chance = random.Random(5)
    ends: list[datetime] = []

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        venue.repeats = 2
        while collector.status().disconnects < 50:
            await until(lambda: collector.socket.is_connected)
            await asyncio.sleep(chance.uniform(0.0, 0.06))
            await venue.drop()
        end = venue.clock.now().replace(second=0, microsecond=0)
        ends.append(end)
        await until(lambda: all(one.first_open >= end for one in collector.intake.minutes.values()))

    _, collector = collect(landing, hot, steps)
    found, end = landed(segments), ends[0]
    assert end - START > timedelta(minutes=20)
    assert rows(found, end) == expected(START, end)
    assert found.height == found.unique(["symbol", "ts"]).height == collector.status().flushed_rows
    status = collector.status()
    assert status.disconnects >= 50
    assert status.reconnects == status.connects - 1
    assert status.late_bars > 0
    assert status.given_up_bars == 0
    # both ways were needed: some minutes came by the stream, some by REST
    assert set(found["source"]) == {"binance_stream", "rest"}


def test_forming_candles_are_shown_and_never_stored(
    landing: Landing, hot: HotCache, hot_file: Path, segments: Segments
) -> None:
    """A candle that is not final reaches the hot cache alone; a final one reaches the landing area too."""
    clock = FastClock(speed=60.0)
    shown: list[datetime] = []

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        reader = HotReader(hot_file)
        await until(lambda: (one := reader.forming("ETHUSDT")) is not None and not one.is_final)
        one = reader.forming("ETHUSDT")
        assert one is not None
        shown.append(one.candle.ts)

    collect(landing, hot, steps, clock=clock)
    assert shown == [START]
    assert landed(segments).filter(pl.col("ts") >= START).is_empty()


def test_what_is_not_stored_of_two_days_is_asked_for_at_the_start(
    landing: Landing, hot: HotCache, segments: Segments
) -> None:
    """Without anything stored REST fills from the midnight before the running day; with a hole, that hole."""

    async def filled(venue: ScriptedVenue, collector: Collector) -> None:
        await until(lambda: all(one.first_open >= START for one in collector.intake.minutes.values()))

    venue, _ = collect(landing, hot, filled, stored=[])
    midnight = datetime(2026, 11, 19, tzinfo=START.tzinfo)
    assert [(symbol, first) for symbol, first, _ in venue.asked[:3]] == [(symbol, midnight) for symbol in SYMBOLS]
    assert rows(landed(segments), START) == expected(midnight, START)


def test_a_hole_in_what_is_stored_is_all_that_is_asked_for(landing: Landing, hot: HotCache) -> None:
    """Of two stored days that lack ten minutes the ten minutes are fetched."""
    hole = (START - timedelta(hours=3), START - timedelta(hours=3) + 10 * MINUTE)
    had = [one for one in known() if not hole[0] <= one.ts < hole[1] or one.symbol != "ETHUSDT"]

    async def filled(venue: ScriptedVenue, collector: Collector) -> None:
        await until(lambda: collector.filling.filled >= 10)

    clock = FastClock(speed=60.0)
    venue, _ = collect(landing, hot, filled, stored=had, clock=clock)
    assert venue.asked[0] == ("ETHUSDT", *hole)
    assert {symbol for symbol, _, _ in venue.asked} == {"ETHUSDT"}


def test_minutes_of_an_outage_are_given_up_and_never_filled(
    landing: Landing, hot: HotCache, segments: Segments
) -> None:
    """What neither stream nor REST has stays a hole, is counted, and does not hold up what follows."""
    holes = {START - 30 * MINUTE, START - 29 * MINUTE}
    had = [one for one in known() if one.ts not in holes]

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        venue.holes = holes
        await until(lambda: collector.filling.given_up == 2 * len(SYMBOLS))
        await until(lambda: collector.status().flushed_rows >= 2 * len(SYMBOLS))

    collect(landing, hot, steps, stored=had)
    found = landed(segments)
    assert not set(found["ts"]) & holes
    assert found["ts"].min() == START


def test_a_venue_without_rest_is_asked_again(landing: Landing, hot: HotCache, caplog: pytest.LogCaptureFixture) -> None:
    """While REST fails the stream goes on, the failure is told once per symbol, and the minutes are filled later."""
    had = [one for one in known() if one.ts != START - MINUTE]

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        venue.rest_error = Unavailable("venue", "no answer", context="key=s3cr3t")
        await until(lambda: len(venue.asked) > 9 and collector.filling.error is not None)
        assert "no answer" in (collector.status().fill_error or "")
        venue.rest_error = None
        await until(lambda: collector.filling.filled >= len(SYMBOLS))
        await until(lambda: collector.filling.error is None)

    collect(landing, hot, steps, stored=had, clock=FastClock(speed=60.0))
    told = [record for record in caplog.records if "could not be asked for" in record.getMessage()]
    # a new connection asks, and tells, afresh
    assert len(SYMBOLS) <= len(told) <= 2 * len(SYMBOLS)


def test_a_full_minute_is_stored_at_once(landing: Landing, hot: HotCache, segments: Segments) -> None:
    """Where every symbol's candle of a minute is there, nothing waits for the flush interval."""
    slow = Pace(PATIENCE, flush_s=3600.0, grace_s=5.0, publish_s=0.01)

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        await until(lambda: collector.status().flushed_rows >= len(SYMBOLS))

    collect(landing, hot, steps, pace=slow)
    assert landed(segments).height >= len(SYMBOLS)


def test_stopping_stores_what_waits(landing: Landing, hot: HotCache, hot_file: Path, segments: Segments) -> None:
    """What is closed when the collector is stopped is stored before it ends; its last word is that it ended."""
    slow = Pace(PATIENCE, flush_s=3600.0, grace_s=5.0, publish_s=0.01)
    venue = ScriptedVenue(SYMBOLS, FastClock())

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        # one symbol is missing, so that no minute is ever complete
        venue.symbols = SYMBOLS[:2]
        venue.rest_error = Unavailable("venue", "no answer")
        await until(lambda: len(landing) >= 4)

    _, collector = collect(landing, hot, steps, pace=slow, venue=venue)
    assert len(landing) == 0
    assert landed(segments).height == collector.status().flushed_rows >= 4
    status = HotReader(hot_file).status()
    assert status is not None
    assert (status.running, status.unflushed_bars) == (False, 0)


def test_a_failing_disk_keeps_candles_in_memory(
    landing: Landing, hot: HotCache, segments: Segments, caplog: pytest.LogCaptureFixture
) -> None:
    """While nothing can be stored candles wait and the status says so; once it can be, none is missing."""
    segments.root.mkdir(parents=True)
    blocked = segments.root / "venue"
    blocked.write_text("in the way")
    ends: list[datetime] = []

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        await until(lambda: collector.status().flush_error is not None and len(landing) >= 6)
        assert collector.status().oldest_unflushed_at is not None
        blocked.unlink()
        await until(lambda: collector.status().flush_error is None and collector.status().flushed_rows >= 6)
        ends.append(START + 2 * MINUTE)

    collect(landing, hot, steps)
    assert rows(landed(segments), ends[0]) == expected(START, ends[0])
    told = [record.getMessage() for record in caplog.records if "wait in memory" in record.getMessage()]
    assert len(told) == 1
    assert "Free or repair the disk" in told[0]


def test_a_lost_hot_cache_is_made_anew(landing: Landing, hot: HotCache, hot_file: Path) -> None:
    """Deleting the file loses nothing: stored candles and the status are there again in a moment."""

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        reader = HotReader(hot_file)
        await until(lambda: len(reader.closed("BTCUSDT", 50)) == 50)
        shutil.rmtree(hot_file.parent)
        assert reader.closed("BTCUSDT") == []
        await until(lambda: len(reader.closed("BTCUSDT", 50)) == 50 and reader.forming("BTCUSDT") is not None)

    collect(landing, hot, steps)


def test_frames_that_cannot_be_read_are_counted(
    landing: Landing, hot: HotCache, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage costs no candle and no connection; one line in a thousand tells of it."""

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        venue.beside = ["{not json", "[1, 2]", '{"result": null, "id": 1}']
        await until(lambda: collector.status().flushed_rows >= 3 * len(SYMBOLS))

    _, collector = collect(landing, hot, steps)
    status = collector.status()
    assert status.malformed >= 2
    assert status.connects == 1
    assert len([one for one in caplog.records if "passed over a frame" in one.getMessage()]) == 1


def test_a_farewell_is_obeyed(landing: Landing, hot: HotCache, segments: Segments) -> None:
    """After `serverShutdown` there is a new connection before the old one is cut, and no minute is lost."""
    ends: list[datetime] = []

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        await until(lambda: collector.status().flushed_rows >= len(SYMBOLS))
        await venue.say('{"e": "serverShutdown", "E": 1790000000000}')
        await until(lambda: collector.status().connects == 2)
        end = venue.clock.now().replace(second=0, microsecond=0) + MINUTE
        ends.append(end)
        await until(lambda: all(one.first_open >= end for one in collector.intake.minutes.values()))

    _, collector = collect(landing, hot, steps)
    assert rows(landed(segments), ends[0]) == expected(START, ends[0])
    assert collector.status().last_error is None


def test_a_silent_connection_is_left(landing: Landing, hot: HotCache) -> None:
    """A venue that connects and stays silent is connected to anew, while REST brings the minutes."""
    impatient = Pace(
        Patience(silent_s=0.1, first_wait_s=0.005, max_wait_s=0.02), 0.05, 5.0, publish_s=0.01, fill_s=0.02
    )
    venue = ScriptedVenue(SYMBOLS, FastClock())
    venue.is_mute = True

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        await until(lambda: collector.status().connects >= 3 and collector.status().flushed_rows >= 6)

    _, collector = collect(landing, hot, steps, pace=impatient, venue=venue)
    assert "silent for 0.1 s" in (collector.status().last_error or "")


def test_a_candle_of_the_future_is_not_believed(landing: Landing, hot: HotCache) -> None:
    """A minute far ahead of our clock says that a clock is wrong: it is told, and stored nowhere."""
    clock = FastClock(speed=1.0, start=START - timedelta(hours=1))
    venue = ScriptedVenue(SYMBOLS, FastClock(speed=1200.0))

    async def steps(venue: ScriptedVenue, collector: Collector) -> None:
        await until(lambda: collector.status().malformed > 0)

    _, collector = collect(landing, hot, steps, clock=clock, venue=venue)
    assert collector.status().flushed_rows == 0
