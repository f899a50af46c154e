"""Readers of the crypto domain, over a home written by hand (`tests/dashboards/crypto_home.py`)."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from market_assets.core.errors import InvalidRequest, NotMaterialised, UnknownName
from market_assets.crypto import readers
from market_assets.settings import Settings
from market_assets.tables import contract
from resources.stores.errors import VersionPruned
from resources.stores.protocol import PartitionStore
from tests.dashboards import crypto_home
from tests.dashboards.crypto_home import DAYS, FIRST, HOUR, LAST, MINUTE, NOW

ASKED: dict[str, Callable[..., pl.DataFrame]] = {
    "klines": lambda **asked: readers.klines("BTCUSDT", **asked),
    "bars": lambda **asked: readers.klines("BTCUSDT", "1h", **asked),
    "overlays": lambda **asked: readers.overlays("BTCUSDT", "1h", ["regime"], **asked),
    "signals": readers.signals,
    "advice": readers.advice,
    "paper_trades": readers.paper_trades,
    "equity": readers.equity,
    "telemetry": readers.telemetry,
}


class Counting:
    """A store that notes which partitions are read."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self.opened: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, table: Any, partitions: Any = None, **asked: Any) -> pl.DataFrame:
        self.opened += list(partitions if partitions is not None else self._store.partitions(table))
        return self._store.read(table, partitions, **asked)


@pytest.fixture
def configured(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home."""
    return crypto_home.configure(monkeypatch)


@pytest.fixture
def store(configured: Settings) -> PartitionStore:
    """The store with the home in it."""
    return crypto_home.fill(configured)


# --- candles and overlays ------------------------------------------------------------------------------------------


def test_klines_are_of_one_symbol_by_time(store):
    """Minutes of both ends included; a minute that is missing is not there."""
    at = datetime(2026, 10, 4, 6, 29, tzinfo=UTC)
    btc = readers.klines("BTCUSDT", start=at, end=at + 2 * MINUTE)
    assert btc["ts"].to_list() == [at, at + MINUTE, at + 2 * MINUTE]
    # 1,440 minutes of the 3rd and 389 of the 4th went before
    assert btc["close"].to_list() == [61_829.0, 61_830.0, 61_831.0]
    eth = readers.klines("ETHUSDT", start=at, end=at + 2 * MINUTE)
    assert eth["ts"].to_list() == [at, at + 2 * MINUTE]


def test_a_day_as_end_is_the_whole_day(store):
    """Dates and their text name days, UTC."""
    for end in (DAYS[0], "2026-10-03"):
        assert readers.klines("BTCUSDT", start=DAYS[0], end=end).height == 1440
    assert readers.klines("BTCUSDT", "1d").get_column("ts").to_list() == [FIRST, FIRST + timedelta(days=1)]


@pytest.mark.parametrize(("frame", "n"), [("5m", 720), ("15m", 240), ("1h", 60), ("4h", 15), ("1d", 2)])
def test_every_timeframe_is_served_apart(store, frame, n):
    """Each lies in the same partitions as the others; 60 hours end at 12:00."""
    bars = readers.klines("ETHUSDT", frame)
    assert bars["timeframe"].unique().to_list() == [frame]
    assert (bars.height, bars["ts"].is_sorted()) == (n, True)


def test_a_limit_takes_the_newest_or_from_a_start_the_first(store):
    """As a chart asks, and as a download does; across midnight too."""
    newest = readers.klines("BTCUSDT", limit=1000)
    assert newest["ts"].to_list() == [LAST - n * MINUTE for n in range(999, -1, -1)]
    first = readers.klines("BTCUSDT", start="2026-10-03T23:58:00Z", limit=4)
    assert first["ts"].to_list() == [FIRST + timedelta(days=1) + n * MINUTE for n in (-2, -1, 0, 1)]
    until = readers.klines("BTCUSDT", end="2026-10-04T00:01:00Z", limit=4)
    assert until.equals(first)
    assert readers.klines("BTCUSDT", "1d", limit=50).height == 2


def test_as_few_days_are_opened_as_it_takes(store):
    """The newest hundred minutes are one day of one symbol; eleven hours before noon and one more are two."""
    for asked, keys in (
        (lambda s: readers.klines("BTCUSDT", limit=100, store=s), ["2026-10-05|BTCUSDT"]),
        (lambda s: readers.klines("ETHUSDT", start=DAYS[1], limit=10, store=s), ["2026-10-04|ETHUSDT"]),
        (
            lambda s: readers.overlays("BTCUSDT", "1h", ["regime"], limit=13, store=s),
            ["2026-10-05|BTCUSDT", "2026-10-04|BTCUSDT"],
        ),
        (lambda s: readers.signals(limit=5, store=s), ["2026-10-05|BTCUSDT", "2026-10-05|ETHUSDT"]),
        (lambda s: readers.equity(limit=1, store=s), ["2026-10-04"]),
    ):
        counting = Counting(store)
        assert not asked(counting).is_empty()
        assert counting.opened == keys


def test_overlays_have_the_columns_that_are_asked_for(store):
    """Whose row it is, then the named ones in their order; all of the table's columns without names."""
    one = readers.overlays("BTCUSDT", "4h", ["order_flow", "base"], limit=1)
    assert one.columns == [
        *("symbol", "timeframe", "ts", "available_at", "n_history", "is_warm", "complete"),
        *("delta", "ofi_20", "ofi_chg_5", "cvd_day", "candle_imbalance_proxy_20"),
        *("close", "ema_10", "ema_21", "ema_55", "rsi_14", "atr_14"),
    ]
    assert one.row(0, named=True)["ofi_20"] == 0.12
    assert set(readers.overlays("BTCUSDT", "4h", limit=1).columns) == set(contract("crypto_overlays").columns)
    assert readers.overlays("ETHUSDT", "4h", [], limit=1).width == 7


def test_a_name_that_is_none_is_refused(store):
    """With the near ones; a symbol that is not stored has no rows."""
    with pytest.raises(UnknownName, match="order_flow"):
        readers.overlays("BTCUSDT", "1h", ["orderflow"])
    with pytest.raises(UnknownName, match="timeframe"):
        readers.overlays("BTCUSDT", "1m")
    with pytest.raises(UnknownName, match="15m"):
        readers.klines("BTCUSDT", "15min")
    with pytest.raises(UnknownName, match="closed"):
        readers.paper_trades("close")
    assert readers.klines("DOGEUSDT", limit=5).is_empty()
    assert readers.klines("2026|../x", "1h").is_empty()


# --- decisions and opinions ----------------------------------------------------------------------------------------


def test_signals_by_what_they_say(store):
    """Newest first; of a symbol, an action, tradeable or not, and of some days."""
    keys = [(row["symbol"], row["ts"].hour) for row in readers.signals(tradeable=True).iter_rows(named=True)]
    assert keys == [("ETHUSDT", 15), ("BTCUSDT", 9)]
    assert readers.signals("BTCUSDT", action="ENTER_LONG")["is_tradeable"].to_list() == [False, True]
    assert readers.signals(action="ENTER_LONG", tradeable=True, limit=1)["ts"].item().hour == 9
    assert readers.signals(tradeable=True, start=DAYS[2]).is_empty()
    all_of_them = readers.signals()
    assert all_of_them.height == 120
    assert all_of_them["ts"].is_sorted(descending=True)
    assert all_of_them.head(2)["symbol"].to_list() == ["BTCUSDT", "ETHUSDT"]


def test_a_limit_goes_back_until_it_is_met(store):
    """Rare rows lie days back: all days are searched for them, the newest ones come first."""
    assert readers.signals(action="ENTER_LONG", limit=2)["ts"].dt.day().to_list() == [5, 4]
    assert readers.signals("ETHUSDT", tradeable=True, limit=7).height == 1


def test_advice_says_who_speaks(store):
    """Of a symbol, of a call, of a source."""
    assert readers.advice("BTCUSDT")["advisor_source"].to_list() == ["rule"]
    assert readers.advice(advisor_source="llm")["status"].to_list() == ["parse_error", "ok"]
    assert readers.advice(call="signal", limit=1)["symbol"].to_list() == ["ETHUSDT"]


def test_telemetry_is_newest_first(store):
    """Two symbols, two days, five timeframes, seven overlays."""
    assert readers.telemetry().height == 2 * 2 * 5 * 7
    dear = readers.telemetry("BTCUSDT", overlay="liquidity", timeframe="1h")
    assert dear["day"].to_list() == [DAYS[2], DAYS[1]]
    assert dear["latency_ms"].to_list() == [300.0, 300.0]


# --- the account ---------------------------------------------------------------------------------------------------


def test_a_trade_is_told_once(store):
    """`b` was open on the 3rd and closed on the 4th: it is closed now. What stands is of the newest day."""
    assert dict(readers.paper_trades().select("trade_id", "day").iter_rows()) == {
        "a": DAYS[0],
        **dict.fromkeys(("b", "c", "d", "e"), DAYS[1]),
    }
    for status, ids in {"closed": ["b", "a"], "open": ["c"], "pending": ["e"], "rejected": ["d"]}.items():
        assert readers.paper_trades(status)["trade_id"].to_list() == ids, status
    assert readers.paper_trades("closed", limit=1)["trade_id"].to_list() == ["b"]
    assert readers.paper_trades("closed", symbol="BTCUSDT")["trade_id"].to_list() == ["a"]
    assert readers.paper_trades("open", symbol="ETHUSDT").is_empty()


def test_trades_of_an_evening_are_what_stood_then(store):
    """Up to the 3rd `b` was open and `c` unknown."""
    assert readers.paper_trades("open", end=DAYS[0])["trade_id"].to_list() == ["b"]
    assert readers.paper_trades(end=DAYS[0])["trade_id"].sort().to_list() == ["a", "b"]
    assert readers.paper_trades("open", start=DAYS[2]).is_empty()


def test_positions_and_equity(store):
    """What is held, and the account by day."""
    assert readers.positions().select("trade_id", "qty_open", "unrealised_pnl").rows() == [("c", 0.003, 7.0)]
    equity = readers.equity()
    assert equity.select("day", "equity_start", "equity_end").rows() == [
        (DAYS[0], 10_000.0, 10_012.0),
        (DAYS[1], 10_012.0, 10_022.0),
    ]
    assert readers.equity(limit=1)["day"].to_list() == [DAYS[1]]
    assert "closes_31d" not in equity.columns


def test_success_metrics_are_of_the_newest_day(store):
    """The account as a whole first, windows from short to long; the 3rd's are gone."""
    found = readers.success_metrics()
    assert found["as_of_day"].unique().to_list() == [DAYS[1]]
    assert found.select("scope", "window").rows()[:5] == [
        *(("ALL", window) for window in ("7d", "30d", "90d", "all")),
        ("BTCUSDT", "7d"),
    ]
    assert readers.success_metrics("30d", scope="ETHUSDT")["total_pnl"].to_list() == [5.0]


# --- how symbols stand ---------------------------------------------------------------------------------------------


def test_symbol_states(store):
    """12:01 closed at 12:02, one minute before now; the change is of the bar that closed at 12:00."""
    btc, eth = readers.symbol_states().iter_rows(named=True)
    assert btc == {
        "symbol": "BTCUSDT",
        "ts": LAST,
        "close": 63_601.0,
        "source": "binance_rest",
        "age_bars": 1.0,
        "change_24h_pct": pytest.approx(100 * (63_599 / 62_159 - 1)),
        "regime": "TRENDING_LOW_VOL",
        "regime_confidence": 0.55,
        "action": "HOLD",
        "feature_confidence": 0.4,
        "is_tradeable": False,
        "signal_time": NOW.replace(minute=0),
    }
    assert (eth["symbol"], eth["close"]) == ("ETHUSDT", pytest.approx(4_000 - 360.1))
    hourly = readers.symbol_states("1h")
    assert hourly["age_bars"].to_list() == pytest.approx([3 / 60] * 2)
    assert hourly["close"][0] == 63_599.0


def test_a_symbol_without_rows_stands_nowhere(configured, store, monkeypatch):
    """Unknown is null; without any table at all too."""
    crypto_home.configure(monkeypatch, CRYPTO__SYMBOLS='["XRPUSDT", "BTCUSDT"]')
    first, second = readers.symbol_states(store=store).iter_rows(named=True)
    assert {name for name, value in first.items() if value is not None} == {"symbol"}
    assert second["close"] == 63_601.0


def test_nothing_stored_is_no_error_of_states(configured):
    """Every row is there, of nulls."""
    states = readers.symbol_states()
    assert states["symbol"].to_list() == ["BTCUSDT", "ETHUSDT"]
    assert states.drop("symbol").null_count().row(0) == (2,) * (states.width - 1)


# --- as of, and what cannot be answered ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(ASKED))
def test_a_reader_without_data_says_what_to_run(configured, name):
    """Not materialised, with the command; never an empty frame that looks like a quiet market."""
    with pytest.raises(NotMaterialised, match=r"dagster asset materialize .* --select crypto_"):
        ASKED[name]()
    with pytest.raises(NotMaterialised, match=r"--select crypto_success_metrics$"):
        readers.success_metrics()


@pytest.mark.parametrize("name", list(ASKED))
@pytest.mark.parametrize("limit", [None, 1])
def test_before_the_first_publication_there_is_nothing(store, name, limit):
    """`as_of` reads what was published then; now it is all there."""
    assert ASKED[name](as_of=NOW - MINUTE, limit=limit).is_empty()
    assert not ASKED[name](as_of=NOW + MINUTE, limit=limit).is_empty()


@pytest.mark.parametrize("name", list(ASKED))
def test_impossible_requests_are_refused(store, name):
    """Naive instants, ranges backwards, limits of nothing; each names what is wrong."""
    naive = datetime(2026, 10, 4, 6)
    for bad in ({"start": naive}, {"end": "yesterday"}, {"start": DAYS[1], "end": DAYS[0]}, {"as_of": naive}):
        with pytest.raises(InvalidRequest, match=r"start|end|as_of"):
            ASKED[name](**bad, limit=3)
        with pytest.raises(InvalidRequest, match=r"start|end|as_of"):
            ASKED[name](**bad)
    with pytest.raises(InvalidRequest, match="limit"):
        ASKED[name](limit=0)


def test_as_of_reads_the_version_of_then(configured, store, monkeypatch):
    """A corrected close is seen from its publication on."""
    day = readers.klines("BTCUSDT", start=DAYS[0], end=DAYS[0])
    later = NOW + HOUR
    monkeypatch.setenv("MARKET_ASSETS_NOW", later.isoformat())
    crypto_home.write(store, "crypto_klines", day.with_columns(close=pl.col("close") + 0.25))
    at = {"start": FIRST, "end": FIRST, "store": store}
    assert readers.klines("BTCUSDT", **at)["close"].item() == 60_000.25
    assert readers.klines("BTCUSDT", as_of=NOW + MINUTE, **at)["close"].item() == 60_000.0


def test_versions_that_are_kept_no_more_are_told(configured, store, monkeypatch):
    """Of a day that is rewritten every few minutes only the last versions remain."""
    bars = readers.klines("BTCUSDT", "1h", start=DAYS[2])
    everything = store.read(contract("crypto_timeframes"), ["2026-10-05|BTCUSDT"])
    for n in range(1, configured.retention.versions + 3):
        monkeypatch.setenv("MARKET_ASSETS_NOW", (NOW + n * HOUR).isoformat())
        crypto_home.write(store, "crypto_timeframes", everything.with_columns(close=pl.col("close") + n / 1000))
    with pytest.raises(VersionPruned):
        readers.klines("BTCUSDT", "1h", start=DAYS[2], as_of=NOW + MINUTE, store=store)
    assert bars.height == 12


def test_readers_need_no_dagster():
    """They are for notebooks and pages: importing them is cheap."""
    code = "import sys; from market_assets.crypto import readers; assert 'dagster' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_limit_larger_than_history_gives_all(store):
    """And ends."""
    assert readers.klines("BTCUSDT", "4h", limit=10_000).height == 15
    assert readers.equity(limit=10_000)["day"].to_list() == [date(2026, 10, 3), date(2026, 10, 4)]
