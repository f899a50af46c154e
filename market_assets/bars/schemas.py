"""What each bars table must look like. Columns are stated here and nowhere else."""

from typing import Any, ClassVar

import polars as pl

from market_assets.bars.instruments import KINDS
from market_assets.bars.settings import ALPHAS
from market_assets.core.bars import Bar
from market_assets.core.contracts import UTC_MICROS, Table, column

ORIGINS = ("rest", "stream")
ACTIONS = ("BUY", "SELL")
GRADES = ("A+", "A", "B", "unproven", "rejected")
REGIMES = ("trend", "revert", "choppy")
OUTCOMES = ("win", "loss", "timeout")
PROFILES = ("production", "relaxed")
MACRO = ("usd_index", "vix", "ust10y", "ust2y")
#: how well two sources agree; `kinds` where they are different instruments, which are not judged
AGREEMENTS = ("ok", "warn", "error", "too_few", "kinds", "not_compared")
BREAKER_STATES = ("closed", "open", "half_open")
#: the 16 live values, in their order
VALUES = (
    "close",
    "ema_9",
    "ema_20",
    "ema_50",
    "ema_200",
    "rsi_14",
    "bb_upper",
    "bb_mid",
    "bb_lower",
    "atr_14",
    "vwap",
    "volume_ma_20",
    "macd_line",
    "macd_signal",
    "macd_hist",
    "momentum_10",
)
#: symbols whose returns others are correlated with
CORRELATED = ("NAS100", "XAUUSD", "EURUSD")
_SYMBOL_DAY = {"day": "ts", "symbol": "symbol"}


def _number(description: str, **rules: Any) -> Any:
    return column(pl.Float64, description, nullable=True, **rules)


def _sign(description: str) -> Any:
    return column(pl.Int8, description, nullable=True, ge=-1, le=1)


def _label(description: str, names: tuple[str, ...], *, nullable: bool = True) -> Any:
    return column(pl.String, description, nullable=nullable, isin=names)


class BarsMinute(Bar):
    """One row is one closed minute bar of one symbol, from the best source that had it.

    A minute without a bar is a hole and is never filled with anything made up.
    """

    key: ClassVar[tuple[str, ...]] = ("symbol", "ts")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"
    live = True

    timeframe = column(pl.String, "Length of the bar", isin=("1m",))
    trade_count = column(
        pl.Int64, "Trades, or quotes where only those are counted; null where not told", nullable=True, ge=0
    )
    instrument_kind = _label("What was traded", KINDS, nullable=False)
    fallback_level = column(pl.Int8, "Place of its source in the symbol's chain, 0 is the first choice", ge=0)
    origin = _label("Asked for, or handed over by the live collector", ORIGINS, nullable=False)
    basis_break = column(pl.Boolean, "Whether the kind differs from the bar before")
    quality_score = column(pl.Float64, "1 less penalties, two decimals", ge=0, le=1)
    issues = column(pl.List(pl.String), "What the score was lowered for")


class BarsIndicators(Table):
    """One row is one minute bar with the 16 live values, computed from a fixed number of bars before its day."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "ts")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"
    live = True

    symbol = column(pl.String, "House symbol")
    ts = column(UTC_MICROS, "Open instant of the bar")
    available_at = column(UTC_MICROS, "When the row could first be used: close of the bar and delay of its source")
    close = column(pl.Float64, "Last price", gt=0)
    ema_9 = _number("Exponential mean of 9 closes")
    ema_20 = _number("Exponential mean of 20 closes")
    ema_50 = _number("Exponential mean of 50 closes")
    ema_200 = _number("Exponential mean of 200 closes")
    rsi_14 = _number("Relative strength index, 0-100", ge=0, le=100)
    bb_upper = _number("Upper Bollinger band: 2 population standard deviations of 20 closes above their mean")
    bb_mid = _number("Mean of 20 closes")
    bb_lower = _number("Lower Bollinger band")
    atr_14 = _number("Average true range, in price", ge=0)
    vwap = _number("Mean price by volume since the session's anchor; null without volume")
    volume_ma_20 = _number("Mean of 20 volumes; null without volume", ge=0)
    macd_line = _number("Exponential mean of 12 closes less that of 26")
    macd_signal = _number("Exponential mean of 9 of these")
    macd_hist = _number("Line less signal")
    momentum_10 = _number("Close less the close 10 bars ago, in price")
    bars_in_segment = column(
        pl.Int64, "Bars since the kind last changed that it was computed from, this one included", ge=1
    )
    is_warm = column(pl.Boolean, "Whether these are as many as bars.indicators.warm_bars")
    bars_since_gap = column(
        pl.Int64, "Bars since the last missing minute of the calendar; null without one", nullable=True, ge=0
    )


class BarsMacroDaily(Table):
    """One row is one day's value of one macro series, and when it could be known."""

    key: ClassVar[tuple[str, ...]] = ("series", "obs_date")
    time_column = "obs_date"

    series = _label("Our name of the series", MACRO, nullable=False)
    obs_date = column(pl.Date, "Day of the observation")
    value = _number("As published: index points, or percent a year; null where the publisher has none")
    z_60 = _number("Standard deviations from the mean of the 60 observations before")
    available_at = column(UTC_MICROS, "Release: from then on it can be used")
    source = column(pl.String, "Vendor the row came from")
    ingested_at = column(UTC_MICROS, "Instant the response arrived", volatile=True)


class BarsScannerFeatures(Table):
    """One row is one minute bar with the inputs of the alphas; nothing of it comes from after its close."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "ts")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"
    live = True

    symbol = column(pl.String, "House symbol")
    ts = column(UTC_MICROS, "Open instant of the bar")
    available_at = column(UTC_MICROS, "When everything it is made from could be used")
    close = column(pl.Float64, "Last price", gt=0)
    z_close = _number("Standard deviations (ddof 1) of the close from the mean of 20, itself included")
    z_high = _number("The same of highs")
    z_low = _number("The same of lows")
    ema_slope = _number("EMA20 over the one before, less 1 (fraction)")
    roc_5 = _number("Change over 5 bars (fraction)")
    roc_10 = _number("Change over 10 bars (fraction)")
    rsi = _number("Relative strength index, 0-100", ge=0, le=100)
    price_position = _number("Place of the close in the range of 20 bars, 0-1; null where that is flat", ge=0, le=1)
    m5_trend = _sign("Sign of EMA9 less EMA20 of the last closed 5-minute bar")
    m15_trend = _sign("The same of the last closed 15-minute bar")
    rvol = _number("Volume over the mean of the 20 before", ge=0)
    volume_trend = _number("Mean of 5 volumes over that of 20, less 1 (fraction)")
    bvc_delta_proxy = _number("Bulk-classified buys less sells, base units")
    cvd_proxy = _number("Its sum since the session's anchor")
    cvd_ratio_proxy = _number("The same over the session's volume, -1 to 1", ge=-1, le=1)
    vpin_proxy = _number("Mean of 50 imbalances, 0-1; null unless each bar traded", ge=0, le=1)
    vwap_distance = _number("Close over VWAP, less 1 (fraction)")
    atr_z = _number("z-score of ATR14 against its 240 previous values")
    bb_width = _number("Width of the Bollinger bands over their middle", ge=0)
    bb_position = _number("Place of the close between the bands; beyond them below 0 or above 1")
    bb_width_rank = _number("Rank of the width among the 500 before, 0-1", ge=0, le=1)
    realized_vol = _number("Standard deviation of the last 20 log returns, per bar", ge=0)
    vol_ratio = _number("ATR5 over ATR20", ge=0)
    usd_index_z = _number("z-score of the last released dollar index")
    vix_z = _number("z-score of the last released VIX close")
    ust10y_z = _number("z-score of the last released ten-year yield")
    ust2y_z = _number("z-score of the last released two-year yield")
    yield_curve = _number("Ten-year less two-year yield, percentage points")
    sentiment = _number("From a plug-in, -1 to 1; null without one", ge=-1, le=1)
    corr_nas100 = _number("Correlation of returns with NAS100 over 50 common minutes", ge=-1, le=1)
    corr_xauusd = _number("The same with XAUUSD", ge=-1, le=1)
    corr_eurusd = _number("The same with EURUSD", ge=-1, le=1)
    er_20 = _number("Efficiency ratio of 20 bars: way made over way gone, 0-1", ge=0, le=1)
    regime_trend = column(pl.Int8, "1 in a trend, else 0; null in warm-up", nullable=True, ge=0, le=1)
    regime_revert = column(pl.Int8, "1 where returns turn back, else 0", nullable=True, ge=0, le=1)
    regime_choppy = column(pl.Int8, "1 in neither, else 0", nullable=True, ge=0, le=1)
    is_stale = column(pl.Boolean, "Whether a live value was too old when it was used; stored rows are not")
    feature_level = column(pl.Int8, "1 live, 2 hot cache, 3 stored", ge=1, le=3)


class BarsSignals(Table):
    """One row is one alpha that began to fire, scored by its own settled outcomes, with levels."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "ts", "alpha_id", "strategy_version")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"
    live = True

    symbol = column(pl.String, "House symbol")
    ts = column(UTC_MICROS, "Open instant of the bar")
    alpha_id = _label("Rule that fired", ALPHAS, nullable=False)
    strategy_version = column(pl.Int32, "Version of the rules", ge=1)
    signal_time = column(UTC_MICROS, "Close of the bar: when it fired")
    available_at = column(UTC_MICROS, "When everything it was made from could be used")
    action = _label("Side", ACTIONS, nullable=False)
    confidence = column(pl.Float64, "0.5 at the threshold, 0.85 at twice of it", ge=0, le=1)
    p_win = column(pl.Float64, "(wins + 1)/(n + 2) of the outcomes settled in the 30 days before", ge=0, le=1)
    n_outcomes = column(pl.Int64, "Outcomes it is of", ge=0)
    rr = column(pl.Float64, "Reward over risk", gt=0)
    edge = column(pl.Float64, "Expected payoff in units of risk")
    payoff_std = column(pl.Float64, "Its standard deviation", ge=0)
    entropy_factor = column(pl.Float64, "1 less the entropy of p_win in bits", ge=0, le=1)
    q_star = column(pl.Float64, "Score", ge=0, le=10)
    grade = _label("What the score is worth", GRADES, nullable=False)
    entry_ref_price = column(pl.Float64, "Close of the bar", gt=0)
    stop_loss = _number("Price at which it is wrong; null where volatility is unknown or 0", gt=0)
    take_profit_1 = _number("First target", gt=0)
    take_profit_2 = _number("Second target, at the whole reward", gt=0)
    sigma_horizon = _number("Volatility over bars.risk.horizon_bars (fraction)", ge=0)
    es95_unit = _number("Expected shortfall (95 %, normal) of one lot, in money", ge=0)
    regime = _label("Regime of the bar", REGIMES)
    accepted = column(pl.Boolean, "Whether it may be acted on")
    reject_reasons = column(pl.List(pl.String), "Why not, and filters that could not be judged")
    profile = _label("Thresholds in force", PROFILES, nullable=False)
    config_hash = column(pl.String, "Settings it was made with")
    features = column(pl.String, "Inputs of the alpha (JSON)")


class BarsOutcomes(Table):
    """One row is how one signal ended, in the partition of the day on which that was known."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "settled_at", "alpha_id", "strategy_version", "signal_time")
    partitioned_by = {"day": "settled_day", "symbol": "symbol"}
    time_column = "settled_at"
    live = True

    symbol = column(pl.String, "House symbol")
    settled_at = column(UTC_MICROS, "Close of the bar that told its end: from then on it is known")
    settled_day = column(pl.Date, "Day of that bar")
    alpha_id = _label("Rule that fired", ALPHAS, nullable=False)
    strategy_version = column(pl.Int32, "Version of the rules", ge=1)
    signal_time = column(UTC_MICROS, "When it fired")
    action = _label("Side", ACTIONS, nullable=False)
    rr = column(pl.Float64, "Reward over risk", gt=0)
    entry_ts = column(UTC_MICROS, "Open instant of the bar of entry")
    entry_price = column(pl.Float64, "Its open", gt=0)
    exit_ts = column(UTC_MICROS, "Open instant of the bar that ended it")
    exit_price = column(
        pl.Float64,
        "Level that was touched, the open of a bar that opened beyond the stop, or the close of a timeout",
        gt=0,
    )
    outcome = _label("win, loss (also where both levels lie in one bar) or timeout", OUTCOMES, nullable=False)
    r_multiple = column(pl.Float64, "Result in units of risk")
    n_bars = column(pl.Int64, "Bars from entry to end, both included", ge=1)


class BarsReconciliation(Table):
    """One row is what two sources say of the same minutes of one symbol and day."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "day", "source", "other_source")
    partitioned_by = {"day": "day", "symbol": "symbol"}
    time_column = "day"

    symbol = column(pl.String, "House symbol")
    day = column(pl.Date, "UTC day")
    source = column(pl.String, "Source of stored rows")
    other_source = column(pl.String, "Source asked to compare; - where none could be")
    instrument_kind = _label("What the stored rows are of", KINDS, nullable=False)
    other_kind = _label("What the others are of", KINDS)
    n_stored = column(pl.Int64, "Minutes stored from the source", ge=0)
    n_other = column(pl.Int64, "Minutes the other one has", ge=0)
    n_common = column(pl.Int64, "Minutes both have", ge=0)
    median_diff_ratio = _number("Median of the absolute relative differences of closes", ge=0)
    p95_diff_ratio = _number("Their 95th percentile", ge=0)
    max_diff_ratio = _number("Their largest", ge=0)
    bias_ratio = _number("Median of the signed differences: other over stored, less 1")
    agreement_ratio = _number("Share of common minutes that differ by bars.overlap_ok at most", ge=0, le=1)
    status = _label("Judgement", AGREEMENTS, nullable=False)
    reason = column(pl.String, "Why it was not compared", nullable=True)
    ingested_at = column(UTC_MICROS, "When the other source answered", nullable=True, volatile=True)


class BarsSourceHealth(Table):
    """One row is how one source behaved on one day, and how far it is trusted."""

    key: ClassVar[tuple[str, ...]] = ("day", "source")
    partitioned_by = {"day": "day"}
    time_column = "day"
    live = True

    day = column(pl.Date, "UTC day")
    source = column(pl.String, "Source, as rows name it")
    total_calls = column(pl.Int64, "Attempts, those passed over included", ge=0)
    ok = column(pl.Int64, "Accepted", ge=0)
    partial = column(pl.Int64, "Used for some of the minutes", ge=0)
    empty = column(pl.Int64, "Answered without rows", ge=0)
    invalid = column(pl.Int64, "Rejected for their quality", ge=0)
    quota = column(pl.Int64, "Refused for a limit of the vendor, or held back for our own budget", ge=0)
    error = column(pl.Int64, "Failed", ge=0)
    skipped = column(pl.Int64, "Passed over: no key, not entitled, breaker open", ge=0)
    success_rate = _number("ok, partial and empty over the calls that were sent", ge=0, le=1)
    latency_p50_ms = _number("Median latency", ge=0)
    latency_p95_ms = _number("Its 95th percentile", ge=0)
    latency_p99_ms = _number("Its 99th percentile", ge=0)
    credits_used = column(pl.Int64, "What the calls counted as", ge=0)
    budget_left = column(pl.Int64, "What was left of the day's budget; null without one", nullable=True, ge=0)
    state = _label("Breaker at the end of the day", BREAKER_STATES)
    opens = column(pl.Int64, "Times the breaker opened", ge=0)
    rows_served = column(pl.Int64, "Rows of bars_minute that came from it", ge=0)
    share_of_rows = _number("The same over all rows", ge=0, le=1)
    mean_quality = _number("Mean quality score of these rows", ge=0, le=1)
    n_compared = column(pl.Int64, "Minutes compared with another source in the trailing days", ge=0)
    agreement_ratio = _number("Share of these that agreed", ge=0, le=1)
    trust_score = _number("success_rate x mean_quality x agreement_ratio, as far as known", ge=0, le=1)
    is_healthy = column(
        pl.Boolean, "success_rate > 0.8, p95 < 5 s, breaker not open; null without a call", nullable=True
    )
    last_error = column(pl.String, "Newest failure, without secrets", nullable=True)


TABLES: tuple[type[Table], ...] = (
    BarsMinute,
    BarsIndicators,
    BarsMacroDaily,
    BarsScannerFeatures,
    BarsSignals,
    BarsOutcomes,
    BarsReconciliation,
    BarsSourceHealth,
)
