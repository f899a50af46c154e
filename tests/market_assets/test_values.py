"""Reading tables from Python, over both stores."""

import subprocess
import sys
from datetime import UTC, date, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import market_assets
from market_assets import load_asset_value, scan_asset, tables
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, NotMaterialised, UnknownName
from market_assets.settings import settings
from resources.stores import open_store

BARS = tables.contract("equities_daily_bars")
ACTIONS = tables.contract("equities_corporate_actions")


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request, monkeypatch):
    """The store that `load_asset_value` finds by the settings."""
    if request.param == "postgres":
        monkeypatch.setenv("MARKET_ASSETS_STORE", "postgres")
        monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", request.getfixturevalue("postgres_url"))
    settings.cache_clear()
    return open_store(settings())


def bars(symbol, days, closes):
    """Flat bars at those closes, volume 1,000."""
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    constants = {
        "symbol": symbol, "timeframe": "1d", "volume": 1000.0, "source": "polygon", "price_basis": "unadjusted",
        "fallback_level": 0, "vwap_vendor": None, "trade_count": None, "ingested_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return (
        pl.DataFrame({"session_date": days, **prices})
        .with_columns(ts=pl.col("session_date").cast(pl.Datetime("us", "UTC")))
        .with_columns(**{name: pl.lit(value, BARS.schema[name]) for name, value in constants.items()})
        .select(list(BARS.columns))
    )


def action(symbol, ex_date, kind, factor, volume_factor, **values):
    """One action; `factor` multiplies earlier prices."""
    row = {
        "symbol": symbol, "ex_date": ex_date, "kind": kind, "amount_key": values.get("amount", 0.0),
        "price_factor": factor, "volume_factor": volume_factor, "withdrawn": False, "source": "polygon",
        "ingested_at": datetime(2026, 1, 1, tzinfo=UTC), "first_seen_at": datetime(2026, 1, 1, tzinfo=UTC), **values,
    }  # fmt: skip
    return pl.DataFrame([{name: row.get(name) for name in ACTIONS.columns}], schema=ACTIONS.schema)


@pytest.fixture
def filled(store):
    """AAPL over a turn of the year, MSFT in the second year."""
    store.write(BARS, "AAPL|2019", bars("AAPL", [date(2019, 12, 30), date(2019, 12, 31)], [10.0, 11.0]))
    store.write(BARS, "AAPL|2020", bars("AAPL", [date(2020, 1, 2), date(2020, 1, 3)], [12.0, 13.0]))
    store.write(BARS, "MSFT|2020", bars("MSFT", [date(2020, 1, 2), date(2020, 1, 3)], [20.0, 21.0]))
    return store


def closes(**asked):
    return load_asset_value("equities_daily_bars", **asked)["close"].to_list()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [10, 11, 12, 13, 20, 21]),
        ({"partition": "AAPL|2020"}, [12, 13]),
        ({"partition": ["MSFT|2020", "AAPL|2019"]}, [10, 11, 20, 21]),
        ({"where": {"symbol": "AAPL"}, "start": "2019-12-31", "end": "2020-01-02"}, [11, 12]),
        ({"where": {"symbol": ["AAPL", "MSFT"]}, "start": date(2020, 1, 3)}, [13, 21]),
        ({"where": pl.col("close") > 12}, [13, 20, 21]),
        ({"end": datetime(2020, 1, 2, 3, tzinfo=UTC)}, [10, 11, 12, 20]),
        ({"start": "2031-01-01"}, []),
        ({"where": {"symbol": "NONE"}}, []),
    ],
)
def test_partitions_ranges_and_values(filled, asked, expected):
    """A read and a scan give the same rows; none is an answer too, with its types."""
    assert closes(**asked) == expected
    scanned = scan_asset("equities_daily_bars", **asked).collect()
    assert sorted(scanned["close"].to_list()) == expected
    assert scanned.schema == BARS.schema


def test_columns_in_the_order_asked_for(filled):
    """Read and scan alike."""
    for found in (
        load_asset_value("equities_daily_bars", "MSFT|2020", columns=["close", "symbol"]),
        scan_asset("equities_daily_bars", "MSFT|2020", columns=["close", "symbol"]).collect(),
    ):
        assert found.rows() == [(20.0, "MSFT"), (21.0, "MSFT")]


@pytest.mark.parametrize("read", [load_asset_value, scan_asset])
@pytest.mark.parametrize(
    ("name", "asked", "near"),
    [
        ("equities_daily_bar", {}, "equities_daily_bars"),
        ("equities_daily_bars", {"columns": ["clse"]}, "close"),
        ("equities_daily_bars", {"where": {"symbl": "AAPL"}}, "symbol"),
        ("equities_daily_bars", {"partition": "APPL|2020"}, "AAPL|2020"),
        ("equities_daily_bars", {"partition": ["AAPL|2020", "MSFT|2002"]}, "MSFT|2020"),
    ],
)
def test_unknown_names_list_the_near_ones(filled, read, name, asked, near):
    """Table, column, column of a filter, partition."""
    with pytest.raises(UnknownName) as raised:
        read(name, **asked)
    assert near in raised.value.near
    assert near in str(raised.value)


@pytest.mark.parametrize("read", [load_asset_value, scan_asset])
@pytest.mark.parametrize(
    "asked",
    [
        {"start": "2020-13-01"},
        {"start": "2020-02-01", "end": "2020-01-01"},
        {"as_of": "last week"},
        {"adjust": "both"},
        {"where": {"close": "high"}},
    ],
)
def test_impossible_requests_are_refused(filled, read, asked):
    """At once, also by a scan."""
    with pytest.raises(InvalidRequest):
        read("equities_daily_bars", **asked)


@pytest.mark.parametrize("read", [load_asset_value, scan_asset])
def test_a_table_without_any_data_names_the_command(store, read):
    """Not an empty frame: nothing was ever asked of the vendor."""
    with pytest.raises(
        NotMaterialised, match=r"dagster asset materialize .*--select equities_daily_bars --partition 'AAPL"
    ):
        read("equities_daily_bars", where={"symbol": "AAPL"})
    with pytest.raises(NotMaterialised, match=r"--select equities_symbols$"):
        read("equities_symbols")
    with pytest.raises(NotMaterialised):
        read("equities_daily_bars", "AAPL|2020")


def test_an_empty_partition_is_materialised(store):
    """Known to be empty is not the same as missing."""
    store.write(BARS, "AAPL|2020", BARS.empty())
    assert_frame_equal(load_asset_value("equities_daily_bars"), BARS.empty())


def test_as_of_shows_what_was_published_then(store):
    """Before the first publication there is nothing, and that is no error."""
    with clock.frozen("2026-01-01T00:00:00Z"):
        store.write(BARS, "AAPL|2020", bars("AAPL", [date(2020, 1, 2)], [10.0]))
    with clock.frozen("2026-02-01T00:00:00Z"):
        store.write(BARS, "AAPL|2020", bars("AAPL", [date(2020, 1, 2)], [11.0]))
    assert closes(as_of="2026-01-15T00:00:00Z") == [10.0]
    assert closes(as_of="2026-02-01") == [11.0]
    assert closes(as_of="2025-12-31", partition="AAPL|2020") == []
    assert scan_asset("equities_daily_bars", as_of="2026-01-15T00:00:00Z").collect()["close"].to_list() == [10.0]


@pytest.fixture
def golden(store):
    """Spec equities.md 6: closes 100 102 104 53 54, split 2-for-1 on the 4th, dividend 0.53 on the 5th."""
    days = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)]
    store.write(BARS, "A|2020", bars("A", days, [100.0, 102.0, 104.0, 53.0, 54.0]))
    split = action("A", days[3], "split", 0.5, 2.0, split_from=1.0, split_to=2.0, split_ratio=2.0)
    dividend = action("A", days[4], "cash_dividend", 0.99, 1.0, amount=0.53, prev_close=53.0)
    store.write(ACTIONS, "A", pl.concat([split, dividend]))
    return store


@pytest.mark.parametrize(
    ("adjust", "expected"),
    [
        (None, [100, 102, 104, 53, 54]),
        ("none", [100, 102, 104, 53, 54]),
        ("split", [50, 51, 52, 53, 54]),
        ("total", [49.5, 50.49, 51.48, 52.47, 54]),
    ],
)
def test_adjusted_at_read(golden, adjust, expected):
    """The golden closes of the spec; volumes before the split double."""
    found = load_asset_value("equities_daily_bars", where={"symbol": "A"}, adjust=adjust, columns=["close", "volume"])
    assert found["close"].to_list() == pytest.approx(expected, abs=1e-12)
    doubled = [2000.0] * 3 if adjust in {"split", "total"} else [1000.0] * 3
    assert found["volume"].to_list() == [*doubled, 1000.0, 1000.0]
    scanned = scan_asset("equities_daily_bars", adjust=adjust, columns=["close"]).collect()
    assert scanned["close"].to_list() == pytest.approx(expected, abs=1e-12)


def test_adjusting_needs_the_symbols_actions(filled):
    """Without them prices would pass for adjusted; the command that fetches them is named."""
    with pytest.raises(
        NotMaterialised, match=r"none of AAPL, MSFT.*--select equities_corporate_actions --partition AAPL"
    ):
        load_asset_value("equities_daily_bars", adjust="split")
    filled.write(ACTIONS, "AAPL", ACTIONS.empty())
    assert closes(partition="AAPL|2020", adjust="split") == [12.0, 13.0]


def test_only_raw_bars_are_adjusted(store):
    """Other tables have no raw prices, or carry their own adjusted ones."""
    with pytest.raises(InvalidRequest, match="adjust works on equities_daily_bars"):
        load_asset_value("equities_features", adjust="total")


def test_quarantined_rows_can_be_read(store):
    """Their tables have names too."""
    with pytest.raises(NotMaterialised, match="quarantine_equities_daily_bars holds no data"):
        load_asset_value("quarantine_equities_daily_bars")


def test_neither_name_imports_dagster():
    """A notebook that only reads does not wait for an orchestrator, nor for what writing needs."""
    code = (
        "import sys, market_assets; market_assets.load_asset_value; market_assets.scan_asset\n"
        "print(sorted({'dagster', 'pandera', 'duckdb', 'psycopg', 'pyarrow', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_reading_the_lake_does_not_import_dagster(home):
    """Not on the first read either."""
    with clock.frozen("2026-01-01"):
        open_store(settings()).write(BARS, "AAPL|2020", bars("AAPL", [date(2020, 1, 2)], [10.0]))
    code = (
        "import sys; from market_assets import load_asset_value\n"
        "print(load_asset_value('equities_daily_bars')['close'].to_list())\n"
        "print(sorted({'dagster', 'pandera', 'duckdb', 'psycopg'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["[10.0]", "[]"]


def test_the_package_names_only_these():
    """A misspelt import is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="load_asset_valu'"):
        _ = market_assets.load_asset_valu
