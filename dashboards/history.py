"""The bars a client of the historical endpoint gets: what is excluded, and weeks from sessions. Pure."""

from datetime import date, timedelta

import polars as pl

#: what the endpoint needs of equities_scored_bars
COLUMNS = [
    "symbol",
    "session_date",
    "ts",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "source",
    "validated",
    "quality_score",
    "flag_gap",
    "flag_volume_high",
    "flag_volume_low",
    "flag_zero_volume",
]


def accepted(validated_only: bool, min_quality: float | None) -> pl.Expr:
    """Which bars are served; the others are listed as excluded. A None bound is no bound."""
    keep = pl.col("validated") if validated_only else pl.lit(value=True)
    return keep if min_quality is None else keep & (pl.col("quality_score") >= min_quality)


def weekly(sessions: pl.DataFrame, today: date, *, first: date | None, last: date | None) -> pl.DataFrame:
    """Bars of whole weeks whose Monday lies in [first, last], from sessions sorted by date; same columns.

    A week is served from the Monday after it: before, a session of it could still come. Open is the
    first session's, high and low the extremes, close the last session's, volume the sum; quality is
    the worst, flags are any.
    """
    wanted = pl.col("week") <= today - timedelta(days=7)
    if first is not None:
        wanted &= pl.col("week") >= first
    if last is not None:
        wanted &= pl.col("week") <= last
    flags = [name for name in sessions.columns if name.startswith("flag_")]
    return (
        sessions.with_columns(week=pl.col("session_date").dt.truncate("1w"))
        .filter(wanted)
        .group_by("symbol", "week", maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            volume=pl.when(pl.col("volume").is_not_null().any()).then(pl.col("volume").sum()),
            source=pl.col("source").unique().sort().str.join("+"),
            validated=pl.col("validated").all(),
            quality_score=pl.col("quality_score").min(),
            **{flag: pl.col(flag).any() for flag in flags},
        )
        .rename({"week": "session_date"})
        .with_columns(ts=pl.col("session_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
        .select(sessions.columns)
    )


def excluded_dates(excluded: pl.DataFrame, resume: pl.Expr, *, upto: date | None, weeks: bool) -> list[date]:
    """The excluded sessions of one page: after the cursor (`resume`), up to the bar `upto` (None: to the end).

    A session belongs to the page of its own date, or of its week.
    """
    day = pl.col("session_date")
    placed = excluded.select(day.alias("excluded"), session_date=day.dt.truncate("1w") if weeks else day)
    within = placed.filter(resume) if upto is None else placed.filter(resume, day <= upto)
    return within["excluded"].to_list()


def served(bars: pl.DataFrame) -> pl.DataFrame:
    """The columns of the answer, in its order."""
    return bars.select(
        pl.col("ts").alias("time"),
        "open",
        "high",
        "low",
        "close",
        "volume",
        "source",
        "validated",
        "quality_score",
        gap_detected=pl.col("flag_gap"),
        volume_anomaly=pl.any_horizontal("flag_volume_high", "flag_volume_low", "flag_zero_volume"),
    )
