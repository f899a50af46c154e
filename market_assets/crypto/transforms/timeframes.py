"""Candles of 5 minutes to a day out of the minutes of a day. Frames in, frames out."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.core.candles import coarser
from market_assets.core.contracts import UTC_MICROS, Contract
from market_assets.crypto.schemas import CryptoTimeframes
from market_assets.crypto.settings import MINUTES

CONTRACT: Contract = CryptoTimeframes.contract()
_SUMS = ("volume", "quote_volume", "trade_count", "taker_buy_base", "taker_buy_quote")
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
#: a close this much older than 24 hours says nothing of them any more
MAX_AGE = timedelta(hours=1)


def timeframes(klines: pl.DataFrame, previous: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """CryptoTimeframes of every candle of the days in `klines` that is over at `as_of`.

    `klines`, `previous`: CryptoKlines of any symbols. `previous` holds the day before, to which change_24h_pct
    refers: the close over the last close of a minute that ended at or before 24 hours earlier. It is null where
    that one is more than an hour older, or of an earlier day than the one before: what is computed of a day must
    not depend on how many days were loaded. An incomplete candle is kept, with complete = false.
    """
    bars = pl.concat(_of(klines, name, timedelta(minutes=minutes)) for name, minutes in MINUTES.items())
    over = bars.filter(pl.col("available_at") <= pl.lit(as_of, UTC_MICROS))
    minutes = pl.concat([previous, klines]).unique(["symbol", "ts"], keep="last", maintain_order=True)
    return CONTRACT.conform(_with_change(over, minutes))


def _of(klines: pl.DataFrame, name: str, length: timedelta) -> pl.DataFrame:
    return (
        coarser(klines, length, _SUMS)
        .rename({"n_bars": "n_minutes"})
        .with_columns(
            timeframe=pl.lit(name),
            complete=pl.col("n_minutes") == length // _MINUTE,
            available_at=pl.col("ts") + length,
        )
    )


def _with_change(bars: pl.DataFrame, minutes: pl.DataFrame) -> pl.DataFrame:
    closes = minutes.select("symbol", before=pl.col("ts") + _MINUTE, before_ts="ts", before_close="close")
    day_before = pl.col("ts").dt.truncate("1d") - _DAY
    return (
        bars.with_columns(then=pl.col("available_at") - _DAY)
        .sort("then")
        .join_asof(
            closes.sort("before"),
            left_on="then",
            right_on="before",
            by="symbol",
            strategy="backward",
            tolerance=MAX_AGE,
            check_sortedness=False,
        )
        .with_columns(
            change_24h_pct=pl.when(pl.col("before_ts") >= day_before).then(
                100 * (pl.col("close") / pl.col("before_close") - 1)
            )
        )
        .select(list(CONTRACT.columns))
    )
