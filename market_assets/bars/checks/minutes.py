"""Judgements about minutes: sound, covered, from sources that may serve them, and not old."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from market_assets.bars.instruments import InstrumentRow
from market_assets.core import candles, trading_hours
from market_assets.core.checks import Judgement, error_unless, graded, warn_unless

#: quality below which a row is invalid
VALID = 0.8
QUALITY_WARN = 0.9
INVALID_WARN, INVALID_ERROR = 0.01, 0.05
MISSING_WARN, MISSING_ERROR = 0.05, 0.20
FALLBACK_WARN = 0.20
JUMP, VOLUME_TIMES, VOLUME_WARN = 0.10, 10.0, 0.05
_VOLUME_BARS = 60
STALE_WARN_MIN, STALE_ERROR_MIN = 15.0, 60.0
_KEY = ["symbol", "day"]
_MINUTE = timedelta(minutes=1)


def _day() -> pl.Expr:
    return pl.col("ts").dt.date().alias("day")


def bars_sound(frame: pl.DataFrame) -> Judgement:
    """High and low enclose open and close."""
    wrong = frame.filter(candles.crossed())
    shown = wrong.select("symbol", "ts", "open", "high", "low", "close", "source")
    return error_unless(wrong.is_empty(), n=wrong.height, rows=shown)


def source_allowed(frame: pl.DataFrame, allowed: Sequence[str]) -> Judgement:
    """Every row is from a source of bars.sources."""
    strange = frame.filter(~pl.col("source").is_in(list(allowed)))
    return error_unless(strange.is_empty(), n=strange.height, rows=strange.select("symbol", "ts", "source"))


def batch_quality(frame: pl.DataFrame, min_quality: float) -> Judgement:
    """The mean quality score of each symbol's day is 0.9 at least; below bars.min_batch_quality it is an error."""
    of_days = frame.group_by("symbol", _day(), maintain_order=True).agg(quality=pl.col("quality_score").mean())
    low = of_days.filter(pl.col("quality") < QUALITY_WARN)
    is_error = low.filter(pl.col("quality") < min_quality).height > 0
    judge = error_unless if is_error else warn_unless
    return judge(low.is_empty(), "RUNBOOK: batch_quality", warn=QUALITY_WARN, error=min_quality, rows=low)


def rows_valid(frame: pl.DataFrame) -> Judgement:
    """At most 1 % of the rows of a symbol's day score below 0.8; above 5 % it is an error."""
    of_days = frame.group_by("symbol", _day(), maintain_order=True).agg(
        share=(pl.col("quality_score") < VALID).mean(), issues=pl.col("issues").explode().unique().sort().str.join(", ")
    )
    worst = of_days["share"].max() or 0.0
    shown = of_days.filter(pl.col("share") > INVALID_WARN)
    return graded(float(worst), warn=INVALID_WARN, error=INVALID_ERROR, description="RUNBOOK: rows_valid", rows=shown)  # type: ignore[arg-type]


def minutes_covered(frame: pl.DataFrame, due: pl.DataFrame) -> Judgement:
    """Of a day that is over at most 5 % of the minutes are missing; above 20 % it is an error.

    `due`: symbol, day, expected (minutes of the market that are over), is_over, and min_share: the share from which
    a running day is accepted, an error below it. A minute without trades is missing too where the market is not
    always open.
    """
    had = frame.group_by("symbol", _day()).agg(n=pl.len())
    share = pl.col("n").fill_null(0) / pl.col("expected")
    of_days = (
        due.filter(pl.col("expected") > 0)
        .join(had, on=_KEY, how="left")
        .with_columns(share=share)
        .filter(pl.col("share") < pl.when(pl.col("is_over")).then(1 - MISSING_WARN).otherwise(pl.col("min_share")))
        .sort(_KEY)
    )
    is_error = of_days.filter(~pl.col("is_over") | (pl.col("share") < 1 - MISSING_ERROR)).height > 0
    judge = error_unless if is_error else warn_unless
    shown = of_days.select("symbol", "day", "expected", "n", "share")
    return judge(of_days.is_empty(), "RUNBOOK: minutes_covered", compared=due.height, rows=shown)


def first_choice_serves(frame: pl.DataFrame) -> Judgement:
    """At most 20 % of the rows of a symbol's day come from other sources than the first."""
    of_days = frame.group_by("symbol", _day(), maintain_order=True).agg(
        share=(pl.col("fallback_level") > 0).mean(), sources=pl.col("source").unique().sort().str.join(", ")
    )
    often = of_days.filter(pl.col("share") > FALLBACK_WARN)
    return warn_unless(often.is_empty(), "RUNBOOK: first_choice_serves", allowed=FALLBACK_WARN, rows=often)


def kind_unchanged(frame: pl.DataFrame) -> Judgement:
    """No bar is of another kind of instrument than the one before."""
    breaks = frame.filter(pl.col("basis_break"))
    shown = breaks.select("symbol", "ts", "instrument_kind", "source", "close")
    return warn_unless(breaks.is_empty(), "RUNBOOK: kind_unchanged", n=breaks.height, rows=shown)


def fills_agree(told: Mapping[str, int]) -> Judgement:
    """A source that filled minutes agreed with the other where both had them."""
    warned, failed = told["disagreements_warn"], told["disagreements_error"]
    judge = error_unless if failed else warn_unless
    return judge(not warned and not failed, "RUNBOOK: fills_agree", above_ok=warned, above_error=failed)


def no_jumps(frame: pl.DataFrame) -> Judgement:
    """No close differs from the one before by more than 10 %."""
    change = (pl.col("close") / pl.col("close").shift(1) - 1).over("symbol")
    jumps = frame.sort("symbol", "ts").with_columns(change=change).filter(pl.col("change").abs() > JUMP)
    return warn_unless(jumps.is_empty(), n=jumps.height, rows=jumps.select("symbol", "ts", "close", "change", "source"))


def volumes_usual(frame: pl.DataFrame) -> Judgement:
    """At most 5 % of a symbol's volumes lie above 10 times, or below a tenth of, the median of the 60 before."""
    usual = pl.col("volume").shift(1).rolling_median(_VOLUME_BARS, min_samples=_VOLUME_BARS).over("symbol")
    ratio = pl.col("volume") / usual
    known = frame.sort("symbol", "ts").with_columns(ratio=ratio).filter(pl.col("ratio").is_finite())
    of_days = known.group_by("symbol", _day(), maintain_order=True).agg(
        share=((pl.col("ratio") > VOLUME_TIMES) | ((pl.col("ratio") > 0) & (pl.col("ratio") < 1 / VOLUME_TIMES))).mean()
    )
    strange = of_days.filter(pl.col("share") > VOLUME_WARN)
    return warn_unless(strange.is_empty(), allowed=VOLUME_WARN, rows=strange)


def quarantine_empty(quarantined: pl.DataFrame) -> Judgement:
    """No row broke a row rule; those that did are in quarantine and count as missing."""
    shown = quarantined.select("symbol", "ts", "open", "high", "low", "close", "volume", "source", "reason")
    return warn_unless(quarantined.is_empty(), n=quarantined.height, rows=shown)


def minutes_fresh(newest: pl.DataFrame) -> Judgement:
    """In an open market the last minute of each symbol is 15 market minutes old at most; above 60 it is an error."""
    behind = newest.filter(pl.col("age_min").is_null() | (pl.col("age_min") > STALE_WARN_MIN))
    stale = behind.filter(pl.col("age_min").is_null() | (pl.col("age_min") > STALE_ERROR_MIN))
    judge = error_unless if stale.height else warn_unless
    told = {"warn_min": STALE_WARN_MIN, "error_min": STALE_ERROR_MIN}
    return judge(behind.is_empty(), "RUNBOOK: minutes_fresh", **told, rows=behind)


def ages(frame: pl.DataFrame, rows: Sequence[InstrumentRow], now: datetime, cadence_min: float) -> pl.DataFrame:
    """Of each symbol: last_close, and market minutes since then beyond the cadence; null where it has no bar.

    A market that is closed, and has been asked for since, does not age.
    """
    last = dict(frame.group_by("symbol").agg(pl.col("ts").max()).iter_rows())
    told = []
    for row in rows:
        ts = last.get(row.symbol)
        close = None if ts is None else ts + _MINUTE
        age = None if close is None else trading_hours.open_minutes(row.calendar, close, now)
        told.append((row.symbol, close, None if age is None else max(0.0, age - cadence_min)))
    schema = {"symbol": pl.String(), "last_close": pl.Datetime("us", "UTC"), "age_min": pl.Float64()}
    return pl.DataFrame(told, schema=schema, orient="row").sort("symbol")
