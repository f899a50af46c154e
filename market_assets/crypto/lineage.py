"""Which columns each derived column is computed from, for the UI's lineage view.

Candles and the sentiment index are what others said; everything else is derived from them.
"""

from collections.abc import Iterable, Mapping

from market_assets.core.market_asset import same_columns
from market_assets.crypto.schemas import (
    ALIGNED,
    CryptoAdvice,
    CryptoKlines,
    CryptoOverlays,
    CryptoPaperTrades,
    CryptoSignals,
    CryptoTimeframes,
)

_KLINES, _FRAMES, _OVERLAYS = "crypto_klines", "crypto_timeframes", "crypto_overlays"
_SIGNALS, _TRADES = "crypto_signals", "crypto_paper_trades"
_PRICES = ("open", "high", "low", "close")


def _of(table: str, *columns: str) -> list[str]:
    return [f"{table}.{name}" for name in columns]


def _from(sources: Iterable[str], *names: str) -> Mapping[str, list[str]]:
    once = list(dict.fromkeys(sources))
    return {name: list(once) for name in names}


TIMEFRAMES = {
    **same_columns(CryptoTimeframes, CryptoKlines),
    **_from(_of(_KLINES, "ts"), "ts", "timeframe", "n_minutes", "complete", "available_at"),
    **_from(_of(_KLINES, "close", "ts"), "change_24h_pct"),
}

_CLOSES, _HLC = _of(_FRAMES, "close"), _of(_FRAMES, "high", "low", "close")
_FLOW = _of(_FRAMES, "taker_buy_base", "volume")
_SUPERTREND = ("st_line", "st_dir", "st_upper", "st_lower", "st_strength", "st_consistency", "st_is_warm")
_CHANDELIER = (
    *("ch_long", "ch_short", "ch_long_trail", "ch_short_trail", "ch_dir", "ch_long_exit", "ch_short_exit"),
    "ch_dist_long_pct",
)
_ZONES = (
    *("zone_near_price", "zone_near_dist_pct", "zone_near_strength", "zone_side", "zone_support_near"),
    *("zone_resistance_near", "zone_supports", "zone_resistances", "zone_concentration"),
)
_ALIGNMENT = (
    *("align_score", "align_dir", "align_mode", "align_n"),
    *(f"align_{frame}_trend" for frame in ALIGNED),
)
OVERLAYS = {
    **same_columns(CryptoOverlays, CryptoTimeframes),
    **_from(_of(_FRAMES, "ts"), "n_history", "is_warm"),
    **_from(_CLOSES, "ema_10", "ema_21", "ema_55", "rsi_14", "trend_dir", "regime_trend_score", "regime_vol_rank"),
    **_from(_HLC, "atr_14", "regime_range_rank", *_SUPERTREND, *_CHANDELIER),
    **_from(_of(_FRAMES, *_PRICES, "volume"), "candle_imbalance_proxy_20"),
    **_from([*_HLC, *_of(_FRAMES, "volume")], *_ZONES),
    **_from(_FLOW, "delta", "ofi_20", "ofi_chg_5", "cvd_day"),
    **_from(_HLC, "regime_raw", "regime", "regime_confidence"),
    **_from(_of(_FRAMES, "volume"), "regime_volume_z", *(f"align_{frame}_volume" for frame in ALIGNED)),
    **_from(_CLOSES, *_ALIGNMENT, *(f"align_{frame}_strength" for frame in ALIGNED)),
}

_VOTED = {
    "vote_supertrend": _of(_OVERLAYS, "st_dir", "st_is_warm"),
    "vote_chandelier": _of(_OVERLAYS, "ch_dir"),
    "vote_liquidity": _of(_OVERLAYS, "zone_side", "zone_near_dist_pct"),
    "vote_alignment": _of(_OVERLAYS, "align_dir", "align_score"),
    "vote_flow": _of(_OVERLAYS, "ofi_20"),
    "vote_regime": _of(_OVERLAYS, "trend_dir", "regime"),
}
_VOTES = [source for sources in _VOTED.values() for source in sources]
_CONFIDENCE = _of(
    *(_OVERLAYS, "zone_near_dist_pct", "regime_confidence", "align_score", "st_consistency", "ofi_20", "st_strength")
)
_LEVELS = [*_VOTES, *_of(_OVERLAYS, "close", "atr_14")]
_STOPS = [*_LEVELS, *_of(_OVERLAYS, "zone_supports", "zone_resistances")]
SIGNALS = {
    **same_columns(CryptoSignals, CryptoOverlays, CryptoTimeframes),
    **_VOTED,
    **_from(_of(_OVERLAYS, "available_at"), "signal_time"),
    **_from(_of(_OVERLAYS, "close"), "price"),
    **_from(_VOTES, "action", "n_plus", "n_minus", "n_null_votes", "vote_confidence", "reasoning", "time_stop_at"),
    **_from(_CONFIDENCE, "feature_confidence", "strength_label"),
    **_from([*_CONFIDENCE, *_of(_OVERLAYS, "regime")], "size_ratio"),
    **_from([*_CONFIDENCE, *_VOTES, *_of(_OVERLAYS, "complete", "is_warm")], "is_tradeable"),
    **_from(_LEVELS, "targets", "trail_arm_price", "trail_distance"),
    **_from(_STOPS, "stop_price", "stop_distance_pct", "rr_at_t3"),
    **_from(_of(_OVERLAYS, "zone_near_price", "zone_near_dist_pct"), "limit_price"),
}

_OPINION = _of(_SIGNALS, "action", "feature_confidence", "size_ratio", "stop_price", "targets", "is_tradeable")
ADVICE = {
    **same_columns(CryptoAdvice, CryptoSignals),
    **_from(
        [*_OPINION, *_of(_OVERLAYS, "regime", "st_dir", "ofi_20"), "crypto_sentiment.value"],
        *("action", "approved", "confidence", "position_size", "risk_score", "reasoning", "payload", "prompt_hash"),
    ),
    **_from(_OPINION, "blended_direction", "blended_confidence"),
}

_FILLED = [*_of(_SIGNALS, "action", "size_ratio", "signal_time"), *_of(_KLINES, "open")]
_EXITED = [*_of(_SIGNALS, "stop_price", "targets", "trail_distance"), *_of(_KLINES, *_PRICES)]
_EARNED = [*_FILLED, *_EXITED]
PAPER_TRADES = {
    **same_columns(CryptoPaperTrades, CryptoSignals),
    **_from(_of(_KLINES, "ts"), "day"),
    **_from(_of(_SIGNALS, "symbol", "timeframe", "ts", "strategy_version"), "trade_id"),
    **_from(_of(_SIGNALS, "price"), "signal_price"),
    **_from(_of(_SIGNALS, "stop_price"), "initial_stop_price"),
    **_from(_of(_SIGNALS, "action"), "side"),
    **_from(_FILLED, "qty", "entry_ts", "entry_price"),
    **_from(
        _EARNED,
        *("qty_open", "n_targets_hit", "trail_armed", "exit_ts", "exit_price", "exit_reason", "status", "reason"),
        *("proceeds", "fees", "pnl", "pnl_pct", "r_multiple", "unrealised_pnl"),
        *("equity_start", "equity_end", "peak_equity", "realised_pnl", "exposure_ratio", "drawdown_ratio"),
        *("entry_exposure_ratio", "entry_group_ratio"),
    ),
    **_from(_of(_KLINES, "close"), "mark_price", "closes_31d"),
}

_EQUITY = _of(_TRADES, "equity_start", "equity_end")
_CLOSED = _of(_TRADES, "pnl", "status")
SUCCESS_METRICS = {
    **_from(_of(_TRADES, "day"), "as_of_day"),
    **_from(_of(_TRADES, "symbol"), "scope"),
    **_from(_of(_TRADES, "strategy_version"), "strategy_version"),
    **_from(_EQUITY, "n_obs", "sharpe", "sortino", "max_drawdown_ratio", "cagr_ratio", "calmar"),
    **_from(_EQUITY, "var95_ratio", "es95_ratio", "total_pnl"),
    **_from(
        _CLOSED,
        *("n_trades", "n_breakeven", "win_rate_ratio", "profit_factor", "expectancy", "avg_win", "avg_loss"),
        *("max_win_streak", "max_loss_streak"),
    ),
    **_from(_of(_TRADES, "entry_ts", "exit_ts"), "avg_holding_min"),
    **_from(_of(_TRADES, "fees"), "fees"),
    **_from(_of(_TRADES, "exposure_ratio"), "exposure_mean_ratio"),
    **_from([*_EQUITY, *_CLOSED], "meets_target"),
}
