"""Readers of the funding domain, over a home written by hand (`tests/dashboards/funding_home.py`)."""

import subprocess
import sys
from datetime import datetime, timedelta

import polars as pl
import pytest

from market_assets.core.errors import InvalidRequest, NotMaterialised
from market_assets.funding import readers
from market_assets.funding.readers_now import apy_pct
from market_assets.settings import Settings
from resources.stores.errors import VersionPruned
from resources.stores.protocol import PartitionStore
from tests.dashboards import funding_home
from tests.dashboards.funding_home import DAY, HOUR, MINUTE, NOON, NOW


@pytest.fixture
def configured(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home."""
    return funding_home.configure(monkeypatch)


@pytest.fixture
def store(configured: Settings) -> PartitionStore:
    """The store with the home in it."""
    return funding_home.fill(configured)


def by_contract(frame: pl.DataFrame) -> dict[tuple[str, str], dict]:
    return {(row["exchange"], row["symbol"]): row for row in frame.iter_rows(named=True)}


# --- current state -------------------------------------------------------------------------------------------------


def test_current_contracts_are_those_of_the_newest_look_at_each_exchange(store):
    """One row per open contract, of 12:00, of okx of 11:20; by exchange and symbol; the closed one is gone."""
    found = readers.current_contracts()
    keys = [(names["exchange"], names["symbol"]) for names, *_ in funding_home.OPEN]
    assert list(zip(found["exchange"], found["symbol"], strict=True)) == sorted(keys)
    looked = dict(found.select("exchange", "snapshot_at").iter_rows())
    assert looked == dict.fromkeys(looked, NOON) | {"okx": NOON - 40 * MINUTE}


def test_a_closed_contract_is_left_out_though_it_was_looked_at(store):
    """The listing has closed it since the look: it is not current."""
    look = {**funding_home.looks(NOON)[5], "symbol": "OLD-USDT-PERP", "native_symbol": "OLDUSDT", "exchange": "bybit"}
    others = [row for row in funding_home.looks(NOON) if row["exchange"] == "bybit"]
    funding_home.write(store, "funding_snapshot", [*others, look])
    assert "OLD-USDT-PERP" not in readers.current_contracts()["symbol"]


def test_an_exchange_that_stopped_a_day_ago_is_left_out(store):
    """A look more than 24 h older than the newest says nothing of now; one exactly that old neither."""
    late = [row for row in funding_home.looks(NOON - timedelta(days=1)) if row["exchange"] == "hyperliquid"]
    funding_home.write(store, "funding_snapshot", late)
    assert "hyperliquid" in readers.current_contracts()["exchange"]  # its newest look is still of noon
    only = [row | {"exchange": "kucoin"} for row in late]
    names = [row | {"exchange": "kucoin"} for row in funding_home.contracts() if row["exchange"] == "hyperliquid"]
    funding_home.write(store, "funding_contracts", names)
    funding_home.write(store, "funding_snapshot", only)
    assert "kucoin" not in readers.current_contracts()["exchange"]


def test_zero_is_a_rate_and_a_missing_one_is_null(store):
    """0 gives 0 per hour, per year and compounded; an unknown rate gives null everywhere."""
    found = by_contract(readers.current_contracts())
    rates = ("predicted_rate_native", "predicted_rate_1h", "predicted_rate_8h", "predicted_apr_pct", "apy_pct")
    assert [found["binance_usdm", "ETH-USDT-PERP"][name] for name in rates] == [0.0] * 5
    assert [found["okx", "BTC-USDT-PERP"][name] for name in rates] == [None] * 5


def test_statistics_stand_beside_where_there_are_any(store):
    """z and confidence of the contract; null where no statistics are stored of it."""
    found = by_contract(readers.current_contracts())
    btc = found["binance_usdm", "BTC-USDT-PERP"]
    assert (btc["z_predicted"], btc["percentile_predicted"], btc["confidence"]) == (2.5, 97.0, "very_high")
    assert found["bybit", "ETH-USDT-PERP"]["z_predicted"] is None
    assert found["bybit", "ETH-USDT-PERP"]["confidence"] is None
    assert found["hyperliquid", "1000PEPE-USDC-PERP"]["multiplier"] == 1000.0


def test_only_the_newest_statistics_count(store):
    """Those of the day before are read no more, even of a contract that the newest day lacks."""
    before = [row | {"day": DAY - timedelta(days=1), "z_predicted": 9.0} for row in funding_home.statistics()]
    eth = before[0] | {"symbol": "BTC-USDC-PERP"}
    funding_home.write(store, "funding_statistics", [*before, eth])
    found = by_contract(readers.current_contracts())
    assert found["binance_usdm", "BTC-USDT-PERP"]["z_predicted"] == 2.5
    assert found["binance_usdm", "BTC-USDC-PERP"]["z_predicted"] is None


@pytest.mark.parametrize(
    ("rate_1d", "expected"),
    [(0.0003, 11.5702), (0.0006, 24.475), (0.0024, 139.876), (-0.0009, -28.0104), (0.0, 0.0)],
)
def test_apy_of_the_specification(rate_1d, expected):
    """100 ((1 + rate_1d)^365 - 1), printed with six digits."""
    found = pl.select(apy_pct(pl.lit(rate_1d))).item()
    assert found == pytest.approx(expected, rel=5e-6)


@pytest.mark.parametrize("rate_1d", [-1.0, -2.5, 1e9, None])
def test_an_apy_that_means_nothing_is_null(rate_1d):
    """A loss of everything in a day cannot be compounded, nor can what leaves the range of numbers."""
    assert pl.select(apy_pct(pl.lit(rate_1d, pl.Float64))).item() is None


def test_a_cell_of_the_grid_is_the_largest_contract(store):
    """Of binance_usdm's two in BTC that in USDT; what has no open interest has a cell as well."""
    found = readers.grid()
    assert found.select("base_asset", "exchange").is_unique().all()
    cells = {(row["base_asset"], row["exchange"]): row["symbol"] for row in found.iter_rows(named=True)}
    assert cells["BTC", "binance_usdm"] == "BTC-USDT-PERP"
    assert cells["BTC", "okx"] == "BTC-USDT-PERP"
    assert len(cells) == len(funding_home.OPEN) - 1


def test_opportunities_come_by_rank(store):
    """The newest ranking, whatever its key order."""
    found = readers.opportunities()
    assert found["rank"].to_list() == [1, 2, 3, 4, 5]
    assert found["base_asset"].to_list() == ["SOL", "PEPE", "ETH", "BTC", "BTC"]


def test_a_round_without_a_pair_has_no_opportunities(store):
    """An empty newest day is an answer; the ranking of the day before is not shown as if it were one of now."""
    from market_assets.tables import contract

    table = contract("funding_opportunities")
    store.write(table, (DAY + timedelta(days=1)).isoformat(), table.empty())
    assert readers.opportunities().is_empty()


# --- history -------------------------------------------------------------------------------------------------------


def test_settled_rates_come_by_time_and_keep_their_own_intervals(store):
    """The switch from 4 h to 1 h in the middle of the history keeps both."""
    found = readers.settled(exchange="bybit", symbol="ETH-USDT-PERP")
    assert found["funding_time"].is_sorted()
    assert found["interval_hours"].to_list() == [4.0, 4.0, 1.0, 1.0]
    assert found["rate_1h"].to_list() == [0.0001, 0.0001, 0.0001, 0.0001]


def test_settled_rates_of_an_asset_are_of_all_exchanges(store):
    """Both ends are included, and a settled zero is there."""
    found = readers.settled(base_asset="BTC", start=NOON - 12 * HOUR, end=NOON - 4 * HOUR)
    assert set(found["exchange"]) == {"binance_usdm", "dydx"}
    assert (found["funding_time"].min(), found["funding_time"].max()) == (NOON - 12 * HOUR, NOON - 4 * HOUR)
    assert found.filter(pl.col("exchange") == "binance_usdm")["rate_native"].to_list() == [0.0, 0.0001]
    whole = readers.settled(symbol="BTC-USDT-PERP", start="2026-10-04", end="2026-10-04")
    assert whole["rate_native"].to_list() == [-0.0003]  # a date as an end is the whole day


def test_an_unknown_name_has_no_settled_rates(store):
    """Typed and empty, whichever part of the name is unknown."""
    for name in ({"symbol": "NONE-USDT-PERP"}, {"base_asset": "NONE"}, {"exchange": "kucoin"}):
        found = readers.settled(**name)
        assert found.is_empty()
        assert found.schema["rate_1h"] == pl.Float64


def test_a_spread_is_the_same_whichever_exchange_comes_first(store):
    """Named the other way round it is the same row: exchange_a minus exchange_b."""
    one = readers.spread_history("BTC", "binance_usdm", "bybit")
    assert one.equals(readers.spread_history("BTC", "bybit", "binance_usdm"))
    assert one["spread_apr_pct"].to_list() == [-10.95] * 24
    assert readers.spread_history("BTC", "bybit", "binance_usdm", start=NOON - HOUR).height == 1
    with pytest.raises(InvalidRequest, match="two exchanges"):
        readers.spread_history("BTC", "bybit", "bybit")


def test_completeness_is_of_each_exchanges_newest_day(store):
    """An exchange that lags keeps its last day; asked for one day only that one comes."""
    later = [
        row | {"day": DAY + timedelta(days=1)} for row in funding_home.completeness() if row["exchange"] == "bybit"
    ]
    funding_home.write(store, "funding_completeness", later)
    days = dict(readers.completeness().select("exchange", "day").iter_rows())
    assert days["bybit"] == DAY + timedelta(days=1)
    assert days["okx"] == DAY
    assert set(readers.completeness(day=DAY)["day"]) == {DAY}
    assert readers.completeness(day="2026-10-06").height == len(later)


# --- exchanges -----------------------------------------------------------------------------------------------------


def test_states_of_exchanges(store):
    """One row per exchange in use in the order of the settings, measured or null."""
    found = {row["exchange"]: row for row in readers.exchange_states().iter_rows(named=True)}
    assert list(found) == list(funding_home.EXCHANGES)
    binance, okx = found["binance_usdm"], found["okx"]
    assert (binance["venue"], binance["n_contracts"], binance["n_rates"]) == ("binance", 5, 5)
    assert (binance["age_min"], okx["age_min"]) == (3.0, 43.0)
    assert (okx["n_rates"], okx["null_rate_share"], binance["null_rate_share"]) == (0, 1.0, 0.0)
    assert binance["newest_settlement"] == NOON - 4 * HOUR
    assert okx["newest_settlement"] is None
    assert (found["bybit"]["completeness_pct"], found["bybit"]["n_incomplete"]) == (95.0, 1)
    assert (found["bybit"]["measures"], binance["measures"]) == ("previous", "ending")
    assert (okx["memory_days"], binance["memory_days"], okx["forward_only"]) == (90.0, None, False)


def test_states_of_a_home_without_data_are_unknown(configured):
    """Nothing was measured: null, and no error."""
    found = readers.exchange_states()
    assert found["exchange"].to_list() == list(funding_home.EXCHANGES)
    measured = found.drop("exchange", "venue", "measures", "memory_days", "forward_only")
    assert measured.null_count().row(0) == (5,) * measured.width


# --- what was known then -------------------------------------------------------------------------------------------


def test_as_of_shows_the_looks_that_had_arrived(store):
    """At 11:57 the look of 11:55 was the newest, though that of noon is stored in the same partition."""
    states = readers.exchange_states(as_of=NOON - 3 * MINUTE)
    at = dict(states.select("exchange", "snapshot_at").iter_rows())
    assert (at["bybit"], at["okx"]) == (NOON - 5 * MINUTE, NOON - 40 * MINUTE)
    assert dict(states.select("exchange", "age_min").iter_rows())["bybit"] == 2.0


def test_as_of_reads_the_versions_of_then(configured, monkeypatch: pytest.MonkeyPatch):
    """What was published later is not seen; before the first publication there is nothing."""
    store = funding_home.fill(configured)
    changed = [row | {"z_predicted": 7.0} for row in funding_home.statistics()]
    monkeypatch.setenv("MARKET_ASSETS_NOW", (NOW + 2 * MINUTE).isoformat())
    funding_home.write(store, "funding_statistics", changed)
    btc = ("binance_usdm", "BTC-USDT-PERP")
    assert by_contract(readers.current_contracts())[btc]["z_predicted"] == 7.0
    assert by_contract(readers.current_contracts(as_of=NOW + MINUTE))[btc]["z_predicted"] == 2.5
    assert readers.current_contracts(as_of=NOON).is_empty()  # no contract was published before 12:03
    assert readers.opportunities(as_of=NOON).is_empty()


def test_a_version_that_is_no_longer_kept_is_refused(configured, monkeypatch: pytest.MonkeyPatch):
    """Of a table that is rewritten every few minutes only the last versions are kept: an older as_of is no answer."""
    store = funding_home.fill(configured)
    for n in range(1, 14):
        monkeypatch.setenv("MARKET_ASSETS_NOW", (NOW + 5 * n * MINUTE).isoformat())
        changed = [row | {"z_predicted": float(n)} for row in funding_home.statistics()]
        funding_home.write(store, "funding_statistics", changed)
    with pytest.raises(VersionPruned):
        readers.current_contracts(as_of=NOW + MINUTE)


# --- asking --------------------------------------------------------------------------------------------------------

READERS = {
    "funding_snapshot": readers.current_contracts,
    "funding_opportunities": readers.opportunities,
    "funding_rates": readers.settled,
    "funding_completeness": readers.completeness,
    "funding_spreads": lambda: readers.spread_history("BTC", "bybit", "okx"),
}


@pytest.mark.parametrize("table", READERS)
def test_a_table_without_data_names_the_command(configured, table):
    """NotMaterialised with what to run, its partition spelled as Dagster does."""
    with pytest.raises(NotMaterialised, match=f"--select {table} --partition '2026-10-05") as refused:
        READERS[table]()
    assert ("|bybit" in str(refused.value)) == (table not in ("funding_opportunities", "funding_spreads"))


@pytest.mark.parametrize("moment", ["yesterday", "2026-10-05T12:00:00", datetime(2026, 10, 5, 12)])
def test_a_moment_that_is_none_is_refused(store, moment):
    """Naive or no date at all: the message names the argument."""
    with pytest.raises(InvalidRequest, match="as_of"):
        readers.current_contracts(as_of=moment)
    with pytest.raises(InvalidRequest, match="start"):
        readers.settled(start=moment)


def test_readers_need_no_dagster():
    """Importing them loads neither Dagster nor a web framework."""
    code = (
        "import sys; from market_assets.funding import readers; "
        "print([name for name in ('dagster', 'fastapi', 'dash') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
