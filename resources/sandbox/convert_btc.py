"""Recorded hours of bitcoin in the columns of `btc_price`: the exchange's outages stay gaps.

Hours come from `crypto/klines/binance_spot_BTCUSDT_1h.csv.gz` (prices in USDT). Liquidations are not
recorded; the replay makes them from these prices.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl

from market_assets.btc.schemas import BtcPrice
from market_assets.btc.settings import BtcSettings
from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from resources.sandbox.recording import Piece

#: where the record lies, under the source directory
RECORD = "crypto/klines/binance_spot_BTCUSDT_1h.csv.gz"


def tables(source: Path) -> Iterator[tuple[list[Piece], list[str]]]:
    """The rows of `btc_price`, and what is to be said of them; nothing where no hours are recorded."""
    file = source / RECORD
    if not file.exists():
        return
    rows = prices(pl.read_csv(file))
    outages = rows.filter(pl.col("ts").diff() > timedelta(hours=1)).height
    yield [("btc_price", "binance_spot_BTCUSDT", rows)], [f"BTC: {rows.height} hours, {outages} outages stay gaps"]


def prices(recorded: pl.DataFrame) -> pl.DataFrame:
    """Recorded candles (open_time_ms, open, high, low, close) in the columns of BtcPrice; close is the price."""
    start = pl.from_epoch("open_time_ms", time_unit="ms").cast(UTC_MICROS)
    numbers = {name: pl.col(name).cast(pl.Float64) for name in ("open", "high", "low", "close")}
    return recorded.select(
        ts=start,
        available_at=start + BtcSettings().delay,
        ingested_at=pl.lit(clock.now(), UTC_MICROS),
        is_late=pl.lit(False),
        source=pl.lit("glassnode-sandbox"),
        price=numbers["close"],
        **numbers,
    ).select(list(BtcPrice.contract().schema))
