"""What one closed bar costs: incremental indicators beside talipp, and every overlay of one timeframe.

A hundred symbols get one bar after the other, step by step, as a stream brings them. Ours names its values, refuses
late bars and can be written down and taken up again; talipp keeps every value. Values of both are compared once the
seeds are forgotten (talipp counts a range of the first bar, and one gain less), directions as well. The overlays
bar by bar are compared with the batch form.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from talipp import indicators as talipp
from talipp.ohlcv import OHLCV

from benchmarks import crypto_market
from benchmarks.comparison import TOLERANCE, compare_rows
from benchmarks.measure import Row, environment, fresh
from market_assets.core.incremental import (
    Atr,
    Bar,
    Bollinger,
    Ema,
    Indicator,
    Macd,
    Rsi,
    Series,
    Sma,
    Supertrend,
    Value,
    Values,
)
from market_assets.crypto.schemas import CryptoOverlays
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.incremental import LiveOverlays
from market_assets.crypto.transforms.overlays import REGISTRY
from market_assets.crypto.transforms.overlays.given import Given

#: nine values; the goal for many symbols in one step is that of `bars_indicators`
TOGETHER = ("ema_21", "rsi_14", "atr_14", "macd", "bollinger")
N_SYMBOLS, N_BARS = 100, 1_000
N_LIVE = 1_500
#: bars after which two recursions with other seeds agree
FORGOTTEN = 700
_TIMES = 3


class Pair(NamedTuple):
    """One indicator of both sides."""

    ours: Callable[[], Indicator]
    theirs: Callable[[], Any]
    #: whether talipp wants the whole bar, not the close alone
    is_of_bars: bool
    #: talipp's values in the order of ours, which may have more
    values: Callable[[Any], Values]


PAIRS = {
    **{
        f"ema_{n}": Pair(lambda n=n: Ema(n), lambda n=n: talipp.EMA(n), False, lambda one: (one,)) for n in (10, 21, 55)
    },
    "sma_20": Pair(lambda: Sma(20), lambda: talipp.SMA(20), False, lambda one: (one,)),
    "rsi_14": Pair(Rsi, lambda: talipp.RSI(14), False, lambda one: (one,)),
    "atr_14": Pair(Atr, lambda: talipp.ATR(14), True, lambda one: (one,)),
    "macd": Pair(Macd, lambda: talipp.MACD(12, 26, 9), False, lambda one: (one.macd, one.signal, one.histogram)),
    "bollinger": Pair(Bollinger, lambda: talipp.BB(20, 2.0), False, lambda one: (one.ub, one.cb, one.lb)),
    "supertrend": Pair(
        Supertrend, lambda: talipp.SuperTrend(10, 3), True, lambda one: (one.value, 1 if one.trend.name == "UP" else -1)
    ),
}


def rows(home: Path, n_symbols: int = N_SYMBOLS, n_bars: int = N_BARS, n_live: int = N_LIVE) -> list[Row]:
    """Nine values at once, each indicator alone, and the overlays. Raises RuntimeError where values differ."""
    home.mkdir(parents=True, exist_ok=True)
    found = fresh(["-m", "benchmarks.crypto_incremental", *map(str, (n_symbols, n_bars, n_live))], environment(home))
    ours, theirs = found["ours_us"], found["theirs_us"]
    return [
        Row(
            name="crypto_incremental",
            what=f"{found['values']} incremental values of a bar, {n_symbols} symbols one after another",
            ours=ours["together"],
            unit="us",
            peer="talipp, the same indicators",
            theirs=theirs["together"],
            details={"values_equal": found["values_equal"]},
        ),
        *(
            Row(
                name=f"crypto_incremental_{name}",
                what=f"incremental {name} of a bar",
                ours=ours[name],
                unit="us",
                peer="talipp",
                theirs=theirs[name],
            )
            for name in PAIRS
        ),
        Row(
            name="crypto_live_overlays",
            what="crypto: every overlay of a timeframe but alignment, of one closed bar",
            ours=found["live_us"],
            unit="us",
            details={"rows_equal": found["live_rows_equal"]},
        ),
    ]


def measured(n_symbols: int, n_bars: int, n_live: int) -> dict[str, Any]:
    """Microseconds a bar. Raises AssertionError where the sides differ."""
    bars = [crypto_market.bars(crypto_market.candles(n_bars, seed)) for seed in range(n_symbols)]
    whole = [[OHLCV(*bar[1:6]) for bar in symbol] for symbol in bars]
    closes = [[bar.close for bar in symbol] for symbol in bars]
    equal = sum(agree(name, *both) for name in PAIRS for both in zip(bars, whole, strict=True))
    return {
        "values": len(_series().columns),
        "values_equal": equal,
        "ours_us": {
            "together": _cost(lambda: _series().update, bars),
            **{name: _cost(lambda pair=pair: pair.ours().update, bars) for name, pair in PAIRS.items()},
        },
        "theirs_us": {
            "together": _cost(_together_of_talipp, whole),
            **{
                name: _cost(lambda pair=pair: pair.theirs().add, whole if pair.is_of_bars else closes)
                for name, pair in PAIRS.items()
            },
        },
        **live(n_live),
    }


def agree(name: str, bars: Sequence[Bar], whole: Sequence[OHLCV]) -> int:
    """Check one indicator of one symbol from bar FORGOTTEN on; how many values were compared."""
    pair = PAIRS[name]
    ours, theirs = pair.ours(), pair.theirs()
    found = [ours.update(bar) for bar in bars]
    for bar in whole:
        theirs.add(bar if pair.is_of_bars else bar.close)
    n_equal = 0
    for row, (mine, other) in enumerate(zip(found, theirs, strict=True)):
        if row < FORGOTTEN:
            continue
        # a supertrend of ours says more than talipp's
        for own, value in zip(mine, pair.values(other), strict=False):
            assert _is_near(own, value), f"{name} of bar {row}: {mine} is not {other}"
            n_equal += 1
    assert n_equal, f"{name}: {len(found)} bars, but the seeds are forgotten after {FORGOTTEN}"
    return n_equal


def live(n_bars: int) -> dict[str, Any]:
    """Microseconds of a bar through every overlay of one timeframe, once its rows are those of the batch form."""
    settings = CryptoSettings()
    candles = crypto_market.candles(n_bars, seed=1)
    before, bars = settings.overlays.lookback("5m"), crypto_market.bars(candles)
    one = LiveOverlays("S", "5m", settings)
    one.seed(candles.head(before))
    found = [one.update(bar) for bar in bars[before:]]
    given = Given(settings=settings, timeframe="5m", frames={}, first=bars[before].ts)
    names = [name for name in REGISTRY if name != "alignment"]
    batch = pl.concat([REGISTRY[name].compute(candles, given) for name in names], how="horizontal").slice(before)
    mine = pl.DataFrame(found, schema=CryptoOverlays.contract().schema).select(batch.columns)
    # sums of lists instead of lists, whose last digits may differ
    sums = pl.col("zone_supports", "zone_resistances").list.sum()
    equal = compare_rows(*(frame.with_columns(sums).with_row_index("row") for frame in (mine, batch)), key=["row"])

    def seeded() -> Callable[[Bar], object]:
        again = LiveOverlays("S", "5m", settings)
        again.seed(candles.head(before))
        return again.update

    return {"live_us": _cost(seeded, [bars[before:]]), "live_rows_equal": equal}


def _series() -> Series:
    return Series("S", [PAIRS[name].ours() for name in TOGETHER])


def _together_of_talipp() -> Callable[[OHLCV], None]:
    """The indicators of talipp, fed with the same bar."""
    adds = [(PAIRS[name].theirs().add, PAIRS[name].is_of_bars) for name in TOGETHER]

    def add(bar: OHLCV) -> None:
        for one, is_of_bars in adds:
            one(bar if is_of_bars else bar.close)

    return add


def _cost(made: Callable[[], Callable[[Any], object]], symbols: Sequence[Sequence[Any]]) -> float:
    """Microseconds of processor time that one call takes: every symbol has its own, and all get a bar in each step."""
    spent = []
    for _ in range(_TIMES):
        calls, steps = [made() for _ in symbols], list(zip(*symbols, strict=True))
        began = time.thread_time()
        for step in steps:
            for call, bar in zip(calls, step, strict=True):
                call(bar)
        spent.append(time.thread_time() - began)
    return 1e6 * min(spent) / (len(symbols) * len(symbols[0]))


def _is_near(own: Value, other: Value) -> bool:
    if not isinstance(own, float | int) or not isinstance(other, float | int):
        return False
    return abs(own - other) <= TOLERANCE * max(1.0, abs(own))


if __name__ == "__main__":
    print(json.dumps(measured(*map(int, sys.argv[1:]))))
