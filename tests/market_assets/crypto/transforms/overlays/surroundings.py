"""Surroundings and bars for overlays."""

from datetime import UTC, datetime, timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.crypto.schemas import CryptoTimeframes
from market_assets.crypto.settings import MINUTES, CryptoSettings
from market_assets.crypto.transforms.overlays.given import Given
from tests.market_assets.core.incremental.replay import random_bars

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def given_with(timeframe="1h", frames=None, first=LONG_AGO, **settings):
    """What an overlay may look at; every row is kept unless `first` says otherwise."""
    return Given(settings=CryptoSettings(**settings), timeframe=timeframe, frames=frames or {}, first=first)


def timed(bars, timeframe, end):
    """The bars at instants of a timeframe, the last one ending at `end`."""
    step = timedelta(minutes=MINUTES[timeframe])
    times = [end - step * (bars.height - i) for i in range(bars.height)]
    return bars.with_columns(ts=pl.Series(times, dtype=UTC_MICROS))


def stored(bars, symbol, timeframe, end):
    """The bars as CryptoTimeframes has them."""
    minutes = MINUTES[timeframe]
    contract = CryptoTimeframes.contract()
    return contract.validate(
        timed(bars, timeframe, end)
        .with_columns(
            symbol=pl.lit(symbol),
            timeframe=pl.lit(timeframe),
            quote_volume=pl.col("volume") * pl.col("close"),
            taker_buy_quote=pl.col("taker_buy_base") * pl.col("close"),
            trade_count=pl.lit(minutes, pl.Int64),
            n_minutes=pl.lit(minutes, pl.Int32),
            complete=pl.lit(True),
            change_24h_pct=pl.lit(None, pl.Float64),
            source=pl.lit("binance_rest"),
            available_at=pl.col("ts") + timedelta(minutes=minutes),
            ingested_at=pl.lit(end, UTC_MICROS),
        )
        .select(list(contract.columns))
    )


def stored_random(symbol, timeframe, n, end, seed):
    """`n` random bars of a timeframe, the last one ending at `end`."""
    return stored(random_bars(n, seed), symbol, timeframe, end)
