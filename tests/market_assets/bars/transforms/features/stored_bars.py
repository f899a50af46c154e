"""Bars and indicators as they are stored, for features."""

from datetime import UTC, datetime, timedelta

import polars as pl

from market_assets.bars.schemas import BarsIndicators, BarsMinute
from market_assets.bars.transforms.features.segment import Segment
from market_assets.core import indicators
from market_assets.core.contracts import UTC_MICROS
from tests.market_assets.core.incremental.replay import random_bars

MINUTE = timedelta(minutes=1)
#: a Wednesday
D = datetime(2026, 10, 7, tzinfo=UTC)


def stored(bars, symbol="BTCUSD", kind="crypto", *, first=None, source="yahoo"):
    """The bars as BarsMinute has them; one a minute from `first` on, else at their own instants."""
    if first is not None:
        bars = bars.with_columns(ts=pl.Series([first + i * MINUTE for i in range(bars.height)], dtype=UTC_MICROS))
    contract = BarsMinute.contract()
    columns = {
        "symbol": pl.lit(symbol),
        "timeframe": pl.lit("1m"),
        "ts": pl.col("ts").cast(UTC_MICROS),
        "source": pl.lit(source),
        "ingested_at": pl.col("ts").cast(UTC_MICROS) + 2 * MINUTE,
        "trade_count": pl.lit(None, pl.Int64),
        "instrument_kind": pl.lit(kind),
        "fallback_level": pl.lit(0, pl.Int8),
        "origin": pl.lit("rest"),
        "basis_break": pl.lit(False),
        "quality_score": pl.lit(1.0),
        "issues": pl.lit([], pl.List(pl.String)),
    }
    return contract.validate(bars.with_columns(**columns).select(list(contract.columns)))


def walk(symbol, n, *, end, seed=7, kind="crypto", **more):
    """`n` random minutes of a symbol, the last one ending at `end`."""
    return stored(random_bars(n, seed), symbol, kind, first=end - n * MINUTE, **more)


def with_indicators(bars):
    """The rows of BarsIndicators beside such bars, of each symbol's whole series; what features do not read is null."""
    contract = BarsIndicators.contract()
    high, low, close, volume = (pl.col(name) for name in ("high", "low", "close", "volume"))
    upper, mid, lower = indicators.bollinger(close)
    traded = ((high + low + close) / 3 * volume).cum_sum()
    values = {
        "ema_20": indicators.ema(close, 20),
        "rsi_14": indicators.rsi(close),
        "bb_upper": upper,
        "bb_mid": mid,
        "bb_lower": lower,
        "atr_14": indicators.atr(high, low, close),
        "vwap": traded / volume.cum_sum(),
    }
    rows = bars.sort("symbol", "ts").with_columns(
        **{name: value.over("symbol") for name, value in values.items()},
        available_at=pl.col("ts") + MINUTE,
        bars_in_segment=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("symbol"),
        is_warm=pl.lit(True),
    )
    absent = {name: pl.lit(None, contract.schema[name]) for name in contract.columns if name not in rows.columns}
    return contract.conform(rows.with_columns(**absent).select(list(contract.columns)))


def segment(bars, *, kept=0, calendar="always", has_volume=True):
    """A whole frame of stored bars as one segment."""
    beside = with_indicators(bars).drop("close", "available_at")
    joined = bars.join(beside, on=["symbol", "ts"], maintain_order="left")
    return Segment(bars["symbol"][0], joined, kept, calendar, has_volume)


def closes(values, volume=1.0):
    """Bars that open at the close before them and go no further than their two prices."""
    close = pl.Series(values, dtype=pl.Float64)
    opens = close.shift(1).fill_null(close[0])
    frame = pl.DataFrame({"open": opens, "close": close})
    return frame.with_columns(
        high=pl.max_horizontal("open", "close"), low=pl.min_horizontal("open", "close"), volume=pl.lit(volume)
    )
