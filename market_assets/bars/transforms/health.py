"""How each source behaved on a day, and how far it is trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from market_assets.bars.schemas import BarsSourceHealth

#: outcomes of attempts that were sent and answered
_ANSWERED = ("ok", "partial", "empty")
#: how the columns of the table sum up outcomes
_SUMS: Mapping[str, tuple[str, ...]] = {
    "ok": ("ok",),
    "partial": ("partial",),
    "empty": ("empty",),
    "invalid": ("invalid",),
    "quota": ("quota", "budget"),
    "error": ("error",),
    "skipped": ("disabled", "excluded", "not_entitled", "open"),
}
#: outcomes of attempts of which nothing was sent
_NOT_SENT = ("budget", "disabled", "excluded", "not_entitled", "open")
HEALTHY_SUCCESS, HEALTHY_P95_MS = 0.8, 5000.0
_SCHEMA = BarsSourceHealth.contract().schema


class Latency(NamedTuple):
    """Percentiles of one source's day, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Facts:
    """What is known of the sources on one day, beside what they served."""

    #: source, outcome, calls, credits: one row per source and outcome
    calls: pl.DataFrame
    latencies: Mapping[str, Latency]
    #: source -> state of its breaker at the end of the day
    states: Mapping[str, str]
    #: source -> times that it opened
    opens: Mapping[str, int]
    #: source -> requests or credits left of the day's budget; a source without one is not in it
    budget_left: Mapping[str, int]
    #: source -> its newest failure
    last_errors: Mapping[str, str]


def source_health(
    day: date, sources: Sequence[str], facts: Facts, minutes: pl.DataFrame, comparisons: pl.DataFrame
) -> pl.DataFrame:
    """BarsSourceHealth of one day: one row for each of `sources`.

    `minutes`: source (unmarked) and quality_score of the day's rows, in one order. `comparisons`: rows of
    BarsReconciliation of the trailing days, sources unmarked; where two sources disagree both are trusted less,
    because nobody knows who is right.
    """
    served = minutes.group_by("source", maintain_order=True).agg(rows=pl.len(), quality=pl.col("quality_score").mean())
    found = {row["source"]: row for row in served.iter_rows(named=True)}
    agreed = _agreements(comparisons)
    rows = [
        _row(day, source, facts, found.get(source, {"rows": 0, "quality": None}), minutes.height, agreed.get(source))
        for source in sources
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort("source")


def _row(
    day: date, source: str, facts: Facts, served: Mapping[str, Any], n_rows: int, agreed: tuple[int, float] | None
) -> dict[str, Any]:
    own = facts.calls.filter(pl.col("source") == source)
    calls = dict(own.select("outcome", "calls").iter_rows())
    total = sum(calls.values())
    sent = total - sum(calls.get(name, 0) for name in _NOT_SENT)
    success = sum(calls.get(name, 0) for name in _ANSWERED) / sent if sent else None
    latency = facts.latencies.get(source)
    state = facts.states.get(source)
    factors = [success, served["quality"], agreed[1] if agreed else None]
    known = [factor for factor in factors if factor is not None]
    trust = None
    for factor in known:
        trust = factor if trust is None else trust * factor
    return {
        "day": day,
        "source": source,
        "total_calls": total,
        **{column: sum(calls.get(name, 0) for name in names) for column, names in _SUMS.items()},
        "success_rate": success,
        "latency_p50_ms": latency.p50_ms if latency else None,
        "latency_p95_ms": latency.p95_ms if latency else None,
        "latency_p99_ms": latency.p99_ms if latency else None,
        "credits_used": int(own["credits"].sum()),
        "budget_left": facts.budget_left.get(source),
        "state": state,
        "opens": facts.opens.get(source, 0),
        "rows_served": served["rows"],
        "share_of_rows": served["rows"] / n_rows if n_rows else None,
        "mean_quality": served["quality"],
        "n_compared": agreed[0] if agreed else 0,
        "agreement_ratio": agreed[1] if agreed else None,
        "trust_score": trust,
        "is_healthy": _is_healthy(success, latency, state),
        "last_error": facts.last_errors.get(source),
    }


def _is_healthy(success: float | None, latency: Latency | None, state: str | None) -> bool | None:
    if success is None:
        return None
    is_quick = latency is None or latency.p95_ms < HEALTHY_P95_MS
    return success > HEALTHY_SUCCESS and is_quick and state != "open"


def _agreements(comparisons: pl.DataFrame) -> dict[str, tuple[int, float]]:
    """Source -> minutes compared, and the share of them that agreed; of one kind of instrument only."""
    judged = comparisons.filter(pl.col("agreement_ratio").is_not_null(), pl.col("status") != "kinds")
    sides = pl.concat(
        judged.select(pl.col(name).alias("source"), "symbol", "day", "n_common", "agreement_ratio")
        for name in ("source", "other_source")
    )
    # in one order before the sum: its last digit depends on it
    told = (
        sides.sort("source", "symbol", "day", "n_common")
        .group_by("source", maintain_order=True)
        .agg(
            pl.col("n_common").sum(),
            agreed=(pl.col("agreement_ratio") * pl.col("n_common")).sum(),
        )
        .filter(pl.col("n_common") > 0)
    )
    return {source: (n, agreed / n) for source, n, agreed in told.iter_rows()}
