"""How old the newest data may be."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.core.checks import Judgement, error_unless, warn_unless

LABEL_HOURS, MODEL_WARN_DAYS, MODEL_ERROR_DAYS = 36.0, 8.0, 28.0


def freshness(newest: datetime | None, now: datetime, btc: BtcSettings) -> Judgement:
    """The newest row became available at most two hours ago (warning), at most six (error)."""
    return _aged(newest, now, warn=btc.processing.max_age_hours, error=btc.processing.stale_hours)


def labels_fresh(newest: pl.DataFrame, now: datetime, btc: BtcSettings) -> Judgement:
    """The newest outcome of the longest horizon is of an hour at most 36 hours ago, besides the horizon itself."""
    longest = newest.filter(pl.col("horizon_h") == max(btc.labels.horizons))["ts"].max()
    age = None if longest is None else (now - longest) / timedelta(hours=1)  # type: ignore[operator]
    return warn_unless(age is not None and age <= LABEL_HOURS, age_hours=age, allowed_hours=LABEL_HOURS)


def models_fresh(history: pl.DataFrame, now: datetime) -> Judgement:
    """The newest usable model is at most 8 days old (warning), at most 28 (error)."""
    newest = history.filter(pl.col("status").cast(pl.String) == "ok")["ts"].max()
    if newest is None:
        return warn_unless(True, "no model yet: the history is too short for one")
    return _aged(newest, now, warn=24 * MODEL_WARN_DAYS, error=24 * MODEL_ERROR_DAYS)  # type: ignore[arg-type]


def performance_fresh(newest: datetime | None, now: datetime, btc: BtcSettings) -> Judgement:
    """The newest day's performance became known within the last day, besides the age that any table may have."""
    day = 24.0
    return _aged(newest, now, warn=day + btc.processing.max_age_hours, error=day + btc.processing.stale_hours)


def _aged(newest: datetime | None, now: datetime, *, warn: float, error: float) -> Judgement:
    if newest is None:
        return warn_unless(False, "there is no row yet")
    age = (now - newest) / timedelta(hours=1)
    judge = error_unless if age > error else warn_unless
    return judge(age <= warn, age_hours=age, warn_above_hours=warn, error_above_hours=error)
