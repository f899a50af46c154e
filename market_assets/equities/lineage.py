"""Which columns each derived column is computed from, for the UI's lineage view."""

_BARS, _ACTIONS, _SCORED = "equities_daily_bars", "equities_corporate_actions", "equities_scored_bars"
_ADJUSTED, _GAPS, _RECONCILED = "equities_adjusted_bars", "equities_gaps", "equities_reconciliation"

CORPORATE_ACTIONS = {
    "prev_close": [f"{_BARS}.close"],
    "price_factor": [f"{_BARS}.close"],
}

SCORED_BARS = {
    "prev_close_ref": [f"{_BARS}.close", f"{_ACTIONS}.split_ratio", f"{_ACTIONS}.amount"],
    "gap_ratio": [f"{_BARS}.open", f"{_BARS}.close", f"{_ACTIONS}.split_ratio", f"{_ACTIONS}.amount"],
    "volume_median_60": [f"{_BARS}.volume", f"{_ACTIONS}.volume_factor"],
    "flag_ohlc": [f"{_BARS}.{price}" for price in ("open", "high", "low", "close")],
    "quality_score": [f"{_BARS}.{price}" for price in ("open", "high", "low", "close", "volume")],
    "validated": [f"{_BARS}.{price}" for price in ("open", "high", "low", "close", "volume")],
}

_PRICES = ("open", "high", "low", "close")
ADJUSTED_BARS = {
    **{f"{price}_split": [f"{_SCORED}.{price}", f"{_ACTIONS}.price_factor"] for price in _PRICES},
    **{f"{price}_total": [f"{_SCORED}.{price}", f"{_ACTIONS}.price_factor"] for price in _PRICES},
    "volume_split": [f"{_SCORED}.volume", f"{_ACTIONS}.volume_factor"],
    "split_factor": [f"{_ACTIONS}.price_factor"],
    "total_factor": [f"{_ACTIONS}.price_factor"],
    "actions_as_of": [f"{_ACTIONS}.first_seen_at"],
}

GAPS = {
    "gap_start": [f"{_SCORED}.session_date"],
    "gap_end": [f"{_SCORED}.session_date"],
    "n_sessions": [f"{_SCORED}.session_date"],
}

_FROM_CLOSE = (
    *("ret_1d", "ret_5d", "ret_20d", "vol_20d_ann", "vol_60d_ann", "roc_5", "roc_10", "momentum_10", "momentum_20"),
    *("sma_20", "sma_50", "sma_200", "ema_12", "ema_26", "rsi_14", "macd_line", "macd_signal", "macd_hist"),
    *("bb_upper", "bb_mid", "bb_lower", "bb_width", "rsi_overbought", "rsi_oversold", "cross_20_50"),
    *("ret_20d_rank", "label_fwd_5d"),
)
_FROM_RANGE = ("range_ratio", "atr_14")
_FROM_VOLUME = ("volume_ratio_20", "volume_trend_20_60")
FEATURES = {
    **{name: [f"{_ADJUSTED}.close_total"] for name in _FROM_CLOSE},
    **{name: [f"{_ADJUSTED}.{price}_total" for price in ("high", "low", "close")] for name in _FROM_RANGE},
    **{name: [f"{_ADJUSTED}.volume_split"] for name in _FROM_VOLUME},
    **{name: [f"{_ADJUSTED}.close_total", f"{_ADJUSTED}.volume_split"] for name in ("obv_250", "vpt_250")},
    "open_gap_ratio": [f"{_ADJUSTED}.gap_ratio"],
    "dividend_yield_ttm": [f"{_ACTIONS}.amount", f"{_ADJUSTED}.close_split"],
}

RECONCILIATION = {
    "close_a": [f"{_BARS}.close"],
    "open_a": [f"{_BARS}.open"],
    "rel_diff": [f"{_BARS}.close"],
    "status": [f"{_BARS}.close"],
}

SYMBOL_STATUS = {
    "latest_session": [f"{_SCORED}.session_date"],
    "validation_rate": [f"{_SCORED}.validated"],
    "n_open_gaps": [f"{_GAPS}.status"],
    "n_reconcile_fail_30": [f"{_RECONCILED}.status"],
}
