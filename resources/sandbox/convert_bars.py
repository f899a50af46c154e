"""Recorded bars of instruments in the columns that `replay_bars.py` reads.

Minutes of BTCUSDT stand for BTCUSD. Minutes of stocks are recorded by New York's clock. Currencies and gold are
recorded by the hour, bid and ask: their mean is the bar of the minute that the hour begins with, without a volume.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from resources.sandbox.recording import Piece
from resources.sandbox.replay_bars import TABLE

#: where the record lies, under the source directory
RECORD = "equities/minute_raw/*.csv.gz or fx_index/hour/*_bidask.csv.gz"

_PRICES = ("open", "high", "low", "close")
#: a mean of two prices of five decimals has six
_DECIMALS = 6


def tables(source: Path) -> Iterator[tuple[list[Piece], list[str]]]:
    """The rows of each recorded file, and what is to be said of it."""
    kinds: tuple[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], str], ...] = (
        ("crypto/klines/binance_usdm_BTCUSDT_1m.csv.gz", coin_minutes, "minutes"),
        ("equities/minute_raw/*.csv.gz", stock_minutes, "minutes"),
        ("fx_index/hour/*_bidask.csv.gz", mean_hours, "hours"),
    )
    for pattern, read, unit in kinds:
        for file in sorted(source.glob(pattern)):
            name = file.name.split(".")[0]
            symbol = "BTCUSD" if read is coin_minutes else name.split("_")[0]
            rows = read(pl.read_csv(file)).select(
                pl.lit(symbol).alias("symbol"), pl.col("ts").cast(UTC_MICROS), *_PRICES, "volume"
            )
            yield [(TABLE, name, rows.sort("ts"))], [f"bars of {symbol}: {rows.height} {unit}"]


def coin_minutes(recorded: pl.DataFrame) -> pl.DataFrame:
    """Bars of rows that are stamped with epoch milliseconds (open_time_ms)."""
    return recorded.with_columns(
        pl.col(*_PRICES, "volume").cast(pl.Float64),
        ts=pl.from_epoch("open_time_ms", time_unit="ms").dt.replace_time_zone("UTC"),
    )


def stock_minutes(recorded: pl.DataFrame) -> pl.DataFrame:
    """Bars of rows that are stamped by New York's clock (time_ny), hours beside the session included."""
    local = pl.col("time_ny").str.to_datetime("%F %T").dt.replace_time_zone("America/New_York")
    return recorded.with_columns(pl.col(*_PRICES, "volume").cast(pl.Float64), ts=local.dt.convert_time_zone("UTC"))


def mean_hours(recorded: pl.DataFrame) -> pl.DataFrame:
    """Bars half way between bid and ask, stamped by UTC (time)."""
    means = {name: ((pl.col(f"bid_{name}") + pl.col(f"ask_{name}")) / 2).round(_DECIMALS) for name in _PRICES}
    at = pl.col("time").str.to_datetime("%F %R").dt.replace_time_zone("UTC")
    return recorded.with_columns(**means, ts=at, volume=pl.lit(None, pl.Float64))
