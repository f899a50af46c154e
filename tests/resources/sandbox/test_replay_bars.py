"""Recorded bars converted and replayed: every recorded bar comes back over HTTP, from every vendor that has it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.sandbox import convert
from resources.sandbox.recording import NoRecording
from resources.sandbox.replay import ReplayBackend
from tests.resources.sandbox.bar_host import MINUTE_MS, BarHost, hosted
from tests.resources.sandbox.test_alphavantage import series

RECORDED = {
    "crypto/klines/binance_usdm_BTCUSDT_1m.csv.gz": "bars of BTCUSD: 43199 minutes",
    "equities/minute_raw/AAPL.csv.gz": "bars of AAPL: 2303 minutes",
    "fx_index/hour/EURUSD_oanda_bidask.csv.gz": "bars of EURUSD: 12422 hours",
    "fx_index/hour/XAUUSD_oanda_bidask.csv.gz": "bars of XAUUSD: 11917 hours",
}
#: after the last recorded minute of BTCUSD, 2025-06-03 15:31
AFTER = datetime(2025, 6, 4, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def converted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The replay table of the recorded bars, and what the converter said."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("replay")
    for name in RECORDED:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).symlink_to(shared_data / name)
    return target, convert.convert(source, target)


@pytest.fixture(scope="module")
def _host(converted: tuple[Path, list[str]]) -> Iterator[BarHost]:
    with hosted(ReplayBackend(converted[0])) as host:
        yield host


@pytest.fixture
def replay(_host: BarHost) -> BarHost:
    _host.clock.at = AFTER
    return _host


def seconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())


def test_every_file_is_converted_to_the_same_columns(converted: tuple[Path, list[str]]):
    """MANIFEST: so many minutes and hours of each; only hours of bid and ask have no volume."""
    assert set(RECORDED.values()) <= set(converted[1])
    frame = pl.read_parquet(converted[0] / "bars_minute" / "*.parquet")
    assert frame.columns == ["symbol", "ts", "open", "high", "low", "close", "volume"]
    assert frame.filter(pl.col("volume").is_null())["symbol"].unique().sort().to_list() == ["EURUSD", "XAUUSD"]
    assert frame.height == 43199 + 2303 + 12422 + 11917


def test_every_recorded_minute_of_bitcoin_comes_back(replay: BarHost, shared_data: Path):
    """From Polygon as recorded; Yahoo has the same of its thirty days, as float32; so have the others."""
    stated = pl.read_csv(shared_data / next(iter(RECORDED)))
    rows = replay.polygon("X:BTCUSD", "2025-05-01", "2025-06-04")["results"]
    assert [[row[name] for name in "tohlcv"] for row in rows] == [list(row) for row in stated.iter_rows()]
    day = stated.filter(pl.col("open_time_ms") >= seconds(2025, 6, 3) * 1000)
    chart = replay.yahoo("BTC-USD", seconds(2025, 6, 3) * 1000, seconds(2025, 6, 4) * 1000)
    assert [stamp * 1000 for stamp in chart["timestamp"]] == day["open_time_ms"].to_list()
    assert chart["indicators"]["quote"][0]["close"] == pytest.approx(day["close"].to_list(), rel=1e-6)
    window = {"start_date": "2025-06-03", "end_date": "2025-06-04", "order": "ASC"}
    values = replay.twelvedata("time_series", "BTC/USD", **window)["values"]
    assert [float(row["low"]) for row in values] == day["low"].to_list()
    pair = {"symbol": "BTC", "market": "USD", "interval": "1min"}
    newest = series(replay.alphavantage("CRYPTO_INTRADAY", **pair))
    assert next(iter(newest)) == "2025-06-03 15:31:00"
    assert [float(row["5. volume"]) for row in newest.values()] == stated["volume"].reverse()[:100].to_list()


def test_a_stock_is_stamped_by_new_york_in_summer(replay: BarHost, shared_data: Path):
    """04:15 on 2014-06-05 is 08:15 UTC; hours beside the session are there where they are asked for."""
    stated = pl.read_csv(shared_data / "equities/minute_raw/AAPL.csv.gz")
    everything = replay.polygon("AAPL", "2014-06-05", "2014-06-09")["results"]
    assert len(everything) == stated.height == 2303
    assert everything[0] == {
        "v": 90.0, "vw": 644.8, "o": 644.8, "c": 644.8, "h": 644.8, "l": 644.8,
        "t": seconds(2014, 6, 5, 8, 15) * 1000, "n": 1,
    }  # fmt: skip
    in_session = stated.filter(pl.col("time_ny").str.slice(11, 5).is_between(pl.lit("09:30"), pl.lit("15:59")))
    session = {"extended_hours": "false", "month": "2014-06", "outputsize": "full", "interval": "1min"}
    rows = series(replay.alphavantage("TIME_SERIES_INTRADAY", symbol="AAPL", **session))
    assert list(rows)[::-1] == in_session["time_ny"].to_list()
    replay.clock.at = datetime(2014, 6, 10, tzinfo=UTC)
    chart = replay.yahoo("AAPL", seconds(2014, 6, 9) * 1000, seconds(2014, 6, 10) * 1000)
    assert len(chart["timestamp"]) == 390
    assert len(replay.twelvedata("time_series", "AAPL", outputsize=5000)["values"]) == in_session.height


def test_hours_of_bid_and_ask_are_their_mean(replay: BarHost):
    """The first recorded hour of each, by hand: half way between the two sides, in the minute the hour begins with."""
    replay.clock.at = datetime(2012, 2, 1, tzinfo=UTC)
    (pair,) = replay.polygon("C:EURUSD", "2012-01-01", "2012-01-02", limit=1)["results"]
    (gold,) = replay.polygon("C:XAUUSD", "2012-01-01", "2012-01-03", limit=1)["results"]
    expected = {"t": seconds(2012, 1, 1, 22) * 1000, "o": 1.29625, "h": 1.29625, "l": 1.2938, "c": 1.29454}
    assert {name: pair[name] for name in expected} == pytest.approx(expected)
    expected = {"t": seconds(2012, 1, 2, 23) * 1000, "o": 1569.6, "h": 1573.5445, "l": 1565.453, "c": 1572.439}
    assert {name: gold[name] for name in expected} == pytest.approx(expected)


def test_the_record_ends_at_the_clock(replay: BarHost):
    """At 00:00:30 of 2025-05-10 that minute runs; the price is within it, and the last one stays when all is over."""
    midnight = datetime(2025, 5, 10, tzinfo=UTC)
    replay.clock.at = midnight + timedelta(seconds=30)
    asked = {"ticker.any_of": "X:BTCUSD,C:EURUSD", "apiKey": "k"}
    price, absent = replay.get("/polygon/v3/snapshot", **asked)["results"]
    start_ms = seconds(2025, 5, 10) * 1000
    (running,) = replay.polygon("X:BTCUSD", start_ms, start_ms + MINUTE_MS)["results"]
    replay.clock.at = AFTER
    (done,) = replay.polygon("X:BTCUSD", start_ms, start_ms)["results"]
    assert (running["o"], running["v"]) == (done["o"], pytest.approx(done["v"] / 2, abs=0.001))
    assert done["l"] <= price["session"]["close"] == running["c"] <= done["h"]
    assert absent["error"] == "NOT_FOUND"
    last = replay.get("/polygon/v3/snapshot", **asked)["results"][0]
    assert last["last_updated"] == seconds(2025, 6, 3, 15, 32) * 1_000_000_000
    assert last["market_status"] == "closed"


def test_what_is_not_recorded_is_not_there(replay: BarHost):
    """A replay makes no prices up: simulated instruments are unknown to it."""
    for symbol in ("LOAD001-USD", "%5ENDX"):
        replay.get(f"/yahoo/v8/finance/chart/{symbol}", 404, interval="1m")
    assert replay.twelvedata("quote", "GBP/USD", 404)["code"] == 404


def table(directory: Path, **columns: Any) -> Path:
    """A replay directory with two minutes of an instrument, changed by `columns`."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    rows = {"symbol": ["GBPUSD"] * 2, "ts": [noon, noon + timedelta(minutes=1)]}
    frame = pl.DataFrame({**rows, **{name: [1.25, 1.5] for name in ("open", "high", "low", "close")}, **columns})
    (directory / "bars_minute").mkdir()
    absent = [name for name, values in columns.items() if values is None]
    frame.drop(absent).write_parquet(directory / "bars_minute" / "rows.parquet")
    return directory


def test_volume_may_be_absent(tmp_path: Path):
    """A curated symbol has its curated ids; nothing is recorded beyond prices."""
    market = ReplayBackend(table(tmp_path)).minute_market()
    listing = market.listed("alphavantage")["GBP,USD"]
    noon_ms = seconds(2026, 1, 1, 12) * 1000
    rows = market.bars(listing, "alphavantage", noon_ms, noon_ms + 2 * MINUTE_MS, noon_ms + 9 * MINUTE_MS)
    assert (listing.kind, rows.close.tolist(), rows.ticks.tolist()) == ("spot", [1.25, 1.5], [1, 1])


def test_a_table_without_needed_columns_is_refused(tmp_path: Path):
    """The missing column is named."""
    with pytest.raises(NoRecording, match="close"):
        ReplayBackend(table(tmp_path, close=None))
