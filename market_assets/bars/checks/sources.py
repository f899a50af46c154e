"""Judgements about the sources: do they agree, are they well, is one left, does the collector hear them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from market_assets.bars.settings import MacroSettings
from market_assets.core.checks import Judgement, error_unless, graded, warn_unless

MACRO_WARN_BD, MACRO_ERROR_BD = 3, 7
#: the series that comes once a week
WEEKLY, _WEEK = "usd_index", 7
UNSTORED_WARN_S, UNSTORED_ERROR_S = 60.0, 300.0


def sources_agree(frame: pl.DataFrame) -> Judgement:
    """Where two sources have the same minutes their closes differ by 0.2 % at most; from 1 % on it is an error."""
    apart = frame.filter(pl.col("status").is_in(["warn", "error"]))
    is_error = apart.filter(pl.col("status") == "error").height > 0
    judge = error_unless if is_error else warn_unless
    shown = apart.select("symbol", "day", "source", "other_source", "n_common", "median_diff_ratio", "bias_ratio")
    return judge(apart.is_empty(), "RUNBOOK: sources_agree", compared=frame.height, rows=shown)


def sources_healthy(frame: pl.DataFrame) -> Judgement:
    """No source that was asked is unhealthy."""
    ill = frame.filter(~pl.col("is_healthy"))
    shown = ill.select("day", "source", "success_rate", "latency_p95_ms", "state", "last_error")
    return warn_unless(ill.is_empty(), "RUNBOOK: sources_healthy", rows=shown)


def one_source_left(frame: pl.DataFrame, open_chains: Mapping[str, Sequence[str]]) -> Judgement:
    """Every symbol whose market is open has a healthy source.

    `open_chains`: symbol -> its sources. A source that was not asked at all is not judged.
    """
    newest = frame.filter(pl.col("day") == pl.col("day").max())
    ill = set(newest.filter(~pl.col("is_healthy"))["source"])
    asked = set(newest.filter(pl.col("is_healthy").is_not_null())["source"])
    lost = [symbol for symbol, sources in open_chains.items() if asked & set(sources) and not (set(sources) - ill)]
    return error_unless(not lost, "RUNBOOK: one_source_left", symbols=", ".join(lost), unhealthy=", ".join(sorted(ill)))


def macro_fresh(behind: Mapping[str, int]) -> Judgement:
    """The last value of each macro series is 3 business days overdue at most; above 7 it is an error."""
    worst = max(behind.values(), default=0)
    return graded(
        float(worst),
        warn=MACRO_WARN_BD,
        error=MACRO_ERROR_BD,
        description="RUNBOOK: macro_fresh",
        overdue_business_days=str(dict(behind)),
    )


def overdue(frame: pl.DataFrame, macro: MacroSettings, today: date) -> dict[str, int]:
    """Series -> business days by which its newest value should have been followed by another.

    The dollar index is published by the week, the others by the business day; each after its lag.
    """
    newest = dict(
        frame.filter(pl.col("value").is_not_null()).group_by("series").agg(pl.col("obs_date").max()).iter_rows()
    )
    told: dict[str, int] = {}
    for name in macro.series:
        last = newest.get(name, macro.start_date)
        lag = timedelta(days=macro.usd_index_lag_days + _WEEK) if name == WEEKLY else timedelta()
        waited = int(np.busday_count(last + lag, today)) if last + lag < today else 0
        told[name] = max(0, waited - (0 if name == WEEKLY else 1 + macro.release_lag_bd))
    return told


def collector_alive(quote_ages: Mapping[str, float] | None) -> Judgement:
    """A collector that was started has heard of every open market within its limits.

    `quote_ages`: symbol -> age of its last quote over the age that is a warning (so 1 is the limit, 6 an error); None
    where none is meant to run.
    """
    if quote_ages is None:
        return error_unless(True, "no collector is meant to run")
    late = {symbol: round(age, 1) for symbol, age in quote_ages.items() if age > 1}
    worst = max(quote_ages.values(), default=0.0)
    return graded(worst, warn=1.0, error=6.0, description="RUNBOOK: collector_alive", late=str(late))


def bars_stored(unstored_s: float | None) -> Judgement:
    """No closed bar of the collector waits longer than 60 s to be stored; above 300 s it is an error."""
    if unstored_s is None:
        return error_unless(True, "nothing waits")
    return graded(unstored_s, warn=UNSTORED_WARN_S, error=UNSTORED_ERROR_S, description="RUNBOOK: bars_stored")
