"""Recorded files converted and replayed: known closes, splits and dividends come back over HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import polars as pl
import pytest

from resources.sandbox import convert, convert_equities
from resources.sandbox.recording import NoRecording
from resources.sandbox.replay import ReplayBackend
from tests.resources.sandbox.wire import HEADERS, Serve, aggregates, chart, get

#: after the last recorded session, 2021-03-31
SPRING = datetime(2021, 4, 1, 3, tzinfo=UTC)


@pytest.fixture(scope="session")
def converted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The replay tables, and what the converter said."""
    target = tmp_path_factory.mktemp("replay")
    return target, convert.convert(shared_data, target)


@pytest.fixture(scope="session")
def backend(converted: tuple[Path, list[str]]) -> ReplayBackend:
    return ReplayBackend(converted[0])


@pytest.fixture
def http(serve: Serve, backend: ReplayBackend) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serve(backend, now=SPRING), headers=HEADERS, timeout=30) as client:
        yield client


def test_known_closes(http: httpx.Client):
    """MANIFEST: AAPL's raw close is 40.90 on 2005-04-01 and 129.04 on 2020-08-31; Yahoo's 2020-08-28 was 499.23 raw."""
    closes = {
        day: aggregates(http, "AAPL", day, day)["results"][0]["c"] for day in ("2005-04-01", "2020-08-28", "2020-08-31")
    }
    assert closes == {"2005-04-01": 40.90, "2020-08-28": 499.23, "2020-08-31": 129.04}


def test_adjusted_close_is_the_vendors_recording(http: httpx.Client, shared_data: Path):
    """40.90 / 28 is within a tenth of a percent of what Polygon itself once answered, volume within six percent."""
    name = "v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json"
    example = json.loads((shared_data / "recorded" / "polygon" / name).read_text())["results"]
    ours = aggregates(http, "AAPL", "2005-04-01", "2005-04-04", adjusted="true")["results"]
    assert [row["t"] for row in ours] == [row["t"] for row in example]
    assert [row["c"] for row in ours] == pytest.approx([row["c"] for row in example], rel=1e-3)
    assert [row["v"] for row in ours] == pytest.approx([row["v"] for row in example], rel=0.06)


def test_known_splits(http: httpx.Client):
    """MANIFEST: AAPL 2:1, 2:1, 7:1, 4:1; GOOG's class split of 2014-04-03 is not recorded and stays missing."""
    rows = get(http, "/polygon/v3/reference/splits?ticker=AAPL&order=asc")["results"]
    assert [(row["execution_date"], row["split_to"], row["split_from"]) for row in rows] == [
        ("2000-06-21", 2, 1),
        ("2005-02-28", 2, 1),
        ("2014-06-09", 7, 1),
        ("2020-08-31", 4, 1),
    ]
    rows = get(http, "/polygon/v3/reference/splits?ticker=GOOG")["results"]
    assert [(row["execution_date"], row["split_to"]) for row in rows] == [("2015-04-27", 1.0027)]


def test_known_dividends(http: httpx.Client):
    """Apple paid 0.82 (ex 2020-08-07), then 0.205 on four times the shares (ex 2020-11-06, 2021-02-05)."""
    rows = get(http, "/polygon/v3/reference/dividends?ticker=AAPL&limit=3")["results"]
    assert [(row["ex_dividend_date"], row["cash_amount"]) for row in rows] == [
        ("2021-02-05", 0.205),
        ("2020-11-06", 0.205),
        ("2020-08-07", 0.82),
    ]
    oldest = get(http, "/polygon/v3/reference/dividends?ticker=AAPL&limit=1000&order=asc")["results"]
    # Apple's first dividend since 1995, and the two after it, were 2.65
    assert [row["cash_amount"] for row in oldest[:3]] == [2.65, 2.65, 2.65]


def test_events_are_those_yahoo_recorded(http: httpx.Client, shared_data: Path):
    """The split and the dividend of autumn 2020 are byte for byte what Yahoo answered."""
    file = shared_data / "recorded" / "yahoo" / "chart-AAPL-2020-08-31-to-2020-11-07.json"
    example = json.loads(file.read_text())["response"]["bodyJson"]["chart"]["result"][0]
    ours = chart(http, "AAPL", datetime(2020, 8, 31, tzinfo=UTC), datetime(2020, 11, 7, tzinfo=UTC))
    assert ours["events"] == example["events"]
    assert ours["timestamp"] == example["timestamp"]
    theirs = example["indicators"]["quote"][0]
    assert ours["indicators"]["quote"][0]["close"] == pytest.approx(theirs["close"], rel=1e-3)


def test_yahoo_serves_its_own_record_where_there_is_one(http: httpx.Client):
    """2000-03-01: Yahoo recorded 9,616,100 shares, Lean 9,505,200; in today's shares that is 112-fold."""
    first = datetime(2000, 3, 1, tzinfo=UTC)
    quote = chart(http, "AAPL", first, datetime(2000, 3, 2, tzinfo=UTC))["indicators"]["quote"][0]
    assert quote["volume"] == [9616100 * 112]
    assert quote["close"][0] * 112 == pytest.approx(130.31, rel=1e-6)
    assert aggregates(http, "AAPL", "2000-03-01", "2000-03-01")["results"][0]["v"] == 9505200


def test_yahoo_serves_the_main_record_elsewhere(http: httpx.Client):
    """After 2013-03-01 there is no record of Yahoo's, and BAC has none at all."""
    for symbol, day in [("AAPL", date(2013, 3, 4)), ("BAC", date(2012, 3, 5))]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        close = chart(http, symbol, start, start.replace(hour=23))["indicators"]["adjclose"]
        assert len(close[0]["adjclose"]) == 1
        assert aggregates(http, symbol, str(day), str(day))["resultsCount"] == 1


def test_record_ends_at_the_clock(serve: Serve, backend: ReplayBackend):
    """On 2014-06-06 nothing later is known: neither bars nor the 7-for-1 of the Monday after."""
    at = datetime(2014, 6, 6, 21, tzinfo=UTC)
    with httpx.Client(base_url=serve(backend, now=at), headers=HEADERS, timeout=30) as http:
        rows = aggregates(http, "AAPL", "2014-06-01", "2014-12-31", adjusted="true")["results"]
        assert (len(rows), rows[-1]["c"]) == (5, 645.57)
        splits = get(http, "/polygon/v3/reference/splits?ticker=AAPL")["results"]
    assert [row["execution_date"] for row in splits] == ["2005-02-28", "2000-06-21"]


def test_rows_have_no_vwap_or_trades(http: httpx.Client):
    """What was not recorded is not stated."""
    row = aggregates(http, "IBM", "2010-01-04", "2010-01-04")["results"][0]
    assert set(row) == {"v", "o", "c", "h", "l", "t"}


def test_other_company_is_left_out(converted: tuple[Path, list[str]], http: httpx.Client):
    """EEM's ticker belonged to another company until 2003-04-11; the converter drops those 722 rows and says so."""
    assert "EEM: left out 722 rows before 2003-04-11, which are another company's" in converted[1]
    first = aggregates(http, "EEM", "1998-01-01", "2003-12-31")["results"][0]
    assert datetime.fromtimestamp(first["t"] / 1000, UTC).date() == date(2003, 4, 11)
    reference = get(http, "/polygon/v3/reference/tickers/EEM")["results"]
    assert (reference["type"], reference["list_date"]) == ("ETF", "2003-04-11")


def test_bars_keep_the_contract_of_the_raw_table(converted: tuple[Path, list[str]]):
    """The replay layout is the columns and types of equities_daily_bars, for both sources."""
    from market_assets.equities.schemas import EquitiesDailyBars

    contract = EquitiesDailyBars.contract()
    for table, rows in [("equities_daily_bars", 30_217), ("equities_daily_bars_yahoo", 8_688)]:
        frame = pl.read_parquet(converted[0] / table / "*.parquet")
        assert frame.schema == contract.schema
        assert frame.height == rows
        contract.validate(contract.conform(frame))


@pytest.mark.parametrize(
    ("recorded", "terms"),
    [
        (1.999996, (1, 2)),
        (2.000006, (1, 2)),
        (6.999997, (1, 7)),
        (3.000003, (1, 3)),
        (4.0, (1, 4)),
        (1.0027, (1, 1.0027)),
        (0.1, (10, 1)),
        (0.333333, (3, 1)),
        (1.5, (1, 1.5)),
    ],
)
def test_split_terms(recorded: float, terms: tuple[float, float]):
    """Ratios within 1e-4 of a whole number are whole, reverse splits too; others are kept."""
    assert convert_equities.split_terms(recorded) == terms


def test_directory_without_tables_is_refused(tmp_path: Path):
    """The error names every table that would do and the command that makes them; the converter both records."""
    accepted = r"equities_daily_bars/\*\.parquet, btc_price/\*\.parquet, btc_liquidations/\*\.parquet"
    with pytest.raises(NoRecording, match=rf"{accepted}.*resources\.sandbox\.convert"):
        ReplayBackend(tmp_path)
    with pytest.raises(convert.NothingToConvert, match=r"equities/daily_raw.* or crypto/klines"):
        convert.convert(tmp_path, tmp_path / "out")


def test_convert_command(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Exit status 0 with a line per symbol; 1 for a source of another layout; 2 without arguments."""
    assert convert.main([str(shared_data), str(tmp_path / "out")]) == 0
    assert "AAPL: 5849 bars, 39 actions, Yahoo too" in capsys.readouterr().out
    assert convert.main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert "daily_raw" in capsys.readouterr().err
    assert convert.main([]) == 2


def test_table_without_needed_columns_is_refused(tmp_path: Path):
    """A file of another shape is named with the columns it lacks."""
    (tmp_path / "equities_daily_bars").mkdir()
    pl.DataFrame({"symbol": ["A"], "close": [1.0]}).write_parquet(tmp_path / "equities_daily_bars" / "A.parquet")
    with pytest.raises(NoRecording, match="session_date"):
        ReplayBackend(tmp_path)
