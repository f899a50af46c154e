"""Features of recorded markets, against plain computations by other libraries."""

from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib

from market_assets.bars.schemas import BarsMacroDaily, BarsScannerFeatures
from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.features import features
from tests.market_assets.bars.transforms.features.stored_bars import stored, with_indicators

DAY = timedelta(days=1)
WARM = 2500
#: a Tuesday of the recorded minutes
TUESDAY = datetime(2025, 5, 20, tzinfo=UTC)
UNSAID = pl.DataFrame(schema={"symbol": pl.String, "available_at": pl.Datetime("us", "UTC"), "sentiment": pl.Float64})

#: known from elsewhere: keys, outside series, the rank that is counted below, what the record does not have
NOT_OF_PRICES = {
    *("symbol", "ts", "available_at", "close", "is_stale", "feature_level", "bb_width_rank", "vwap_distance"),
    *("usd_index_z", "vix_z", "ust10y_z", "ust2y_z", "yield_curve", "sentiment"),
    *("corr_nas100", "corr_xauusd", "corr_eurusd"),
}


def computed(bars, indicators, day):
    macro = BarsMacroDaily.contract().empty()
    found = features(bars, indicators, macro, UNSAID, [day.date()], BarsSettings())
    return BarsScannerFeatures.contract().validate(found)


@pytest.fixture(scope="module")
def minutes(shared_data):
    """A recorded day of a coin and the look-back before it, read without our code."""
    rows = pd.read_csv(shared_data / "crypto" / "klines" / "binance_usdm_BTCUSDT_1m.csv.gz")
    rows.index = pd.to_datetime(rows["open_time_ms"], unit="ms", utc=True)
    return rows[TUESDAY - WARM * timedelta(minutes=1) : TUESDAY + DAY - timedelta(minutes=1)]


@pytest.fixture(scope="module")
def found(minutes):
    frame = pl.DataFrame({name: minutes[name].to_numpy() for name in ("open", "high", "low", "close", "volume")})
    bars = stored(frame, first=minutes.index[0].to_pydatetime())
    return computed(bars, with_indicators(bars), TUESDAY)


def by_pandas(rows):
    """Features as a reader of the specification would write them down."""
    high, low, close, volume = (rows[name] for name in ("high", "low", "close", "volume"))
    returns, change = np.log(close).diff(), close.diff()
    upper, mid, lower = talib.BBANDS(close.to_numpy(), 20, 2.0, 2.0)
    width = pd.Series((upper - lower) / mid, rows.index)
    atr = pd.Series(talib.ATR(high, low, close, 14), rows.index)
    ema = pd.Series(talib.EMA(close.to_numpy(), 20), rows.index)
    top, bottom = high.rolling(20).max(), low.rolling(20).min()
    share = (change / change.rolling(50).std()).map(lambda x: 2 * NormalDist().cdf(x) - 1)
    delta = volume * share
    day = rows.index.floor("D")
    efficiency = (close - close.shift(20)).abs() / change.abs().rolling(20).sum()
    turning = returns.rolling(50).apply(lambda window: np.corrcoef(window[1:], window[:-1])[0, 1], raw=True)
    trend = efficiency > 0.4
    return {
        "z_close": (close - close.rolling(20).mean()) / close.rolling(20).std(),
        "z_high": (high - high.rolling(20).mean()) / high.rolling(20).std(),
        "z_low": (low - low.rolling(20).mean()) / low.rolling(20).std(),
        "ema_slope": ema.pct_change(),
        "roc_5": close.pct_change(5),
        "roc_10": close.pct_change(10),
        "rsi": pd.Series(talib.RSI(close.to_numpy(), 14), rows.index),
        "price_position": (close - bottom) / (top - bottom),
        "m5_trend": heard(close, 5),
        "m15_trend": heard(close, 15),
        "rvol": volume / volume.rolling(20).mean().shift(),
        "volume_trend": volume.rolling(5).mean() / volume.rolling(20).mean() - 1,
        "bvc_delta_proxy": delta,
        "cvd_proxy": delta.groupby(day).cumsum(),
        "cvd_ratio_proxy": delta.groupby(day).cumsum() / volume.groupby(day).cumsum(),
        "vpin_proxy": (delta.abs() / volume).rolling(50).mean(),
        "atr_z": (atr - atr.rolling(240).mean().shift()) / atr.rolling(240).std().shift(),
        "bb_width": width,
        "bb_position": (close - lower) / (upper - lower),
        "realized_vol": returns.rolling(20).std(),
        "vol_ratio": pd.Series(talib.ATR(high, low, close, 5) / talib.ATR(high, low, close, 20), rows.index),
        "er_20": efficiency,
        "regime_trend": trend.astype(float),
        "regime_revert": (~trend & (turning < -0.1)).astype(float),
        "regime_choppy": (~trend & (turning >= -0.1)).astype(float),
    }


def heard(close, minutes):
    """Sign of two exponential means of the last candle that was over."""
    last = close.resample(f"{minutes}min").last()
    sign = np.sign(talib.EMA(last.to_numpy(), 9) - talib.EMA(last.to_numpy(), 20))
    over = pd.Series(sign, last.index + pd.Timedelta(minutes=minutes))
    at_close = over.reindex(close.index + pd.Timedelta(minutes=1), method="ffill")
    return at_close.set_axis(close.index)


@pytest.fixture(scope="module")
def expected(minutes):
    return by_pandas(minutes)


@pytest.mark.parametrize("name", [name for name in BarsScannerFeatures.contract().columns if name not in NOT_OF_PRICES])
def test_a_recorded_day_is_that_of_other_libraries(found, expected, name):
    """Every minute of a real day, and none without a value."""
    wanted = expected[name][TUESDAY:].to_numpy()
    assert found.height == len(wanted) == 1440
    np.testing.assert_allclose(found[name].cast(pl.Float64).to_numpy(), wanted, rtol=1e-6, atol=1e-9)


def test_ranks_of_a_recorded_day(found, expected):
    """Counted one by one for some of the minutes."""
    width = expected["bb_width"].to_numpy()
    for i in range(0, 1440, 97):
        before, value = width[WARM + i - 500 : WARM + i], width[WARM + i]
        assert found["bb_width_rank"][i] == pytest.approx(np.mean(before < value), abs=1e-12), i


@pytest.fixture(scope="module")
def hours(shared_data):
    """Middle prices of euro and gold by the hour, read without our code; an hour is told as if it were a minute."""
    first = pd.Timestamp("2012-02-01 00:00")
    found = {}
    for symbol in ("EURUSD", "XAUUSD"):
        rows = pd.read_csv(shared_data / "fx_index" / "hour" / f"{symbol}_oanda_bidask.csv.gz", parse_dates=["time"])
        middle = pd.DataFrame(
            {name: (rows[f"bid_{name}"] + rows[f"ask_{name}"]) / 2 for name in ("open", "high", "low", "close")}
        )
        middle.index = (rows["time"] - first) // pd.Timedelta("1h")
        found[symbol] = middle[(middle.index >= 0) & (middle.index < 3 * 1440)]
    return found


def test_correlation_of_euro_and_gold(hours):
    """Over 50 common hours, of returns of one hour: as another library has it, weekends and holes included."""
    first = TUESDAY - 2 * DAY
    bars = {
        symbol: stored(
            pl.DataFrame({**{name: rows[name].to_numpy() for name in rows}, "volume": [None] * len(rows)}).with_columns(
                pl.col("volume").cast(pl.Float64),
                ts=pl.Series([first + i * timedelta(minutes=1) for i in rows.index]),
            ),
            symbol,
            "spot",
        )
        for symbol, rows in hours.items()
    }
    found = computed(pl.concat(bars.values()), with_indicators(bars["EURUSD"]), TUESDAY)
    closes = pd.DataFrame({symbol: rows["close"] for symbol, rows in hours.items()}).reindex(range(3 * 1440))
    returns = np.log(closes).diff()
    common = returns[closes.notna().all(axis=1)]
    rolled = common["EURUSD"].rolling(50, min_periods=40).corr(common["XAUUSD"])
    wanted = rolled.reindex(range(3 * 1440)).ffill()[[*hours["EURUSD"].index]].loc[2 * 1440 :]
    assert found.height == len(wanted) > 900
    assert common.isna().any(axis=1).sum() > 20, "holes are among them"
    np.testing.assert_allclose(found["corr_xauusd"].to_numpy(), wanted.to_numpy(), rtol=1e-6, atol=1e-9)
    assert found["corr_eurusd"].null_count() == found.height
    assert found["corr_xauusd"].mean() > 0.2, "gold and euro rose together against the dollar"
