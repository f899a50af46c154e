"""Recorded minutes and hours, replayed over HTTP through the sources: what is stored is the record."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from market_assets.bars.checks import minutes as judgements
from resources.bars_fetch import BARS
from resources.partition_fetch import FetchedPartitions
from resources.sandbox.convert import convert
from resources.sandbox.replay import ReplayBackend
from tests.desk import Desk, Sandbox, failed_checks, opened, running, told
from tests.market_assets.bars.conftest import Bars, brought, configured

FILES = (
    "crypto/klines/binance_usdm_BTCUSDT_1m.csv.gz",
    "equities/minute_raw/AAPL.csv.gz",
    "fx_index/hour/EURUSD_oanda_bidask.csv.gz",
    "fx_index/hour/XAUUSD_oanda_bidask.csv.gz",
)
#: two days of the coin's record, of which the second ran until 15:31
COIN_DAYS, COIN_NOW = ("2025-06-02", "2025-06-03"), "2025-06-03T15:33:30Z"
APPLE: dict[str, Any] = {"symbol": "AAPL", "kind": "stock", "calendar": "XNYS", "yahoo": "AAPL", "polygon": "AAPL"}
PRICES = ["open", "high", "low", "close"]


@pytest.fixture(scope="module")
def replayed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that says what was recorded."""
    source, replay = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("replay")
    for name in FILES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).symlink_to(shared_data / name)
    convert(source, replay)
    with running(ReplayBackend(replay)) as sandbox:
        yield sandbox


@pytest.fixture
def desk(replayed: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """An empty home over the record."""
    with opened(home, replayed, monkeypatch, now=COIN_NOW) as fresh:
        yield fresh


def recorded(shared_data: Path, name: str) -> pd.DataFrame:
    """A recorded file by UTC instant, read without our code."""
    rows = pd.read_csv(shared_data / name)
    if "open_time_ms" in rows:
        rows.index = pd.to_datetime(rows["open_time_ms"], unit="ms", utc=True)
    elif "time_ny" in rows:
        rows.index = pd.to_datetime(rows["time_ny"]).dt.tz_localize("America/New_York").dt.tz_convert("UTC")
    else:
        rows.index = pd.to_datetime(rows["time"]).dt.tz_localize("UTC")
        for price in PRICES:
            rows[price] = ((rows[f"bid_{price}"] + rows[f"ask_{price}"]) / 2).round(6)
    return rows


def days_of(desk: Desk, now: str, *keys: str) -> tuple[pl.DataFrame, FetchedPartitions]:
    """The minutes of days before `bars.start_date`, which are no partitions, as the asset asks for them."""
    desk.set(MARKET_ASSETS_NOW=now)
    result = brought(desk, *keys)
    return BARS.validate(pl.concat([result.frames[key] for key in keys])), result


def instants(rows: pl.DataFrame) -> list[datetime]:
    found: list[datetime] = rows["ts"].to_list()
    return found


def test_a_coins_minutes_are_the_record(desk: Desk, shared_data: Path) -> None:
    """Two days through the graph: every minute at its instant with its prices and volume, none made up."""
    bars: Bars = configured(desk, symbols=["BTCUSD"], sources=["polygon"])
    keys = [f"{day}|BTCUSD" for day in COIN_DAYS]
    facts = told(bars.run("bars_minute", "bars_indicators", keys=keys), "bars_minute")
    rows = desk.read("bars_minute").sort("ts")
    record = recorded(shared_data, FILES[0]).loc["2025-06-02":"2025-06-03 15:31"]
    assert rows.height == len(record) == 1440 + 15 * 60 + 32
    assert instants(rows) == [at.to_pydatetime() for at in record.index]
    for name in (*PRICES, "volume"):
        assert rows[name].to_list() == record[name].tolist(), name
    assert [facts[key]["missing_slots"] for key in keys] == [0, 0]
    assert [facts[key]["complete"] for key in keys] == [True, False]
    assert failed_checks(bars.results["bars_minute"], "bars_minute") == {}
    assert failed_checks(bars.results["bars_indicators"], "bars_indicators") == {}


def test_a_stocks_minutes_are_those_of_its_sessions(desk: Desk, shared_data: Path) -> None:
    """Thursday to Monday of the 7:1 split: rows beside the session are left out; the split is a jump that is told."""
    desk.configure(bars={"symbols": ["AAPL"], "instruments": [APPLE], "sources": ["polygon"]})
    keys = [f"2014-06-0{n}|AAPL" for n in (5, 6, 7, 8, 9)]
    rows, result = days_of(desk, "2014-06-10T12:00:00Z", *keys)
    record = recorded(shared_data, FILES[1])
    local = record.index.tz_convert("America/New_York")
    session = record[(local.hour * 60 + local.minute >= 570) & (local.hour < 16)]
    assert instants(rows) == [at.to_pydatetime() for at in session.index]
    for name in (*PRICES, "volume"):
        assert rows[name].to_list() == session[name].tolist(), name
    assert [result.metadata[key]["expected_rows"] for key in keys] == [390, 390, 0, 0, 390]
    assert set(rows["instrument_kind"]) == {"stock"}
    verdict = judgements.no_jumps(rows)
    assert not verdict.passed
    (jump,) = verdict.evidence["rows"].to_dicts()
    assert jump["ts"] == datetime(2014, 6, 9, 13, 30, tzinfo=UTC)
    assert jump["change"] == pytest.approx(1 / 7 - 1, abs=0.01)


@pytest.mark.parametrize(
    ("symbol", "source", "file"), [("EURUSD", "yahoo", FILES[2]), ("XAUUSD", "twelvedata", FILES[3])]
)
def test_hours_of_currencies_stand_at_their_instants(
    desk: Desk, shared_data: Path, symbol: str, source: str, file: str
) -> None:
    """A week in which New York changed to winter time, one bar an hour: closes are the record's, holes stay holes."""
    desk.configure(bars={"symbols": [symbol], "sources": [source], "min_coverage": 0.005})
    keys = [f"2012-11-0{n}|{symbol}" for n in range(1, 7)]
    rows, result = days_of(desk, "2012-11-07T12:00:00Z", *keys)
    record = recorded(shared_data, file).loc["2012-11-01":"2012-11-06 23:59"]
    opening = datetime(2012, 11, 4, 22, tzinfo=UTC)
    closed = (record.index >= datetime(2012, 11, 2, 21, tzinfo=UTC)) & (record.index < opening)
    traded = record[~closed]
    assert instants(rows) == [at.to_pydatetime() for at in traded.index]
    # yahoo states the noise of 32 bits
    assert rows["close"].to_list() == pytest.approx(traded["close"].tolist(), rel=1e-7)
    assert rows["volume"].null_count() == rows.height > 80
    # until Friday 17:00 summer time, from Sunday 17:00 winter time
    assert [result.metadata[key]["expected_rows"] for key in keys] == [1440, 21 * 60, 0, 120, 1440, 1440]
