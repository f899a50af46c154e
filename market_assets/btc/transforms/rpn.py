"""The risk priority number: which share of the smoothed liquidations is long, and what is derived of it.

Trend (end-point wavelet filter), then a forward-only Kalman filter, then shares, differences, z-scores.
The two filters lag by some 47 hours. The name is historical; no severity is multiplied with anything.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from market_assets.btc.schemas import CORR_CASES, BtcRpn
from market_assets.btc.settings import BtcSettings, RpnSettings
from market_assets.btc.transforms import kalman, trend
from market_assets.btc.transforms.grid import unbroken
from market_assets.btc.transforms.robust import zscores
from market_assets.btc.transforms.state import HOUR, last_row

#: a smaller total is no volume, and has no share
NO_VOLUME = 1e-12
#: series -> (column of BtcProcessed, upper bound of its trend)
SERIES: Mapping[str, tuple[str, float | None]] = {
    "long": ("long_volume", None),
    "short": ("short_volume", None),
    "share": ("long_share", 1.0),
}
#: columns whose earlier values are read, not computed again
_EARLIER = ("kalman_long", "kalman_short", "kalman_total", "kalman_diff_share")


def look_back(settings: BtcSettings) -> int:
    """Rows of btc_processed before a row that its trend depends on."""
    return taps(settings.features.rpn) - 1


def taps(found: RpnSettings) -> int:
    """Rows that the trend filter spans, its own included."""
    return int(trend.kernel(found.wavelet, found.level, found.fir_cutoff).size)


def own_look_back(settings: BtcSettings) -> int:
    """Rows of btc_rpn before a row that its z-scores, differences and filters depend on."""
    return max(2 * (settings.features.rpn.z_window - 1), 1)


def rpn(processed: pl.DataFrame, settings: BtcSettings, *, first: datetime, own: pl.DataFrame) -> pl.DataFrame:
    """BtcRpn of every row of `processed` from `first` on.

    `processed`: BtcProcessed with the `look_back` rows before `first`. `own`: the stored BtcRpn with the
    `own_look_back` rows before it; neither where history has none. Computed processing.batch_size rows at a time,
    each batch as an incremental day, which bounds memory and alters no bit. Raises MissingStateError where an
    hour of either look-back is absent or was made with other settings.
    """
    contract = BtcRpn.contract()
    ahead = processed.filter(pl.col("ts") >= first)
    if ahead.is_empty():
        return contract.empty()
    last_row(own, settings, first, contract.name)
    earlier = unbroken(own, settings, contract.name, since=first - own_look_back(settings) * HOUR, until=first)
    depth, batch = look_back(settings), settings.processing.batch_size
    rows = unbroken(processed, settings, "btc_processed", since=first - depth * HOUR, until=ahead["ts"][-1] + HOUR)
    parts = [contract.empty()]
    for start in range(rows.height - ahead.height, rows.height, batch):
        since = max(start - depth, 0)
        parts.append(_batch(rows[since : start + batch], start - since, earlier, settings))
        earlier = pl.concat([earlier, parts[-1]]).tail(own_look_back(settings))
    return contract.conform(pl.concat(parts))


def _batch(window: pl.DataFrame, skipped: int, earlier: pl.DataFrame, settings: BtcSettings) -> pl.DataFrame:
    """BtcRpn of the rows of `window` after the first `skipped`, continuing from the last row of `earlier`."""
    found = settings.features.rpn
    contract = BtcRpn.contract()
    state = earlier.row(-1, named=True) if earlier.height else dict.fromkeys(contract.columns)
    rows = (
        with_trends(window, found)[skipped:]
        .pipe(with_levels, found, state)
        .with_columns(totals())
        .with_columns(ratios())
        .pipe(with_means, found, state)
        .with_columns(warmth(found))
    )
    past = pl.concat([earlier.select(_EARLIER), rows.select(_EARLIER)])
    compared = past.select(differences()).hstack(z_scores(past, found))[earlier.height :]
    return (
        rows.hstack(compared)
        .with_columns(
            corr_case(*map(pl.col, ("delta_long", "delta_short", "kalman_long", "kalman_short"))),
            available_at=pl.col("ts") + settings.delay,
            feature_version=pl.lit(settings.feature_version),
        )
        .select(list(contract.columns))
    )


def with_trends(window: pl.DataFrame, found: RpnSettings) -> pl.DataFrame:
    """ts and trend_*: the filter over each series, clipped to what the series can be."""
    taps = trend.kernel(found.wavelet, found.level, found.fir_cutoff)
    return window.select(
        "ts",
        *(
            trend.fir(window[column], taps, found.fir_min_weight).clip(0.0, upper).alias(f"trend_{name}")
            for name, (column, upper) in SERIES.items()
        ),
    )


def with_levels(rows: pl.DataFrame, found: RpnSettings, state: Mapping[str, Any]) -> pl.DataFrame:
    """Adds st_*_x, st_*_p, st_*_n of the three filters, and kalman_*: the level where the hour has a trend."""
    for name in SERIES:
        x, p, n = (state[f"st_{name}_{part}"] for part in "xpn")
        levels = kalman.local_level(
            rows[f"trend_{name}"],
            None if n is None else kalman.State(x, p, n),
            q=found.kalman_q,
            r=found.kalman_r,
            p0=found.kalman_p0,
            prior=found.kalman_prior_share if name == "share" else None,
        )
        rows = rows.with_columns(levels[part].alias(f"st_{name}_{part}") for part in "xpn").with_columns(
            pl.when(pl.col(f"trend_{name}").is_not_null()).then(f"st_{name}_x").alias(f"kalman_{name}")
        )
    return rows


def totals() -> list[pl.Expr]:
    """kalman_total and kalman_diff; null where a side is."""
    longs, shorts = pl.col("kalman_long"), pl.col("kalman_short")
    return [(longs + shorts).alias("kalman_total"), (longs - shorts).alias("kalman_diff")]


def ratios() -> list[pl.Expr]:
    """risk_priority_number and kalman_diff_share: of the total; 0.5 and 0 where there is none."""
    total = pl.col("kalman_total")
    none = pl.when(total <= NO_VOLUME)
    return [
        none.then(0.5).otherwise(pl.col("kalman_long") / total).alias("risk_priority_number"),
        none.then(0.0).otherwise(pl.col("kalman_diff") / total).alias("kalman_diff_share"),
    ]


def with_means(rows: pl.DataFrame, found: RpnSettings, state: Mapping[str, Any]) -> pl.DataFrame:
    """Adds diff_smooth and rpn_smooth, null where their value is, and what they continue from (st_*)."""
    for name, column, span in (
        ("diff_smooth", "kalman_diff", found.ema_span_diff),
        ("rpn_smooth", "risk_priority_number", found.ema_span_lld),
    ):
        mean = kalman.exponential_mean(rows[column], span, state[f"st_{name}"])
        rows = rows.with_columns(mean.alias(f"st_{name}")).with_columns(
            pl.when(pl.col(column).is_not_null()).then(f"st_{name}").alias(name)
        )
    return rows


def warmth(found: RpnSettings) -> list[pl.Expr]:
    """n_obs, and is_warm: enough observations in both volume filters, and a trend of every series."""
    n_obs = pl.min_horizontal(pl.col("st_long_n").fill_null(0), pl.col("st_short_n").fill_null(0))
    trended = pl.all_horizontal(pl.col(f"trend_{name}").is_not_null() for name in SERIES)
    return [n_obs.alias("n_obs"), ((n_obs >= found.kalman_warm_obs) & trended).alias("is_warm")]


def differences() -> list[pl.Expr]:
    """delta_*: against the hour before; null where either is unknown."""
    return [pl.col(f"kalman_{side}").diff().alias(f"delta_{side}") for side in ("long", "short")]


def z_scores(rows: pl.DataFrame, found: RpnSettings) -> pl.DataFrame:
    """z_*: robust, volumes on a log scale."""
    values = rows.select(
        z_total=pl.col("kalman_total").log1p(),
        z_diff_share="kalman_diff_share",
        z_long=pl.col("kalman_long").log1p(),
        z_short=pl.col("kalman_short").log1p(),
    )
    return zscores(values, found.z_window, found.z_min, found.z_clip)


def corr_case(delta_long: pl.Expr, delta_short: pl.Expr, longs: pl.Expr, shorts: pl.Expr) -> pl.Expr:
    """L and U or D of the longs, S and U or D of the shorts, and the larger side: LUSUL ... LUSDS, or NONE.

    NONE where a difference is exactly 0, null where one is unknown; equal sides count as S.
    """

    def moved(delta: pl.Expr) -> pl.Expr:
        return pl.when(delta > 0).then(pl.lit("U")).otherwise(pl.lit("D"))

    larger = pl.when(longs > shorts).then(pl.lit("L")).otherwise(pl.lit("S"))
    case = pl.concat_str(pl.lit("L"), moved(delta_long), pl.lit("S"), moved(delta_short), larger)
    return (
        pl.when(delta_long.is_null() | delta_short.is_null())
        .then(None)
        .when((delta_long == 0) | (delta_short == 0))
        .then(pl.lit("NONE"))
        .otherwise(case)
        .cast(pl.Enum(CORR_CASES))
        .alias("corr_case")
    )
