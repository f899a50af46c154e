"""Recorded hours of bitcoin converted and replayed: real prices and outages come back over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

from market_assets.btc.schemas import BtcPrice
from resources.sandbox import convert
from resources.sandbox.app import backend_for
from resources.sandbox.hours import HOUR
from resources.sandbox.recording import NoRecording
from resources.sandbox.replay import ReplayBackend
from tests.resources.sandbox.wire import (
    BROWSER,
    CLOSE,
    GLASSNODE,
    HEADERS,
    LONG,
    OHLC,
    SHORT,
    Serve,
    epoch,
    get,
    metric,
)

RECORD = "binance_spot_BTCUSDT_1h.csv.gz"
#: after the last recorded hour, 2024-04-21 14:00
AFTER = datetime(2024, 4, 22, tzinfo=UTC)
EVER = (datetime(2017, 1, 1, tzinfo=UTC), AFTER)


@pytest.fixture(scope="session")
def source(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source that has recorded hours of bitcoin and nothing else."""
    folder = tmp_path_factory.mktemp("source") / "crypto" / "klines"
    folder.mkdir(parents=True)
    (folder / RECORD).symlink_to(shared_data / "crypto" / "klines" / RECORD)
    return folder.parents[1]


@pytest.fixture(scope="session")
def converted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The replay tables, and what the converter said."""
    target = tmp_path_factory.mktemp("replay")
    return target, convert.convert(source, target)


@pytest.fixture(scope="session")
def backend(converted: tuple[Path, list[str]]) -> ReplayBackend:
    return ReplayBackend(converted[0])


@pytest.fixture
def http(serve: Serve, backend: ReplayBackend) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serve(backend, now=AFTER), headers=GLASSNODE, timeout=30) as client:
        yield client


def write(directory: Path, table: str, **columns: object) -> Path:
    """A replay directory with one table."""
    (directory / table).mkdir(parents=True)
    pl.DataFrame(columns).write_parquet(directory / table / "rows.parquet")
    return directory


def hours_of(*hours: int) -> list[datetime]:
    """Hours of 2024-01-01."""
    return [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in hours]


def test_record_is_58419_hours_with_28_outages(http: httpx.Client, converted: tuple[Path, list[str]]):
    """MANIFEST: 58,419 candles from 2017-08-17 04:00 to 2024-04-21 14:00, 28 places where the next is 2..34 h later."""
    starts = np.array([point["t"] for point in metric(http, CLOSE, *EVER)])
    assert len(starts) == 58_419
    assert (starts[0], starts[-1]) == tuple(
        epoch(datetime(*at, tzinfo=UTC)) for at in ((2017, 8, 17, 4), (2024, 4, 21, 14))
    )
    steps = np.diff(starts) // HOUR
    assert (steps > 1).sum() == 28
    assert steps.max() == 34
    assert converted[1] == ["BTC: 58419 hours, 28 outages stay gaps"]


def test_prices_are_those_of_the_file(http: httpx.Client):
    """The file's first two candles, read by eye: 4308.83 and 4315.32 at the close."""
    first = datetime(2017, 8, 17, 4, tzinfo=UTC)
    assert metric(http, CLOSE, first, first + timedelta(hours=2)) == [
        {"t": 1502942400, "v": 4308.83},
        {"t": 1502946000, "v": 4315.32},
    ]
    assert metric(http, OHLC, first, first + timedelta(hours=1)) == [
        {"t": 1502942400, "o": {"c": 4308.83, "h": 4313.62, "l": 4261.32, "o": 4261.48}}
    ]


def test_liquidations_follow_the_recorded_prices(http: httpx.Client):
    """Every hour with a price has both sides, no other has.

    Falls of more than 2 % liquidate far more longs than shorts, rises of more than 2 % the reverse.
    """
    points = {path: metric(http, path, *EVER) for path in (CLOSE, LONG, SHORT)}
    starts = [[point["t"] for point in series] for series in points.values()]
    assert starts[0] == starts[1] == starts[2]
    close, long, short = (np.array([point["v"] for point in series]) for series in points.values())
    moves = np.diff(np.log(close))
    falls, rises = moves < -0.02, moves > 0.02
    assert np.median(long[1:][falls]) > 10 * np.median(short[1:][falls])
    assert np.median(short[1:][rises]) > 10 * np.median(long[1:][rises])
    # real prices move like the simulated ones: the orientation of spec btc 3.2 holds within a half
    assert np.median(long) == pytest.approx(2.746, rel=0.5)
    assert np.median(short) == pytest.approx(3.174, rel=0.5)
    assert (long == 0).mean() == pytest.approx(0.0804, abs=0.02)


def test_record_ends_at_the_clock(serve: Serve, backend: ReplayBackend):
    """At 10:30 on 2020-03-12 the hour 09:00 is published and 10:00 runs: what is shown of it is not its close.

    Liquidations up to then are those served after the end of the record: later prices change nothing.
    """
    at, since = datetime(2020, 3, 12, 10, 30, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)
    answers = []
    for now in (at, AFTER):
        with httpx.Client(base_url=serve(backend, now=now), headers=GLASSNODE, timeout=30) as http:
            answers.append([metric(http, path, since, at) for path in (CLOSE, LONG, SHORT)])
    for then, later in zip(*answers, strict=True):
        assert then[-1]["t"] == later[-1]["t"] == epoch(at) - HOUR // 2
        assert then[-1]["v"] != later[-1]["v"]
        assert then[:-1] == later[:-1]


def test_rows_keep_the_contract_of_the_raw_table(converted: tuple[Path, list[str]]):
    """The replay layout is the columns and types of btc_price, available 70 minutes after the hour's start."""
    frame = pl.read_parquet(converted[0] / "btc_price" / "*.parquet")
    BtcPrice.contract().validate(frame)
    assert (frame["available_at"] - frame["ts"]).unique().to_list() == [timedelta(minutes=70)]
    assert frame["price"].equals(frame["close"])


def test_other_domains_have_no_data(http: httpx.Client):
    """Without equities' tables, Polygon and Yahoo answer as for a symbol they do not know."""
    path = "/polygon/v2/aggs/ticker/AAPL/range/1/day/2020-01-02/2020-01-15"
    body = http.get(path, headers=HEADERS).json()
    assert (body["status"], body["resultsCount"], "results" in body) == ("OK", 0, False)
    assert http.get("/polygon/v3/reference/tickers/AAPL", headers=HEADERS).status_code == 404
    assert http.get("/yahoo/v8/finance/chart/AAPL?range=5d", headers=BROWSER).status_code == 404


def test_bitcoin_has_no_data_beside_equities_alone(serve: Serve, tmp_path: Path):
    """A directory of daily bars only: empty arrays for every metric, a description without a time range."""
    prices = {name: [1.0] for name in ("open", "high", "low", "close")}
    day = datetime(2024, 1, 2).date()
    backend = ReplayBackend(write(tmp_path, "equities_daily_bars", symbol=["KO"], session_date=[day], **prices))
    with httpx.Client(base_url=serve(backend, now=AFTER), headers=GLASSNODE, timeout=30) as http:
        assert [metric(http, path, *EVER) for path in (CLOSE, OHLC, LONG, SHORT)] == [[]] * 4
        assert metric(http, LONG, *EVER, c="usd") == []
        described = get(http, "/glassnode/v1/metadata/metric?path=/market/price_usd_close")
    assert described["timerange"] == {"min": None, "max": None}


def test_null_prices_and_missing_columns(serve: Serve, tmp_path: Path):
    """An hour without a price is null at the price, has no liquidations, and no object where open is not recorded."""
    rows = {"ts": hours_of(0, 1, 2, 4), "price": [100.0, None, 102.0, 103.0]}
    backend = ReplayBackend(write(tmp_path, "btc_price", **rows))
    since, until = hours_of(0, 12)
    with httpx.Client(base_url=serve(backend, now=AFTER), headers=GLASSNODE, timeout=30) as http:
        assert [point["v"] for point in metric(http, CLOSE, since, until)] == [100.0, None, 102.0, 103.0]
        hours = [(point["t"] - epoch(since)) // HOUR for point in metric(http, LONG, since, until)]
        assert hours == [0, 2, 4]
        assert metric(http, OHLC, since, until) == []


def test_recorded_liquidations_are_served_as_they_are(serve: Serve, tmp_path: Path):
    """Zero stays zero, null stays null, of two versions the newest counts; in USD an hour without a price is null."""
    write(tmp_path, "btc_price", ts=hours_of(0, 1, 2), price=[100.0, 200.0, None])
    first, second = hours_of(10, 11)
    backend = ReplayBackend(
        write(
            tmp_path,
            "btc_liquidations",
            ts=hours_of(0, 1, 1, 2),
            ingested_at=[first, second, first, first],
            long_liquidations=[0.0, 2.0, 1.0, 3.0],
            short_liquidations=[None, 5.0, 4.0, 6.0],
        )
    )
    since, until = hours_of(0, 12)
    with httpx.Client(base_url=serve(backend, now=AFTER), headers=GLASSNODE, timeout=30) as http:
        assert [point["v"] for point in metric(http, LONG, since, until)] == [0.0, 2.0, 3.0]
        assert [point["v"] for point in metric(http, SHORT, since, until)] == [None, 5.0, 6.0]
        assert [point["v"] for point in metric(http, LONG, since, until, c="usd")] == [0.0, 400.0, None]


def test_table_without_needed_columns_is_refused(tmp_path: Path):
    """The missing column is named."""
    write(tmp_path, "btc_liquidations", ts=hours_of(0), long_liquidations=[1.0])
    with pytest.raises(NoRecording, match="short_liquidations"):
        ReplayBackend(tmp_path)


def test_table_without_rows_is_no_recording(tmp_path: Path):
    """A file is not enough."""
    write(tmp_path, "btc_price", ts=hours_of(), price=[])
    with pytest.raises(NoRecording, match="btc_price"):
        ReplayBackend(tmp_path)


def test_seed_of_simulated_liquidations(converted: tuple[Path, list[str]], backend: ReplayBackend):
    """Another seed makes other liquidations of the same recorded prices; the sandbox's seed is passed on."""
    other, same = (backend_for(seed, converted[0]) for seed in (8, 7))
    prices, volumes = other.btc_price(AFTER), other.btc_liquidations(AFTER)
    assert np.array_equal(prices.values["close"], backend.btc_price(AFTER).values["close"])
    assert not np.array_equal(volumes.values["long"], backend.btc_liquidations(AFTER).values["long"])
    assert np.array_equal(same.btc_liquidations(AFTER).values["long"], backend.btc_liquidations(AFTER).values["long"])
