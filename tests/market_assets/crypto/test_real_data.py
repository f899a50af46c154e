"""Thirty days of real minutes, replayed over HTTP through the graph: what is stored is the record.

Candles are made of the whole record; overlays, decisions and the account of its last days, which look back on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib

from resources.sandbox.convert import convert
from resources.sandbox.replay import ReplayBackend
from tests.desk import Desk, Results, failed_checks, opened, running, told, verdicts
from tests.market_assets.crypto.conftest import CHAIN, Crypto

#: MANIFEST: 43,199 minutes without a gap
FIRST_MINUTE, LAST_MINUTE = datetime(2025, 5, 4, 15, 33, tzinfo=UTC), datetime(2025, 6, 3, 15, 31, tzinfo=UTC)
NOW = "2025-06-03T15:32:10Z"
FIRST, LAST = date(2025, 5, 4), date(2025, 6, 3)
#: the days of which everything is computed
WARM = date(2025, 5, 30)
LENGTHS = {"5m": "5min", "15m": "15min", "1h": "1h", "4h": "4h", "1d": "1D"}
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass
class Replayed:
    """The record in the store, and what Dagster said of it."""

    desk: Desk
    results: dict[str, Results]

    def read(self, table: str, **options: Any) -> pl.DataFrame:
        """Rows of a table."""
        return self.desk.read(table, **options)


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> pd.DataFrame:
    """The record by its instant, read without our code."""
    rows = pd.read_csv(shared_data / "crypto" / "klines" / "binance_usdm_BTCUSDT_1m.csv.gz")
    rows.index = pd.to_datetime(rows["open_time_ms"], unit="ms", utc=True)
    return rows


@pytest.fixture(scope="module")
def built(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    source, replay = tmp_path_factory.mktemp("source") / "crypto" / "klines", tmp_path_factory.mktemp("replay")
    source.mkdir(parents=True)
    name = "binance_usdm_BTCUSDT_1m.csv.gz"
    (source / name).symlink_to(shared_data / "crypto" / "klines" / name)
    convert(source.parents[1], replay)
    home = tmp_path_factory.mktemp("real")
    with (
        running(ReplayBackend(replay)) as sandbox,
        pytest.MonkeyPatch.context() as patch,
        opened(home, sandbox, patch, now=NOW) as desk,
    ):
        desk.configure(crypto={"symbols": ["BTCUSDT"]})
        crypto = Crypto(desk)
        crypto.run("crypto_klines", "crypto_timeframes", keys=crypto.pairs(FIRST, LAST, ["BTCUSDT"]))
        crypto.run(*CHAIN[2:], keys=crypto.pairs(WARM, LAST, ["BTCUSDT"]))
        crypto.run("crypto_paper_trades", keys=crypto.days(WARM, LAST))
        crypto.run("crypto_success_metrics")
        return Replayed(desk, crypto.results)


@pytest.fixture
def real(built: Replayed, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replayed]:
    """The record, to be read."""
    built.desk.enter(monkeypatch)
    yield built


def test_every_recorded_minute_is_stored(real: Replayed, recorded: pd.DataFrame) -> None:
    """Archive for closed days, the venue for the last two: none lost at the edge of a page or a day, none doubled."""
    rows = real.read("crypto_klines").sort("ts")
    assert rows.height == len(recorded) == 43_199
    assert (rows["ts"][0], rows["ts"][-1]) == (FIRST_MINUTE, LAST_MINUTE)
    assert (rows["ts"].diff().drop_nulls() == MINUTE).all()
    assert rows["ts"].dt.epoch("ms").to_list() == recorded["open_time_ms"].tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert rows[name].to_list() == recorded[name].tolist(), name
    sources = rows.group_by("source").agg(pl.col("ts").dt.date().n_unique())
    assert dict(sources.iter_rows()) == {"binance_archive-sandbox": 29, "binance_rest-sandbox": 2}


@pytest.mark.parametrize("timeframe", LENGTHS)
def test_timeframes_are_those_of_pandas(real: Replayed, recorded: pd.DataFrame, timeframe: str) -> None:
    """Resampled by another library; a candle that is not over is not stored."""
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    resampled = recorded.resample(LENGTHS[timeframe]).agg({**rules, "open_time_ms": "count"})  # type: ignore[arg-type]
    over = resampled[resampled.index + pd.Timedelta(LENGTHS[timeframe]) <= pd.Timestamp(NOW)]
    rows = real.read("crypto_timeframes").filter(timeframe=timeframe).sort("ts")
    assert rows["ts"].to_list() == [at.to_pydatetime() for at in over.index]
    for name in ("open", "high", "low", "close"):
        assert rows[name].to_list() == over[name].tolist(), name
    np.testing.assert_allclose(rows["volume"].to_numpy(), over["volume"].to_numpy(), rtol=1e-12)
    assert rows["n_minutes"].to_list() == over["open_time_ms"].tolist()
    # the record begins at 15:33: the candle that it begins in is the only one that lacks minutes
    assert rows["complete"].to_list() == [False] + [True] * (rows.height - 1)


def test_the_change_of_a_day_is_that_of_the_record(real: Replayed, recorded: pd.DataFrame) -> None:
    """Close over the close 1,440 minutes earlier, whatever the timeframe."""
    closes = recorded["close"].to_numpy()
    rows = real.read("crypto_timeframes").filter(pl.col("available_at") > FIRST_MINUTE + DAY)
    place = ((rows["available_at"] - FIRST_MINUTE).dt.total_minutes() - 1).to_numpy()
    expected = 100 * (closes[place] / closes[place - 1440] - 1)
    np.testing.assert_allclose(rows["change_24h_pct"].to_numpy(), expected, rtol=1e-12, atol=1e-12)


def test_indicators_are_those_of_a_library(real: Replayed) -> None:
    """TA-Lib over all hours of the record; ours begin 600 hours before each day."""
    hours = real.read("crypto_timeframes").filter(timeframe="1h").sort("ts")
    high, low, close = (hours[name].to_numpy() for name in ("high", "low", "close"))
    oracle = hours.select("ts").with_columns(
        rsi_14=pl.Series(talib.RSI(close, 14)),
        atr_14=pl.Series(talib.ATR(high, low, close, 14)),
        ema_21=pl.Series(talib.EMA(close, 21)),
    )
    rows = real.read("crypto_overlays").filter(timeframe="1h").filter("is_warm")
    both = rows.join(oracle, on="ts", suffix="_oracle")
    assert both.height == rows.height > 100
    for name in ("rsi_14", "atr_14", "ema_21"):
        np.testing.assert_allclose(both[name].to_numpy(), both[f"{name}_oracle"].to_numpy(), rtol=1e-9)


def test_real_overlays_are_known_and_bounded(real: Replayed) -> None:
    """With the whole look-back there is a regime, an alignment, a profile and a flow on every hour."""
    warm = real.read("crypto_overlays").filter(timeframe="1h").filter("is_warm")
    for name in ("regime", "align_score", "zone_near_dist_pct", "ofi_20", "st_strength", "ch_dist_long_pct"):
        assert warm[name].null_count() == 0, name
    assert "UNKNOWN" not in set(warm["regime"])
    assert warm["regime_confidence"].is_between(0.25, 1.0).all()
    assert warm["st_dir"].n_unique() == warm["ch_dir"].n_unique() == 2


def test_real_decisions_go_both_ways(real: Replayed) -> None:
    """Four days of a real market have tradeable longs and shorts, at most some an hour of one coin."""
    signals = real.read("crypto_signals")
    tradeable = signals.filter("is_tradeable")
    assert set(tradeable["action"]) == {"ENTER_LONG", "ENTER_SHORT"}
    assert (tradeable["feature_confidence"] >= 0.6).all()
    assert 0 < tradeable.height < signals.height / 3


def test_the_account_earns_what_real_prices_paid(real: Replayed, recorded: pd.DataFrame) -> None:
    """Every entry at the recorded open of its minute and 0.05 % against us; profits add up to the equity."""
    rows = real.read("crypto_paper_trades")
    entered = rows.filter(row_kind="position").unique("trade_id", keep="last")
    assert entered.height > 0
    for row in entered.iter_rows(named=True):
        opened_at = float(recorded["open"].loc[pd.Timestamp(row["entry_ts"])])
        slip = 1.0005 if row["side"] == "long" else 0.9995
        assert row["entry_price"] == pytest.approx(opened_at * slip, rel=1e-12)
    last = rows.filter(row_kind="account").sort("day")[-1].to_dicts()[0]
    gained = rows.filter(row_kind="position").sort("day").unique("trade_id", keep="last", maintain_order=True)
    total = (gained["pnl"] + gained["unrealised_pnl"]).sum()
    assert last["equity_end"] - 10_000.0 == pytest.approx(total, abs=1e-6)


def test_what_checks_say_of_the_record(real: Replayed) -> None:
    """All is there and sound. What is told is of trading.

    A coin alone has more signals than ten would give, and of the few trades fewer than 55 % won.
    """
    failed = {asset: failed_checks(results, asset) for asset, results in real.results.items()}
    assert {asset: checks for asset, checks in failed.items() if checks} == {
        "crypto_signals": {"signals_expected": "WARN"},
        "crypto_success_metrics": {"win_rate_bearable": "WARN"},
    }
    assert verdicts(real.results["crypto_klines"], "crypto_klines")["minutes_complete"].metadata["missing"].value == 0
    facts = told(real.results["crypto_klines"], "crypto_klines")
    # listed with its first recorded minute; the running day until 15:31
    assert facts[f"{FIRST}|BTCUSDT"]["expected_rows"] == 8 * 60 + 27
    assert facts[f"{LAST}|BTCUSDT"]["expected_rows"] == 15 * 60 + 32
    looked = verdicts(real.results["crypto_overlays"], "crypto_overlays")["no_look_ahead"].metadata
    assert looked["rows_compared"].value > 200
