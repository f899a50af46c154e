"""Coarser candles: the golden ones of the specification, real ones as pandas resamples them, and none from nothing."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.core.candles import coarser
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.crypto.transforms.minute_frames import recorded

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: crypto.md 4: open, high, low, close, volume, taker
GOLDEN = [
    (100, 107.49, 99.4, 106.19, 4600, 2120),
    (106.19, 109.17, 105.59, 107.57, 5500, 2570),
    (107.57, 108.63, 106.06, 107.33, 5000, 2450),
]
SUMS = ("volume", "taker_buy_base")


def golden(n: int, source: str = "G") -> pl.DataFrame:
    """G with what every bar states."""
    return golden_series(n).with_columns(source=pl.lit(source), ingested_at=pl.col("ts") + HOUR)


def test_the_golden_series_by_four_hours() -> None:
    """The first three candles of the specification, each of four bars."""
    found = coarser(golden(12), 4 * HOUR, SUMS)
    rows = found.select("open", "high", "low", "close", *SUMS).rows()
    assert [pytest.approx(row, rel=1e-9) for row in GOLDEN] == rows
    assert found["n_bars"].to_list() == [4, 4, 4]
    assert found["ts"].dt.hour().to_list() == [0, 4, 8]
    assert found["ingested_at"].dt.hour().to_list() == [4, 8, 12]


def test_a_candle_has_the_bars_there_are() -> None:
    """Missing bars leave a smaller one, four in a row none at all; sources are named each once."""
    rows = golden(12).with_row_index("k").filter(~pl.col("k").is_in([1, 4, 5, 6, 7])).drop("k")
    two = rows.with_columns(source=pl.when(pl.col("ts").dt.hour() == 2).then(pl.lit("F")).otherwise("source"))
    found = coarser(two, 4 * HOUR, SUMS)
    assert found["ts"].dt.hour().to_list() == [0, 8]
    assert found["n_bars"].to_list() == [3, 4]
    assert found["source"].to_list() == ["F+G", "G"]
    assert coarser(rows.clear(), 4 * HOUR, SUMS).is_empty()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**16), hours=st.sampled_from([2, 3, 4, 6, 8, 12, 24]))
def test_the_order_of_bars_changes_no_bit(seed: int, hours: int) -> None:
    """Nor do two symbols mix; sums are those of all bars."""
    rows = pl.concat([golden(60), golden(50).with_columns(symbol=pl.lit("H"), volume=pl.col("volume") / 7)])
    straight = coarser(rows, hours * HOUR, SUMS)
    assert straight.equals(coarser(rows.sample(fraction=1, shuffle=True, seed=seed), hours * HOUR, SUMS))
    assert straight.select("symbol", "ts").is_duplicated().sum() == 0
    assert straight["volume"].sum() == pytest.approx(rows["volume"].sum(), rel=1e-9)


@pytest.mark.parametrize(("every", "rule"), [(5 * HOUR / 60, "5min"), (4 * HOUR, "4h"), (DAY, "1D")])
def test_real_minutes_as_pandas_resamples_them(shared_data: Path, every: timedelta, rule: str) -> None:
    """30 days of BTCUSDT, 43,199 minutes: every candle agrees, its sums to 1e-9."""
    minutes = recorded(shared_data, "binance_usdm_BTCUSDT_1m")
    found = coarser(minutes, every, ("volume",)).drop("symbol", "source", "ingested_at")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    frame = minutes.select("ts", *how).to_pandas().set_index("ts")
    oracle = frame.resample(rule).agg(how)
    assert found.height == len(oracle)
    assert found["n_bars"].sum() == 43_199
    for name in ("open", "high", "low", "close"):
        assert found[name].to_list() == oracle[name].to_list()
    assert found["volume"].to_list() == pytest.approx(oracle["volume"].to_list(), rel=1e-9)
