"""What the 16 live values cost: of one closed bar of many symbols at once, and of a day of every symbol stored anew.

The bank takes a bar of each of a hundred symbols a step, as a stream brings them; talipp gets the same bars one by one,
for nine such values. What both have is compared once the seeds are forgotten. A day is computed from its own bars
before it, as the asset does every five minutes; its last bar is compared with the bank's.
"""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from talipp.ohlcv import OHLCV

from benchmarks import crypto_market
from benchmarks.btc_ours import timed
from benchmarks.comparison import TOLERANCE
from benchmarks.crypto_incremental import FORGOTTEN, PAIRS
from benchmarks.measure import Row, environment, fresh
from market_assets.bars.schemas import BarsMinute
from market_assets.bars.settings import LOOK_BACK_DAYS, BarsSettings
from market_assets.bars.transforms.indicators import indicators
from market_assets.core import trading_hours
from market_assets.core.incremental.bank import Bank, BarArrays
from market_assets.core.indicator_arrays import COLUMNS

N_SYMBOLS, N_BARS = 100, 1_000
#: talipp's indicators of the same lengths, and the columns that are theirs
PEERS = {
    "rsi_14": ("rsi_14",),
    "atr_14": ("atr_14",),
    "macd": ("macd_line", "macd_signal", "macd_hist"),
    "bollinger": ("bb_upper", "bb_mid", "bb_lower"),
}
_GOAL_TIMES = 5
_TIMES = 3
_FIELDS = ("ts", "open", "high", "low", "close", "volume")


def rows(home: Path, n_symbols: int = N_SYMBOLS, n_bars: int = N_BARS) -> list[Row]:
    """A step of the bank, and a day of every symbol. Raises RuntimeError where values differ."""
    home.mkdir(parents=True, exist_ok=True)
    found = fresh(["-m", "benchmarks.bars_indicators", str(n_symbols), str(n_bars)], environment(home))
    return [
        Row(
            name="bars_live_values",
            what=f"{len(COLUMNS)} live values of a bar, {n_symbols} symbols a step",
            ours=found["ours_us"],
            unit="us",
            peer="talipp, nine such values",
            theirs=found["theirs_us"],
            goal=f"{_GOAL_TIMES}x",
            met=found["theirs_us"] >= _GOAL_TIMES * found["ours_us"],
            details={"values_equal": found["values_equal"], "step_us": found["ours_us"] * n_symbols},
        ),
        Row(
            name="bars_indicators_day",
            what=f"bars: a day of indicators of {found['day_symbols']} symbols, {found['day_rows']:,} rows",
            ours=found["day"]["wall_s"] * 1e3,
            unit="ms",
            details={"ours": found["day"], "values_equal": found["day_values_equal"]},
        ),
    ]


def measured(n_symbols: int, n_bars: int) -> dict[str, Any]:
    """Microseconds a bar, and a day's cost. Raises AssertionError where the sides differ."""
    frames = [crypto_market.candles(n_bars, seed) for seed in range(n_symbols)]
    steps = _steps(frames)
    whole = [[OHLCV(*bar[1:6]) for bar in crypto_market.bars(frame)] for frame in frames]
    day_bars = stored(BarsSettings())
    day = day_bars["ts"].dt.date().max()
    computed = indicators(day_bars, [day], BarsSettings())
    return {
        "values_equal": agree(_values(steps), whole),
        "ours_us": _bank_us(steps),
        "theirs_us": _talipp_us(whole),
        "day_symbols": day_bars["symbol"].n_unique(),
        "day_rows": computed.height,
        "day_values_equal": _last_bars_agree(day_bars, computed),
        "day": timed(lambda: indicators(day_bars, [day], BarsSettings()), _TIMES),
    }


def agree(values: np.ndarray, whole: list[list[OHLCV]]) -> int:
    """Check talipp's values of every symbol from bar FORGOTTEN on; `values` are (bar, symbol, column)."""
    assert len(values) > FORGOTTEN, f"{len(values)} bars, but the seeds are forgotten after {FORGOTTEN}"
    n_equal = 0
    for name, columns in PEERS.items():
        pair, places = PAIRS[name], [COLUMNS.index(column) for column in columns]
        for symbol, bars in enumerate(whole):
            theirs = pair.theirs()
            for bar in bars:
                theirs.add(bar if pair.is_of_bars else bar.close)
            expected = np.array([pair.values(one) for one in list(theirs)[FORGOTTEN:]])
            own = values[FORGOTTEN:, symbol, places]
            wrong = np.abs(own - expected) > TOLERANCE * np.maximum(1.0, np.abs(own))
            assert not wrong.any(), f"{name} of symbol {symbol}: {own[wrong][:3]} is not {expected[wrong][:3]}"
            n_equal += own.size
    return n_equal


def stored(settings: BarsSettings) -> pl.DataFrame:
    """BarsMinute of every symbol: the bars before a Wednesday that it is computed from, and its own."""
    first = crypto_market.START + timedelta(days=14)
    frames = []
    for symbol in settings.symbols:
        row = settings.instrument(symbol)
        ts = trading_hours.minutes(row.calendar, first - timedelta(days=LOOK_BACK_DAYS), first + crypto_market.DAY)
        bars = crypto_market.candles(len(ts), seed=len(frames)).with_columns(
            symbol=pl.lit(symbol),
            timeframe=pl.lit("1m"),
            ts=ts,
            source=pl.lit("yahoo"),
            ingested_at=ts,
            instrument_kind=pl.lit(row.kind),
            fallback_level=pl.lit(0, dtype=pl.Int8),
            origin=pl.lit("rest"),
            basis_break=pl.lit(value=False),
            quality_score=pl.lit(1.0),
            issues=pl.lit([], dtype=pl.List(pl.String)),
        )
        frames.append(bars.select(BarsMinute.contract().schema.names()))
    return pl.concat(frames)


def _steps(frames: list[pl.DataFrame]) -> list[BarArrays]:
    columns = [np.stack([frame[name].to_physical().to_numpy() for frame in frames], axis=1) for name in _FIELDS]
    return [BarArrays(*parts) for parts in zip(*columns, strict=True)]


def _bank(n: int) -> Bank:
    return Bank(crypto_market.symbols(n), ["always"] * n, [True] * n)


def _values(steps: list[BarArrays]) -> np.ndarray:
    rows = np.arange(len(steps[0].ts))
    bank = _bank(len(rows))
    return np.stack([bank.update(rows, step) for step in steps])


def _bank_us(steps: list[BarArrays]) -> float:
    """Processor time of a bar."""
    rows, spent = np.arange(len(steps[0].ts)), []
    for _ in range(_TIMES):
        bank = _bank(len(rows))
        began = time.thread_time()
        for step in steps:
            bank.update(rows, step)
        spent.append(time.thread_time() - began)
    return 1e6 * min(spent) / (len(rows) * len(steps))


def _talipp_us(whole: list[list[OHLCV]]) -> float:
    """The same of talipp, every symbol with indicators of its own."""
    names, spent = ("ema_21", *PEERS), []
    for _ in range(_TIMES):
        symbols = [[(PAIRS[name].theirs().add, PAIRS[name].is_of_bars) for name in names] for _ in whole]
        began = time.thread_time()
        for step in zip(*whole, strict=True):
            for adds, bar in zip(symbols, step, strict=True):
                for add, is_of_bars in adds:
                    add(bar if is_of_bars else bar.close)
        spent.append(time.thread_time() - began)
    return 1e6 * min(spent) / (len(whole) * len(whole[0]))


def _last_bars_agree(bars: pl.DataFrame, computed: pl.DataFrame) -> int:
    """Check the last row of every symbol against a bank that saw the same bars; how many values were compared."""
    settings, warm_bars = BarsSettings(), BarsSettings().indicators.warm_bars
    lasts = computed.group_by("symbol", maintain_order=True).agg(pl.len(), pl.col(COLUMNS).last())
    instruments = [settings.instrument(symbol) for symbol in lasts["symbol"]]
    seen = [bars.filter(symbol=symbol).tail(warm_bars + n) for symbol, n in lasts.select("symbol", "len").iter_rows()]
    bank = Bank(*zip(*((one.symbol, one.calendar, one.measures_volume) for one in instruments), strict=True))
    # shorter ones begin later, and all end together; microseconds are exact in floats
    longest = max(frame.height for frame in seen)
    given = np.full((len(_FIELDS), longest, len(seen)), np.nan)
    for row, frame in enumerate(seen):
        given[:, longest - frame.height :, row] = (
            frame.select(pl.col(_FIELDS).to_physical().cast(pl.Float64)).to_numpy().T
        )
    values = np.full((len(seen), len(COLUMNS)), np.nan)
    for step in given.swapaxes(0, 1):
        rows = np.flatnonzero(~np.isnan(step[0]))
        ts, *prices = step[:, rows]
        values[rows] = bank.update(rows, BarArrays(ts.astype(np.int64), *prices))
    expected = lasts.select(COLUMNS).fill_null(np.nan).to_numpy()
    np.testing.assert_allclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE)
    return int(np.isfinite(expected).sum())


if __name__ == "__main__":
    print(json.dumps(measured(*map(int, sys.argv[1:]))))
