"""The overlays of a year of minutes as one frame, and the live values, beside TA-Lib called directly.

Every overlay's own `compute`, as the asset calls it, on 525,600 bars. No overlay is kept of minutes: the settings of
5m stand in. TA-Lib has the indicators of the base overlay, and of the live values all but VWAP, which NumPy sums for
it; every row of both is compared before anything is timed.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import talib
from numpy.typing import NDArray

from benchmarks import crypto_market
from benchmarks.btc_ours import timed
from benchmarks.comparison import compare_rows
from benchmarks.measure import Row, environment, fresh
from market_assets.core.candles import coarser
from market_assets.core.indicator_arrays import COLUMNS, live_values
from market_assets.core.windows import Floats
from market_assets.crypto.schemas import ALIGNED
from market_assets.crypto.settings import MINUTES, CryptoSettings
from market_assets.crypto.transforms.overlays import REGISTRY
from market_assets.crypto.transforms.overlays.columns import DAY_US, floats, opens
from market_assets.crypto.transforms.overlays.given import Given

N_BARS = 1_000_000
_GOAL_TIMES = 1.3
#: TA-Lib seeds the two means of a MACD on the same row; that is forgotten from here on
_FORGOTTEN = 500
_SLOW = {"liquidity": 1}
_TIMES, _SHORT_TIMES = 3, 7


def rows(home: Path, n_minutes: int = crypto_market.N_MINUTES, n_bars: int = N_BARS) -> list[Row]:
    """A row an overlay, and one of the live values. Raises RuntimeError where TA-Lib's values differ."""
    home.mkdir(parents=True, exist_ok=True)
    found = fresh(["-m", "benchmarks.crypto_overlays", str(n_minutes), str(n_bars)], environment(home))
    ours, theirs = found["indicators"], found["talib_indicators"]
    return [
        *(_overlay(name, cost, n_minutes, found) for name, cost in found["overlays"].items()),
        Row(
            name="crypto_indicators",
            what=f"{found['columns']} indicators over {n_bars:,} bars",
            ours=ours["wall_s"] * 1e3,
            unit="ms",
            peer="TA-Lib called directly",
            theirs=theirs["wall_s"] * 1e3,
            goal=f"within {_GOAL_TIMES} of it",
            met=ours["wall_s"] <= _GOAL_TIMES * theirs["wall_s"],
            details={"ours": ours, "theirs": theirs, "rows_equal": found["indicators_rows_equal"]},
        ),
    ]


def _overlay(name: str, cost: Mapping[str, Any], n_minutes: int, found: Mapping[str, Any]) -> Row:
    """An overlay's row; TA-Lib has what the base one is made of."""
    has_peer = name == "base"
    return Row(
        name=f"crypto_overlay_{name}",
        what=f"crypto: overlay {name} of {n_minutes:,} minute bars",
        ours=cost["wall_s"] * 1e3,
        unit="ms",
        peer="TA-Lib called directly" if has_peer else None,
        theirs=found["talib_base"]["wall_s"] * 1e3 if has_peer else None,
        details={"ours": cost, "rows_equal": found["base_rows_equal"]} if has_peer else cost,
    )


def measured(n_minutes: int, n_bars: int) -> dict[str, Any]:
    """What each computation cost. Raises AssertionError where TA-Lib computes another value."""
    year, given = surrounded(n_minutes)
    own = REGISTRY["base"].compute(year, given)
    long = crypto_market.candles(n_bars, seed=2)
    return {
        "base_rows_equal": same(own, talib_base(year)),
        "overlays": {
            name: timed(lambda overlay=overlay: overlay.compute(year, given), _SLOW.get(name, _TIMES))
            for name, overlay in REGISTRY.items()
        },
        "talib_base": timed(lambda: talib_base(year), _TIMES),
        "columns": len(COLUMNS),
        "indicators_rows_equal": same(
            pl.DataFrame(ours_live(long), nan_to_null=True), talib_indicators(long), after=_FORGOTTEN
        ),
        "indicators": timed(lambda: ours_live(long), _SHORT_TIMES),
        "talib_indicators": timed(lambda: talib_indicators(long), _SHORT_TIMES),
    }


def surrounded(n_minutes: int) -> tuple[pl.DataFrame, Given]:
    """Minute bars, and what an overlay looks at beside them: the coarser candles of the same minutes."""
    year = crypto_market.candles(n_minutes, seed=1)
    told = year.with_columns(symbol=pl.lit("S"), source=pl.lit("simulated"), ingested_at="ts")
    frames = {name: coarser(told, MINUTES[name] * crypto_market.MINUTE, ["volume"]) for name in ALIGNED}
    return year, Given(settings=CryptoSettings(), timeframe="5m", frames=frames, first=crypto_market.START)


def same(mine: pl.DataFrame, theirs: Mapping[str, Floats], after: int = 0) -> int:
    """Check every column against TA-Lib's, whose NaN is null; how many rows were compared."""
    other = pl.DataFrame({name: pl.Series(values, nan_to_null=True) for name, values in theirs.items()})
    numbered = (frame.with_row_index("row").slice(after) for frame in (mine, other))
    return compare_rows(*numbered, key=["row"])


def talib_base(bars: pl.DataFrame) -> dict[str, Floats]:
    """The columns of the base overlay."""
    high, low, close = (floats(bars, name) for name in ("high", "low", "close"))
    return {
        "close": close,
        "ema_10": talib.EMA(close, 10),
        "ema_21": talib.EMA(close, 21),
        "ema_55": talib.EMA(close, 55),
        "rsi_14": talib.RSI(close, 14),
        "atr_14": talib.ATR(high, low, close, 14),
    }


def ours_live(bars: pl.DataFrame) -> dict[str, Floats]:
    """The 16 live values, with sessions of UTC days."""
    return live_values(*(floats(bars, name) for name in ("high", "low", "close", "volume")), _days(bars).tolist())


def talib_indicators(bars: pl.DataFrame) -> dict[str, Floats]:
    """The same values of TA-Lib, and VWAP of NumPy."""
    high, low, close, volume = (floats(bars, name) for name in ("high", "low", "close", "volume"))
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    turnover, traded = (_cumulated(values, bars) for values in ((high + low + close) / 3.0 * volume, volume))
    return {
        "close": close,
        **{f"ema_{n}": talib.EMA(close, n) for n in (9, 20, 50, 200)},
        "rsi_14": talib.RSI(close, 14),
        "bb_upper": upper,
        "bb_mid": middle,
        "bb_lower": lower,
        "atr_14": talib.ATR(high, low, close, 14),
        "vwap": np.divide(turnover, traded, out=np.full_like(traded, np.nan), where=traded > 0),
        "volume_ma_20": talib.SMA(volume, 20),
        "macd_line": line,
        "macd_signal": signal,
        "macd_hist": histogram,
        "momentum_10": talib.MOM(close, 10),
    }


def _cumulated(values: Floats, bars: pl.DataFrame) -> Floats:
    """Sums of each UTC day from its own first bar on."""
    return np.concatenate([np.cumsum(day) for day in np.split(values, _days(bars))])


def _days(bars: pl.DataFrame) -> NDArray[np.int64]:
    """Rows with which a UTC day begins, the first one left out."""
    return np.flatnonzero(np.diff(opens(bars) // DAY_US)) + 1


if __name__ == "__main__":
    print(json.dumps(measured(*map(int, sys.argv[1:]))))
