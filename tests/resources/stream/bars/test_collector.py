"""The collector of bars with scripted sources and a clock that runs fast."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import polars as pl
import pytest

from market_assets.bars.schemas import BarsMinute
from market_assets.settings import load
from resources.bars_fetch import minutes_landing
from resources.http.errors import Unavailable
from resources.source_calls import SourceCalls
from resources.stream.bars.assembly import bars_collector
from resources.stream.bars.collector import BarsCollector, Tempo
from resources.stream.bars.reading import HotBars
from resources.stream.bars.records import LIVE_BARS
from resources.stream.candle import MINUTE
from resources.stream.hot import HotWriter, hot_path
from resources.vendors.registry import Vendors
from tests.resources.stream.bars.bar_series import bar
from tests.resources.stream.bars.scripted_source import START, Limit, ScriptedSource, price
from tests.resources.stream.scripted_venue import FastClock

SYMBOLS = ("EURUSD", "BTCUSD")
#: a minute passes in 0.3 s
SPEED = 200.0


class Desk:
    """A collector, its sources, and what moves them."""

    def __init__(self, **stream: object) -> None:
        self.clock = FastClock(SPEED, START + timedelta(seconds=50))
        #: from when until when no source answers
        self.dark = (START, START)
        self.settings = load(
            bars={
                "symbols": SYMBOLS,
                "close_grace_s": 1.0,
                "indicators": {"warm_bars": 30},
                "stream": {"interval_s": 5.0, "cache_bars": 60, "flush_s": 30.0, **stream},
            }
        )
        self.sources = {
            name: ScriptedSource(name, self.clock.now) for name in ("yahoo", "alphavantage", "twelvedata", "polygon")
        }
        for name in ("alphavantage", "twelvedata"):
            self.sources[name].enabled = False
        tempo = Tempo(self.clock.now, SPEED)
        self.collector: BarsCollector = bars_collector(
            self.settings, Vendors(self.settings), tempo=tempo, source=self.sources.__getitem__
        )

    def run(self, script: Callable[["Desk"], Awaitable[None]]) -> None:
        """Collect while the script runs, and end in order."""

        async def running() -> None:
            stopping = asyncio.Event()
            task = asyncio.create_task(self.collector.run(stopping))
            try:
                async with asyncio.timeout(20):
                    await script(self)
            finally:
                stopping.set()
                await asyncio.wait_for(task, timeout=5)

        asyncio.run(running())

    async def minutes(self, n: float) -> None:
        """Let so many minutes of the clock pass."""
        await asyncio.sleep(n * 60 / SPEED)

    async def served(self, level: int) -> None:
        """Wait until every symbol has a minute that the collector built from the source at that place."""
        rings = range(len(SYMBOLS))
        while not all(
            any(
                one.origin == "stream" and one.fallback_level == level
                for one in self.collector.cycle.ring.after(n, None)
            )
            for n in rings
        ):
            await asyncio.sleep(0.02)

    def landed(self, symbol: str) -> pl.DataFrame:
        return minutes_landing(self.settings).read(symbol)


async def an_outage(desk: Desk) -> None:
    await desk.served(0)
    desk.sources["yahoo"].error = Unavailable("yahoo", "no answer")
    await desk.served(3)
    desk.sources["polygon"].error = Unavailable("polygon", "no answer")
    down = desk.clock.now()
    await desk.minutes(5)
    desk.dark = (down, desk.clock.now())
    hot_path(desk.settings, "bars").unlink()
    desk.sources["yahoo"].error = desk.sources["polygon"].error = None
    desk.sources["polygon"].slow_s = 1.0
    # a source that failed for minutes is asked again half a minute later at most
    await desk.minutes(4)
    while not desk.collector.cycle.filling.is_idle:
        await asyncio.sleep(0.02)


def test_nothing_is_lost_when_sources_fail_are_slow_or_the_hot_cache_goes() -> None:
    """One source down: the next serves. Both down: REST brings the minutes afterwards. Every minute is there once."""
    desk = Desk()
    desk.run(an_outage)
    status = desk.collector.status()
    until = desk.clock.now().replace(second=0, microsecond=0) - 2 * MINUTE
    for symbol in SYMBOLS:
        rows = desk.landed(symbol).filter(pl.col("ts") < until)
        first = START - timedelta(minutes=59)
        assert rows["ts"][0] <= first
        assert rows["ts"].to_list() == [rows["ts"][0] + n * MINUTE for n in range(rows.height)]
        every_file = sum(
            pl.read_parquet(file).height for file in (minutes_landing(desk.settings).root / symbol).rglob("*.parquet")
        )
        assert every_file == desk.landed(symbol).height
        streamed = rows.filter(origin="stream")
        assert set(streamed["fallback_level"]) == {0, 3}
        # the prices of a minute's quotes lie within it
        lows = [price(symbol, ts) for ts in streamed["ts"]]
        assert all(low <= value < low + 0.006 for low, value in zip(lows, streamed["low"], strict=True))
        down, up = desk.dark
        unseen = rows.filter(pl.col("ts") > down, pl.col("ts") + MINUTE < up)
        assert set(unseen["origin"]) == {"rest"}
    BarsMinute.contract().validate(desk.landed("EURUSD"))
    assert (status.running, status.unflushed_bars, status.hot_error, status.flush_error) == (False, 0, None, None)
    assert status.filled_bars >= 2 * 60
    assert {one.name: one.state for one in status.sources if not one.symbols} == {
        "alphavantage": "disabled", "twelvedata": "disabled",
    }  # fmt: skip
    assert not status.warming
    hot = HotBars.of(desk.settings)
    shown = hot.status()
    assert shown is not None
    assert (shown.running, shown.flushed_rows, shown.sources) == (False, status.flushed_rows, status.sources)
    newest = hot.closed("EURUSD", 60)
    assert newest == desk.collector.cycle.ring.after(0, None)[-60:]
    noted = SourceCalls(desk.settings.home).day(START.date())
    assert dict(noted.filter(source="yahoo").select("outcome", "calls").iter_rows())["ok"] > 20
    assert set(noted.filter(source="yahoo")["outcome"]) == {"ok", "error"}


async def twenty_cycles(desk: Desk) -> None:
    while desk.collector.status().cycles < 20:
        await asyncio.sleep(0.02)


async def until_warm(desk: Desk) -> None:
    while desk.collector.status().warming:
        await asyncio.sleep(0.02)
    await twenty_cycles(desk)


def test_every_second_shows_price_values_and_their_age() -> None:
    """Features carry the quote as its source stated it, the values of the forming bar, and why they may not be used."""
    desk = Desk()
    desk.sources["yahoo"].limits = [Limit("day", 86_400, 500)]
    desk.run(until_warm)
    told = HotBars.of(desk.settings).latest("BTCUSD")
    assert told is not None
    values = told.values
    # half a day and 500 calls are one in 86 s: still fresh, so the first choice serves
    assert (values["source"], values["level"], values["kind"], values["is_stale"]) == ("yahoo", 0, "crypto", False)
    assert values["effective_interval_s"] == pytest.approx(86.4, rel=0.02)
    assert values["price"] == pytest.approx(price("BTCUSD", desk.sources["yahoo"].asked[-1][0]))
    assert (values["is_warm"], values["market_open"]) == (True, True)
    assert values["rsi_14"] is not None
    assert values["ema_200"] is None
    assert values["reasons"] == ["no_quote"]
    status = desk.collector.status()
    assert status.intervals()["BTCUSD", "yahoo"] == pytest.approx(86.4, rel=0.02)
    assert status.intervals()["BTCUSD", "polygon"] == pytest.approx(5.0)
    (symbol,) = [one for one in status.symbols if one.symbol == "BTCUSD"]
    assert (symbol.source, symbol.is_warm, symbol.market_open) == ("yahoo", True, True)
    assert symbol.freshness_s is not None
    assert symbol.at is not None
    # the newest of all its sources, not of the one that serves
    assert symbol.freshness_s <= (status.at - symbol.at).total_seconds()
    assert status.cycle_p99_ms is not None
    assert status.rss_bytes > 0


def test_bars_of_a_process_that_died_are_stored_by_the_next() -> None:
    """What it had closed and not handed over is still in the hot cache; rows of other vendors are not ours."""
    desk = Desk()
    lost = bar("BTCUSD", START - 5 * MINUTE)
    other = bar("BTCUSD", START - 6 * MINUTE, source="yahoo-sandbox")
    hot = HotWriter(hot_path(desk.settings, "bars"), 60, LIVE_BARS)
    hot.write(closed=[lost, other])
    hot.close()
    for source in desk.sources.values():
        source.rest_error = source.error = Unavailable("x", "no answer")
    desk.run(twenty_cycles)
    assert desk.landed("BTCUSD").select("ts", "close").rows() == [(lost.ts, lost.close)]
    assert HotBars.of(desk.settings).latest("EURUSD") is None
