"""Judgements about candles: is every minute there, believable, and carried over whole."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from market_assets.core.checks import Judgement, error_unless, graded, warn_unless
from market_assets.crypto.settings import MINUTES

MISSING_ERROR, JUMP, SAME, COMPLETE_SHARE = 0.05, 0.10, 1e-9, 0.99
#: age of the last closed candle, in lengths of it
LATE, STALE = 1.5, 3.0
_SUMS = ("volume", "quote_volume", "taker_buy_base", "taker_buy_quote")


def minutes_complete(gaps: pl.DataFrame, expected: int) -> Judgement:
    """No minute inside the listing window is missing; above 5 % it is an error. Missing minutes are never filled."""
    missing = int(gaps["n_minutes"].sum())
    share = missing / max(1, expected)
    shown = gaps.sort("n_minutes", descending=True)
    return graded(share, warn=0.0, error=MISSING_ERROR, missing=missing, expected=expected, rows=shown)


def takers_within_volume(frame: pl.DataFrame) -> Judgement:
    """Takers buy at most what is traded."""
    wrong = frame.filter(pl.col("taker_buy_base") > pl.col("volume") * (1 + SAME))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("symbol", "ts", "volume", "taker_buy_base"))


def closed_when_read(frame: pl.DataFrame) -> Judgement:
    """Every candle had closed when it was read."""
    wrong = frame.filter(pl.col("ts") + timedelta(minutes=1) > pl.col("ingested_at"))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("symbol", "ts", "ingested_at"))


def no_jumps(frame: pl.DataFrame) -> Judgement:
    """No minute closes more than 10 % from the one before."""
    change = pl.col("close") / pl.col("close").shift(1).over("symbol", order_by="ts") - 1
    jumps = frame.with_columns(change=change).filter(pl.col("change").abs() > JUMP)
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


def sums_agree(frame: pl.DataFrame, minutes: pl.DataFrame) -> Judgement:
    """Volumes of a day add up to those of its minutes on every timeframe, to 1e-9."""
    per_day = [pl.col("symbol"), pl.col("ts").dt.date().alias("day")]
    wanted = minutes.group_by(per_day, maintain_order=True).agg(pl.col(*_SUMS).sum(), pl.col("ts").max().alias("last"))
    had = frame.group_by(*per_day, "timeframe", maintain_order=True).agg(pl.col(*_SUMS).sum())
    # the running day's last candles are not closed yet: a timeframe may lack their minutes
    whole = wanted.filter(pl.col("last").dt.time() == pl.time(23, 59)).drop("last")
    both = whole.join(had, on=["symbol", "day"], suffix="_had", validate="1:m")
    apart = pl.any_horizontal(
        (pl.col(name) - pl.col(f"{name}_had")).abs() > SAME * pl.col(name).abs() for name in _SUMS
    )
    wrong = both.filter(apart)
    return error_unless(wrong.is_empty(), compared=both.height, rows=wrong)


def candles_complete(frame: pl.DataFrame) -> Judgement:
    """At least 99 % of the candles were built from every minute of their length."""
    share = float(frame["complete"].mean() or 1.0) if frame.height else 1.0  # type: ignore[arg-type]
    partly = frame.filter(~pl.col("complete")).select("symbol", "timeframe", "ts", "n_minutes")
    return warn_unless(share >= COMPLETE_SHARE, share=share, needed=COMPLETE_SHARE, rows=partly)


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


def ages(frame: pl.DataFrame, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
    """Of each symbol and timeframe: last_close, and its age in lengths of the candle; null without any."""
    wanted = pl.DataFrame(
        [(symbol, name, minutes) for symbol in symbols for name, minutes in MINUTES.items()],
        schema={"symbol": pl.String, "timeframe": pl.String, "minutes": pl.Int64},
        orient="row",
    )
    last = frame.group_by("symbol", "timeframe").agg(last_close=pl.col("available_at").max())
    age = (pl.lit(now) - pl.col("last_close")).dt.total_seconds() / (60 * pl.col("minutes"))
    found = wanted.join(last, on=["symbol", "timeframe"], how="left").with_columns(age=age)
    return found.drop("minutes").sort("symbol", "timeframe")
