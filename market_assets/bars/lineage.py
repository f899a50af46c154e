"""Which columns each derived column is computed from, for the UI's lineage view.

Minutes, macro series and what the second source says are what others said; everything else is derived from them.
"""

from collections.abc import Iterable, Mapping

from market_assets.bars.schemas import (
    VALUES,
    BarsIndicators,
    BarsMinute,
    BarsOutcomes,
    BarsScannerFeatures,
    BarsSignals,
)
from market_assets.core.market_asset import same_columns

_MINUTE, _INDICATORS, _FEATURES = "bars_minute", "bars_indicators", "bars_scanner_features"
_MACRO, _COMPARED = "bars_macro_daily", "bars_reconciliation"


def _of(table: str, *columns: str) -> list[str]:
    return [f"{table}.{name}" for name in columns]


def _from(sources: Iterable[str], *names: str) -> Mapping[str, list[str]]:
    once = list(dict.fromkeys(sources))
    return {name: list(once) for name in names}


_CLOSES, _HLC = _of(_MINUTE, "close"), _of(_MINUTE, "high", "low", "close")
_WITH_VOLUME = [*_HLC, *_of(_MINUTE, "volume")]
INDICATORS = {
    **same_columns(BarsIndicators, BarsMinute),
    **_from(_of(_MINUTE, "ts", "source"), "available_at"),
    **_from(_CLOSES, *(name for name in VALUES if name not in {"close", "atr_14", "vwap", "volume_ma_20"})),
    **_from(_HLC, "atr_14"),
    **_from(_WITH_VOLUME, "vwap"),
    **_from(_of(_MINUTE, "volume"), "volume_ma_20"),
    **_from(_of(_MINUTE, "ts", "instrument_kind"), "bars_in_segment", "is_warm", "bars_since_gap"),
}

_VOLUMES = _of(_MINUTE, "volume")
_BULK = [*_CLOSES, *_VOLUMES]
FEATURES = {
    **same_columns(BarsScannerFeatures, BarsIndicators),
    **_from([*_of(_INDICATORS, "available_at"), *_of(_MACRO, "available_at")], "available_at"),
    **_from(_CLOSES, "z_close", "roc_5", "roc_10", "m5_trend", "m15_trend", "realized_vol", "er_20"),
    **_from(_CLOSES, "corr_nas100", "corr_xauusd", "corr_eurusd", "regime_trend", "regime_revert", "regime_choppy"),
    **_from(_of(_MINUTE, "high"), "z_high"),
    **_from(_of(_MINUTE, "low"), "z_low"),
    **_from(_HLC, "price_position", "vol_ratio"),
    **_from(_of(_INDICATORS, "ema_20"), "ema_slope"),
    **_from(_of(_INDICATORS, "rsi_14"), "rsi"),
    **_from(_of(_INDICATORS, "atr_14"), "atr_z"),
    **_from(_of(_INDICATORS, "bb_upper", "bb_mid", "bb_lower"), "bb_width", "bb_position", "bb_width_rank"),
    **_from(_of(_INDICATORS, "close", "vwap"), "vwap_distance"),
    **_from(_VOLUMES, "rvol", "volume_trend"),
    **_from(_BULK, "bvc_delta_proxy", "cvd_proxy", "cvd_ratio_proxy", "vpin_proxy"),
    **_from(_of(_MACRO, "z_60"), "usd_index_z", "vix_z", "ust10y_z", "ust2y_z"),
    **_from(_of(_MACRO, "value"), "yield_curve"),
}

_INPUTS = _of(
    _FEATURES,
    *("ema_slope", "roc_5", "bb_position", "rsi", "rvol", "vol_ratio", "bb_width_rank", "price_position"),
    *("cvd_ratio_proxy", "vpin_proxy", "volume_trend", "sentiment", "vix_z", "usd_index_z", "m15_trend"),
)
_LEVELS = _of(_FEATURES, "close", "realized_vol")
_SETTLED = [*_INPUTS, *_LEVELS, *_of(_MINUTE, "open", "high", "low", "close")]
SIGNALS = {
    **same_columns(BarsSignals, BarsScannerFeatures),
    **_from(_of(_FEATURES, "ts"), "signal_time"),
    **_from(_INPUTS, "alpha_id", "action", "confidence", "rr", "features"),
    **_from(_SETTLED, "p_win", "n_outcomes", "edge", "payoff_std", "entropy_factor", "q_star", "grade"),
    **_from(_SETTLED, "accepted", "reject_reasons"),
    **_from(_of(_FEATURES, "close"), "entry_ref_price"),
    **_from(_LEVELS, "stop_loss", "take_profit_1", "take_profit_2", "sigma_horizon", "es95_unit"),
    **_from(_of(_FEATURES, "regime_trend", "regime_revert", "regime_choppy"), "regime"),
}
OUTCOMES = {
    **same_columns(BarsOutcomes, BarsMinute),
    **_from(_INPUTS, "alpha_id", "action", "rr", "signal_time"),
    **_from(_of(_MINUTE, "open", "ts"), "entry_ts", "entry_price"),
    **_from(_SETTLED, "settled_at", "settled_day", "exit_ts", "exit_price", "outcome", "r_multiple", "n_bars"),
}
SOURCE_HEALTH = {
    **_from(_of(_MINUTE, "source"), "rows_served", "share_of_rows"),
    **_from(_of(_MINUTE, "source", "quality_score"), "mean_quality"),
    **_from(_of(_COMPARED, "n_common", "agreement_ratio"), "n_compared", "agreement_ratio"),
    **_from([*_of(_MINUTE, "quality_score"), *_of(_COMPARED, "agreement_ratio")], "trust_score"),
}
