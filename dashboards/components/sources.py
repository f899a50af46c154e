"""Vendors: breakers, and what is left of budgets."""

from collections.abc import Sequence
from typing import Any

from dashboards.components.telling import told
from dashboards.pages import wording
from dashboards.services import Services
from dashboards.sources import SourceFacts
from market_assets.core import clock
from resources.alerting.findings_sources import budgets

_UNKNOWN: dict[str, Any] = dict.fromkeys(("n_open", "day_budget_left_ratio"))


def sources(services: Services, found: Sequence[SourceFacts]) -> dict[str, Any]:
    """A source that would not be asked now, or whose budget of the day is as low as `alerts` tells, degrades."""
    if not found:
        return {"status": "idle", "note": "no vendor was called yet", "detail": None, **_UNKNOWN}
    unwell = [f"{one.name}: {_unwell(one)}" for one in found if not one.healthy]
    low = [one.said for one in budgets(services.settings, clock.wall())]
    left = [window.left / window.limit for one in found for window in one.budget if window.window.startswith("day")]
    least = f", at least {wording.percent(min(left), 0)} of each day's budget is left" if left else ""
    return {
        "status": "degraded" if unwell or low else "healthy",
        "note": f"{len(found) - len(unwell)} of {len(found)} are well{least}",
        "detail": told([*unwell, *low]),
        "n_open": sum(one.state != "closed" for one in found),
        "day_budget_left_ratio": min(left, default=None),
    }


def described(source: SourceFacts) -> dict[str, Any]:
    """One vendor, of `data_sources`."""
    return {
        "state": source.state,
        "total_calls": source.total_calls,
        "success_rate": source.success_rate,
        "latency_p95_ms": source.latency_p95_ms,
        "is_healthy": source.healthy,
        "budget_left": source.budget_left,
        "budget_left_ratio": source.budget_left_ratio,
    }


def _unwell(source: SourceFacts) -> str:
    if source.blocked_until is not None:
        return f"blocked until {source.blocked_until:%H:%M:%S}Z"
    return f"its breaker is {source.state.replace('_', ' ')}" if source.state != "closed" else "it answers badly today"
