"""Candles of the bars chart: where minutes are missing, lines of longer candles, closed hours. Pure but for calendars.

`candles` are what `readers.bars` gives, by time, with `sources` as text.
"""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from dashboards import downsample
from market_assets.core import indicators, trading_hours

#: indicators that are drawn
LINES = (
    *("vwap", "ema_9", "ema_20", "ema_50", "ema_200", "bb_upper", "bb_mid", "bb_lower"),
    *("rsi_14", "macd_line", "macd_signal", "macd_hist"),
)
#: candles before the first shown one that the longest mean needs
WARM_UP = 250
#: holes that are marked, the longest of all
MOST_GAPS = 150
_MINUTE = timedelta(minutes=1)


def shown(candles: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most `most` candles: neighbours are merged. With `last`, open instant of the last of each, and `n`."""
    return downsample.bars(candles, "ts", most)


def gaps(candles: pl.DataFrame, calendar: str, length: timedelta) -> pl.DataFrame:
    """Holes between the first and the last candle: gap_start, gap_end, n_missing (minutes of the calendar), by time.

    A candle that lacks some of its minutes is a hole of its own length; neighbouring holes are one.
    """
    empty = pl.DataFrame(schema={"gap_start": pl.Datetime("us", "UTC"), "gap_end": pl.Datetime("us", "UTC")})
    empty = empty.with_columns(n_missing=pl.lit(0, pl.Int64))
    if candles.is_empty():
        return empty
    first, last = candles["ts"][0], candles["ts"][-1]
    # the newest candle may still be filling
    grid = trading_hours.minutes(calendar, first, last).to_frame("minute")
    if grid.is_empty():
        return empty
    expected = grid.group_by(ts=pl.col("minute").dt.truncate(length), maintain_order=True).agg(
        n_expected=pl.len().cast(pl.Int64), session=pl.col("minute").first()
    )
    lacking = (
        expected.join(candles.select("ts", pl.col("n_minutes").cast(pl.Int64)), on="ts", how="left")
        .with_columns(n_missing=pl.col("n_expected") - pl.col("n_minutes").fill_null(0))
        .with_row_index("row")
        .filter(pl.col("n_missing") > 0)
    )
    # rows that follow each other, or sessions, make one hole
    return (
        lacking.with_columns(run=(pl.col("row").cast(pl.Int64).diff() != 1).fill_null(value=True).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(
            gap_start=pl.col("ts").first(),
            gap_end=pl.col("ts").last() + length,
            n_missing=pl.col("n_missing").sum(),
        )
        .drop("run")
    )


def closed_hours(candles: pl.DataFrame, length: timedelta, calendar: str) -> list[dict[str, Any]]:
    """The stretches between shown candles in which the market is closed, to be left out of the axis (rangebreaks).

    `candles`: what `shown` gives.
    """
    if calendar == "always" or candles.height < 2:
        return []
    ends, starts = candles["last"][:-1] + length, candles["ts"][1:]
    width = _width(candles, length)
    found = []
    for end, start in zip(ends, starts, strict=True):
        # half a candle stands left of its open instant
        until = start - width / 2
        if until > end and trading_hours.open_minutes(calendar, end, start) == 0:
            found.append({"bounds": [_text(end), _text(until)]})
    return found


def _width(candles: pl.DataFrame, length: timedelta) -> timedelta:
    merged: int = max(candles["n"].to_list())
    return length * merged


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def with_lines(candles: pl.DataFrame, stored: pl.DataFrame, length: timedelta) -> pl.DataFrame:
    """The candles with LINES. Those of minutes are the stored ones; those of longer candles are made of the candles.

    `stored`: BarsIndicators of the same time. A change of the instrument kind begins the lines anew; VWAP is that of
    the last minute of each candle in any length.
    """
    rows = stored.sort("ts").select("ts", *LINES)
    if length == _MINUTE:
        return candles.join(rows, on="ts", how="left", maintain_order="left")
    runs = candles.with_columns(run=pl.col("instrument_kind").rle_id()).partition_by("run", maintain_order=True)
    parts = [part.drop("run").with_columns(**_made()) for part in runs]
    made = pl.concat(parts) if parts else candles.with_columns(**_made())
    vwap = rows.group_by(pl.col("ts").dt.truncate(length), maintain_order=True).agg(pl.col("vwap").last())
    return made.join(vwap, on="ts", how="left", maintain_order="left")


def _made() -> dict[str, pl.Expr]:
    close = pl.col("close")
    line, signal, hist = indicators.macd(close)
    upper, mid, lower = indicators.bollinger(close)
    return {
        **{f"ema_{n}": indicators.ema(close, n) for n in (9, 20, 50, 200)},
        **{"bb_upper": upper, "bb_mid": mid, "bb_lower": lower, "rsi_14": indicators.rsi(close)},
        **{"macd_line": line, "macd_signal": signal, "macd_hist": hist},
    }


def placed(candles: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """One row a candle of `shown`: ts, and the lines of the last candle merged into it. `lines`: ts and LINES."""
    keep = candles.select("ts", "last")
    return keep.join(lines.select(pl.col("ts").alias("last"), *LINES), on="last", how="left", maintain_order="left")
