"""What each equities table must look like. Columns are stated here and nowhere else."""

import polars as pl

from market_assets.core.bars import Bar
from market_assets.core.contracts import UTC_MICROS, Table, column
from market_assets.equities.settings import SOURCES

_LABELLED_SOURCES = (*SOURCES, *(f"{source}-sandbox" for source in SOURCES))


class EquitiesSymbols(Table):
    """One listing window of one symbol, with the id each vendor knows it by.

    A ticker that was reused has two rows with windows that do not overlap.
    """

    key = ("symbol", "valid_from")

    symbol = column(pl.String, "House symbol: AAPL, BRK.B, BTC-USD, VIX")
    asset_class = column(pl.String, "stock, etf, index or crypto", isin=("stock", "etf", "index", "crypto"))
    calendar = column(pl.String, "Trading calendar", isin=("XNYS", "always"))
    currency = column(pl.String, "ISO code of the price")
    polygon_id = column(pl.String, "Id at Polygon; null where it has none", nullable=True)
    yahoo_id = column(pl.String, "Id at Yahoo; null where it has none", nullable=True)
    twelvedata_id = column(pl.String, "Id at Twelve Data; null where it has none", nullable=True)
    alphavantage_id = column(pl.String, "Id at Alpha Vantage; null where it has none", nullable=True)
    active = column(pl.Boolean, "Whether schedules ask for it")
    valid_from = column(pl.Date, "First day of the listing window")
    valid_to = column(pl.Date, "Last day of the listing window; null while listed", nullable=True)


class EquitiesSymbolOverrides(Table):
    """One symbol added or taken out by hand, on top of the configured universe."""

    key = ("symbol",)
    partitioned_by = {"symbol": "symbol"}

    symbol = column(pl.String, "House symbol")
    asset_class = column(pl.String, "stock, etf, index or crypto", isin=("stock", "etf", "index", "crypto"))
    currency = column(pl.String, "ISO code of the price")
    polygon_id = column(pl.String, "Id at Polygon; null to follow the mapping rules", nullable=True)
    yahoo_id = column(pl.String, "Id at Yahoo; null to follow the mapping rules", nullable=True)
    active = column(pl.Boolean, "False once the symbol was removed; its data stay")
    valid_from = column(pl.Date, "First day of the listing window")
    valid_to = column(pl.Date, "Last day of the listing window; null while listed", nullable=True)
    updated_at = column(UTC_MICROS, "Instant of the change", volatile=True)


class EquitiesDailyBars(Bar):
    """One raw, unadjusted session of one symbol, from one source.

    `ts` is the session date at 00:00 UTC, a label. Volume is null for cash indices.
    """

    key = ("symbol", "session_date")
    partitioned_by = {"symbol": "symbol", "year": "session_date"}
    time_column = "session_date"

    source = column(pl.String, "Vendor the row came from", isin=_LABELLED_SOURCES)
    session_date = column(pl.Date, "Session date in the exchange's zone")
    vwap_vendor = column(pl.Float64, "Volume-weighted price as the vendor states it", nullable=True)
    trade_count = column(pl.Int64, "Trades of the session", nullable=True)
    price_basis = column(
        pl.String,
        "unadjusted, or unadjusted_derived where split adjustment was reversed",
        isin=("unadjusted", "unadjusted_derived"),
    )
    fallback_level = column(pl.Int8, "Index of the source in equities.sources", ge=0)


class EquitiesCorporateActions(Table):
    """One split or cash dividend of one symbol, with the factors it applies to earlier prices."""

    key = ("symbol", "kind", "ex_date", "amount_key")
    partitioned_by = {"symbol": "symbol"}
    time_column = "ex_date"

    symbol = column(pl.String, "House symbol")
    ex_date = column(pl.Date, "First session that trades without the entitlement")
    kind = column(pl.String, "split or cash_dividend", isin=("split", "cash_dividend"))
    split_from = column(pl.Float64, "Old shares", nullable=True, gt=0)
    split_to = column(pl.Float64, "New shares for them", nullable=True, gt=0)
    split_ratio = column(pl.Float64, "split_to / split_from; 2-for-1 is 2.0", nullable=True, gt=0)
    amount = column(pl.Float64, "Cash per share as paid", nullable=True, ge=0)
    amount_key = column(pl.Float64, "amount rounded to 1e-6, 0 for splits: part of the key")
    amount_basis = column(
        pl.String,
        "as_paid, or converted from split-adjusted units",
        nullable=True,
        isin=("as_paid", "split_adjusted_converted"),
    )
    currency = column(pl.String, "Currency of the amount", nullable=True)
    dividend_type = column(pl.String, "Vendor's kind of dividend (CD, SC)", nullable=True)
    declared_date = column(pl.Date, "Declaration date", nullable=True)
    record_date = column(pl.Date, "Record date", nullable=True)
    pay_date = column(pl.Date, "Payment date", nullable=True)
    prev_close = column(pl.Float64, "Unadjusted close of the last session before ex_date", nullable=True, gt=0)
    price_factor = column(
        pl.Float64, "Multiplies earlier prices: 1/ratio or 1 - amount/prev_close", nullable=True, gt=0
    )
    volume_factor = column(pl.Float64, "Multiplies earlier volumes: ratio, 1 for dividends", gt=0)
    withdrawn = column(pl.Boolean, "Seen before, and no longer stated by the vendor")
    source = column(pl.String, "Vendor", isin=_LABELLED_SOURCES)
    ingested_at = column(UTC_MICROS, "Instant the response arrived", volatile=True)
    first_seen_at = column(UTC_MICROS, "Instant this action was first known here")


class EquitiesScoredBars(EquitiesDailyBars):
    """One daily bar with its quality score and the flags behind it; no bar is dropped."""

    prev_session_date = column(pl.Date, "Session of the symbol's previous row", nullable=True)
    sessions_since_prev = column(pl.Int32, "Sessions since that row; 1 is adjacent", nullable=True)
    prev_close_ref = column(pl.Float64, "Previous close on today's share basis, less dividends ex today", nullable=True)
    gap_ratio = column(pl.Float64, "open / prev_close_ref - 1", nullable=True)
    volume_median_60 = column(
        pl.Float64, "Median volume of the 60 sessions before, on today's share basis", nullable=True
    )
    flag_ohlc = column(pl.Boolean, "High or low contradicts the other prices")
    flag_extreme_move = column(pl.Boolean, "Body or range beyond score.extreme_ratio")
    flag_gap = column(pl.Boolean, "abs(gap_ratio) above score.gap_ratio")
    flag_volume_high = column(pl.Boolean, "Volume above score.volume_high medians")
    flag_volume_low = column(pl.Boolean, "Volume below score.volume_low medians")
    flag_zero_volume = column(pl.Boolean, "A stock's or ETF's session without volume")
    flag_suspect_split = column(pl.Boolean, "A gap that looks like a split nobody recorded")
    quality_score = column(pl.Float64, "1 less the penalties, two decimals", ge=0, le=1)
    validated = column(pl.Boolean, "quality_score >= equities.min_quality")
    issues = column(pl.List(pl.String), "Names of the raised flags")
    available_at = column(UTC_MICROS, "Instant the row could first be used", volatile=True)


class EquitiesAdjustedBars(Table):
    """One session of one symbol, adjusted for splits and for total return.

    Factors apply the actions with a later ex date that were known at materialisation.
    """

    key = ("symbol", "session_date")
    partitioned_by = {"year": "session_date"}
    time_column = "session_date"

    symbol = column(pl.String, "House symbol")
    session_date = column(pl.Date, "Session date in the exchange's zone")
    ts = column(UTC_MICROS, "session_date at 00:00 UTC")
    open_split = column(pl.Float64, "Open, split-adjusted", gt=0)
    high_split = column(pl.Float64, "High, split-adjusted", gt=0)
    low_split = column(pl.Float64, "Low, split-adjusted", gt=0)
    close_split = column(pl.Float64, "Close, split-adjusted", gt=0)
    volume_split = column(pl.Float64, "Volume on today's share basis; null for indices", nullable=True, ge=0)
    open_total = column(pl.Float64, "Open, adjusted for splits and dividends", gt=0)
    high_total = column(pl.Float64, "High, adjusted for splits and dividends", gt=0)
    low_total = column(pl.Float64, "Low, adjusted for splits and dividends", gt=0)
    close_total = column(pl.Float64, "Close, adjusted for splits and dividends", gt=0)
    split_factor = column(pl.Float64, "Product of price factors of later splits", gt=0)
    total_factor = column(pl.Float64, "split_factor x product of price factors of later dividends", gt=0)
    quality_score = column(pl.Float64, "Score of the raw bar", ge=0, le=1)
    validated = column(pl.Boolean, "Whether the raw bar is validated")
    gap_ratio = column(pl.Float64, "open / prev_close_ref - 1 of the raw bar", nullable=True)
    flag_ohlc = column(pl.Boolean, "Raw high or low contradicts the other prices")
    n_actions_applied = column(pl.Int32, "Actions with a later ex date", ge=0)
    actions_as_of = column(UTC_MICROS, "Latest first_seen_at of the symbol's actions", nullable=True)
    available_at = column(UTC_MICROS, "Instant the row could first be used", volatile=True)


class EquitiesGaps(Table):
    """One run of missing sessions of one symbol, with its cause."""

    key = ("symbol", "gap_start")
    partitioned_by = {"year": "gap_start"}
    time_column = "gap_start"

    symbol = column(pl.String, "House symbol")
    year = column(pl.Int32, "Calendar year")
    gap_start = column(pl.Date, "First missing session")
    gap_end = column(pl.Date, "Last missing session")
    n_sessions = column(pl.Int64, "Missing sessions", ge=1)
    cause = column(
        pl.String,
        "Why, first that applies",
        isin=(
            "not_listed",
            "unfetched",
            "fetch_failed",
            "clipped",
            "quarantined",
            "vendor_missing",
            "no_trade",
            "unknown",
        ),
    )
    status = column(pl.String, "open or explained", isin=("open", "explained"))
    detected_at = column(UTC_MICROS, "Instant the gap was found", volatile=True)


def _feature(description: str) -> object:
    return column(pl.Float64, description, nullable=True)


class EquitiesFeatures(Table):
    """One session of one symbol with its technical and cross-sectional features, on total-return prices.

    Null until the window is full. `label_*` looks ahead and must not feed a signal.
    """

    key = ("symbol", "session_date")
    partitioned_by = {"year": "session_date"}
    time_column = "session_date"

    symbol = column(pl.String, "House symbol")
    session_date = column(pl.Date, "Session date in the exchange's zone")
    ret_1d = _feature("Return over 1 session (fraction)")
    ret_5d = _feature("Return over 5 sessions (fraction)")
    ret_20d = _feature("Return over 20 sessions (fraction)")
    range_ratio = _feature("(high - low) / close")
    vol_20d_ann = _feature("Std of 20 log returns, annualised")
    vol_60d_ann = _feature("Std of 60 log returns, annualised")
    open_gap_ratio = _feature("gap_ratio of the scored bar")
    volume_ratio_20 = _feature("Volume / mean of the previous 20")
    volume_trend_20_60 = _feature("SMA20(volume) / SMA60(volume) - 1")
    obv_250 = _feature("Sum of sign(close change) x volume over 250 sessions (shares)")
    vpt_250 = _feature("Sum of ret_1d x volume over 250 sessions (shares)")
    roc_5 = _feature("close / close 5 sessions ago - 1 (fraction)")
    roc_10 = _feature("close / close 10 sessions ago - 1 (fraction)")
    momentum_10 = _feature("close - close 10 sessions ago")
    momentum_20 = _feature("close - close 20 sessions ago")
    sma_20 = _feature("Simple mean of 20 closes")
    sma_50 = _feature("Simple mean of 50 closes")
    sma_200 = _feature("Simple mean of 200 closes")
    ema_12 = _feature("Exponential mean, 12")
    ema_26 = _feature("Exponential mean, 26")
    rsi_14 = _feature("Relative strength index, Wilder (0-100)")
    macd_line = _feature("EMA12 - EMA26")
    macd_signal = _feature("EMA9 of macd_line")
    macd_hist = _feature("macd_line - macd_signal")
    bb_upper = _feature("Bollinger upper band, 20, 2 population std")
    bb_mid = _feature("Bollinger middle band")
    bb_lower = _feature("Bollinger lower band")
    bb_width = _feature("(bb_upper - bb_lower) / bb_mid")
    atr_14 = _feature("Average true range, Wilder")
    rsi_overbought = column(pl.Boolean, "rsi_14 > 70", nullable=True)
    rsi_oversold = column(pl.Boolean, "rsi_14 < 30", nullable=True)
    cross_20_50 = column(pl.Int8, "+1 SMA20 crosses above SMA50, -1 below, else 0", nullable=True)
    dividend_yield_ttm = _feature("As-paid dividends of 365 days on today's shares / close_split (fraction)")
    ret_20d_rank = column(pl.Float64, "Rank of ret_20d among stocks and ETFs of the session", nullable=True, ge=0, le=1)
    label_fwd_5d = _feature("close_total 5 sessions ahead / close_total - 1; a label")
    available_at = column(UTC_MICROS, "Instant the row could first be used", volatile=True)


class EquitiesReconciliation(Table):
    """One session of one symbol as two sources state it, on the unadjusted basis."""

    key = ("symbol", "session_date")
    partitioned_by = {"year": "session_date"}
    time_column = "session_date"

    symbol = column(pl.String, "House symbol")
    session_date = column(pl.Date, "Session date in the exchange's zone")
    source_a = column(pl.String, "Source of the stored bar")
    source_b = column(pl.String, "Source it is compared with")
    close_a = column(pl.Float64, "Close of source a", nullable=True)
    close_b = column(pl.Float64, "Close of source b", nullable=True)
    open_a = column(pl.Float64, "Open of source a", nullable=True)
    open_b = column(pl.Float64, "Open of source b", nullable=True)
    volume_ratio = column(pl.Float64, "Volume b / volume a; informational", nullable=True)
    rel_diff = column(pl.Float64, "abs(close_a - close_b) / mean of the two", nullable=True, ge=0)
    status = column(
        pl.String,
        "Verdict",
        isin=("ok", "investigate", "fail", "missing_a", "missing_b"),
    )


class EquitiesSymbolStatus(Table):
    """One symbol: how fresh, complete and agreed its bars are, and the verdict."""

    key = ("symbol",)

    symbol = column(pl.String, "House symbol")
    asset_class = column(pl.String, "stock, etf, index or crypto")
    latest_session = column(pl.Date, "Newest stored session", nullable=True)
    sessions_behind = column(pl.Int32, "Sessions due and missing at the end", nullable=True, ge=0)
    age_hours = column(pl.Float64, "Hours since the newest close (crypto)", nullable=True)
    n_rows = column(pl.Int64, "Stored sessions", ge=0)
    n_validated = column(pl.Int64, "Validated sessions", ge=0)
    validation_rate = column(pl.Float64, "n_validated / n_rows (fraction)", nullable=True, ge=0, le=1)
    n_open_gaps = column(pl.Int64, "Open gaps", ge=0)
    gap_share = column(pl.Float64, "Missing sessions of open gaps / expected (fraction)", nullable=True, ge=0)
    n_reconcile_fail_30 = column(pl.Int64, "Failed comparisons of the last 30 sessions", ge=0)
    last_materialized_at = column(UTC_MICROS, "Newest partition's publication", nullable=True, volatile=True)
    last_success_at = column(UTC_MICROS, "Last successful fetch", nullable=True, volatile=True)
    last_error = column(pl.String, "Last fetch error since then", nullable=True)
    source_level_max_30 = column(pl.Int8, "Highest fallback level of the last 30 sessions", nullable=True)
    status = column(
        pl.String,
        "Verdict",
        isin=("healthy", "warning", "stale", "empty", "inactive"),
    )


TABLES: tuple[type[Table], ...] = (
    EquitiesSymbols,
    EquitiesSymbolOverrides,
    EquitiesDailyBars,
    EquitiesCorporateActions,
    EquitiesScoredBars,
    EquitiesAdjustedBars,
    EquitiesGaps,
    EquitiesFeatures,
    EquitiesReconciliation,
    EquitiesSymbolStatus,
)
