"""Which side is being liquidated, by where the RPN's bin and the Kalman difference stand among their own past.

Thresholds are trailing quantiles, so the scale of the volumes does not matter.
"""

from datetime import datetime

import polars as pl

from market_assets.btc.schemas import DOMINANCE_CLASSES, BtcDominance
from market_assets.btc.settings import BtcSettings, DominanceSettings
from market_assets.btc.transforms import episodes
from market_assets.btc.transforms.grid import unbroken
from market_assets.btc.transforms.state import HOUR, last_row

_THRESHOLDS = ("thr_q20", "thr_q40", "thr_q60", "thr_q80")


def dominance(
    rpn: pl.DataFrame, bins: pl.DataFrame, settings: BtcSettings, *, first: datetime, own: pl.DataFrame
) -> pl.DataFrame:
    """BtcDominance of the hours from `first` on that have a row in `rpn` and in `bins`.

    `rpn`: BtcRpn with the `look_back` rows before `first`. `bins`: BtcBins from `first` on. `own`: the stored
    BtcDominance row before `first`, whose status is continued. Raises MissingStateError where that row, or
    an hour of the others, is absent or was made with other settings.
    """
    contract, chosen = BtcDominance.contract(), settings.features.dominance
    newest = bins.join(rpn, on="ts", how="semi")["ts"].max()
    if not isinstance(newest, datetime) or newest < first:
        return contract.empty()
    resumed = last_row(own, settings, first, contract.name)
    since, until = first - look_back(settings) * HOUR, newest + HOUR
    history = unbroken(rpn, settings, "btc_rpn", since=since, until=until)
    binned = unbroken(bins, settings, "btc_bins", since=first, until=until)
    rows = (
        history.with_columns(**thresholds(chosen))
        .filter(pl.col("ts") >= first)
        .with_columns(binned["bin_index"])
        .with_columns(dominance=side(settings))
    )
    return contract.conform(
        rows.hstack(episodes.status(rows["dominance"], resumed))
        .with_columns(
            dominance_class=_class(chosen),
            available_at=pl.col("ts") + settings.delay,
            feature_version=pl.lit(settings.feature_version),
        )
        .select(list(contract.columns))
    )


def look_back(settings: BtcSettings) -> int:
    """Rows of btc_rpn before a row that its thresholds look at."""
    return settings.features.dominance.window_hours - 1


def thresholds(chosen: DominanceSettings) -> dict[str, pl.Expr]:
    """Trailing quantiles over window_hours rows: of kalman_diff, kalman_long and kalman_short.

    Linear interpolation as numpy.quantile; nulls do not count; null below min_hours known values.
    """
    (low, high), (inner_low, inner_high) = chosen.outer_quantiles, chosen.inner_quantiles

    def quantile(name: str, share: float) -> pl.Expr:
        return pl.col(name).rolling_quantile(
            share, interpolation="linear", window_size=chosen.window_hours, min_samples=chosen.min_hours
        )

    known = pl.col("kalman_diff").is_not_null().cast(pl.Int32)
    return {
        **{
            name: quantile("kalman_diff", share)
            for name, share in zip(_THRESHOLDS, (low, inner_low, inner_high, high), strict=True)
        },
        "long_high": quantile("kalman_long", chosen.high_quantile),
        "short_high": quantile("kalman_short", chosen.high_quantile),
        "threshold_n": known.rolling_sum(chosen.window_hours, min_samples=1),
    }


def side(settings: BtcSettings) -> pl.Expr:
    """-1 while longs are flushed, +1 while shorts are squeezed, 0 neither; null where an input is unknown.

    From bin_index, risk_priority_number, kalman_diff and the four thresholds. A bin off the middle needs
    the outer quantile on its side; the middle bin a RPN off the middle and the inner one.
    """
    chosen, middle = settings.features.dominance, (settings.features.bin.n_clusters - 1) / 2
    bin_index, rpn, diff = pl.col("bin_index"), pl.col("risk_priority_number"), pl.col("kalman_diff")
    outer_low, inner_low, inner_high, outer_high = (pl.col(name) for name in _THRESHOLDS)
    bear = ((bin_index > middle) & (diff >= outer_high)) | (
        (bin_index == middle) & (rpn >= chosen.rpn_mid_high) & (diff >= inner_high)
    )
    bull = ((bin_index < middle) & (diff <= outer_low)) | (
        (bin_index == middle) & (rpn <= chosen.rpn_mid_low) & (diff <= inner_low)
    )
    unknown = pl.any_horizontal(pl.col(name).is_null() for name in ("bin_index", "kalman_diff", *_THRESHOLDS))
    return pl.when(unknown).then(None).when(bull).then(1).when(bear).then(-1).otherwise(0).cast(pl.Int8)


def _class(chosen: DominanceSettings) -> pl.Expr:
    """Bear, Congestion or Bull; null where the classification is switched off."""
    kind = pl.Enum(DOMINANCE_CLASSES)
    if not chosen.classification_enabled:
        return pl.lit(None, dtype=kind)
    names = dict(zip((-1, 0, 1), DOMINANCE_CLASSES, strict=True))
    return pl.col("dominance").replace_strict(names, default=None, return_dtype=kind)
