"""Hours of raw bitcoin data for the tests of the transforms: by hand, or simulated from a seed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from market_assets.btc.schemas import BtcRpn
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import processed as processing
from market_assets.btc.transforms import rpn as priorities

HOUR = timedelta(hours=1)
START = BtcSettings().start
NO_RPN = BtcRpn.contract().empty()
SCALES = ("native", "log1p")


def configured(**sections: Any) -> BtcSettings:
    """The defaults, but for what `sections` say: configured(preprocess={"scale": "log1p"})."""
    return BtcSettings.model_validate(sections)


def hours(n: int, first: datetime = START) -> pl.Series:
    """n hours from `first` on."""
    return pl.datetime_range(
        first, first + n * HOUR, "1h", closed="left", time_unit="us", time_zone="UTC", eager=True
    ).alias("ts")


def prices(values: Sequence[float | None], first: datetime = START) -> pl.DataFrame:
    """One price an hour."""
    return pl.DataFrame({"ts": hours(len(values), first), "price": pl.Series(values, dtype=pl.Float64)})


def liquidated(
    longs: Sequence[float | None], shorts: Sequence[float | None] | None = None, first: datetime = START
) -> pl.DataFrame:
    """Long and short liquidations of each hour; shorts as the longs where not stated."""
    return pl.DataFrame(
        {
            "ts": hours(len(longs), first),
            "long_liquidations": pl.Series(longs, dtype=pl.Float64),
            "short_liquidations": pl.Series(longs if shorts is None else shorts, dtype=pl.Float64),
        }
    )


def simulated(n: int, seed: int, gap_share: float = 0.004) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Price and liquidations: heavy tails, 8 % zeros, unknown values, hours without a row, one gap of 9 hours."""
    draw = np.random.default_rng(seed)
    price = pl.Series(20_000 * np.exp(np.cumsum(0.005 * draw.normal(size=n))))
    sides = {}
    for name in ("long_liquidations", "short_liquidations"):
        volume = np.exp(1 + 1.8 * draw.normal(size=n))
        volume[draw.random(n) < 0.08] = 0.0
        unknown = draw.random(n) < gap_share
        unknown[n // 2 : n // 2 + 9] = True
        sides[name] = pl.Series(volume).set(pl.Series(unknown), None)
    there = pl.Series(draw.random(n) >= gap_share)
    return (
        pl.DataFrame({"ts": hours(n), "price": price}).filter(there),
        pl.DataFrame({"ts": hours(n), **sides}).filter(there),
    )


def between(frame: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """The rows since <= ts < until."""
    return frame.filter(pl.col("ts").is_between(since, until, closed="left"))


def whole(raw: tuple[pl.DataFrame, pl.DataFrame], settings: BtcSettings, n: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """BtcProcessed and BtcRpn of the first n hours of history, in one pass."""
    tamed = processing.processed(*raw, settings, first=START, until=START + n * HOUR)
    return tamed, priorities.rpn(tamed, settings, first=START, own=NO_RPN)
