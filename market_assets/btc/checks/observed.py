"""Judgements about what the vendor said: price and liquidations."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from market_assets.btc.transforms import raw
from market_assets.core.checks import Judgement, error_unless, warn_unless
from market_assets.core.contracts import Contract

_HOUR = timedelta(hours=1)
MISSING_SHARE, JUMP, CLOSE_GAP = 0.05, 0.25, 0.001
ZERO_SHARE, LARGEST_BTC, MEDIAN_BTC = 0.30, 100_000.0, (0.05, 500.0)
TRAILING_DAYS = 30


def values_of(contract: Contract) -> list[str]:
    """The columns that the vendor must fill."""
    return ["price"] if "price" in contract.columns else ["long_liquidations", "short_liquidations"]


def hours_complete(frame: pl.DataFrame) -> Judgement:
    """Every hour from the first to the last is there, on the hour, in order."""
    hours = frame["ts"].unique().sort()
    off = hours.filter(hours.dt.truncate("1h") != hours)
    between = hours.diff().drop_nulls()
    holes = int((between != _HOUR).sum())
    in_order = frame.select("ts", "ingested_at").equals(frame.select("ts", "ingested_at").sort("ts", "ingested_at"))
    return error_unless(
        off.is_empty() and not holes and in_order, off_hour=off.len(), holes=holes, in_order=in_order, hours=hours.len()
    )


def missing_share(trailing: pl.DataFrame, contract: Contract, accepts_gaps: bool) -> Judgement:
    """At most 5 % of the hours of any trailing 30 days are missing; run tag btc/accept_gap lets more pass."""
    values = values_of(contract)
    hours = raw.canonical(trailing, values)
    window = TRAILING_DAYS * 24
    shares = hours.select(
        pl.col(name).is_null().cast(pl.Float64).rolling_sum(window, min_samples=1) / min(window, max(hours.height, 1))
        for name in values
    )
    worst = float(shares.max().max_horizontal().item() or 0.0)
    judge = warn_unless if accepts_gaps else error_unless
    return judge(worst <= MISSING_SHARE, worst=worst, allowed=MISSING_SHARE, accepted_by_tag=accepts_gaps)


def no_hour_missing(frame: pl.DataFrame, contract: Contract) -> Judgement:
    """Every hour of a closed day has its values."""
    values = values_of(contract)
    hours = raw.canonical(frame, values).filter(pl.any_horizontal(pl.col(name).is_null() for name in values))
    return warn_unless(hours.is_empty(), n=hours.height, rows=hours.select("ts"))


def no_revision(frame: pl.DataFrame) -> Judgement:
    """The vendor has not restated an hour that was final; restated values are kept apart and not used."""
    late = frame.filter("is_late")
    return warn_unless(late.is_empty(), n=late.height, rows=late.drop("available_at", "is_late", "source"))


def quarantine_empty(quarantined: pl.DataFrame) -> Judgement:
    """Values that no price or volume can have are in quarantine; a person should look at them."""
    return warn_unless(quarantined.is_empty(), n=quarantined.height, rows=quarantined.drop("run_id", "source"))


def candles_ordered(frame: pl.DataFrame) -> Judgement:
    """low <= open, close <= high, where the vendor was asked for candles."""
    wrong = frame.filter(
        (pl.col("low") > pl.min_horizontal("open", "close")) | (pl.col("high") < pl.max_horizontal("open", "close"))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("ts", "open", "high", "low", "close"))


def candle_agrees(frame: pl.DataFrame) -> Judgement:
    """The candle's close is the price, within 0.1 %."""
    apart = frame.filter((pl.col("close") / pl.col("price") - 1).abs() > CLOSE_GAP)
    return warn_unless(apart.is_empty(), n=apart.height, rows=apart.select("ts", "price", "close"))


def price_jump(trailing: pl.DataFrame) -> Judgement:
    """No hour moves the price by more than 25 % (log)."""
    hours = raw.canonical(trailing, ["price"]).with_columns(move=(pl.col("price") / pl.col("price").shift(1)).log())
    jumps = hours.filter(pl.col("move").abs() > JUMP)
    return warn_unless(jumps.is_empty(), n=jumps.height, rows=jumps.select("ts", "price", "move"))


def zero_share(trailing: pl.DataFrame) -> Judgement:
    """Over the trailing 30 days at most 30 % of the hours are exactly zero."""
    shares = _each(trailing, lambda column: (column == 0).mean())
    return warn_unless(all((share or 0.0) <= ZERO_SHARE for share in shares.values()), "", **shares)


def plausible_size(frame: pl.DataFrame) -> Judgement:
    """No hour liquidates more than 100,000 BTC."""
    large = frame.filter(pl.max_horizontal("long_liquidations", "short_liquidations") > LARGEST_BTC)
    return warn_unless(
        large.is_empty(), n=large.height, rows=large.select("ts", "long_liquidations", "short_liquidations")
    )


def unit_is_btc(trailing: pl.DataFrame) -> Judgement:
    """The median hour of the trailing 30 days liquidates 0.05 to 500 BTC of longs; more would be USD."""
    median = _each(trailing, lambda column: column.median())["long_liquidations"]
    low, high = MEDIAN_BTC
    return warn_unless(median is None or low <= median <= high, median=median, expected=f"{low} to {high} BTC")


def _each(trailing: pl.DataFrame, measure: Callable[[pl.Series], Any]) -> dict[str, float | None]:
    """A number per liquidation column over the newest 720 hours."""
    values = ["long_liquidations", "short_liquidations"]
    newest = raw.canonical(trailing, values).tail(TRAILING_DAYS * 24)
    return {name: measure(newest[name]) for name in values}


def point_in_time_variants(variants: Sequence[tuple[str, str | None]]) -> Judgement:
    """No configured metric has a point-in-time variant, which would be the better source."""
    found = [f"{path} -> {variant}" for path, variant in variants if variant]
    return warn_unless(not found, asked=len(variants), variants=", ".join(found))
