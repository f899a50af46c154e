"""The crypto collector against the sandbox: its stream, its REST, and its ledger of what it produced."""

import asyncio
import random
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core.errors import InvalidRequest
from market_assets.crypto.schemas import CryptoKlines
from market_assets.settings import Settings, load
from resources.crypto_fetch import klines_landing
from resources.http.transport import Timing
from resources.sandbox.convert import convert
from resources.stores import open_store
from resources.stream.candle import MINUTE
from resources.stream.collector import Collector
from resources.stream.crypto import Stored, crypto_collector
from resources.stream.hot import HotReader
from resources.stream.landing import Landing
from resources.stream.socket import Patience
from resources.stream.symbols import listed
from resources.vendors.registry import Vendors
from tests.resources.stream.sandbox_process import SandboxProcess, sandbox_process
from tests.resources.stream.scripted_venue import candle

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
START = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
#: a minute passes in 0.2 s
SPEED = 300.0


def boxed(address: str, **crypto: object) -> Settings:
    return load(vendors="sandbox", sandbox_url=address, crypto={"symbols": SYMBOLS, **crypto})


def hurried(collector: Collector) -> Collector:
    """The collector with waits that suit a clock that runs fast."""
    patience = Patience(silent_s=5.0, first_wait_s=0.01, max_wait_s=0.05)
    collector.socket._patience = patience
    collector._pace = collector.filling._pace = replace(
        collector._pace, patience=patience, flush_s=0.1, publish_s=0.02, fill_s=0.05, fill_max_s=0.2
    )
    return collector


async def dropping(collector: Collector, sandbox: SandboxProcess, times: int, at_least: datetime = START) -> datetime:
    """Break the stream so often, at any moment, and go on until `at_least`.

    Returns the end of the minutes that must be there then.
    """
    chance = random.Random(11)
    stopping = asyncio.Event()
    running = asyncio.create_task(collector.run(stopping))
    try:
        async with asyncio.timeout(60):
            while collector.status().disconnects < times:
                while not collector.socket.is_connected:
                    assert not running.done()
                    await asyncio.sleep(0.005)
                await asyncio.sleep(chance.uniform(0.0, 0.1))
                await asyncio.to_thread(sandbox.drop_streams)
            while sandbox.now() < at_least:
                await asyncio.sleep(0.02)
            end = sandbox.now().replace(second=0, microsecond=0)
            while any(one.first_open < end for one in collector.intake.minutes.values()):
                await asyncio.sleep(0.02)
    finally:
        stopping.set()
        await asyncio.wait_for(running, timeout=10)
    return end


def test_fifty_disconnects_against_the_sandbox_lose_and_double_nothing() -> None:
    """Every candle that the sandbox's ledger says it produced is handed over once, as its REST states it."""
    with sandbox_process(speed=SPEED, start=START) as sandbox:
        settings = boxed(sandbox.address)
        vendors = Vendors(settings, timing=Timing(now=sandbox.now))
        collector = hurried(crypto_collector(settings, vendors, now=sandbox.now))
        end = asyncio.run(dropping(collector, sandbox, 50))
        ledger = sandbox.ask("/_sandbox/streams")
        midnight = START.replace(minute=0) - timedelta(days=1)
        stated = {symbol: vendors.klines.klines(symbol, midnight, end).frame for symbol in SYMBOLS}
        vendors.close()

    files = sorted((klines_landing(settings).root / "binance_usdm").rglob("*.parquet"))
    every_row = pl.concat([pl.read_parquet(file) for file in files])
    landed = klines_landing(settings).read("binance_usdm")
    assert every_row.height == landed.height == collector.status().flushed_rows
    for symbol in SYMBOLS:
        produced = [
            datetime.fromtimestamp(ms / 1000, UTC) for ms in ledger["candles"]["binance_usdm"][symbol]["produced"]
        ]
        ours = landed.filter(pl.col("symbol") == symbol, pl.col("ts") < end).sort("ts")
        assert set(produced) - set(ours["ts"]) - {ts for ts in produced if ts >= end} == set()
        assert ours["ts"].to_list() == [midnight + n * MINUTE for n in range((end - midnight) // MINUTE)]
        assert ours.select(stated[symbol].columns).equals(stated[symbol])
    assert collector.status().disconnects >= 50
    assert set(landed["source"]) == {"binance_stream-sandbox", "binance_rest-sandbox"}
    status = HotReader.of(settings, "crypto").status()
    assert status is not None
    assert (status.vendors, status.running, status.unflushed_bars) == ("sandbox", False, 0)


@pytest.fixture
def recorded(shared_data: Path, tmp_path: Path) -> tuple[Path, pl.DataFrame]:
    """The recorded minutes of BTCUSDT as tables to replay, and themselves: ts and prices."""
    name = "binance_usdm_BTCUSDT_1m.csv.gz"
    source, replay = tmp_path / "recorded" / "crypto" / "klines", tmp_path / "replay"
    source.mkdir(parents=True)
    shutil.copy(shared_data / "crypto" / "klines" / name, source / name)
    convert(source.parents[1], replay)
    rows = pl.read_csv(source / name, schema_overrides={"open_time_ms": pl.Int64})
    ts = pl.from_epoch("open_time_ms", "ms").dt.replace_time_zone("UTC").dt.cast_time_unit("us").alias("ts")
    return replay, rows.select(ts, pl.col("open", "high", "low", "close", "volume").cast(pl.Float64))


def test_recorded_minutes_come_through_the_stream_as_they_were(recorded: tuple[Path, pl.DataFrame]) -> None:
    """An hour of a real morning in some seconds, over the socket, with breaks: each minute once, to the last digit."""
    replay, rows = recorded
    start = datetime(2025, 5, 20, 0, 30, tzinfo=UTC)
    with sandbox_process(speed=600.0, start=start, replay=replay) as sandbox:
        settings = load(vendors="sandbox", sandbox_url=sandbox.address, crypto={"symbols": ["BTCUSDT"]})
        vendors = Vendors(settings, timing=Timing(now=sandbox.now))
        collector = hurried(crypto_collector(settings, vendors, now=sandbox.now))
        end = asyncio.run(dropping(collector, sandbox, 10, at_least=start + 60 * MINUTE))
        vendors.close()
    landed = klines_landing(settings).read("binance_usdm").filter(pl.col("ts").is_between(start, end, closed="left"))
    expected = rows.filter(pl.col("ts").is_between(start, end, closed="left"))
    assert expected.height >= 60
    assert landed.select(expected.columns).equals(expected)
    assert landed.filter(pl.col("source") == "binance_stream-sandbox").height >= 10


def test_rows_of_the_landing_area_fit_the_table(home: Path) -> None:
    """What the stream hands over keeps every rule of `crypto_klines` but the mark of its source."""
    settings = load()
    landing = Landing(klines_landing(settings), "binance_usdm", most=10)
    landing.add(candle("BTCUSDT", START, "binance_stream"))
    landing.flush()
    CryptoKlines.contract().validate(klines_landing(settings).read("binance_usdm"))


def test_what_is_stored_is_what_graph_and_stream_have(home: Path) -> None:
    """Both are read, each minute once, of the days that the hot cache shows; of other symbols nothing."""
    settings, contract = load(), CryptoKlines.contract()
    landing = Landing(klines_landing(settings), "binance_usdm", most=10)
    for symbol, ts in (("BTCUSDT", START), ("BTCUSDT", START + MINUTE), ("ETHUSDT", START)):
        landing.add(candle(symbol, ts, "binance_stream"))
    landing.flush()
    in_graph = Landing(replace(klines_landing(settings), root=home / "graph"), "x", most=10)
    in_graph.add(candle("BTCUSDT", START, "binance_rest"))
    in_graph.add(candle("BTCUSDT", START - MINUTE, "binance_rest"))
    in_graph.flush()
    rows = replace(klines_landing(settings), root=home / "graph").read("x")
    open_store(settings).write(contract, "2026-11-20|BTCUSDT", rows)
    found = Stored(settings, ("BTCUSDT",), lambda: START + timedelta(hours=1))()
    assert [(one.symbol, one.ts) for one in found] == [("BTCUSDT", START + n * MINUTE) for n in (-1, 0, 1)]


def test_symbols_outside_their_listing_are_left_out() -> None:
    """A symbol that was renamed away is not subscribed to, and one that is not listed yet neither."""
    crypto = load(crypto={"symbols": ["BTCUSDT", "MATICUSDT", "POLUSDT"]}).crypto
    assert listed(crypto, datetime(2024, 9, 10).date()) == ("BTCUSDT", "MATICUSDT")
    assert listed(crypto, datetime(2024, 9, 12).date()) == ("BTCUSDT",)
    assert listed(crypto, datetime(2024, 9, 13).date()) == ("BTCUSDT", "POLUSDT")


def test_without_a_live_venue_nothing_is_collected() -> None:
    """Archive-only mode asks the venue nothing, so there is no stream; nor without a listed symbol."""
    archive = load(crypto={"live": False})
    with pytest.raises(InvalidRequest, match=r"crypto\.live is off"):
        crypto_collector(archive, Vendors(archive))
    ended = load(crypto={"symbols": ["MATICUSDT"]})
    with pytest.raises(InvalidRequest, match="nothing to stream"):
        crypto_collector(ended, Vendors(ended))
