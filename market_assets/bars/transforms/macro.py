"""Daily macro series: when each value could be known, and how unusual it was.

Business days are Monday to Friday but for the federal holidays of the United States, on which nothing is released.
"""

import functools
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from market_assets.bars.schemas import BarsMacroDaily
from market_assets.bars.settings import MacroSettings
from market_assets.core import windows
from market_assets.core.contracts import UTC_MICROS

#: released by the week, some days after: its lag is in days, not in business days
_WEEKLY = "usd_index"
#: column of what was known -> the series it is the score of
_SCORES: Mapping[str, str] = {"usd_index_z": "usd_index", "vix_z": "vix", "ust10y_z": "ust10y", "ust2y_z": "ust2y"}
KNOWN = (*_SCORES, "yield_curve")


def macro_daily(observations: pl.DataFrame, macro: MacroSettings) -> pl.DataFrame:
    """Observations with release and z-score (BarsMacroDaily).

    `observations`: series, obs_date, value (null where the publisher has none), source, ingested_at. The score is of a
    value against the `z_window` known ones before it; null with fewer, and where these do not vary.
    """
    told = BarsMacroDaily.contract()
    parts = observations.sort("series", "obs_date").partition_by("series", maintain_order=True)
    scored = [_scored(rows, macro.z_window) for rows in parts]
    with_release = pl.concat([observations.clear().with_columns(z_60=pl.lit(None, pl.Float64)), *scored])
    return told.conform(with_release.with_columns(available_at=_release(macro)))


def known_at(macro: pl.DataFrame, at: pl.Series) -> pl.DataFrame:
    """What was released at or before each instant of `at` (UTC): one row for each, in their order.

    Columns KNOWN: scores of the last released values, and `yield_curve`, ten years less two, in percentage points.
    Null where nothing was released yet. `macro` is BarsMacroDaily and may be empty.
    """
    asked = pl.DataFrame({"at": at.cast(UTC_MICROS)}).with_row_index("row").sort("at", maintain_order=True)
    found = asked
    for series in _SCORES.values():
        found = found.join_asof(_released(macro, series), left_on="at", right_on="available_at")
        found = found.drop("available_at", strict=False)
    return found.sort("row").select(
        *(pl.col(f"{series}_z").alias(name) for name, series in _SCORES.items()),
        yield_curve=pl.col("ust10y_value") - pl.col("ust2y_value"),
    )


def _scored(rows: pl.DataFrame, n: int) -> pl.DataFrame:
    """The observations of one series, by date, with their scores."""
    known = rows.filter(pl.col("value").is_not_null())
    scores = windows.zscore_of_previous(known.get_column("value").to_numpy(), n)
    by_date = known.select("obs_date", z_60=pl.Series(scores, nan_to_null=True))
    return rows.join(by_date, on="obs_date", how="left", maintain_order="left")


def _release(macro: MacroSettings) -> pl.Expr:
    """The instant at which an observation can be used."""
    free = _holidays()
    # what is dated on a weekend is as old as the Monday after it: never before it was made
    by_business_days = pl.col("obs_date").dt.add_business_days(macro.release_lag_bd, holidays=free, roll="forward")
    by_days = pl.col("obs_date").dt.offset_by(f"{macro.usd_index_lag_days}d")
    by_days = by_days.dt.add_business_days(0, holidays=free, roll="forward")
    day = pl.when(pl.col("series") == _WEEKLY).then(by_days).otherwise(by_business_days)
    return (day.cast(pl.Datetime("us")) + pl.duration(hours=macro.release_hour)).dt.replace_time_zone("UTC")


@functools.cache
def _holidays() -> Sequence[date]:
    """Federal holidays of the United States, as far as observations may lie."""
    from pandas.tseries.holiday import USFederalHolidayCalendar

    found = USFederalHolidayCalendar().holidays("1970-01-01", "2070-12-31")
    return [day.date() for day in found]


def _released(macro: pl.DataFrame, series: str) -> pl.DataFrame:
    """Known values of a series by their release; of those released together the newest."""
    return (
        macro.filter((pl.col("series") == series) & pl.col("value").is_not_null())
        .sort("available_at", "obs_date")
        .unique("available_at", keep="last", maintain_order=True)
        .select("available_at", pl.col("z_60").alias(f"{series}_z"), pl.col("value").alias(f"{series}_value"))
        .set_sorted("available_at")
    )
