"""Outcomes: forward returns between hourly closes, one per horizon, written once they are known.

The one table of the domain that looks ahead. No feature may depend on it.
"""

from datetime import datetime, timedelta

import polars as pl

from market_assets.btc.schemas import BtcLabels
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.grid import hours
from market_assets.btc.transforms.state import HOUR
from market_assets.core import clock


def labels(
    price: pl.DataFrame, settings: BtcSettings, *, first: datetime, until: datetime, now: datetime
) -> pl.DataFrame:
    """BtcLabels: per hour first <= ts < until and horizon one row, as soon as its exit price could be known at `now`.

    `price`: ts (unique), price; with the hours of the longest horizon and the entry delay after `until`. An
    hour that is absent has no price. Raises InvalidRequest where a bound is naive or not on the hour, ValueError
    where `now` is naive.
    """
    span = hours(first, until).to_frame()
    rows = pl.concat([_over(span, price, horizon, settings) for horizon in settings.labels.horizons])
    return BtcLabels.contract().conform(rows.filter(pl.col("available_at") <= clock.instant(now)))


def known_after(horizon: int, settings: BtcSettings) -> timedelta:
    """From the start of an hour to the instant its outcome over `horizon` hours is known."""
    return (horizon + settings.labels.entry_delay_hours) * HOUR + settings.delay


def _over(span: pl.DataFrame, price: pl.DataFrame, horizon: int, settings: BtcSettings) -> pl.DataFrame:
    """The outcomes of every hour of `span` over one horizon, known or not."""
    delay, deadband = settings.labels.entry_delay_hours, settings.labels.deadband
    ahead = {"price": 0, "entry_price": delay, "close_later": horizon, "exit_price": delay + horizon}
    rows = span
    for name, offset in ahead.items():
        then = price.select(pl.col("ts") - offset * HOUR, pl.col("price").alias(name))
        rows = rows.join(then, on="ts", how="left", validate="1:1", maintain_order="left")
    outcome = pl.col("return_exec")
    return (
        rows.with_columns(
            horizon_h=pl.lit(horizon, pl.Int16),
            available_at=pl.col("ts") + known_after(horizon, settings),
            feature_version=pl.lit(settings.feature_version),
            return_close=pl.col("close_later") / pl.col("price") - 1,
            return_exec=pl.col("exit_price") / pl.col("entry_price") - 1,
        )
        .with_columns(
            label_class=pl.when(outcome > deadband)
            .then(1)
            .when(outcome < -deadband)
            .then(-1)
            .when(outcome.is_not_null())
            .then(0)
            .cast(pl.Int8)
        )
        .drop("close_later")
    )
