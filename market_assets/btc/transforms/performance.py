"""Realised quality of the signals, by class, trailing window and horizon, as it was known at the window's end."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl

from market_assets.btc.schemas import PERFORMANCE_CLASSES, SIGNAL_CLASSES, BtcSignalPerformance
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.provenance import require_version
from market_assets.btc.transforms.state import HOUR
from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS

#: the base rate: every hour that has a class
ALL = "ALL"
_DAY = timedelta(days=1)
_CLASS = pl.Enum(PERFORMANCE_CLASSES)
_ANY_CLASS = pl.Enum((*SIGNAL_CLASSES, ALL))
_BASIS_POINT = 1e-4
_COUNTS = ("n_signals", "n_matured", "n_episodes")


def performance(
    signals: pl.DataFrame, labels: pl.DataFrame, settings: BtcSettings, *, days: Sequence[date], now: datetime
) -> pl.DataFrame:
    """BtcSignalPerformance of those of `days` that are over and published at `now`.

    `signals` (BtcSignals) and `labels` (BtcLabels) hold the hours of the longest window. Raises
    MissingStateError where rows were made with other settings, ValueError where `now` is naive.
    """
    contract = BtcSignalPerformance.contract()
    require_version(contract.name, settings, btc_signals=signals, btc_labels=labels)
    ends = [clock.instant(day) + _DAY for day in sorted(set(days))]
    over = [end for end in ends if end + _lag(settings) <= clock.instant(now)]
    return realised(signals, labels, settings, ends=over, windows=settings.performance.windows_hours)


def realised(
    signals: pl.DataFrame,
    labels: pl.DataFrame,
    settings: BtcSettings,
    *,
    ends: Sequence[datetime],
    windows: Sequence[int],
) -> pl.DataFrame:
    """BtcSignalPerformance of the `windows` (hours) before each of `ends`, every class and horizon.

    The population of an end are the hours end - window <= ts < end that have a class. An outcome counts where
    it was known by the row's available_at = end + publication lag; `ts` is end - 24 h. An episode is a run of
    consecutive hours of equal class inside the window; those of ALL are of any class. Without outcomes the
    counts are 0 and the statistics null.
    """
    contract, horizons = BtcSignalPerformance.contract(), settings.labels.horizons
    key = ["end", "window_h", "signal_class", "horizon_h"]
    cells = (
        _ends(ends, settings)
        .join(pl.DataFrame({"window_h": windows}, {"window_h": pl.Int16}), how="cross")
        .join(pl.DataFrame({"signal_class": PERFORMANCE_CLASSES}, {"signal_class": _CLASS}), how="cross")
        .join(pl.DataFrame({"horizon_h": horizons}, {"horizon_h": pl.Int16}), how="cross")
    )
    return contract.conform(
        cells.join(_measured(signals, labels, settings, ends, windows), on=key, how="left", validate="1:1")
        .with_columns(
            pl.col(_COUNTS).fill_null(0),
            ts=pl.col("end") - _DAY,
            feature_version=pl.lit(settings.feature_version),
        )
        .select(list(contract.columns))
    )


def _measured(
    signals: pl.DataFrame,
    labels: pl.DataFrame,
    settings: BtcSettings,
    ends: Sequence[datetime],
    windows: Sequence[int],
) -> pl.DataFrame:
    """The cells that have a signal, computed processing.batch_size cells at a time."""
    classified = _classified(signals, labels, settings.labels.horizons)
    cells_per_end = len(windows) * len(PERFORMANCE_CLASSES) * len(settings.labels.horizons)
    at_once = max(1, settings.processing.batch_size // cells_per_end)
    batches = [ends[n : n + at_once] for n in range(0, len(ends), at_once)] or [ends]
    return pl.concat(
        _cells(_windowed(classified, _ends(batch, settings), window, settings), window, settings)
        for window in windows
        for batch in batches
    )


def _lag(settings: BtcSettings) -> timedelta:
    return timedelta(minutes=settings.publication_lag_minutes)


def _ends(ends: Sequence[datetime], settings: BtcSettings) -> pl.DataFrame:
    """`end` of each window, and `available_at`: when what is stated of it is known."""
    return pl.DataFrame({"end": ends}, {"end": UTC_MICROS}).with_columns(available_at=pl.col("end") + _lag(settings))


def _classified(signals: pl.DataFrame, labels: pl.DataFrame, horizons: Sequence[int]) -> pl.DataFrame:
    """The hours that have a class: ts, name, sign, starts (a run), and per horizon return_* and known_*."""
    rows = (
        signals.filter(pl.col("signal_class").is_not_null())
        .sort("ts")
        .select("ts", name=pl.col("signal_class").cast(pl.String).cast(_ANY_CLASS), sign=pl.col("signal_sign"))
        .with_columns(starts=_starts())
    )
    for horizon in horizons:
        outcomes = labels.filter(pl.col("horizon_h") == horizon).select(
            "ts",
            pl.col("return_exec").alias(f"return_{horizon}"),
            pl.col("available_at").alias(f"known_{horizon}"),
        )
        rows = rows.join(outcomes, on="ts", how="left", validate="1:1", maintain_order="left")
    return rows


def _starts() -> pl.Expr:
    """Whether the hour before has another class or none."""
    same, adjacent = pl.col("name") == pl.col("name").shift(1), pl.col("ts").diff() == HOUR
    return ~(same & adjacent).fill_null(value=False)


def _windowed(classified: pl.DataFrame, ends: pl.DataFrame, window: int, settings: BtcSettings) -> pl.DataFrame:
    """The classified hours once for each end whose window they lie in; outcomes that were not known then are null."""
    back = pl.DataFrame({"back": range(window, 0, -1)}, {"back": pl.Int64})
    return (
        ends.join(back, how="cross")
        .with_columns(ts=pl.col("end") - pl.duration(hours="back"))
        .join(classified, on="ts", how="inner", validate="m:1", maintain_order="left")
        .with_columns(
            pl.when(pl.col(f"known_{hours}") <= pl.col("available_at")).then(f"return_{hours}").alias(f"return_{hours}")
            for hours in settings.labels.horizons
        )
        .with_columns(starts=pl.col("starts") | (pl.col("back") == window))
    )


def _cells(rows: pl.DataFrame, window: int, settings: BtcSettings) -> pl.DataFrame:
    """The statistics of one window by end, class and horizon."""
    directed = rows.filter(pl.col("name") != "Neutral")
    base_rate = rows.with_columns(name=pl.lit(ALL, _ANY_CLASS), sign=pl.lit(None, pl.Int8))
    return pl.concat(
        part.group_by("end", "name")
        .agg(**_statistics(horizon, settings))
        .select(
            "end",
            pl.exclude("end", "name"),
            window_h=pl.lit(window, pl.Int16),
            signal_class=pl.col("name").cast(pl.String).cast(_CLASS),
            horizon_h=pl.lit(horizon, pl.Int16),
        )
        for part in (directed, base_rate)
        for horizon in settings.labels.horizons
    )


def _statistics(horizon: int, settings: BtcSettings) -> dict[str, pl.Expr]:
    """Columns of BtcSignalPerformance over the rows of one cell. A direction needs a sign."""
    outcome = pl.col(f"return_{horizon}")
    directional = pl.col("sign") * outcome
    cost = settings.performance.cost_bps * _BASIS_POINT
    return {
        "n_signals": pl.len().cast(pl.Int32),
        "n_matured": outcome.count().cast(pl.Int32),
        "n_episodes": pl.col("starts").sum().cast(pl.Int32),
        "avg_return": outcome.mean(),
        "std_return": outcome.std(),
        "min_return": outcome.min(),
        "max_return": outcome.max(),
        "up_rate": (outcome > 0).mean(),
        "win_rate": (directional > 0).mean(),
        "avg_directional_return": directional.mean(),
        "avg_net_return": directional.mean() - cost,
        "episode_win_rate": (directional > 0).filter("starts").mean(),
    }
