"""From observed hours to a complete grid: short gaps carried forward, outliers tamed, shares of longs.

Nothing is interpolated, nothing is filled with a constant, and the price is never filled.
"""

from datetime import datetime

import polars as pl

from market_assets.btc.schemas import BtcProcessed
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import outliers
from market_assets.btc.transforms.grid import hours
from market_assets.btc.transforms.state import HOUR

#: BTC per hour; less is no volume, and has no share
NO_VOLUME = 1e-12
SIDES = ("long", "short")


def look_back(settings: BtcSettings) -> int:
    """Hours before a row that its values depend on: the outlier window and what is carried into it."""
    return settings.preprocess.outlier_window_hours - 1 + settings.data_quality.interpolation_limit


def processed(
    price: pl.DataFrame, liquidations: pl.DataFrame, settings: BtcSettings, *, first: datetime, until: datetime
) -> pl.DataFrame:
    """BtcProcessed, one row for every hour first <= ts < until.

    `price`: ts, price (USD). `liquidations`: ts, long_liquidations, short_liquidations (BTC in the hour), with
    the `look_back` hours before `first`. One row per ts in each; an absent hour is as one of nulls. Raises
    InvalidRequest where `first` or `until` is naive or not on the hour.
    """
    since = max(settings.start, first - look_back(settings) * HOUR)
    contract = BtcProcessed.contract()
    rows = (
        hours(since, until)
        .to_frame()
        .join(price.select("ts", "price"), on="ts", how="left", validate="1:1", maintain_order="left")
        .join(
            liquidations.select("ts", "long_liquidations", "short_liquidations"),
            on="ts",
            how="left",
            validate="1:1",
            maintain_order="left",
        )
        .pipe(carried, settings.data_quality.interpolation_limit)
        .pipe(tamed, settings)
        .pipe(shares)
        .filter(pl.col("ts") >= first)
        .with_columns(available_at=pl.col("ts") + settings.delay, feature_version=pl.lit(settings.feature_version))
    )
    return contract.conform(rows.select(list(contract.columns)))


def carried(observed: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Adds long_filled and short_filled, unknown values carried forward at most `limit` rows; is_filled, is_gap."""
    filled = {f"{side}_filled": pl.col(f"{side}_liquidations").forward_fill(limit) for side in SIDES}
    return observed.with_columns(**filled).with_columns(
        is_filled=pl.any_horizontal(
            pl.col(f"{side}_liquidations").is_null() & pl.col(f"{side}_filled").is_not_null() for side in SIDES
        ),
        is_gap=pl.any_horizontal(pl.col(f"{side}_filled").is_null() for side in SIDES),
    )


def tamed(filled: pl.DataFrame, settings: BtcSettings) -> pl.DataFrame:
    """Adds is_outlier_* and *_volume: *_filled compressed over the trailing window, then on preprocess.scale."""
    quality, preprocess = settings.data_quality, settings.preprocess
    for side in SIDES:
        values = pl.col(f"{side}_filled")
        named = dict(
            zip(
                ("threshold", "iqr", "maximum"),
                outliers.bounds(
                    values, preprocess.outlier_window_hours, quality.min_data_points, quality.outlier_threshold
                ),
                strict=True,
            )
        )
        volume = outliers.compressed(values, *map(pl.col, named)) if preprocess.compression == "soft" else values
        filled = (
            filled.with_columns(**named)
            .with_columns(
                (volume.log1p() if preprocess.scale == "log1p" else volume).alias(f"{side}_volume"),
                outliers.is_outlier(values, pl.col("threshold")).alias(f"is_outlier_{side}"),
            )
            .drop(*named)
        )
    return filled


def shares(tamed: pl.DataFrame) -> pl.DataFrame:
    """Adds long_share (of the uncompressed values), net_volume, total_volume, net_share; null where a side is."""
    longs, shorts = pl.col("long_filled"), pl.col("short_filled")
    long_volume, short_volume = pl.col("long_volume"), pl.col("short_volume")
    net, total = pl.col("net_volume"), pl.col("total_volume")
    return tamed.with_columns(
        long_share=pl.when(longs + shorts <= NO_VOLUME).then(0.5).otherwise(longs / (longs + shorts)),
        net_volume=long_volume - short_volume,
        total_volume=long_volume + short_volume,
    ).with_columns(net_share=pl.when(total <= NO_VOLUME).then(0.0).otherwise(net / total))
