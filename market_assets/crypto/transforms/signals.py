"""Rule-based decisions at the close of each candle of the primary timeframe: six votes, a size and levels."""

from collections.abc import Iterable

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.crypto.schemas import VOTES, CryptoSignals
from market_assets.crypto.settings import MINUTES, CryptoSettings, SignalSettings

KEY = ("symbol", "timeframe", "ts")
TRENDS = ("TRENDING_HIGH_VOL", "TRENDING_LOW_VOL")
#: confidence in a zone nearer than so many percent of the price, and in one farther away than all of these
ZONE_CONFIDENCE = {1.0: 0.9, 2.0: 0.75}
FAR_ZONE_CONFIDENCE = 0.6
#: what the size is multiplied with, per regime
REGIME_SIZE = {"TRENDING_HIGH_VOL": 0.7, "RANGING_EXPANSION": 0.7, "TRENDING_LOW_VOL": 1.1}
ALIGNED_SIZE = 1.2
#: label -> least feature confidence, highest first
LEAST = {"STRONG": 0.80, "MEDIUM": 0.65, "WEAK": 0.50}
_LEVELS = ("stop_price", "targets", "trail_arm_price", "trail_distance", "time_stop_at", "limit_price")


def signals(overlays: pl.DataFrame, timeframes: pl.DataFrame, crypto: CryptoSettings, config_hash: str) -> pl.DataFrame:
    """CryptoSignals of every row of `overlays` (CryptoOverlays) that is of the primary timeframe.

    `timeframes` (CryptoTimeframes) tell the change over 24 hours; it is null for a row they lack. Votes that cannot
    be cast count 0; HOLD has no levels; without an average true range there is no stop.
    """
    contract, ours = CryptoSignals.contract(), crypto.signals
    changes = timeframes.select(*KEY, "change_24h_pct")
    votes = _votes(ours)
    found = (
        overlays.filter(pl.col("timeframe") == ours.timeframe)
        .join(changes, on=KEY, how="left", maintain_order="left", validate="1:1")
        .with_columns(**{f"vote_{name}": vote.cast(pl.Int8) for name, vote in votes.items()})
        .with_columns(
            n_plus=_count(pl.col(f"vote_{name}") == 1 for name in VOTES),
            n_minus=_count(pl.col(f"vote_{name}") == -1 for name in VOTES),
            n_null_votes=_count(pl.col(f"vote_{name}").is_null() for name in VOTES),
            feature_confidence=_feature_confidence(),
            signal_time=pl.col("ts").dt.offset_by(f"{MINUTES[ours.timeframe]}m").cast(UTC_MICROS),
        )
        .with_columns(
            action=_action(ours),
            vote_confidence=pl.max_horizontal("n_plus", "n_minus") / len(VOTES),
            strength_label=_label(),
            size_ratio=_size(ours),
            strategy_version=pl.lit(ours.strategy_version, pl.Int32),
            config_hash=pl.lit(config_hash),
            price=pl.col("close"),
        )
    )
    return contract.conform(
        _with_levels(found, crypto)
        .with_columns(is_tradeable=_is_tradeable(ours), reasoning=_reasoning())
        .with_columns(pl.col(f"vote_{name}").fill_null(0) for name in VOTES)
        .select(list(contract.columns))
    )


def _votes(ours: SignalSettings) -> dict[str, pl.Expr]:
    """Name -> -1, 0 or +1; null where the vote cannot be cast."""
    col = pl.col
    return {
        "supertrend": _cast(col("st_dir"), col("st_is_warm")),
        "chandelier": col("ch_dir"),
        "liquidity": _cast(col("zone_side"), col("zone_near_dist_pct").abs() < ours.zone_near_pct),
        "alignment": _cast(col("align_dir"), col("align_score") >= ours.align_min),
        "flow": _cast(col("ofi_20").sign(), col("ofi_20").abs() >= ours.flow_min),
        "regime": _cast(col("trend_dir"), col("regime").is_in(TRENDS)),
    }


def _cast(side: pl.Expr, counts: pl.Expr) -> pl.Expr:
    """The side where it counts, else 0; null where it is unknown whether it counts, or which side that would be."""
    return pl.when(counts).then(side).when(counts.is_not_null()).then(0)


def _count(hits: Iterable[pl.Expr]) -> pl.Expr:
    return pl.sum_horizontal(hit.fill_null(False).cast(pl.Int8) for hit in hits).cast(pl.Int8)


def _action(ours: SignalSettings) -> pl.Expr:
    plus, minus = pl.col("n_plus"), pl.col("n_minus")
    return (
        pl.when((plus >= ours.min_votes) & (minus <= ours.max_against))
        .then(pl.lit("ENTER_LONG"))
        .when((minus >= ours.min_votes) & (plus <= ours.max_against))
        .then(pl.lit("ENTER_SHORT"))
        .otherwise(pl.lit("HOLD"))
    )


def _feature_confidence() -> pl.Expr:
    """Mean of six components; a sum of expressions is null where one of them is."""
    distance = pl.col("zone_near_dist_pct").abs()
    zone: pl.Expr = pl.when(distance.is_not_null()).then(FAR_ZONE_CONFIDENCE)
    for below, confidence in reversed(ZONE_CONFIDENCE.items()):
        zone = pl.when(distance < below).then(confidence).otherwise(zone)
    flow = (5.0 * pl.col("ofi_20").abs()).clip(upper_bound=1.0)
    strength = (pl.col("st_strength") / 2.0).clip(upper_bound=1.0)
    return (
        zone + pl.col("regime_confidence") + pl.col("align_score") + pl.col("st_consistency") + flow + strength
    ) / 6.0


def _label() -> pl.Expr:
    label = pl.lit("NO_SIGNAL")
    for name, least in reversed(LEAST.items()):
        label = pl.when(pl.col("feature_confidence") >= least).then(pl.lit(name)).otherwise(label)
    return label


def _size(ours: SignalSettings) -> pl.Expr:
    regime = pl.col("regime").replace_strict(REGIME_SIZE, default=1.0, return_dtype=pl.Float64)
    aligned = pl.when(pl.col("align_score") > ours.align_min).then(ALIGNED_SIZE).otherwise(1.0)
    confidence = (2.0 * pl.col("feature_confidence")).clip(upper_bound=1.0)
    return (ours.base_size * confidence * regime * aligned).clip(upper_bound=ours.max_size)


def _with_levels(found: pl.DataFrame, crypto: CryptoSettings) -> pl.DataFrame:
    """With stop, targets, trail, time stop and limit of the side entered; all null for HOLD."""
    ours, close, side = crypto.signals, pl.col("close"), pl.col("side")
    # a candle series that never moved has no range: a stop at the price itself would be none
    atr = pl.when(pl.col("atr_14") > 0).then(pl.col("atr_14"))
    is_near = pl.col("zone_near_dist_pct").abs() <= crypto.paper.zone_limit_pct
    levels = {
        "trail_arm_price": close * (1.0 + side * ours.trail_arm_pct / 100.0),
        "trail_distance": ours.trail_atr * atr,
        "time_stop_at": pl.col("signal_time").dt.offset_by(f"{ours.time_stop_min}m").cast(UTC_MICROS),
        "targets": pl.concat_list(close * (1.0 + side * share / 100.0) for share in ours.target_pcts),
        "limit_price": pl.when(is_near).then(pl.col("zone_near_price")),
    }
    distance = 100.0 * (close - pl.col("stop_price")).abs() / close
    return (
        found.with_columns(
            side=pl.when(pl.col("action") == "ENTER_LONG").then(1.0).when(pl.col("action") == "ENTER_SHORT").then(-1.0)
        )
        .with_columns(stop_price=_stop(atr, ours), **levels)
        .with_columns(pl.when(side.is_not_null()).then(pl.col(name)).alias(name) for name in _LEVELS)
        .with_columns(stop_distance_pct=distance)
        .with_columns(rr_at_t3=ours.target_pcts[-1] / pl.col("stop_distance_pct"))
    )


def _stop(atr: pl.Expr, ours: SignalSettings) -> pl.Expr:
    """The nearer of two: so many ranges away, or beyond the nearest zone on the losing side; never too near."""
    close, side = pl.col("close"), pl.col("side")
    beyond = 1.0 - side * ours.zone_stop_pct / 100.0
    zone = pl.when(side > 0).then(pl.col("zone_support_near")).otherwise(pl.col("zone_resistance_near"))
    to_zone = (side * (close - zone * beyond)).fill_null(float("inf"))
    distance = pl.min_horizontal(ours.stop_atr * atr, to_zone)
    stop = close - side * pl.max_horizontal(distance, ours.min_stop_atr * atr)
    return pl.when(atr.is_not_null() & (stop > 0)).then(stop)


def _is_tradeable(ours: SignalSettings) -> pl.Expr:
    is_sure = (pl.col("feature_confidence") >= ours.min_confidence).fill_null(False)
    return (pl.col("action") != "HOLD") & is_sure & pl.col("complete") & pl.col("is_warm")


def _reasoning() -> pl.Expr:
    votes = [pl.format("{} {}", pl.lit(name), _signed(pl.col(f"vote_{name}"))) for name in VOTES]
    return pl.format(
        "{}: {} for long, {} for short ({})",
        "action", "n_plus", "n_minus", pl.concat_str(votes, separator=", "),
    )  # fmt: skip


def _signed(vote: pl.Expr) -> pl.Expr:
    return vote.replace_strict({1: "+1", 0: "0", -1: "-1"}, default="unknown", return_dtype=pl.String)
