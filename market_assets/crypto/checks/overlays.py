"""Judgements about overlays: one row a candle, sound, causal, and not too dear."""

import polars as pl

from market_assets.core.checks import Judgement, error_unless, warn_unless
from market_assets.core.judgements import recomputed_alike, rows_matched

_KEY = ["symbol", "timeframe", "ts"]


def one_row_a_candle(frame: pl.DataFrame, candles: pl.DataFrame) -> Judgement:
    """Every candle has one row of overlays, and every row its candle."""
    return rows_matched(frame, candles, _KEY)


def directions_sound(frame: pl.DataFrame) -> Judgement:
    """Supertrend is +1 or -1 once it is there; the chandelier may also be 0."""
    wrong = frame.filter(~pl.col("st_dir").is_in([-1, 1]) | ~pl.col("ch_dir").is_in([-1, 0, 1]))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select(*_KEY, "st_dir", "ch_dir"))


def zones_around_close(frame: pl.DataFrame) -> Judgement:
    """Supports lie below the close, resistances above."""
    wrong = frame.filter(
        (pl.col("zone_supports").list.max() >= pl.col("close"))
        | (pl.col("zone_resistances").list.min() <= pl.col("close"))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select(*_KEY, "close", "zone_near_price"))


def regime_known(frame: pl.DataFrame) -> Judgement:
    """No regime is unknown once the look-back is full."""
    unknown = frame.filter(pl.col("is_warm") & (pl.col("regime") == "UNKNOWN"))
    share = unknown.height / max(1, frame["is_warm"].sum())
    return warn_unless(unknown.is_empty(), "RUNBOOK: regime_known", share=share, rows=unknown.select(_KEY))


def no_look_ahead(frame: pl.DataFrame, truncated: pl.DataFrame) -> Judgement:
    """Rows computed without the later half of a day's candles are those that are stored."""
    return recomputed_alike(frame, truncated, _KEY)


def overlays_quick(frame: pl.DataFrame, max_latency_ms: float) -> Judgement:
    """No overlay takes longer a partition, over all its timeframes, than telemetry.max_latency_ms."""
    taken = frame.group_by("symbol", "day", "overlay").agg(pl.col("latency_ms").sum())
    slow = taken.filter(pl.col("latency_ms") > max_latency_ms)
    shown = slow.sort("latency_ms", descending=True)
    return warn_unless(slow.is_empty(), "RUNBOOK: overlays_quick", allowed_ms=max_latency_ms, rows=shown)


def overlays_small(frame: pl.DataFrame, max_rss_mb: float) -> Judgement:
    """No overlay adds more memory than telemetry.max_rss_mb."""
    large = frame.filter(pl.col("rss_delta_mb") > max_rss_mb)
    shown = large.select("symbol", "day", "timeframe", "overlay", "rss_delta_mb")
    return warn_unless(large.is_empty(), allowed_mb=max_rss_mb, rows=shown)
