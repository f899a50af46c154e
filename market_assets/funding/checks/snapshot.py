"""Judgements about the newest round of snapshots: is everyone there, fresh, and believable."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg
import polars as pl

from market_assets.core.checks import Judgement, error_unless, graded, warn_unless
from market_assets.funding.transforms.health import DEGRADED, HEALTHY, health_score

AGE_WARN_MIN, AGE_ERROR_MIN = 10.0, 30.0
MISSING_ERROR_SHARE, NULL_SHARE, BASIS_PCT = 0.25, 0.05, 10.0
DISPERSION_WARN, DISPERSION_ERROR = 0.05, 0.20
_LEADING = "binance_usdm"


def _age_min(at: datetime, now: datetime) -> float:
    return (now - at).total_seconds() / 60


def snapshot_fresh(ages: pl.DataFrame) -> Judgement:
    """The newest look at each exchange is no older than 10 minutes; above 30 it is an error."""
    late = ages.filter(pl.col("age_min").is_null() | (pl.col("age_min") > AGE_WARN_MIN))
    stale = late.filter(pl.col("age_min").is_null() | (pl.col("age_min") > AGE_ERROR_MIN))
    judge = error_unless if stale.height else warn_unless
    return judge(late.is_empty(), "RUNBOOK: snapshot_fresh", warn_min=AGE_WARN_MIN, error_min=AGE_ERROR_MIN, rows=late)


def exchanges_present(latest: pl.DataFrame, expected: Sequence[str]) -> Judgement:
    """Every exchange in use is in the round, and they are two at least; an error without a quarter or binance_usdm."""
    present = set(latest["exchange"].unique())
    missing = [name for name in expected if name not in present]
    grave = len(missing) > MISSING_ERROR_SHARE * len(expected) or _LEADING in missing
    judge = error_unless if grave else warn_unless
    # nothing can be compared with one
    alone = len(present) == 1
    return judge(not missing and not alone, expected=len(expected), present=len(present), missing=", ".join(missing))


def mark_dispersion(latest: pl.DataFrame) -> Judgement:
    """Exchanges' mark prices of BTC lie within 5 % of each other; above 20 % it is an error."""
    btc = latest.filter((pl.col("base_asset") == "BTC") & pl.col("mark_price_base").is_not_null())
    low, high = btc["mark_price_base"].min(), btc["mark_price_base"].max()
    spread = float(high) / float(low) - 1 if low and high else 0.0  # type: ignore[arg-type]
    shown = btc.select("exchange", "symbol", "mark_price_base")
    return graded(spread, warn=DISPERSION_WARN, error=DISPERSION_ERROR, rows=shown)


def basis_plausible(latest: pl.DataFrame) -> Judgement:
    """No mark price is more than 10 % from its index."""
    far = latest.filter(pl.col("basis_pct").abs() > BASIS_PCT)
    shown = far.select("exchange", "symbol", "mark_price", "index_price", "basis_pct")
    return warn_unless(far.is_empty(), n=far.height, rows=shown)


def rates_stated(latest: pl.DataFrame) -> Judgement:
    """At most 5 % of the contracts have no predicted rate."""
    share = null_share(latest)
    by_exchange = (
        latest.filter(pl.col("predicted_rate_native").is_null()).group_by("exchange", maintain_order=True).len("n")
    )
    return warn_unless(share <= NULL_SHARE, share=share, allowed=NULL_SHARE, rows=by_exchange)


def round_healthy(latest: pl.DataFrame, ages: pl.DataFrame, expected: Sequence[str]) -> Judgement:
    """The round's health score is at least 80 of 100; below 50 it is an error."""
    score = round_score(latest, ages, expected)
    judge = error_unless if score < DEGRADED else warn_unless
    return judge(score >= HEALTHY, score=score, healthy_from=HEALTHY, degraded_from=DEGRADED)


def round_score(latest: pl.DataFrame, ages: pl.DataFrame, expected: Sequence[str]) -> float:
    """The health score of a round: of who is missing, null rates, age, and the judgements above."""
    judged = [
        snapshot_fresh(ages),
        exchanges_present(latest, expected),
        mark_dispersion(latest),
        basis_plausible(latest),
        rates_stated(latest),
    ]
    failed = [one.severity for one in judged if not one.passed]
    age = ages["age_min"].min()
    return health_score(
        exchanges_expected=len(expected),
        exchanges_present=latest["exchange"].n_unique(),
        null_rate_share=None if latest.is_empty() else null_share(latest),
        age_min=None if age is None else float(age),  # type: ignore[arg-type]
        n_errors=failed.count(dg.AssetCheckSeverity.ERROR),
        n_warnings=failed.count(dg.AssetCheckSeverity.WARN),
    )


def null_share(latest: pl.DataFrame) -> float:
    """Share of the contracts without a predicted rate (fraction)."""
    return latest["predicted_rate_native"].null_count() / max(1, latest.height)


def ages_of(latest: pl.DataFrame, expected: Sequence[str], now: datetime) -> pl.DataFrame:
    """Age of the newest look at each expected exchange: exchange, snapshot_at, age_min (null without a look)."""
    newest = dict(latest.group_by("exchange").agg(pl.col("snapshot_at").max()).iter_rows())
    rows = [(name, newest.get(name), _age_min(newest[name], now) if name in newest else None) for name in expected]
    schema = {"exchange": pl.String(), "snapshot_at": pl.Datetime("us", "UTC"), "age_min": pl.Float64()}
    return pl.DataFrame(rows, schema=schema, orient="row")
