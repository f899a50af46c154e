"""What each crypto table must look like. Columns are stated here and nowhere else."""

from typing import Any, ClassVar

import polars as pl

from market_assets.core.bars import Bar
from market_assets.core.contracts import UTC_MICROS, Table, column
from market_assets.crypto.settings import MINUTES, OVERLAYS

FRAMES = tuple(MINUTES)
ALIGNED = ("5m", "15m", "1h", "4h")
REGIMES = (
    "TRENDING_HIGH_VOL",
    "TRENDING_LOW_VOL",
    "RANGING_COMPRESSION",
    "RANGING_EXPANSION",
    "TRANSITION",
    "UNKNOWN",
)
RAW_REGIMES = tuple(name for name in REGIMES if name != "TRANSITION")
STRENGTHS = ("STRONG", "WEAK", "NEUTRAL")
MODES = ("SWING", "INTRADAY")
ACTIONS = ("ENTER_LONG", "ENTER_SHORT", "HOLD")
ADVISED = (*ACTIONS, "CLOSE_POSITION")
LABELS = ("STRONG", "MEDIUM", "WEAK", "NO_SIGNAL")
CALLS = ("signal", "risk", "sizing", "optimise")
ADVISORS = ("llm", "rule")
ADVICE_STATUS = ("ok", "parse_error", "refused", "unavailable", "disabled")
ROW_KINDS = ("account", "position", "pending", "rejected")
SIDES = ("long", "short")
EXITS = ("stop", "target", "trail", "time", "opposite_signal", "confidence_drop", "day_open")
WINDOWS = ("7d", "30d", "90d", "all")
VOTES = ("supertrend", "chandelier", "liquidity", "alignment", "flow", "regime")
_SYMBOL_DAY = {"day": "ts", "symbol": "symbol"}


def _number(description: str, **rules: Any) -> Any:
    return column(pl.Float64, description, nullable=True, **rules)


def _sign(description: str) -> Any:
    return column(pl.Int8, description, nullable=True, ge=-1, le=1)


def _label(description: str, names: tuple[str, ...]) -> Any:
    return column(pl.String, description, nullable=True, isin=names)


def _vote(overlay: str) -> Any:
    return column(pl.Int8, f"Vote of {overlay}: +1 long, -1 short, 0 none", ge=-1, le=1)


class CryptoKlines(Bar):
    """One row is one closed minute candle of one symbol.

    A minute without trades is a row of volume 0; a missing minute is a gap and is never filled.
    """

    key: ClassVar[tuple[str, ...]] = ("symbol", "ts")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"
    live = True

    timeframe = column(pl.String, "Length of the candle", isin=("1m",))
    volume = column(pl.Float64, "Traded base units", ge=0)
    quote_volume = column(pl.Float64, "Traded quote units", ge=0)
    trade_count = column(pl.Int64, "Trades", ge=0)
    taker_buy_base = column(pl.Float64, "Base units bought by takers", ge=0)
    taker_buy_quote = column(pl.Float64, "Quote units bought by takers", ge=0)


class CryptoTimeframes(Bar):
    """One row is one closed candle of 5 minutes to a day, built from the minutes."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "timeframe", "ts")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"
    live = True

    timeframe = column(pl.String, "Length of the candle", isin=FRAMES)
    volume = column(pl.Float64, "Traded base units", ge=0)
    quote_volume = column(pl.Float64, "Traded quote units", ge=0)
    trade_count = column(pl.Int64, "Trades", ge=0)
    taker_buy_base = column(pl.Float64, "Base units bought by takers", ge=0)
    taker_buy_quote = column(pl.Float64, "Quote units bought by takers", ge=0)
    n_minutes = column(pl.Int32, "Minutes it was built from", ge=1)
    complete = column(pl.Boolean, "Whether it was built from every minute of its length")
    change_24h_pct = _number("Close over the last close at or before 24 hours earlier, in percent; null without one")
    source = column(pl.String, "Sources of its minutes, joined by +")
    available_at = column(UTC_MICROS, "Close of the candle: from then on it can be used")


class CryptoOverlays(Table):
    """One row is one closed candle with its chart overlays and features.

    Each day is computed from a fixed number of bars before it; nothing of a row comes from after its close.
    """

    key: ClassVar[tuple[str, ...]] = ("symbol", "timeframe", "ts")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"
    live = True

    symbol = column(pl.String, "Symbol")
    timeframe = column(pl.String, "Length of the candle", isin=FRAMES)
    ts = column(UTC_MICROS, "Open instant of the candle")
    available_at = column(UTC_MICROS, "Close of the candle: from then on the row can be used")
    n_history = column(pl.Int32, "Bars before this one that it could be computed from, at most the look-back", ge=0)
    is_warm = column(pl.Boolean, "Whether that is the whole look-back")
    complete = column(pl.Boolean, "Whether the candle was built from every minute")
    close = column(pl.Float64, "Last price", gt=0)
    ema_10 = _number("Exponential mean of 10 closes")
    ema_21 = _number("Exponential mean of 21 closes")
    ema_55 = _number("Exponential mean of 55 closes")
    rsi_14 = _number("Relative strength index (0-100)", ge=0, le=100)
    atr_14 = _number("Average true range, in price", ge=0)

    st_line = _number("Supertrend: the band in force")
    st_dir = _sign("Supertrend: +1 up, -1 down")
    st_upper = _number("Supertrend: upper band")
    st_lower = _number("Supertrend: lower band")
    st_strength = _number("Mean of 5 distances from the line, in average true ranges", ge=0)
    st_consistency = _number("1 if the last 3 directions agree, else 0", ge=0, le=1)
    st_is_warm = column(pl.Boolean, "Whether it has turned once and has 250 bars", nullable=True)

    ch_long = _number("Chandelier: raw exit of longs")
    ch_short = _number("Chandelier: raw exit of shorts")
    ch_long_trail = _number("Chandelier: trailing exit of longs")
    ch_short_trail = _number("Chandelier: trailing exit of shorts")
    ch_dir = _sign("Chandelier: +1 up, -1 down, 0 not yet")
    ch_long_exit = column(pl.Boolean, "Close below the long trail of the bar before", nullable=True)
    ch_short_exit = column(pl.Boolean, "Close above the short trail of the bar before", nullable=True)
    ch_dist_long_pct = _number("Close over the long trail, in percent")

    zone_near_price = _number("Nearest liquidity zone", gt=0)
    zone_near_dist_pct = _number("Its distance from the close, in percent of the close; below is negative")
    zone_near_strength = _number("Volume of its bin over the mean bin", ge=0)
    zone_side = _sign("+1 support below, -1 resistance above, 0 at the close")
    zone_support_near = _number("Highest zone below the close")
    zone_resistance_near = _number("Lowest zone above the close")
    zone_supports = column(pl.List(pl.Float64), "Zones below the close, strongest first", nullable=True)
    zone_resistances = column(pl.List(pl.Float64), "Zones above the close, strongest first", nullable=True)
    zone_concentration = _number("Fullest bin over the mean bin", ge=0)

    delta = _number("Taker buys minus taker sells, in base units")
    ofi_20 = _number("Order flow imbalance of 20 bars, -1 to 1", ge=-1, le=1)
    ofi_chg_5 = _number("Its change over 5 bars")
    cvd_day = _number("Cumulative delta since 00:00 UTC, in base units")
    candle_imbalance_proxy_20 = _number("The same guessed from candle bodies", ge=-1, le=1)

    regime_raw = _label("Regime of this bar alone", RAW_REGIMES)
    regime = _label("Regime that the last bars agree on, TRANSITION where they do not", REGIMES)
    regime_confidence = _number("How far from the thresholds", ge=0, le=1)
    regime_trend_score = _number("Distance of two means over the standard deviation", ge=0)
    regime_vol_rank = _number("Rank of volatility among those before, 0-1", ge=0, le=1)
    regime_range_rank = _number("Rank of range among those before, 0-1", ge=0, le=1)
    regime_volume_z = _number("z-score of volume against the bars before")
    trend_dir = _sign("Sign of the fast mean over the slow one")

    align_score = _number("Share of timeframes on the larger side", ge=0, le=1)
    align_dir = _sign("The larger side, 0 on a tie")
    align_mode = _label("SWING where most agree, else INTRADAY", MODES)
    align_n = column(pl.Int8, "Timeframes with enough bars", nullable=True, ge=0, le=4)


for _frame in ALIGNED:
    setattr(CryptoOverlays, f"align_{_frame}_trend", _sign(f"Trend of the last closed {_frame} bar"))
    setattr(CryptoOverlays, f"align_{_frame}_strength", _label(f"Strength of the last closed {_frame} bar", STRENGTHS))
    setattr(
        CryptoOverlays,
        f"align_{_frame}_volume",
        column(pl.Boolean, f"Whether volume rises on {_frame}: mean of 5 over mean of 20", nullable=True),
    )


class CryptoFeatureTelemetry(Table):
    """One row is what one overlay of one timeframe cost in one partition."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "day", "timeframe", "overlay")
    partitioned_by = {"day": "day", "symbol": "symbol"}
    time_column = "day"
    live = True

    symbol = column(pl.String, "Symbol")
    day = column(pl.Date, "UTC day")
    timeframe = column(pl.String, "Length of the candles", isin=FRAMES)
    overlay = column(pl.String, "Overlay", isin=("base", *OVERLAYS))
    rows = column(pl.Int64, "Rows it gave", ge=0, volatile=True)
    latency_ms = column(pl.Float64, "Time it took", ge=0, volatile=True)
    cpu_ms = column(pl.Float64, "Processor time it took", ge=0, volatile=True)
    rss_delta_mb = column(pl.Float64, "Memory it added to the process", volatile=True)
    output_bytes = column(pl.Int64, "Size of its columns", ge=0, volatile=True)
    started_at = column(UTC_MICROS, "When it began", volatile=True)


class CryptoSignals(Table):
    """One row is one rule-based decision at the close of one candle of the primary timeframe, with its levels."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "timeframe", "ts", "strategy_version")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"
    live = True

    symbol = column(pl.String, "Symbol")
    timeframe = column(pl.String, "Primary timeframe", isin=FRAMES)
    ts = column(UTC_MICROS, "Open instant of the candle")
    strategy_version = column(pl.Int32, "Version of the rules", ge=1)
    signal_time = column(UTC_MICROS, "Close of the candle: when the decision was made")
    available_at = column(UTC_MICROS, "When everything it was made from could be used")
    price = column(pl.Float64, "Close", gt=0)
    change_24h_pct = _number("Change over 24 hours, in percent")
    action = column(pl.String, "Decision", isin=ACTIONS)
    n_plus = column(pl.Int8, "Votes for long", ge=0, le=6)
    n_minus = column(pl.Int8, "Votes for short", ge=0, le=6)
    n_null_votes = column(pl.Int8, "Votes that could not be cast", ge=0, le=6)
    vote_confidence = column(pl.Float64, "Larger side over six", ge=0, le=1)
    feature_confidence = _number("Mean of six components; null where one is", ge=0, le=1)
    strength_label = column(pl.String, "Feature confidence in words", isin=LABELS)
    size_ratio = _number("Share of equity to commit", ge=0, le=1)
    is_tradeable = column(pl.Boolean, "Whether the account may act on it")
    regime = _label("Market regime", REGIMES)
    stop_price = _number("Stop; null for HOLD and without ATR", gt=0)
    stop_distance_pct = _number("Its distance from the close, in percent", ge=0)
    targets = column(pl.List(pl.Float64), "Three targets, nearest first; null for HOLD", nullable=True)
    trail_arm_price = _number("Where the trailing stop arms", gt=0)
    trail_distance = _number("Distance of the trailing stop, in price", ge=0)
    time_stop_at = column(UTC_MICROS, "When what is left is sold", nullable=True)
    rr_at_t3 = _number("Distance of the last target over that of the stop", ge=0)
    limit_price = _number("Nearest zone, where a limit order may wait", gt=0)
    reasoning = column(pl.String, "The votes in words")
    config_hash = column(pl.String, "Settings it was made with")


for _name in VOTES:
    setattr(CryptoSignals, f"vote_{_name}", _vote(_name))


class CryptoSentiment(Table):
    """One row is one day of the Fear & Greed index."""

    key: ClassVar[tuple[str, ...]] = ("obs_date",)
    time_column = "obs_date"

    obs_date = column(pl.Date, "Day of the observation (UTC)")
    value = column(pl.Int16, "Index: 0 extreme fear, 100 extreme greed", ge=0, le=100)
    label = column(pl.String, "What the source calls it")
    source = column(pl.String, "Vendor the row came from")
    ingested_at = column(UTC_MICROS, "Instant the response arrived", volatile=True)


class CryptoAdvice(Table):
    """One row is one second opinion on one signal, by a language model or by its labelled rule stand-in.

    Nothing depends on it.
    """

    key: ClassVar[tuple[str, ...]] = ("symbol", "timeframe", "ts", "call")
    partitioned_by = _SYMBOL_DAY
    time_column = "ts"

    symbol = column(pl.String, "Symbol")
    timeframe = column(pl.String, "Primary timeframe", isin=FRAMES)
    ts = column(UTC_MICROS, "Open instant of the signal's candle")
    call = column(pl.String, "What was asked", isin=CALLS)
    advisor_source = column(pl.String, "llm: a model said it; rule: the stand-in did", isin=ADVISORS)
    status = column(pl.String, "How the call ended", isin=ADVICE_STATUS)
    action = _label("What is advised", ADVISED)
    approved = column(pl.Boolean, "Whether the risk call lets it pass", nullable=True)
    confidence = _number("0 to 1", ge=0, le=1)
    position_size = _number("Share of equity advised", ge=0, le=0.05)
    risk_score = _number("0 to 1", ge=0, le=1)
    reasoning = column(pl.String, "Why, in the words of whoever said it", nullable=True)
    payload = column(pl.String, "The whole typed reply (JSON)", nullable=True)
    model = column(pl.String, "Model asked; null for the stand-in", nullable=True)
    prompt_hash = column(pl.String, "SHA-256 of prompt, model and parameters", nullable=True)
    raw_reply_ref = column(pl.String, "Digest of the stored raw reply", nullable=True)
    latency_ms = column(pl.Float64, "Time of the call", nullable=True, ge=0, volatile=True)
    blended_direction = _sign("Sign of model and rule together; null without a model's answer")
    blended_confidence = _number("Their strength together", ge=0, le=1)
    available_at = column(UTC_MICROS, "When the signal it speaks of could be used")


class CryptoPaperTrades(Table):
    """One row is the simulated account of one day, or one of its positions, pending or rejected orders."""

    key: ClassVar[tuple[str, ...]] = ("day", "row_kind", "trade_id")
    partitioned_by = {"day": "day"}
    time_column = "day"

    day = column(pl.Date, "UTC day")
    row_kind = column(pl.String, "What the row is", isin=ROW_KINDS)
    trade_id = column(pl.String, "Hash of the signal's key; `account` for the account")
    strategy_version = column(pl.Int32, "Version of the rules", ge=1)
    symbol = column(pl.String, "Symbol; null for the account", nullable=True)
    side = _label("Side", SIDES)
    signal_time = column(UTC_MICROS, "When the decision was made", nullable=True)
    signal_price = _number("Close of the signal's candle", gt=0)
    reason = column(pl.String, "Why it was rejected or cancelled", nullable=True)
    feature_confidence = _number("Of the signal at entry", ge=0, le=1)
    size_ratio = _number("Share of equity that the signal commits", ge=0, le=1)
    limit_price = _number("Where a limit order waits; null for an order at the market", gt=0)
    qty = _number("Base units entered", ge=0)
    qty_open = _number("Base units still held at the end of the day", ge=0)
    entry_ts = column(UTC_MICROS, "Open instant of the candle it was filled at", nullable=True)
    entry_price = _number("Price of entry, slippage included", gt=0)
    entry_exposure_ratio = _number("Value held, this one included, over equity before the entry", ge=0)
    entry_group_ratio = _number("The same, of the symbols correlated with this one", ge=0)
    initial_stop_price = _number("Stop that it was entered with", gt=0)
    stop_price = _number("Stop in force", gt=0)
    targets = column(pl.List(pl.Float64), "Targets, nearest first", nullable=True)
    n_targets_hit = column(pl.Int8, "Targets reached so far", nullable=True, ge=0, le=3)
    trail_arm_price = _number("Close from which the trailing stop is in force", gt=0)
    trail_armed = column(pl.Boolean, "Whether the trailing stop is in force", nullable=True)
    trail_distance = _number("Its distance, in price", ge=0)
    time_stop_at = column(UTC_MICROS, "When what is left is sold", nullable=True)
    exit_ts = column(UTC_MICROS, "Candle of the last exit", nullable=True)
    exit_price = _number("Mean exit price, weighted by size", gt=0)
    proceeds = _number("Exits so far, at their prices (USD)", ge=0)
    fees = _number("Commission so far (USD); of the account that of the day", ge=0)
    pnl = _number("Realised profit net of fees so far (USD)")
    pnl_pct = _number("The same, in percent of the entry notional")
    r_multiple = _number("The same over the risk at entry")
    exit_reason = _label("What ended it; of an open one what will, at its next candle", EXITS)
    status = _label("open or closed", ("open", "closed"))
    mark_price = _number("Last close of the day", gt=0)
    unrealised_pnl = _number("Value at the mark over cost of what is held (USD)")
    equity_start = _number("Equity at the beginning of the day (USD)")
    equity_end = _number("Equity at its end (USD)")
    peak_equity = _number("Highest equity so far, start equity included (USD)")
    realised_pnl = _number("Profit realised on the day, net of its fees (USD)")
    exposure_ratio = _number("Value held over equity at the end of the day", ge=0)
    drawdown_ratio = _number("Equity below its peak, as a share", ge=0, le=1)
    closes_31d = column(pl.String, "Daily closes of the last 31 days (JSON: day, symbol, close)", nullable=True)


class CryptoSuccessMetrics(Table):
    """One row is the performance of the paper account, or of one symbol in it, over one window."""

    key: ClassVar[tuple[str, ...]] = ("as_of_day", "scope", "window")
    time_column = "as_of_day"

    as_of_day = column(pl.Date, "Last day of the window")
    scope = column(pl.String, "ALL, or a symbol")
    window = column(pl.String, "Days before and with it", isin=WINDOWS)
    strategy_version = column(pl.Int32, "Version of the rules", ge=1)
    n_obs = column(pl.Int64, "Daily returns", ge=0)
    n_trades = column(pl.Int64, "Closed trades", ge=0)
    n_breakeven = column(pl.Int64, "Trades that neither won nor lost", ge=0)
    null_reason = column(pl.String, "Why metrics are null", nullable=True)
    win_rate_ratio = _number("Wins over wins and losses", ge=0, le=1)
    profit_factor = _number("Gross win over gross loss", ge=0)
    expectancy = _number("Mean profit of a trade, net of costs (USD)")
    avg_win = _number("Mean of the winning trades (USD)")
    avg_loss = _number("Mean of the losing trades (USD)")
    max_win_streak = column(pl.Int64, "Longest run of wins", nullable=True, ge=0)
    max_loss_streak = column(pl.Int64, "Longest run of losses", nullable=True, ge=0)
    avg_holding_min = _number("Mean minutes a trade was held", ge=0)
    sharpe = _number("Yearly, of daily returns")
    sortino = _number("Yearly, of daily returns")
    max_drawdown_ratio = _number("Largest fall from a peak", ge=0, le=1)
    cagr_ratio = _number("Yearly growth")
    calmar = _number("Yearly growth over the largest fall")
    var95_ratio = _number("Daily loss that one day in twenty exceeds")
    es95_ratio = _number("Mean of those days' losses")
    total_pnl = _number("Profit, net of costs (USD)")
    fees = _number("Commission paid (USD)", ge=0)
    exposure_mean_ratio = _number("Mean value held over equity", ge=0)
    target_win_rate_ratio = column(pl.Float64, "Wanted win rate", ge=0, le=1)
    target_sharpe = column(pl.Float64, "Wanted Sharpe ratio")
    target_max_drawdown_ratio = column(pl.Float64, "Drawdown to stay below", ge=0, le=1)
    meets_target = column(pl.Boolean, "Whether all three are met; null where one is unknown", nullable=True)


TABLES: tuple[type[Table], ...] = (
    CryptoKlines,
    CryptoTimeframes,
    CryptoOverlays,
    CryptoFeatureTelemetry,
    CryptoSignals,
    CryptoSentiment,
    CryptoAdvice,
    CryptoPaperTrades,
    CryptoSuccessMetrics,
)
