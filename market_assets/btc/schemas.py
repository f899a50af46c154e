"""What each btc table must look like. Columns are stated here and nowhere else."""

from typing import ClassVar

import polars as pl

from market_assets.btc.settings import LabelSettings
from market_assets.core.contracts import UTC_MICROS, Table, column
from market_assets.settings import InvalidSettings, settings

SOURCES = ("glassnode", "glassnode-sandbox")


def _horizons() -> tuple[int, ...]:
    """Hours ahead of the labels. With invalid settings the default: `config check` must load to tell what is wrong."""
    try:
        return settings().btc.labels.horizons
    except InvalidSettings:
        return LabelSettings().horizons


HORIZONS = _horizons()
#: internal state of the recursive filters: stored with each row, never served
STATE_PREFIX = "st_"

CORR_CASES = ("LUSUL", "LUSUS", "LDSDL", "LDSDS", "LUSDL", "LUSDS", "LDSUL", "LDSUS", "NONE")
MODEL_STATUS = ("ok", "too_few_rows", "too_few_distinct", "not_converged")
DOMINANCE_CLASSES = ("Bear", "Congestion", "Bull")
SIGNAL_CLASSES = ("Strong_Buy", "Buy", "Weak_Buy", "Neutral", "Weak_Sell", "Sell", "Strong_Sell")
#: what performance is stated for: every class but Neutral, and every row (the base rate)
PERFORMANCE_CLASSES = (*(name for name in SIGNAL_CLASSES if name != "Neutral"), "ALL")


class _Hour(Table):
    """One hour."""

    key: ClassVar[tuple[str, ...]] = ("ts",)
    partitioned_by = {"day": "ts"}
    time_column = "ts"

    ts = column(UTC_MICROS, "Start of the hour")
    available_at = column(UTC_MICROS, "Instant the row could first be used: ts + 1 h + publication lag")


class _Observed(_Hour):
    """One version of one hour."""

    key = ("ts", "ingested_at")

    ingested_at = column(UTC_MICROS, "Instant the response arrived")
    is_late = column(pl.Boolean, "Arrived after the hour was final, or changed a known value: kept, never used")
    source = column(pl.String, "Vendor the row came from", isin=SOURCES)


class _Features(_Hour):
    """One hour of features."""

    feature_version = column(pl.String, "Fingerprint of the settings and code that made the row")


class BtcPrice(_Observed):
    """One version of one hour's close, as the vendor stated it.

    An hour has one row more whenever the vendor states another value: append-only. The version in use
    is the first that is not null and not late; where there is none the price is unknown.
    """

    price = column(
        pl.Float64, "Close: the price at ts + 1 h (USD); null where the vendor had none", nullable=True, gt=0
    )
    open = column(pl.Float64, "First price (USD); null unless glassnode.fetch_ohlc", nullable=True, gt=0)
    high = column(pl.Float64, "Highest price (USD); null unless glassnode.fetch_ohlc", nullable=True, gt=0)
    low = column(pl.Float64, "Lowest price (USD); null unless glassnode.fetch_ohlc", nullable=True, gt=0)
    close = column(pl.Float64, "Last price (USD); null unless glassnode.fetch_ohlc", nullable=True, gt=0)


class BtcLiquidations(_Observed):
    """One version of one hour's liquidated futures volume, as the vendor stated it.

    Append-only like `btc_price`. Zero is a measured zero; null is unknown.
    """

    long_liquidations = column(pl.Float64, "Forced sales (BTC in the hour)", nullable=True, ge=0)
    short_liquidations = column(pl.Float64, "Forced purchases (BTC in the hour)", nullable=True, ge=0)


class BtcProcessed(_Features):
    """One hour of price and liquidations with short gaps carried forward and outliers tamed."""

    price = column(pl.Float64, "Close (USD), never filled", nullable=True, gt=0)
    long_filled = column(pl.Float64, "Long liquidations (BTC), carried forward over short gaps", nullable=True, ge=0)
    short_filled = column(pl.Float64, "Short liquidations (BTC), carried forward over short gaps", nullable=True, ge=0)
    is_filled = column(pl.Boolean, "A liquidation value was carried forward")
    is_gap = column(pl.Boolean, "A liquidation value is unknown and was not carried forward")
    long_volume = column(pl.Float64, "long_filled, softly compressed, on preprocess.scale", nullable=True, ge=0)
    short_volume = column(pl.Float64, "short_filled, softly compressed, on preprocess.scale", nullable=True, ge=0)
    long_share = column(
        pl.Float64, "long / (long + short), uncompressed; 0.5 where both are 0", nullable=True, ge=0, le=1
    )
    net_volume = column(pl.Float64, "long_volume - short_volume", nullable=True)
    total_volume = column(pl.Float64, "long_volume + short_volume", nullable=True, ge=0)
    net_share = column(pl.Float64, "net_volume / total_volume; 0 where the total is 0", nullable=True, ge=-1, le=1)
    is_outlier_long = column(pl.Boolean, "long_filled lies above its trailing outlier threshold", nullable=True)
    is_outlier_short = column(pl.Boolean, "short_filled lies above its trailing outlier threshold", nullable=True)


class BtcRpn(_Features):
    """One hour of trend and smoothed liquidations, and the share of longs in them (the RPN).

    The trend is an end-point wavelet filter, the smoothing a forward-only Kalman filter. Together they
    lag by some 47 hours; that is a property of the feature.
    """

    trend_long = column(pl.Float64, "End-point wavelet trend of long_volume", nullable=True, ge=0)
    trend_short = column(pl.Float64, "End-point wavelet trend of short_volume", nullable=True, ge=0)
    trend_share = column(pl.Float64, "End-point wavelet trend of long_share", nullable=True, ge=0, le=1)
    kalman_long = column(pl.Float64, "Local level of trend_long", nullable=True, ge=0)
    kalman_short = column(pl.Float64, "Local level of trend_short", nullable=True, ge=0)
    kalman_share = column(pl.Float64, "Local level of trend_share", nullable=True, ge=0, le=1)
    kalman_total = column(pl.Float64, "kalman_long + kalman_short", nullable=True, ge=0)
    kalman_diff = column(pl.Float64, "kalman_long - kalman_short; positive while longs are flushed", nullable=True)
    risk_priority_number = column(
        pl.Float64, "kalman_long / kalman_total; 0.5 where the total is 0", nullable=True, ge=0, le=1
    )
    kalman_diff_share = column(
        pl.Float64, "kalman_diff / kalman_total; 0 where the total is 0", nullable=True, ge=-1, le=1
    )
    diff_smooth = column(pl.Float64, "Exponential mean of kalman_diff", nullable=True)
    rpn_smooth = column(pl.Float64, "Exponential mean of risk_priority_number", nullable=True, ge=0, le=1)
    delta_long = column(pl.Float64, "kalman_long minus that of the hour before", nullable=True)
    delta_short = column(pl.Float64, "kalman_short minus that of the hour before", nullable=True)
    corr_case = column(
        pl.Enum(CORR_CASES), "Long up or down, short up or down, which is larger; NONE where one stands", nullable=True
    )
    z_total = column(pl.Float64, "Robust z of log1p(kalman_total) over a day", nullable=True)
    z_diff_share = column(pl.Float64, "Robust z of kalman_diff_share over a day", nullable=True)
    z_long = column(pl.Float64, "Robust z of log1p(kalman_long) over a day", nullable=True)
    z_short = column(pl.Float64, "Robust z of log1p(kalman_short) over a day", nullable=True)
    n_obs = column(pl.Int32, "Observations that the younger of the two volume filters has seen", ge=0)
    is_warm = column(pl.Boolean, "The filters have seen enough, and the hour has a trend")
    st_long_x = column(pl.Float64, "State: level of the long filter", nullable=True)
    st_long_p = column(pl.Float64, "State: variance of the long filter", nullable=True)
    st_long_n = column(pl.Int32, "State: observations of the long filter", nullable=True)
    st_short_x = column(pl.Float64, "State: level of the short filter", nullable=True)
    st_short_p = column(pl.Float64, "State: variance of the short filter", nullable=True)
    st_short_n = column(pl.Int32, "State: observations of the short filter", nullable=True)
    st_share_x = column(pl.Float64, "State: level of the share filter", nullable=True)
    st_share_p = column(pl.Float64, "State: variance of the share filter", nullable=True)
    st_share_n = column(pl.Int32, "State: observations of the share filter", nullable=True)
    st_diff_smooth = column(pl.Float64, "State: last diff_smooth", nullable=True)
    st_rpn_smooth = column(pl.Float64, "State: last rpn_smooth", nullable=True)


class BtcBinModels(Table):
    """One weekly fit of the RPN's bin edges, never altered once stored."""

    key = ("ts",)
    partitioned_by = {"week": "ts"}
    time_column = "ts"

    ts = column(UTC_MICROS, "Instant of the fit: Monday 00:00")
    available_at = column(UTC_MICROS, "The same")
    feature_version = column(pl.String, "Fingerprint of the settings and code that made the row")
    method = column(pl.String, "kmeans_trailing or quantile_trailing", isin=("kmeans_trailing", "quantile_trailing"))
    status = column(pl.Enum(MODEL_STATUS), "ok, or why there is no model this week")
    train_start = column(UTC_MICROS, "First hour that was learnt from", nullable=True)
    train_end = column(UTC_MICROS, "Last hour that was learnt from", nullable=True)
    n_train = column(pl.Int32, "Hours that were learnt from", ge=0)
    n_iter = column(pl.Int32, "Updates of the centers", ge=0)
    centers = column(pl.List(pl.Float64), "Center of each bin, increasing; null unless ok", nullable=True)
    edges = column(pl.List(pl.Float64), "Edges between the bins, increasing; null unless ok", nullable=True)
    inertia = column(pl.Float64, "Mean squared distance to the center; null unless ok", nullable=True, ge=0)


class BtcBins(_Features):
    """One hour's bin of the RPN, by the newest model known then, with the momentum of its path."""

    bin_index = column(pl.Int8, "Edges at or below the RPN: 0 is all shorts, the top all longs", nullable=True, ge=0)
    model_time = column(UTC_MICROS, "Instant of the fit in use", nullable=True)
    bin_warm = column(pl.Boolean, "bin_index is known")
    bin_momentum = column(pl.Int8, "Bins moved in the present leg of the path; negative downwards", nullable=True)
    bin_turn = column(pl.Int16, "Turns within the leg", nullable=True, ge=0)
    bin_mm_direction = column(pl.Int8, "Direction of the last change of bin", nullable=True, ge=-1, le=1)
    is_rpn_extreme = column(
        pl.Int8,
        "-1 since the top bin, +1 since the bottom bin, until the middle is crossed; else 0",
        nullable=True,
        ge=-1,
        le=1,
    )
    model_changed = column(pl.Boolean, "The hour before had another model", nullable=True)


class BtcDominance(_Features):
    """One hour's dominant side: which side is being liquidated, and for how long."""

    dominance = column(pl.Int8, "+1 shorts are squeezed, -1 longs are flushed, 0 neither", nullable=True, ge=-1, le=1)
    dominance_class = column(pl.Enum(DOMINANCE_CLASSES), "Bear -1, Congestion 0, Bull +1", nullable=True)
    dominance_last = column(
        pl.Int8, "Last dominance other than 0, strictly before; 0 if none", nullable=True, ge=-1, le=1
    )
    dominance_duration = column(pl.Int32, "Hours the present value has lasted, from 1", nullable=True, ge=1)
    dominance_duration_total = column(pl.Int32, "The same while a side dominates, else 0", nullable=True, ge=0)
    dominance_time = column(
        pl.Int32, "Number of this same-side episode since the other side; 0 while neither", nullable=True, ge=0
    )
    is_keep = column(pl.Int8, "1 where a side dominates as in the hour before", nullable=True, ge=0, le=1)
    is_strengthen = column(
        pl.Int8, "1 where a side dominates that was also the last to do so", nullable=True, ge=0, le=1
    )
    thr_q20 = column(pl.Float64, "Trailing outer low quantile of kalman_diff", nullable=True)
    thr_q40 = column(pl.Float64, "Trailing inner low quantile of kalman_diff", nullable=True)
    thr_q60 = column(pl.Float64, "Trailing inner high quantile of kalman_diff", nullable=True)
    thr_q80 = column(pl.Float64, "Trailing outer high quantile of kalman_diff", nullable=True)
    long_high = column(pl.Float64, "Trailing high quantile of kalman_long", nullable=True)
    short_high = column(pl.Float64, "Trailing high quantile of kalman_short", nullable=True)
    threshold_n = column(pl.Int32, "Known values of kalman_diff in the trailing window", ge=0)
    st_dominance = column(pl.Int8, "State: last known dominance", nullable=True)
    st_run = column(pl.Int32, "State: its run length", nullable=True)
    st_last = column(pl.Int8, "State: last dominance other than 0, this hour included", nullable=True)
    st_side = column(pl.Int8, "State: side of the newest episode", nullable=True)
    st_episode = column(pl.Int32, "State: number of that episode", nullable=True)


class BtcSignals(_Features):
    """One hour's signals: dominance, exhaustion of it, failure of the exhaustion, and their class.

    +1 expects the price to rise, -1 to fall.
    """

    diff_beta_short = column(pl.Float64, "Slope of kalman_diff over 3 hours (per hour)", nullable=True)
    diff_beta = column(pl.Float64, "Slope of kalman_diff over signals.beta_window hours", nullable=True)
    diff_beta_long = column(pl.Float64, "Slope of kalman_diff over 10 hours", nullable=True)
    diff_beta_day = column(pl.Float64, "Slope of kalman_diff over 24 hours", nullable=True)
    hit_ceiling_bottom_raw = column(
        pl.Int8, "-1 ceiling, +1 bottom, before repeats are taken out", nullable=True, ge=-1, le=1
    )
    reverse_ceiling_bottom_raw = column(
        pl.Int8, "+1 a ceiling failed, -1 a bottom failed, before repeats are taken out", nullable=True, ge=-1, le=1
    )
    hit_ceiling_bottom = column(pl.Int8, "-1 ceiling (sell), +1 bottom (buy)", nullable=True, ge=-1, le=1)
    reverse_ceiling_bottom = column(
        pl.Int8, "+1 a ceiling failed (buy), -1 a bottom failed (sell)", nullable=True, ge=-1, le=1
    )
    signal_l1 = column(pl.Int8, "First level: dominance", nullable=True, ge=-1, le=1)
    signal_l2 = column(pl.Int8, "Second level: hit_ceiling_bottom", nullable=True, ge=-1, le=1)
    signal_l3 = column(pl.Int8, "Third level: reverse_ceiling_bottom", nullable=True, ge=-1, le=1)
    signal_class = column(pl.Enum(SIGNAL_CLASSES), "The highest level that speaks", nullable=True)
    signal_sign = column(pl.Int8, "+1 for every Buy, -1 for every Sell, 0 Neutral", nullable=True, ge=-1, le=1)
    signal_strength = column(pl.Float64, "0.3 |l1| + 0.4 |l2| + 0.3 |l3|", nullable=True, ge=0, le=1)


class BtcLabels(_Hour):
    """One outcome: the return after one hour over one horizon, written once it is known."""

    key = ("ts", "horizon_h")

    available_at = column(UTC_MICROS, "Instant the outcome was known: ts + (horizon + entry delay + 1) h + lag")
    feature_version = column(pl.String, "Fingerprint of the settings and code that made the row")
    horizon_h = column(pl.Int16, "Hours held", ge=1)
    price = column(pl.Float64, "Price of the hour (USD)", nullable=True, gt=0)
    entry_price = column(pl.Float64, "Price one entry delay later (USD)", nullable=True, gt=0)
    exit_price = column(pl.Float64, "Price one horizon after the entry (USD)", nullable=True, gt=0)
    return_close = column(
        pl.Float64, "From the hour's price, over the horizon (fraction); cannot be traded", nullable=True
    )
    return_exec = column(pl.Float64, "From entry to exit (fraction): the outcome", nullable=True)
    label_class = column(pl.Int8, "+1 return_exec above the deadband, -1 below, 0 within", nullable=True, ge=-1, le=1)


def _carried(*tables: type[Table]) -> dict[str, object]:
    """The columns of feature tables that training rows carry, each once and without state."""
    own = set(BtcTrainingBase.contract().columns)
    return {
        name: spec
        for table in tables
        for name, spec in table.contract().columns.items()
        if name not in own and not name.startswith(STATE_PREFIX)
    }


class BtcTrainingBase(_Features):
    """One hour's features with its outcomes."""

    available_at = column(UTC_MICROS, "Instant the latest outcome was known")
    label_available_at = column(UTC_MICROS, "The same")
    feature_available_at = column(UTC_MICROS, "Instant the features could first be used")


def _outcomes() -> dict[str, object]:
    found: dict[str, object] = {}
    for hours in HORIZONS:
        found[f"return_exec_{hours}"] = column(pl.Float64, f"return_exec over {hours} h (fraction)", nullable=True)
        found[f"return_close_{hours}"] = column(pl.Float64, f"return_close over {hours} h (fraction)", nullable=True)
        found[f"label_class_{hours}"] = column(pl.Int8, f"label_class over {hours} h", nullable=True, ge=-1, le=1)
    return found


#: declared by call, because its columns are those of the other tables and of the horizons
BtcTrainingData: type[Table] = type(
    "BtcTrainingData",
    (BtcTrainingBase,),
    {
        "__doc__": "One hour's features with its outcomes, once all of them are known. Readers thin them out.",
        **_carried(BtcProcessed, BtcRpn, BtcBins, BtcDominance, BtcSignals),
        **_outcomes(),
    },
)


class BtcSignalPerformance(Table):
    """One signal class's realised quality over one trailing window and one horizon, as known at the day's end."""

    key = ("ts", "window_h", "signal_class", "horizon_h")
    partitioned_by = {"day": "ts"}
    time_column = "ts"

    ts = column(UTC_MICROS, "Start of the day the window ends with")
    available_at = column(UTC_MICROS, "Instant it was known: the day's end + publication lag")
    feature_version = column(pl.String, "Fingerprint of the settings and code that made the row")
    window_h = column(pl.Int16, "Hours of the window", ge=1)
    signal_class = column(pl.Enum(PERFORMANCE_CLASSES), "Class of signal; ALL is every hour, the base rate")
    horizon_h = column(pl.Int16, "Hours held", ge=1)
    n_signals = column(pl.Int32, "Hours of the class", ge=0)
    n_matured = column(pl.Int32, "Hours of the class with a known outcome", ge=0)
    n_episodes = column(pl.Int32, "Runs of hours of the class", ge=0)
    avg_return = column(pl.Float64, "Mean return_exec (fraction)", nullable=True)
    std_return = column(pl.Float64, "Sample standard deviation of return_exec; null below 2", nullable=True, ge=0)
    min_return = column(pl.Float64, "Lowest return_exec (fraction)", nullable=True)
    max_return = column(pl.Float64, "Highest return_exec (fraction)", nullable=True)
    up_rate = column(pl.Float64, "Share of return_exec above 0", nullable=True, ge=0, le=1)
    win_rate = column(
        pl.Float64, "Share of outcomes in the signal's direction; null for ALL", nullable=True, ge=0, le=1
    )
    avg_directional_return = column(pl.Float64, "Mean of signal_sign x return_exec; null for ALL", nullable=True)
    avg_net_return = column(pl.Float64, "The same less costs of the round trip; null for ALL", nullable=True)
    episode_win_rate = column(pl.Float64, "win_rate over the first hour of each episode", nullable=True, ge=0, le=1)


#: in the order of the graph
TABLES: tuple[type[Table], ...] = (
    BtcPrice,
    BtcLiquidations,
    BtcProcessed,
    BtcRpn,
    BtcBinModels,
    BtcBins,
    BtcDominance,
    BtcSignals,
    BtcLabels,
    BtcTrainingData,
    BtcSignalPerformance,
)
