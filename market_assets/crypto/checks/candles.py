"""Judgements about candles: is every minute there, believable, and carried over whole."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from market_assets.core.candles import PRICES, crossed
from market_assets.core.checks import Judgement, error_unless, graded, warn_unless
from market_assets.crypto.settings import MINUTES

MISSING_ERROR, JUMP, SAME, COMPLETE_SHARE = 0.05, 0.10, 1e-9, 0.99
#: age of the last closed candle, in lengths of it
LATE, STALE = 1.5, 3.0
_SUMS = ("volume", "quote_volume", "trade_count", "taker_buy_base", "taker_buy_quote")
_MINUTE_US, _DAY = 60_000_000, timedelta(days=1)
#: a day that ended so recently may have been looked at while it ran
_RECENT = timedelta(hours=1)


def minutes_complete(gaps: pl.DataFrame, due: pl.DataFrame) -> Judgement:
    """No minute inside the listing window is missing; above 5 % of a symbol's day it is an error.

    `due`: symbol, day and the number of minutes expected of them. Missing minutes are never filled.
    """
    lost = gaps.group_by("symbol", day=pl.col("start").dt.date()).agg(pl.col("n_minutes").sum())
    share = pl.col("n_minutes").fill_null(0) / pl.col("expected")
    worst = due.join(lost, on=["symbol", "day"], how="left").select(share=share)["share"].max()
    missing, expected = int(gaps["n_minutes"].sum()), int(due["expected"].sum())
    shown = gaps.sort("n_minutes", descending=True)
    return graded(
        float(worst or 0.0),  # type: ignore[arg-type]
        warn=0.0,
        error=MISSING_ERROR,
        missing=missing,
        expected=expected,
        rows=shown,
    )


def candles_sound(frame: pl.DataFrame) -> Judgement:
    """Every candle opens on the grid of its length, and its highest and lowest price are that."""
    minutes = pl.col("timeframe").replace_strict({"1m": 1, **MINUTES}, return_dtype=pl.Int64)
    wrong = frame.filter((pl.col("ts").dt.epoch("us") % (minutes * _MINUTE_US) != 0) | crossed())
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("symbol", "timeframe", "ts", *PRICES))


def takers_within_volume(frame: pl.DataFrame) -> Judgement:
    """Takers buy at most what is traded."""
    wrong = frame.filter(pl.col("taker_buy_base") > pl.col("volume"))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("symbol", "ts", "volume", "taker_buy_base"))


def no_jumps(frame: pl.DataFrame, evening: pl.DataFrame) -> Judgement:
    """No minute closes more than 10 % from the one before; `evening` holds the day before the first."""
    columns = ["symbol", "ts", "close"]
    rows = pl.concat([evening.select(columns), frame.select(columns)])
    change = pl.col("close") / pl.col("close").shift(1).over("symbol", order_by="ts") - 1
    changed = rows.with_columns(change=change).join(frame.select("symbol", "ts"), on=["symbol", "ts"], how="semi")
    jumps = changed.filter(pl.col("change").abs() > JUMP)
    return warn_unless(jumps.is_empty(), n=jumps.height, rows=jumps.select("symbol", "ts", "close", "change"))


def archive_agrees(told: Mapping[str, int]) -> Judgement:
    """Archive and venue state the same candle to 1e-9."""
    conflicts = told["archive_conflicts"]
    return error_unless(conflicts == 0, conflicts=conflicts, compared=told["archive_compared"])


def quarantine_empty(quarantined: pl.DataFrame) -> Judgement:
    """No candle broke a row rule; those that did are in quarantine and count as missing."""
    shown = quarantined.select("symbol", "ts", "open", "high", "low", "close", "volume", "reason")
    return warn_unless(quarantined.is_empty(), n=quarantined.height, rows=shown)


def stream_alive(stream_age_s: float | None, silent_s: float) -> Judgement:
    """A stream that was started still hears its venue; one that was stopped on purpose is no failure."""
    if stream_age_s is None:
        return error_unless(True, "no stream is meant to run")
    worst = stream_age_s / silent_s
    return graded(worst, warn=1.0, error=3.0, description="RUNBOOK: stream_alive", age_s=stream_age_s)


def sums_agree(frame: pl.DataFrame, minutes: pl.DataFrame, now: datetime) -> Judgement:
    """Volumes of a day add up to those of its minutes on every timeframe, to 1e-9."""
    day, key = pl.col("ts").dt.date().alias("day"), ["symbol", "day", "timeframe"]
    had = frame.group_by("symbol", day, "timeframe", maintain_order=True).agg(
        pl.col(*_SUMS).sum(), pl.col("available_at").max().alias("last")
    )
    wanted = minutes.select("symbol", "ts", day, *_SUMS).join(pl.DataFrame({"timeframe": list(MINUTES)}), how="cross")
    # of the running day those minutes whose candle is over: its timeframes were built before these were looked at
    is_over = pl.col("day").cast(frame.schema["available_at"]) + _DAY + _RECENT <= now
    of_candles = (
        wanted.join(had.select(*key, "last"), on=key, how="left")
        .filter(is_over | (pl.col("ts") < pl.col("last")))
        .group_by(key, maintain_order=True)
        .agg(pl.col(*_SUMS).sum())
    )
    both = of_candles.join(had, on=key, how="left", suffix="_had", validate="1:1")
    apart = pl.any_horizontal(
        ((pl.col(name) - pl.col(f"{name}_had")).abs() > SAME * pl.col(name).abs()).fill_null(True) for name in _SUMS
    )
    wrong = both.filter(apart).drop("last")
    return error_unless(wrong.is_empty(), compared=both.height, rows=wrong)


def candles_complete(frame: pl.DataFrame) -> Judgement:
    """At least 99 % of the candles were built from every minute of their length."""
    partly = frame.filter(~pl.col("complete")).select("symbol", "timeframe", "ts", "n_minutes")
    share = 1 - partly.height / max(1, frame.height)
    return warn_unless(share >= COMPLETE_SHARE, share=share, needed=COMPLETE_SHARE, rows=partly)


def changes_agree(frame: pl.DataFrame) -> Judgement:
    """The change over 24 hours is one number at one instant, whatever the timeframe."""
    told = frame.group_by("symbol", "available_at", maintain_order=True).agg(pl.col("change_24h_pct").unique())
    apart = told.filter(pl.col("change_24h_pct").list.len() > 1)
    return error_unless(apart.is_empty(), n=apart.height, rows=apart)


def nothing_unclosed(frame: pl.DataFrame, now: datetime) -> Judgement:
    """No candle is stored before its close."""
    early = frame.filter(pl.col("available_at") > now)
    return error_unless(early.is_empty(), n=early.height, rows=early.select("symbol", "timeframe", "ts"))


def candles_fresh(newest: pl.DataFrame) -> Judgement:
    """The last closed candle of each listed symbol is no older than 1.5 of its lengths; above 3 it is an error."""
    behind = newest.filter(pl.col("age").is_null() | (pl.col("age") > LATE))
    stale = behind.filter(pl.col("age").is_null() | (pl.col("age") > STALE))
    judge = error_unless if stale.height else warn_unless
    return judge(behind.is_empty(), "RUNBOOK: candles_fresh", warn=LATE, error=STALE, rows=behind)


def ages(frame: pl.DataFrame, symbols: Sequence[str], minutes: Mapping[str, int], now: datetime) -> pl.DataFrame:
    """Of each symbol and timeframe of `minutes` (its length): last_close and its age in lengths; null without any."""
    wanted = pl.DataFrame(
        [(symbol, name, length) for symbol in symbols for name, length in minutes.items()],
        schema={"symbol": pl.String, "timeframe": pl.String, "minutes": pl.Int64},
        orient="row",
    )
    last = frame.group_by("symbol", "timeframe").agg(last_close=pl.col("available_at").max())
    age = (pl.lit(now) - pl.col("last_close")).dt.total_seconds() / (60 * pl.col("minutes"))
    found = wanted.join(last, on=["symbol", "timeframe"], how="left").with_columns(age=age)
    return found.drop("minutes").sort("symbol", "timeframe")
