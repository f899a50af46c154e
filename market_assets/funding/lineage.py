"""Which columns each derived column is computed from, for the UI's lineage view.

Contracts, rates and snapshots are what exchanges said; everything else is derived from them.
"""

_CONTRACTS, _RATES, _SNAPSHOT = "funding_contracts", "funding_rates", "funding_snapshot"
_COMPLETENESS, _STATISTICS, _HOURLY = "funding_completeness", "funding_statistics", "funding_hourly_rates"
_SPREADS, _OF_PAIRS = "funding_spreads", "funding_spread_statistics"

_TIMES = [f"{_RATES}.funding_time"]
_DUE = [*_TIMES, f"{_RATES}.interval_hours", f"{_CONTRACTS}.valid_from", f"{_CONTRACTS}.valid_to"]
COMPLETENESS = {
    **{name: [f"{_CONTRACTS}.{name}"] for name in ("symbol", "native_symbol", "base_asset")},
    "is_active": [f"{_CONTRACTS}.valid_to"],
    **dict.fromkeys(("first_event", "last_event"), _TIMES),
    **{name: [*_TIMES, f"{_RATES}.interval_hours"] for name in ("epoch_starts", "epoch_intervals")},
    **dict.fromkeys(
        (
            *("expected_slots", "hit_slots", "surplus_rows", "completeness_pct"),
            *("gap_starts", "gap_ends", "gap_slots", "n_unrecoverable", "completeness_class"),
        ),
        _DUE,
    ),
}

_SETTLED, _PREDICTED = [f"{_RATES}.rate_1h"], [f"{_SNAPSHOT}.predicted_rate_1h"]
_OF_SETTLED = (
    *("n_points", "mean_1h", "std_1h", "median_1h", "mad_1h", "min_1h", "max_1h"),
    *("mean_30d_apr", "std_dev_30d_apr", "median_30d_apr", "mad_30d_apr", "min_30d_apr", "max_30d_apr"),
    *("settled_rate_1h", "z_settled", "modified_z_settled", "percentile_settled", "z_abs_settled", "zone"),
)
STATISTICS = {
    **dict.fromkeys(_OF_SETTLED, _SETTLED),
    "settled_time": _TIMES,
    "available_at": [*_TIMES, f"{_SNAPSHOT}.snapshot_at"],
    "predicted_rate_1h": _PREDICTED,
    **{name: [*_PREDICTED, *_SETTLED] for name in ("z_predicted", "percentile_predicted")},
    "completeness_pct": [f"{_COMPLETENESS}.completeness_pct"],
    "confidence": [*_SETTLED, f"{_COMPLETENESS}.completeness_pct"],
}

HOURLY_RATES = {
    **{name: [f"{_RATES}.{name}"] for name in ("base_asset", "rate_1h", "apr_pct", "interval_hours", "mark_price")},
    "hour": [*_TIMES, f"{_RATES}.interval_hours"],
    **dict.fromkeys(("settled_at", "available_at"), _TIMES),
}

_BOTH_RATES = [f"{_HOURLY}.rate_1h"]
#: what decides which contract is the leg of an asset
_LEG = (
    *(f"{_HOURLY}.symbol", f"{_SNAPSHOT}.open_interest_usd"),
    *(f"{_CONTRACTS}.{name}" for name in ("kind", "quote", "multiplier_verified", "valid_from", "valid_to")),
)
SPREADS = {
    "base_asset": [f"{_CONTRACTS}.base_asset"],
    **{name: list(_LEG) for name in ("symbol_a", "symbol_b")},
    **{name: [f"{_HOURLY}.exchange"] for name in ("exchange_a", "exchange_b")},
    **dict.fromkeys(("rate_1h_a", "rate_1h_b", "short_leg", "long_leg", "daily_spread"), _BOTH_RATES),
    **{name: [f"{_HOURLY}.apr_pct"] for name in ("apr_a", "apr_b", "spread_apr_pct", "abs_spread_apr_pct")},
    **{name: [f"{_HOURLY}.interval_hours"] for name in ("interval_a", "interval_b", "sync_period_hours")},
    "basis_pct": [f"{_HOURLY}.mark_price", f"{_HOURLY}.settled_at", f"{_CONTRACTS}.multiplier"],
    "flag_inverse": [f"{_CONTRACTS}.kind"],
    "available_at": [f"{_HOURLY}.settled_at"],
}

_KNOWN = [f"{_SPREADS}.hour", f"{_SPREADS}.available_at"]
_SIGNED, _SHORT = [f"{_SPREADS}.spread_apr_pct", *_KNOWN], [f"{_SPREADS}.short_leg", *_KNOWN]
_OF_SPREAD = (
    *("mean", "std", "median", "mad", "min", "max", "p05", "p95", "p99", "quantiles"),
    *("mean_abs", "p95_abs", "autocorr_24h", "half_life_hours"),
)
SPREAD_STATISTICS = {
    "n_hours": _KNOWN,
    **dict.fromkeys(_OF_SPREAD, _SIGNED),
    **dict.fromkeys(("share_a_short_ratio", "same_side_share_7d_ratio"), _SHORT),
}

_HOUR_RATE, _INTERVAL = [f"{_SNAPSHOT}.predicted_rate_1h"], [f"{_SNAPSHOT}.interval_hours"]
_INTEREST, _FILLED = [f"{_SNAPSHOT}.open_interest_usd"], [f"{_STATISTICS}.completeness_pct"]
_OF_HOUR_RATE = (
    *("long_rate_1h", "short_rate_1h", "spread_1h", "gross_apr_pct", "net_apr_pct", "breakeven_hours", "rank"),
    *("effective_hourly_spread", "daily_spread", "weekly_spread", "monthly_spread", "yearly_spread"),
)
_CHOSEN = (
    *(f"{_SNAPSHOT}.symbol", f"{_SNAPSHOT}.predicted_rate_1h", f"{_SNAPSHOT}.open_interest_usd"),
    *(f"{_CONTRACTS}.{name}" for name in ("kind", "quote", "multiplier_verified", "valid_to")),
)
OPPORTUNITIES = {
    "as_of": [f"{_SNAPSHOT}.snapshot_at"],
    "base_asset": [f"{_CONTRACTS}.base_asset"],
    **{name: list(_CHOSEN) for name in ("long_symbol", "short_symbol")},
    **dict.fromkeys(_OF_HOUR_RATE, _HOUR_RATE),
    **{name: [f"{_SNAPSHOT}.predicted_rate_native"] for name in ("long_rate", "short_rate")},
    **{name: [f"{_SNAPSHOT}.predicted_apr_pct"] for name in ("long_apr", "short_apr")},
    **dict.fromkeys(("long_interval_hours", "short_interval_hours", "sync_period_hours"), _INTERVAL),
    "sync_period_spread": [*_HOUR_RATE, *_INTERVAL],
    "basis_pct": [f"{_SNAPSHOT}.mark_price_base"],
    **dict.fromkeys(("long_open_interest_usd", "short_open_interest_usd"), _INTEREST),
    **dict.fromkeys(("capacity_usd", "combined_oi_usd"), _INTEREST),
    "spread_z": [*_HOUR_RATE, f"{_OF_PAIRS}.mean", f"{_OF_PAIRS}.std"],
    "z_flag": [*_HOUR_RATE, f"{_OF_PAIRS}.mean", f"{_OF_PAIRS}.std"],
    "spread_percentile": [*_HOUR_RATE, f"{_OF_PAIRS}.quantiles"],
    **{name: [f"{_OF_PAIRS}.{name}"] for name in ("same_side_share_7d_ratio", "half_life_hours")},
    **{name: [f"{_STATISTICS}.confidence"] for name in ("long_confidence", "short_confidence")},
    "min_completeness_pct": _FILLED,
    **{name: [f"{_SNAPSHOT}.next_funding_time"] for name in ("next_funding_long", "next_funding_short")},
    "flag_inverse": [f"{_CONTRACTS}.kind"],
}
