"""Settled rates on an hourly grid: each hour has the rate of the settlement that covers it.

Hours that no settlement covers are absent. Series are never shifted to align venues; what an hour was worth is
known when it is settled, not before.
"""

from datetime import date, datetime, timedelta

import polars as pl

from market_assets.core import clock
from market_assets.funding.schemas import FundingHourlyRates

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: a settlement stamped up to so long after a full hour is that hour's (spec section 6)
TOLERANCE = timedelta(minutes=10)
#: how long after its due instant a settlement is waited for
GRACE = timedelta(hours=6)
#: longest usual interval: until then a contract of unknown interval is waited for
UNKNOWN_INTERVAL_HOURS = 8.0
#: of the hours of an interval, so that 0.999... of an hour counts as one
_ROUNDING = 1e-6
_CONTRACT = ("exchange", "symbol")


def hourly_rates(rates: pl.DataFrame, *, first: datetime, until: datetime) -> pl.DataFrame:
    """FundingHourlyRates with first <= hour < until, from FundingRates; those after `until` reach back into it.

    A settlement at T of interval h covers the hours that start in [T - h, T), T being the full hour where it
    was stamped up to 10 minutes late; of an interval that is no whole number of hours, the whole hours before T.
    Where two settlements of a contract cover the same hour, as at a change of the interval, the hour is the
    earlier one's: the first settlement after an hour has paid for it. A settlement of unknown interval covers none.
    """
    contract = FundingHourlyRates.contract()
    hours = (
        _covering(rates)
        .filter(pl.col("end") > clock.instant(first), pl.col("end") - pl.duration(hours="n") < clock.instant(until))
        .with_columns(back=pl.int_ranges(1, pl.col("n") + 1))
        .explode("back")
        .with_columns(hour=pl.col("end") - pl.duration(hours="back"))
        .filter(pl.col("hour").is_between(clock.instant(first), clock.instant(until), closed="left"))
        .sort(*contract.key, "funding_time")
        .unique(contract.key, keep="first", maintain_order=True)
        .with_columns(settled_at="funding_time", available_at="funding_time")
    )
    return hours.select(list(contract.columns))


def uncovered(rates: pl.DataFrame, contracts: pl.DataFrame, *, day: date, now: datetime) -> int:
    """Contracts that `day` still waits for: the settlement of its last hour is neither there nor 6 h overdue.

    `rates` (FundingRates) reach from `day` on; `contracts` are FundingContracts. One that was closed by the end of
    the day is not waited for. When a settlement is due follows from the last one before the end of the day; without
    one, it is at the latest an interval after that end, 8 h where the interval is unknown.
    """
    end = clock.instant(day) + DAY
    listed = (
        contracts.filter(pl.col("valid_from") < end, pl.col("valid_to").is_null() | (pl.col("valid_to") >= end))
        .sort(*_CONTRACT, "valid_from")
        .unique(_CONTRACT, keep="last", maintain_order=True)
        .select(*_CONTRACT, listed_hours="interval_hours")
    )
    last = (
        _covering(rates)
        .filter(pl.col("end") < end)
        .sort(*_CONTRACT, "end")
        .unique(_CONTRACT, keep="last", maintain_order=True)
        .select(*_CONTRACT, "end", hours="interval_hours")
    )
    waiting = (
        listed.join(hourly_rates(rates, first=end - HOUR, until=end), on=_CONTRACT, how="anti")
        .join(last, on=_CONTRACT, how="left", maintain_order="left")
        .filter(_due(end) + GRACE > clock.instant(now))
    )
    return waiting.height


def _covering(rates: pl.DataFrame) -> pl.DataFrame:
    """The settlements of known interval, with `end` of the hours they cover, and their number `n`."""
    return rates.filter(pl.col("rate_1h").is_not_null(), pl.col("interval_hours").is_not_null()).with_columns(
        end=_hour_up(pl.col("funding_time") - TOLERANCE),
        n=(pl.col("interval_hours") + _ROUNDING).floor().cast(pl.Int64),
    )


def _hour_up(at: pl.Expr) -> pl.Expr:
    down = at.dt.truncate("1h")
    return pl.when(down == at).then(at).otherwise(down + HOUR)


def _due(end: datetime) -> pl.Expr:
    """When the last hour before `end` is settled: an `interval` grid through the settlement at `end` of before."""
    listed = pl.col("listed_hours").fill_null(UNKNOWN_INTERVAL_HOURS)
    open_hours = (pl.lit(end) - pl.col("end")).dt.total_seconds() / 3600.0
    late = (open_hours / pl.col("hours")).ceil() * pl.col("hours") - open_hours
    return end + pl.duration(seconds=3600.0 * pl.coalesce(late, listed))
