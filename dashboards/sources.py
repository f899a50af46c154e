"""What is known of the vendors: breaker, calls, latency, budget left. Read from the shared state file."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from market_assets.core import clock
from market_assets.settings import Settings
from resources.http.breaker import Breaker
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint


@dataclass(frozen=True)
class WindowLeft:
    """Requests left in one window of a budget."""

    window: str
    left: int
    limit: int
    resets_at: datetime


@dataclass(frozen=True)
class SourceFacts:
    """One vendor as all processes see it. Numbers are None before the first call."""

    name: str
    state: str
    blocked_until: datetime | None
    total_calls: int
    success_rate: float | None
    latency_p95_ms: float | None
    last_success_at: datetime | None
    budget: tuple[WindowLeft, ...]

    @property
    def healthy(self) -> bool:
        """Whether a call would be sent now, as far as breaker and blocks go."""
        return self.state == "closed" and self.blocked_until is None

    @property
    def budget_left(self) -> int | None:
        """Requests that may still be made in the longest window; None without a limit."""
        return self.budget[-1].left if self.budget else None


class Sources:
    """The vendors the settings name."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = clock.wall) -> None:
        self._settings, self._now = settings, now

    @functools.cached_property
    def _state(self) -> VendorState:
        return VendorState.of(self._settings.home)

    def facts(self) -> list[SourceFacts]:
        """One entry per vendor in use; empty where no vendor was ever called on this home."""
        if not self._state.path.exists():
            return []
        return [self._source(name) for name in self._settings.vendor_names]

    def _source(self, vendor: str) -> SourceFacts:
        fetch = self._settings.fetch
        secret = getattr(self._settings, f"{vendor}_api_key", None)
        key = fingerprint(vendor, secret.get_secret_value() if secret else None)
        breaker = Breaker(vendor, self._state, now=self._now).status()
        calls = self._state.call_stats(vendor)
        rates = self._settings.vendor(vendor).budget
        budget = Budget.of(vendor, key, rates, self._state, wait_s=fetch.budget_wait_s, now=self._now)
        return SourceFacts(
            name=vendor,
            state=breaker.state,
            blocked_until=breaker.blocked_until,
            total_calls=calls.total_calls,
            success_rate=calls.success_rate,
            latency_p95_ms=calls.latency_p95_ms,
            last_success_at=calls.last_success_at,
            budget=tuple(
                WindowLeft(use.name, max(use.limit - use.used, 0), use.limit, use.resets_at) for use in budget.use()
            ),
        )
