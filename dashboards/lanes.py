"""How exchanges are asked: what is left of both budgets of each, and what failed.

Settled history has a budget of its own, so that a backfill does not hold up looks at the current state.
"""

from dataclasses import dataclass

from dashboards.sources import WindowLeft
from market_assets.core import clock
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint
from resources.venues.exchange import lanes_of

_DONE = "ok"


@dataclass(frozen=True)
class Asked:
    """Requests left in the windows of both budgets, none without a limit; failed requests by outcome, most first."""

    history: tuple[WindowLeft, ...]
    market: tuple[WindowLeft, ...]
    failures: dict[str, int]


def asked(settings: Settings) -> dict[str, Asked]:
    """Of every exchange in use, as all processes see it; empty where nobody was ever asked on this home."""
    state = VendorState.of(settings.home)
    if not state.path.exists():
        return {}
    return {exchange: _of(exchange, settings, state) for exchange in settings.funding.enabled}


def _of(exchange: str, settings: Settings, state: VendorState) -> Asked:
    # the sandbox limits nothing
    limited = [] if settings.vendors == "sandbox" else lanes_of(settings, exchange)
    left = {lane: _left(exchange, lane, rates, settings, state) for lane, _, rates in limited}
    outcomes = state.call_stats(exchange).outcomes
    failed = sorted(((n, outcome) for outcome, n in outcomes.items() if outcome != _DONE), reverse=True)
    return Asked(left.get("history", ()), left.get("market", ()), {outcome: n for n, outcome in failed})


def _left(
    exchange: str, lane: str, rates: RateBudget, settings: Settings, state: VendorState
) -> tuple[WindowLeft, ...]:
    budget = Budget.of(
        exchange, fingerprint(exchange, None, lane), rates, state, wait_s=settings.fetch.budget_wait_s, now=clock.wall
    )
    return tuple(WindowLeft(use.name, max(use.limit - use.used, 0), use.limit, use.resets_at) for use in budget.use())
