"""Stored indicators computed again by the live engine, one bar at a time."""

import numpy as np
import polars as pl

from market_assets.bars.instruments import InstrumentRow
from market_assets.core.incremental.bank import Bank, BarArrays

#: bars that are compared: the newest of a day
COMPARED = 500


def replayed(
    stored: pl.DataFrame, minutes: pl.DataFrame, row: InstrumentRow, warm_bars: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The newest stored rows of a day, and the live engine's values at the same bars.

    `stored`: BarsIndicators of one symbol and day. `minutes`: its BarsMinute rows with those of the days before; both
    forms begin at the same bar, `warm_bars` before the day.
    """
    ordered = minutes.sort("ts")
    before = ordered.filter(pl.col("ts") < stored["ts"].min())
    bars = pl.concat([before.tail(warm_bars), ordered.join(stored.select("ts"), on="ts", how="semi").sort("ts")])
    breaks = (bars["instrument_kind"] != bars["instrument_kind"].shift(1)).fill_null(False).to_numpy()
    ts = bars["ts"].dt.epoch("us").to_numpy()
    # of another kind, which may have served, the volume is what was stored of it
    measured = row.measures_volume | (pl.col("instrument_kind") != row.kind)
    numbers = bars.select("open", "high", "low", "close", volume=pl.when(measured).then("volume"))
    open_, high, low, close, volume = (one.fill_null(float("nan")).to_numpy() for one in numbers)
    bank = Bank([row.symbol], [row.calendar], [True])
    only = np.zeros(1, dtype=np.int64)
    values = np.empty((bars.height, len(Bank.COLUMNS)))
    for index in range(bars.height):
        if breaks[index]:
            bank.reset(only)
        here = slice(index, index + 1)
        bar = BarArrays(ts[here], open_[here], high[here], low[here], close[here], volume[here])
        values[index] = bank.update(only, bar)[0]
    live = pl.DataFrame(values, schema=list(Bank.COLUMNS), orient="row").fill_nan(None)
    newest = min(COMPARED, stored.height)
    return stored.sort("ts").tail(newest), live.tail(newest)
