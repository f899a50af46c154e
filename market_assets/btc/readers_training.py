"""Training data from the stored table: which rows, in which part, with which values. See `readers`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import polars as pl

from market_assets.btc.legacy import stored_names
from market_assets.btc.reading import Moment, rows, served
from market_assets.btc.settings import FEATURE_GROUPS, TrainingSettings
from market_assets.btc.transforms import splits as splitting
from market_assets.core.errors import InvalidRequest
from market_assets.settings import settings

Impute = Literal["median_train", "none"]
#: shares of train, validation and test
Shares = tuple[float, float, float]

_TIMES = ("ts", "feature_available_at", "label_available_at")
#: what decides whether a row is used
_JUDGED = ("is_warm", "bin_warm", "signal_class")
#: columns of feature tables that describe the row
_NOT_FEATURES = ("ts", "available_at", "feature_version")
_CLASS, _RETURN = "label_class", "return_exec"

#: what a call without feature columns trains on
DEFAULT_FEATURES = (
    *("risk_priority_number", "kalman_share", "kalman_long", "kalman_short", "kalman_diff"),
    *("bin_index", "bin_momentum", "bin_turn", "bin_mm_direction", "is_rpn_extreme"),
    *("dominance", "dominance_duration_total", "dominance_time"),
    *("hit_ceiling_bottom", "reverse_ceiling_bottom"),
)


@dataclass(frozen=True)
class TrainingSets:
    """Three frames of ts, feature_available_at, label_available_at, the features and the target."""

    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame
    #: target and features; rows after each step; imputation: feature -> value; classes: part -> class -> rows
    metadata: dict[str, Any]


def feature_names() -> list[str]:
    """Every column that may be trained on: those of the feature tables, without state and outcomes."""
    found = [name for group in FEATURE_GROUPS for name in served(f"btc_{group}") if name not in _NOT_FEATURES]
    return list(dict.fromkeys(found))


def get_training_data(
    feature_columns: Sequence[str] | None = None,
    target: str = "label_class_24",
    min_hours_between_signals: int | None = None,
    balance: bool | None = None,
    only_signals: bool = True,
    impute: Impute | None = None,
    splits: Shares | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
) -> TrainingSets:
    """Chronological train, validation and test of the stored training rows, all of them by default.

    Steps: warm hours with a known target, and a signal if `only_signals`; thinned to
    `min_hours_between_signals`; split by row count into the shares `splits`; purged of outcomes that overlap the
    next part and of the embargo before it; nulls filled with what train alone says (numbers become Float64),
    none if `impute` is "none"; train cut to its rarest class if `balance`. What is not stated is as in
    `btc.training_data`. Raises InvalidRequest (a ValueError) for a target that is no outcome, or shares that
    are none; UnknownName for a column that is no feature.
    """
    chosen = settings().btc.training_data
    outcome, features = _outcome(target), _features(feature_columns)
    _, validation, test = _shares(splits, chosen)
    filled = _one_of("impute", impute or chosen.impute, get_args(Impute))
    gap = chosen.min_hours_between_signals if min_hours_between_signals is None else min_hours_between_signals
    if gap < 0:
        raise InvalidRequest(f"min_hours_between_signals must not be negative; was {gap}")
    balanced = chosen.balance if balance is None else balance
    if balanced and not outcome.startswith(_CLASS):
        raise InvalidRequest(f"balance needs classes; {outcome} is a number. Pass balance=False or a {_CLASS}_* target")
    columns = [*_TIMES, *features, outcome, *_JUDGED]
    stored = rows("btc_training_data", start, end, as_of, columns=columns)
    eligible, counts = _eligible(stored, outcome, only_signals)
    thinned = splitting.thin(eligible, gap).select(*_TIMES, *features, outcome)
    cut = splitting.split(thinned, validation, test)
    purged = splitting.purge(cut, chosen.embargo_hours)
    values = splitting.imputation(purged.train, features) if filled == "median_train" else {}
    parts = purged.each(lambda part: splitting.impute(part, values))
    if balanced:
        parts = replace(parts, train=splitting.balance(parts.train, outcome, chosen.seed))
    counts |= {
        "thinned": thinned.height,
        "split": cut.heights(),
        "purged": purged.heights(),
        "balanced": parts.heights(),
    }
    metadata = {
        "target": outcome,
        "features": features,
        "rows": counts,
        "imputation": values,
        "classes": splitting.class_counts(parts, outcome) if outcome.startswith(_CLASS) else {},
    }
    return TrainingSets(parts.train, parts.validation, parts.test, metadata)


def _eligible(stored: pl.DataFrame, outcome: str, only_signals: bool) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Warm hours with a known outcome, and a signal if `only_signals`; and the rows left after each of the three."""
    warm = stored.filter("is_warm", "bin_warm")
    known = warm.filter(pl.col(outcome).is_not_null())
    spoken = known.filter(pl.col("signal_class").cast(pl.String) != "Neutral") if only_signals else known
    counts = {"stored": stored.height, "warm": warm.height, "with_outcome": known.height, "signals": spoken.height}
    return spoken, counts


def _outcome(target: str) -> str:
    allowed = [f"{kind}_{hours}" for kind in (_CLASS, _RETURN) for hours in settings().btc.labels.horizons]
    if target not in allowed:
        raise InvalidRequest(
            f"a target is an outcome, one of {', '.join(allowed)}; was {target!r}. "
            "What is computed from the features, as a signal's class is, would be learnt from itself"
        )
    return target


def _features(asked: Sequence[str] | None) -> list[str]:
    if asked is None:
        return list(DEFAULT_FEATURES)
    if not asked:
        raise InvalidRequest("feature_columns names at least one column; leave it out for the default ones")
    return stored_names(asked, feature_names(), "the features")


def _shares(asked: Shares | None, chosen: TrainingSettings) -> Shares:
    if asked is None:
        validation, test = chosen.validation_split, chosen.test_split
        return 1 - validation - test, validation, test
    if len(asked) != 3 or min(asked) < 0 or not math.isclose(sum(asked), 1) or asked[0] == 0:
        raise InvalidRequest(f"splits are the shares of train (above 0), validation and test, together 1; was {asked}")
    return asked


def _one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InvalidRequest(f"{name} is one of {', '.join(allowed)}; was {value!r}")
    return value
