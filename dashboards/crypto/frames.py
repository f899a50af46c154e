"""Candles of a chart: stored ones, those that closed since, those of a length made of minutes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from dashboards import downsample
from market_assets.core.candles import coarser
from market_assets.core.contracts import Contract
from market_assets.crypto.readers import TIMEFRAMES
from market_assets.crypto.schemas import CryptoKlines
from resources.stream.candle import Candle

_SUMS = ("volume", "taker_buy_base")
#: columns of a candle on the page
COLUMNS = ("symbol", "ts", "open", "high", "low", "close", *_SUMS, "source", "ingested_at")
_KLINES: Contract = CryptoKlines.contract()
#: no candles
EMPTY = _KLINES.empty().select(COLUMNS)
#: timeframe whose overlays stand on the minutes, which have none of their own
_SHORTEST = "5m"
_DAY = timedelta(days=1)
#: a close this much older than 24 hours says nothing of them any more
_TOLERANCE = timedelta(hours=1)


@dataclass(frozen=True)
class Series:
    """The candles of one view, oldest first."""

    #: closed ones: COLUMNS
    closed: pl.DataFrame
    #: what has closed of the running one: COLUMNS, one row or none
    running: pl.DataFrame


def length_of(timeframe: str) -> timedelta:
    """How long a candle is."""
    return timedelta(minutes=TIMEFRAMES[timeframe])


def overlays_of(timeframe: str) -> str:
    """The timeframe whose overlays are drawn on candles of this one."""
    return timeframe if timeframe != "1m" else _SHORTEST


def with_pushed(minutes: pl.DataFrame, pushed: Sequence[Candle]) -> pl.DataFrame:
    """Stored minutes (COLUMNS, by time) and the pushed ones that are not stored yet. What is stored stands."""
    rows = pl.DataFrame(list(pushed), schema=list(Candle._fields), orient="row", infer_schema_length=None)
    newer = rows.select(pl.col(name).cast(dtype) for name, dtype in EMPTY.schema.items())
    both = pl.concat([minutes.select(COLUMNS), newer])
    return both.unique("ts", keep="first", maintain_order=True).sort("ts")


def series(stored: pl.DataFrame, minutes: pl.DataFrame, timeframe: str) -> Series:
    """The candles of a timeframe: the stored ones, and those that the minutes after them make.

    A candle of several minutes counts as closed once all its minutes have; what lies after the last closed one is
    the running one. `stored` and `minutes`: COLUMNS, by time.
    """
    if timeframe == "1m":
        return Series(minutes.select(COLUMNS), minutes.select(COLUMNS).clear())
    built = coarser(minutes, length_of(timeframe), _SUMS)
    newer = built.filter(pl.col("ts") > stored["ts"].max()) if stored.height else built
    is_whole = pl.col("n_bars") == TIMEFRAMES[timeframe]
    closed = newer.filter(is_whole).select(COLUMNS)
    running = newer.tail(1).filter(~is_whole).select(COLUMNS)
    return Series(pl.concat([stored.select(COLUMNS), closed]), running)


def change_24h(minutes: pl.DataFrame) -> float | None:
    """Percent from the last close at or before 24 hours earlier to the newest close; None without one.

    `minutes`: ts, close, by time.
    """
    if minutes.is_empty():
        return None
    then = minutes["ts"][-1] - _DAY
    before = minutes.filter(pl.col("ts").is_between(then - _TOLERANCE, then))
    return None if before.is_empty() else float(100 * (minutes["close"][-1] / before["close"][-1] - 1))


def shown(closed: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most `most` candles: neighbours are merged. With `last`, open instant of the last of each, and `n`."""
    return downsample.bars(closed, "ts", most)


def placed(candles: pl.DataFrame, overlays: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """One row a candle of `shown`: its overlays, null where they are not known.

    `overlays`: CryptoOverlays of `overlays_of(timeframe)`. On minutes stand those of the last candle that had
    closed by the end of each.
    """
    over = length_of(timeframe)
    keep = candles.select("ts", "last", closes=pl.col("last") + over).with_row_index("row")
    rows = overlays.drop("ts", "symbol", "timeframe", "close", strict=False).sort("available_at")
    if timeframe == overlays_of(timeframe):
        found = keep.join(rows, left_on="closes", right_on="available_at", how="left")
    else:
        # until the next one closes
        until = length_of(overlays_of(timeframe)) - over
        found = keep.join_asof(rows, left_on="closes", right_on="available_at", strategy="backward", tolerance=until)
    return found.sort("row").drop("row", "closes")
