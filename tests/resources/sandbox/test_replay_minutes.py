"""Recorded minutes converted and replayed: every recorded candle comes back over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from market_assets.crypto.schemas import CryptoKlines
from resources.sandbox import convert
from resources.sandbox.recording import NoRecording
from resources.sandbox.replay import ReplayBackend
from tests.resources.sandbox.test_binance_archive import unpacked
from tests.resources.sandbox.wire import Serve, get

FUTURES, SPOT = "binance_usdm_BTCUSDT_1m.csv.gz", "binance_spot_BTCBUSD_1m_1day.csv.gz"
#: after the last recorded minute, 2025-06-03 15:31
AFTER = datetime(2025, 6, 4, 9, tzinfo=UTC)
USDM, SPOT_ROOT = "/binance_usdm/fapi/v1", "/binance_spot/api/v3"
MINUTE_MS = 60_000


@pytest.fixture(scope="session")
def record(shared_data: Path) -> Path:
    return shared_data / "crypto" / "klines"


@pytest.fixture(scope="session")
def converted(record: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The replay tables of the two files of minutes, and what the converter said."""
    source, target = tmp_path_factory.mktemp("source") / "crypto" / "klines", tmp_path_factory.mktemp("replay")
    source.mkdir(parents=True)
    for name in (FUTURES, SPOT):
        (source / name).symlink_to(record / name)
    return target, convert.convert(source.parents[1], target)


@pytest.fixture(scope="session")
def backend(converted: tuple[Path, list[str]]) -> ReplayBackend:
    return ReplayBackend(converted[0])


@pytest.fixture
def http(serve: Serve, backend: ReplayBackend) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serve(backend, now=AFTER), timeout=30) as client:
        yield client


def pages(http: httpx.Client, root: str, symbol: str, limit: int) -> list[list[Any]]:
    """Every minute there is, page by page."""
    rows: list[list[Any]] = []
    while True:
        start = rows[-1][0] + 1 if rows else 0
        page: Any = get(http, f"{root}/klines", symbol=symbol, interval="1m", startTime=start, limit=limit)
        if not page:
            return rows
        rows += page


def numbers(rows: list[list[Any]]) -> list[list[float]]:
    """Open instant, open, high, low, close, volume."""
    return [[float(member) for member in row[:6]] for row in rows]


def test_every_recorded_minute_of_futures_comes_back(http: httpx.Client, record: Path):
    """MANIFEST: 43,199 minutes from 2025-05-04 15:33 to 2025-06-03 15:31 without a gap; each value as recorded."""
    rows = pages(http, USDM, "BTCUSDT", 1500)
    assert len(rows) == 43_199
    assert numbers(rows) == [list(map(float, row)) for row in pl.read_csv(record / FUTURES).iter_rows()]
    assert rows[0][:6] == [1746372780000, "95505.4", "95505.5", "95502.7", "95502.7", "16.536"]


def test_every_recorded_minute_of_spot_comes_back(http: httpx.Client, record: Path):
    """Each of the 1,440 minutes of 2022-12-13, which the file counts from midnight."""
    rows = pages(http, SPOT_ROOT, "BTCBUSD", 1000)
    midnight = datetime(2022, 12, 13, tzinfo=UTC).timestamp() * 1000
    stated = [[midnight + row[0], *row[1:]] for row in pl.read_csv(record / SPOT).iter_rows()]
    assert len(rows) == 1440
    assert numbers(rows) == stated


def test_what_is_not_recorded_is_plausible(http: httpx.Client):
    """Quote volume lies between volume at the low and at the high; takers bought some of it; no volume, no trades."""
    for root, symbol, limit in ((USDM, "BTCUSDT", 1500), (SPOT_ROOT, "BTCBUSD", 1000)):
        for row in pages(http, root, symbol, limit)[:3000]:
            high, low, volume, quote, taker, taker_quote = (float(row[place]) for place in (2, 3, 5, 7, 9, 10))
            assert volume * low - 0.001 <= quote <= volume * high + 0.001
            assert 0 <= taker <= volume
            assert 0 <= taker_quote <= quote + 0.001
            assert (row[8] > 0) == (volume > 0)


def test_rows_keep_the_contract_of_the_raw_table(converted: tuple[Path, list[str]]):
    """The replay layout is the columns and types of crypto_klines, and the market."""
    assert converted[1][:2] == ["binance_spot BTCBUSD: 1440 minutes", "binance_usdm BTCUSDT: 43199 minutes"]
    frame = pl.read_parquet(converted[0] / "crypto_klines" / "*.parquet")
    assert set(frame["market"].to_list()) == {"binance_usdm", "binance_spot"}
    CryptoKlines.contract().validate(frame.drop("market").sort("symbol", "ts"))


def test_the_record_is_listed_from_its_first_minute(http: httpx.Client):
    """Futures say so in their listing; what is recorded of minutes alone has no settlements and no price of its own."""
    row = next(row for row in get(http, f"{USDM}/exchangeInfo")["symbols"] if row["symbol"] == "BTCUSDT")
    assert (row["onboardDate"], row["status"], row["baseAsset"]) == (1746372780000, "TRADING", "BTC")
    assert get(http, f"{USDM}/fundingRate", symbol="BTCUSDT") == []
    assert get(http, f"{USDM}/premiumIndex", symbol="BTCUSDT")["markPrice"] == ""
    (spot,) = get(http, f"{SPOT_ROOT}/exchangeInfo")["symbols"]
    assert [spot[name] for name in ("symbol", "baseAsset", "quoteAsset")] == ["BTCBUSD", "BTC", "BUSD"]


def test_newest_minutes_are_found_however_long_ago_they_were(http: httpx.Client):
    """The record of spot ended two and a half years before the clock."""
    rows: Any = get(http, f"{SPOT_ROOT}/klines", symbol="BTCBUSD", interval="1m", limit=2)
    assert [row[4] for row in rows] == ["17778.47000000", "17777.08000000"]


def test_a_recorded_day_is_a_file_of_the_archive(http: httpx.Client, record: Path):
    """2025-05-05 whole, 2025-05-04 from 15:33 on."""
    path = "/binance_archive/data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-05-0{}.zip"
    _, first = unpacked(http.get(path.format(4)).content)
    _, second = unpacked(http.get(path.format(5)).content)
    assert (len(first), len(second)) == (1 + 507, 1 + 1440)
    stated = pl.read_csv(record / FUTURES).filter(pl.col("open_time_ms") >= 1746403200000).head(1440)
    assert numbers([line.split(",") for line in second[1:]]) == [list(map(float, row)) for row in stated.iter_rows()]


def test_the_record_ends_at_the_clock(serve: Serve, backend: ReplayBackend):
    """At 00:00:30 of 2025-05-10 that minute runs, as far as it has come; before the record nothing is listed."""
    at = datetime(2025, 5, 10, 0, 0, 30, tzinfo=UTC)
    with httpx.Client(base_url=serve(backend, now=at)) as http:
        before, running = get(http, f"{USDM}/klines", symbol="BTCUSDT", interval="1m", limit=2)
    with httpx.Client(base_url=serve(backend, now=AFTER)) as http:
        window = {"startTime": before[0], "limit": 2}
        closed, done = get(http, f"{USDM}/klines", symbol="BTCUSDT", interval="1m", **window)
    assert before == closed
    assert (running[0], running[1]) == (done[0], done[1])
    assert float(running[5]) == pytest.approx(float(done[5]) / 2, abs=0.001)
    early = datetime(2025, 5, 1, tzinfo=UTC)
    with httpx.Client(base_url=serve(backend, now=early)) as http:
        assert get(http, f"{USDM}/exchangeInfo")["symbols"] == []


def table(directory: Path, **columns: object) -> Path:
    """A replay directory with two minutes of a coin, changed by `columns`."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    rows = {"symbol": ["BTCUSDT"] * 2, "ts": [noon, noon + timedelta(minutes=1)]}
    rows |= {name: [100.0, 101.0] for name in ("open", "high", "low", "close")}
    rows |= {name: [1.0, 2.0] for name in ("volume", "quote_volume", "taker_buy_base", "taker_buy_quote")}
    frame = pl.DataFrame({**rows, "trade_count": [1, 2], **columns})
    (directory / "crypto_klines").mkdir()
    frame.drop([name for name, values in columns.items() if values is None]).write_parquet(
        directory / "crypto_klines" / "rows.parquet"
    )
    return directory


def test_a_table_without_a_market_is_of_futures(tmp_path: Path):
    """As the domain's default is; of two versions of a minute the newest counts."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    versions = {"ts": [noon, noon], "ingested_at": [AFTER + timedelta(days=300), AFTER]}
    backend = ReplayBackend(table(tmp_path, **versions))
    rows = backend.candles("binance_usdm", "BTCUSDT", noon, noon + timedelta(hours=1), datetime(2026, 2, 1, tzinfo=UTC))
    assert (rows.close.tolist(), len(backend.coins("binance_spot", AFTER + timedelta(days=300)))) == ([100.0], 0)


def test_a_table_without_needed_columns_is_refused(tmp_path: Path):
    """The missing column is named."""
    with pytest.raises(NoRecording, match="trade_count"):
        ReplayBackend(table(tmp_path, trade_count=None))


def test_an_unknown_file_is_left_out(tmp_path: Path):
    """And named."""
    folder = tmp_path / "crypto" / "klines"
    folder.mkdir(parents=True)
    (folder / "binance_spot_XYZ_1m.csv.gz").write_bytes(b"")
    said = convert.convert(tmp_path, tmp_path / "replay")
    assert said == ["binance_spot_XYZ_1m.csv.gz: left out, for it is not said of which coin it is"]
