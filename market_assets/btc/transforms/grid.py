"""The complete hourly grid on which every window counts rows."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.state import HOUR, MissingStateError
from market_assets.core.errors import InvalidRequest


def hours(first: datetime, until: datetime) -> pl.Series:
    """`ts`: every hour first <= ts < until (Datetime us, UTC); none where `until` is not after `first`.

    Raises InvalidRequest where either is naive, in another zone or not on the hour.
    """
    for instant in (first, until):
        if instant.utcoffset() != timedelta(0) or instant != instant.replace(minute=0, second=0, microsecond=0):
            raise InvalidRequest(f"an hour is stated in UTC, with its zone and on the hour; was {instant.isoformat()}")
    return pl.datetime_range(
        first, max(first, until), "1h", closed="left", time_unit="us", time_zone="UTC", eager=True
    ).alias("ts")


def unbroken(
    rows: pl.DataFrame, settings: BtcSettings, table: str, *, since: datetime, until: datetime
) -> pl.DataFrame:
    """The rows of `table` with since <= ts < until, in order; none before settings.start is asked for.

    Raises MissingStateError where one of those hours is absent, or was made with other settings: a window
    that is computed over fewer hours has another value, and nothing would show it.
    """
    wanted = hours(max(settings.start, since), until)
    found = rows.filter(
        pl.col("ts").is_between(since, until, closed="left"), pl.col("feature_version") == settings.feature_version
    ).sort("ts")
    missing = wanted.filter(~wanted.is_in(found["ts"].implode()))
    if missing.is_empty():
        return found
    raise MissingStateError(
        f"{table} must hold every hour from {wanted[0]:%Y-%m-%d %H:%M}Z to {until - HOUR:%Y-%m-%d %H:%M}Z, made with "
        f"feature_version {settings.feature_version}; {missing.len()} of {wanted.len()} are not there, the first "
        f"{missing[0]:%Y-%m-%d %H:%M}Z. Nothing was stored: materialise {table} from that day on, in order, "
        "and then what follows it."
    )
