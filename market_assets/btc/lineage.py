"""Which columns each derived column is computed from, for the UI's lineage view."""

from market_assets.btc import schemas
from market_assets.core.contracts import Table

_RAW, _PROCESSED, _RPN, _MODELS = "btc_liquidations", "btc_processed", "btc_rpn", "btc_bin_models"
_BINS, _DOMINANCE, _SIGNALS, _LABELS = "btc_bins", "btc_dominance", "btc_signals", "btc_labels"
_LONG, _SHORT = f"{_RAW}.long_liquidations", f"{_RAW}.short_liquidations"

PROCESSED = {
    "price": ["btc_price.price"],
    **{name: [_LONG] for name in ("long_filled", "long_volume", "is_outlier_long")},
    **{name: [_SHORT] for name in ("short_filled", "short_volume", "is_outlier_short")},
    **{
        name: [_LONG, _SHORT]
        for name in ("is_filled", "is_gap", "long_share", "net_volume", "total_volume", "net_share")
    },
}

_VOLUMES = [f"{_PROCESSED}.long_volume", f"{_PROCESSED}.short_volume"]
_OF_BOTH = (
    *("kalman_total", "kalman_diff", "risk_priority_number", "kalman_diff_share", "diff_smooth", "rpn_smooth"),
    *("corr_case", "z_total", "z_diff_share", "n_obs", "is_warm"),
)
RPN = {
    **{name: [f"{_PROCESSED}.long_volume"] for name in ("trend_long", "kalman_long", "delta_long", "z_long")},
    **{name: [f"{_PROCESSED}.short_volume"] for name in ("trend_short", "kalman_short", "delta_short", "z_short")},
    **{name: [f"{_PROCESSED}.long_share"] for name in ("trend_share", "kalman_share")},
    **dict.fromkeys(_OF_BOTH, _VOLUMES),
}

_TRAINED_ON = [f"{_RPN}.risk_priority_number", f"{_RPN}.is_warm"]
BIN_MODELS = dict.fromkeys(
    ("status", "train_start", "train_end", "n_train", "centers", "edges", "inertia"), _TRAINED_ON
)

_BINNED = [f"{_RPN}.risk_priority_number", f"{_MODELS}.edges", f"{_MODELS}.status"]
BINS = {
    **dict.fromkeys(
        ("bin_index", "bin_warm", "bin_momentum", "bin_turn", "bin_mm_direction", "is_rpn_extreme"), _BINNED
    ),
    "model_time": [f"{_MODELS}.ts", f"{_MODELS}.status"],
    "model_changed": [f"{_MODELS}.ts", f"{_MODELS}.status"],
}

_DIFF = f"{_RPN}.kalman_diff"
_DOMINANT = [_DIFF, f"{_RPN}.risk_priority_number", f"{_BINS}.bin_index"]
_STATUS = (
    *("dominance", "dominance_class", "dominance_last", "dominance_duration", "dominance_duration_total"),
    *("dominance_time", "is_keep", "is_strengthen"),
)
DOMINANCE = {
    **dict.fromkeys(_STATUS, _DOMINANT),
    **{name: [_DIFF] for name in ("thr_q20", "thr_q40", "thr_q60", "thr_q80", "threshold_n")},
    "long_high": [f"{_RPN}.kalman_long"],
    "short_high": [f"{_RPN}.kalman_short"],
}

_THRESHOLDS = [f"{_DOMINANCE}.{name}" for name in ("dominance", "thr_q20", "thr_q80", "long_high", "short_high")]
_EVENTS = [_DIFF, f"{_RPN}.kalman_long", f"{_RPN}.kalman_short", *_THRESHOLDS]
_LEVELS = (
    *("hit_ceiling_bottom_raw", "reverse_ceiling_bottom_raw", "hit_ceiling_bottom", "reverse_ceiling_bottom"),
    *("signal_l2", "signal_l3", "signal_class", "signal_sign", "signal_strength"),
)
SIGNALS = {
    **{name: [_DIFF] for name in ("diff_beta_short", "diff_beta", "diff_beta_long", "diff_beta_day")},
    "signal_l1": [f"{_DOMINANCE}.dominance"],
    **dict.fromkeys(_LEVELS, _EVENTS),
}

LABELS = {
    name: ["btc_price.price"]
    for name in ("price", "entry_price", "exit_price", "return_close", "return_exec", "label_class")
}


def _training_data() -> dict[str, list[str]]:
    """Carried columns by name, outcomes by horizon."""
    features: tuple[type[Table], ...] = (
        schemas.BtcProcessed,
        schemas.BtcRpn,
        schemas.BtcBins,
        schemas.BtcDominance,
        schemas.BtcSignals,
    )
    found: dict[str, list[str]] = {}
    for name in schemas.BtcTrainingData.contract().columns:
        sources = [table.contract().name for table in features if name in table.contract().columns]
        if sources and name not in schemas.BtcTrainingBase.contract().columns:
            found[name] = [f"{sources[0]}.{name}"]
    for hours in schemas.HORIZONS:
        for outcome in ("return_exec", "return_close", "label_class"):
            found[f"{outcome}_{hours}"] = [f"{_LABELS}.{outcome}", f"{_LABELS}.horizon_h"]
    return found


TRAINING_DATA = _training_data()

_CLASSES = [f"{_SIGNALS}.signal_class"]
_OUTCOMES = [*_CLASSES, f"{_LABELS}.return_exec"]
_DIRECTED = [*_OUTCOMES, f"{_SIGNALS}.signal_sign"]
SIGNAL_PERFORMANCE = {
    "n_signals": _CLASSES,
    "n_episodes": _CLASSES,
    **dict.fromkeys(("n_matured", "avg_return", "std_return", "min_return", "max_return", "up_rate"), _OUTCOMES),
    **dict.fromkeys(("win_rate", "avg_directional_return", "avg_net_return", "episode_win_rate"), _DIRECTED),
}
