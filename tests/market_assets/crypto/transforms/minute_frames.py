"""Minute candles as a few numbers."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from market_assets.crypto.transforms.klines import CONTRACT, PARSED

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: a Friday
TODAY = datetime(2026, 11, 20, tzinfo=UTC)


def at(text: str) -> datetime:
    """`2026-11-20T10:05` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def candle(ts: datetime, close: float = 100.0, **more: Any) -> dict[str, Any]:
    """A candle of PARSED that opens and closes at `close`, one unit around it."""
    told = {"ts": ts, "open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 10.0}
    rest = {"quote_volume": 10 * close, "trade_count": 5, "taker_buy_base": 4.0, "taker_buy_quote": 4 * close}
    return told | rest | more


def parsed(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """PARSED."""
    return pl.DataFrame(list(rows), schema=PARSED)


def klines(
    first: datetime,
    n: int,
    *,
    symbol: str = "BTCUSDT",
    close: float = 100.0,
    without: Iterable[int] = (),
    source: str = "binance_rest",
    arrived: datetime | None = None,
    **more: Any,
) -> pl.DataFrame:
    """CryptoKlines of `n` minutes from `first`, those numbered in `without` left out."""
    gone = set(without)
    rows = [candle(first + k * MINUTE, close, **more) for k in range(n) if k not in gone]
    stated = {"symbol": symbol, "timeframe": "1m", "source": source, "ingested_at": arrived or first + n * MINUTE}
    return pl.DataFrame([row | stated for row in rows], schema=CONTRACT.schema)


def recorded(shared_data: Path, name: str) -> pl.DataFrame:
    """Recorded candles: symbol, ts, prices, volume, source and ingested_at."""
    rows = pl.read_csv(shared_data / "crypto" / "klines" / f"{name}.csv.gz")
    stamp = pl.from_epoch(rows.columns[0], "ms").dt.replace_time_zone("UTC").dt.cast_time_unit("us")
    return rows.select(
        pl.lit("BTCUSDT").alias("symbol"),
        stamp.alias("ts"),
        *("open", "high", "low", "close"),
        pl.col("volume").cast(pl.Float64),
        pl.lit("binance_rest").alias("source"),
        (stamp + MINUTE).alias("ingested_at"),
    )
