"""Recorded minute bars of the bars domain: the table `bars_minute` with symbol, ts, open, high, low, close, volume.

Every vendor states what is recorded, as it is recorded, for the symbols that are recorded and no others. A curated
symbol has its curated ids; any other is a stock that all vendors call by its symbol. Volume may be null or absent.
Counts of trades and quotes are not recorded: the wire says one a minute. What was recorded by the hour is one bar in
the minute that its hour begins with.
"""

from pathlib import Path

import numpy as np
import polars as pl

from market_assets.bars.instruments import CURATED
from resources.sandbox.bar_catalogue import listed, stock
from resources.sandbox.bar_minutes import BarListing, MinuteBars, MinuteMarket
from resources.sandbox.minutes import DAY_MS
from resources.sandbox.recording import read
from resources.sandbox.replay_minutes import decimals

TABLE = "bars_minute"

_PRICES = ("open", "high", "low", "close")


def market(directory: Path) -> MinuteMarket:
    """The recorded market, empty without a table. Raises NoRecording for a table that lacks a column."""
    recorded = read(directory, TABLE, ("symbol", "ts", *_PRICES))
    rows = {} if recorded is None else _by_symbol(recorded)

    def day(listing: BarListing, vendor: str, number: int) -> MinuteBars:
        return rows[listing.symbol].window(number * DAY_MS, (number + 1) * DAY_MS)

    return MinuteMarket([_listing(symbol, bars) for symbol, bars in rows.items()], day)


def _by_symbol(frame: pl.DataFrame) -> dict[str, MinuteBars]:
    absent = [pl.lit(None, pl.Float64).alias(name) for name in ("volume",) if name not in frame.columns]
    newest = (
        frame.with_columns(absent)
        .sort("symbol", "ts", maintain_order=True)
        .unique(["symbol", "ts"], keep="last", maintain_order=True)
    )
    return {str(symbol): _bars(rows) for (symbol,), rows in newest.group_by("symbol", maintain_order=True)}


def _bars(rows: pl.DataFrame) -> MinuteBars:
    numbers = {name: rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in (*_PRICES, "volume")}
    return MinuteBars(time_ms=rows["ts"].dt.epoch("ms").to_numpy(), ticks=np.ones(rows.height, np.int64), **numbers)


def _listing(symbol: str, bars: MinuteBars) -> BarListing:
    places = max(decimals(getattr(bars, name)) for name in _PRICES)
    curated = next((row for row in CURATED if row.symbol == symbol), None)
    return stock(symbol, places) if curated is None else listed(curated, places)
