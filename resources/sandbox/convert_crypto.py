"""Recorded minute candles in the columns of `crypto_klines`, with the market they are of.

Open, high, low, close and volume are recorded. The rest is not, and is made up here because the wire states it, the
same at every conversion: quote volume is volume at the mean of the four prices, a trade is 2,000 quote units, takers
bought half of the volume, more where the candle closed near its high.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.crypto.schemas import CryptoKlines
from resources.sandbox.minutes import SPOT, USDM
from resources.sandbox.recording import Piece
from resources.sandbox.replay_minutes import TABLE

#: where the record lies, under the source directory
RECORD = "crypto/klines/binance_*_1m*.csv.gz"

_TRADE = 2000.0
_SWAY = 0.3


@dataclass(frozen=True)
class Recorded:
    """What one file holds; `midnight` is the day of a file that counts from it."""

    market: str
    symbol: str
    midnight: datetime | None = None


#: start of a file's name -> what it holds
_FILES = {
    "binance_usdm_BTCUSDT_1m": Recorded(USDM, "BTCUSDT"),
    "binance_spot_BTCBUSD_1m_1day": Recorded(SPOT, "BTCBUSD", datetime(2022, 12, 13, tzinfo=UTC)),
}


def tables(source: Path) -> Iterator[tuple[list[Piece], list[str]]]:
    """The rows of each recorded file, and what is to be said of it."""
    for file in sorted(source.glob(RECORD)):
        stem = file.name.split(".")[0]
        known = _FILES.get(stem)
        if known is None:
            yield [], [f"{file.name}: left out, for it is not said of which coin it is"]
            continue
        rows = candles(pl.read_csv(file), known)
        yield [(TABLE, stem, rows)], [f"{known.market} {known.symbol}: {rows.height} minutes"]


def candles(recorded: pl.DataFrame, known: Recorded) -> pl.DataFrame:
    """Recorded candles (open_time_ms or ms_since_midnight_utc, prices, volume) in the columns of CryptoKlines."""
    columns = [name for name in CryptoKlines.contract().schema if name != "ingested_at"]
    since = 0 if known.midnight is None else int(known.midnight.timestamp() * 1000)
    stamp = "open_time_ms" if known.midnight is None else "ms_since_midnight_utc"
    place = (pl.col("close") - pl.col("low")) / (pl.col("high") - pl.col("low"))
    near_high = pl.when(pl.col("high") > pl.col("low")).then(place).otherwise(0.5)
    return (
        recorded.with_columns(pl.col("open", "high", "low", "close", "volume").cast(pl.Float64))
        .with_columns(
            symbol=pl.lit(known.symbol),
            timeframe=pl.lit("1m"),
            ts=pl.from_epoch(pl.col(stamp) + since, time_unit="ms").cast(UTC_MICROS),
            source=pl.lit("binance_rest-sandbox"),
            market=pl.lit(known.market),
            mean=pl.mean_horizontal("open", "high", "low", "close"),
            taker_buy_base=(pl.col("volume") * (0.5 + _SWAY * (near_high - 0.5))).round(3),
        )
        .with_columns(taker_buy_base=pl.min_horizontal("taker_buy_base", "volume"))
        .with_columns(
            quote_volume=(pl.col("volume") * pl.col("mean")).round(5),
            taker_buy_quote=(pl.col("taker_buy_base") * pl.col("mean")).round(5),
        )
        .with_columns(trade_count=(pl.col("quote_volume") / _TRADE).ceil().cast(pl.Int64))
        .select(*columns, "market", ingested_at=pl.lit(clock.now(), UTC_MICROS))
        .sort("ts")
    )
