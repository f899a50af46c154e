"""What is known of the vendors: breaker, calls, latency, budget left. Read from the shared state file."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dashboards.data import PublishedData
from market_assets.bars.schemas import BarsReconciliation, BarsSourceHealth
from market_assets.bars.transforms.health import Facts, Latency, source_health
from market_assets.core import clock
from market_assets.settings import Settings
from resources.http.breaker import Breaker
from resources.http.state import VendorState
from resources.source_calls import SourceCalls
from resources.vendor_budgets import WindowLeft, vendors_in_use, windows_left

_DONE = "ok"
_HEALTH = BarsSourceHealth.contract()
_NO_ROWS = pl.DataFrame(schema={"source": pl.String(), "quality_score": pl.Float64()})
_NOT_COMPARED = BarsReconciliation.contract().empty()


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
    #: requests that did not succeed, by outcome, most first
    failures: dict[str, int]
    #: requests that did
    succeeded: int = 0
    #: of a source of minute bars: whether today's attempts were answered, and in time; None before any
    well_today: bool | None = None

    def lane(self, name: str) -> tuple[WindowLeft, ...]:
        """The windows of one budget of several; none where it has no limit."""
        return tuple(window for window in self.budget if window.lane == name)

    @property
    def calls(self) -> dict[str, int]:
        """Requests by outcome."""
        return {_DONE: self.succeeded, **self.failures} if self.succeeded or self.failures else {}

    @property
    def healthy(self) -> bool:
        """Whether a call would be sent now, as far as breaker and blocks go, and today's were answered well enough."""
        return self.state == "closed" and self.blocked_until is None and self.well_today is not False

    @property
    def budget_left(self) -> int | None:
        """Requests that may still be made in the longest window, of the first budget of several; None without limit."""
        longest = self._longest
        return longest.left if longest else None

    @property
    def budget_left_ratio(self) -> float | None:
        """The share of that window that is left."""
        longest = self._longest
        return longest.left / longest.limit if longest else None

    @property
    def _longest(self) -> WindowLeft | None:
        return self.lane(self.budget[0].lane)[-1] if self.budget else None


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
        well = self._well_today()
        return [self._source(name, well.get(name)) for name in vendors_in_use(self._settings)]

    def _well_today(self) -> dict[str, bool | None]:
        """Source of minute bars -> whether it did well today, by the rules of `bars_source_health`."""
        calls = SourceCalls(self._settings.home)
        if not calls.path.exists():
            return {}
        day = clock.today()
        facts = Facts(
            calls=calls.day(day),
            latencies={name: Latency(*found) for name, found in calls.latencies(day).items()},
            states={},
            opens={},
            budget_left={},
            last_errors={},
        )
        judged = source_health(day, list(self._settings.bars.sources), facts, _NO_ROWS, _NOT_COMPARED)
        return dict(judged.select("source", "is_healthy").iter_rows())

    def _source(self, vendor: str, well_today: bool | None) -> SourceFacts:
        breaker = Breaker(vendor, self._state, now=self._now).status()
        calls = self._state.call_stats(vendor)
        failed = {name: n for name, n in calls.outcomes.items() if name != _DONE}
        return SourceFacts(
            name=vendor,
            state=breaker.state,
            blocked_until=breaker.blocked_until,
            total_calls=calls.total_calls,
            success_rate=calls.success_rate,
            latency_p95_ms=calls.latency_p95_ms,
            last_success_at=calls.last_success_at,
            budget=tuple(windows_left(self._settings, vendor, self._state, self._now)),
            failures={name: n for n, name in sorted(((n, name) for name, n in failed.items()), reverse=True)},
            succeeded=calls.outcomes.get(_DONE, 0),
            well_today=well_today,
        )


def trust(data: PublishedData) -> dict[str, float]:
    """Source -> its trust score on the newest stored day; one without a score is left out."""
    stored = [manifest.partition for manifest in data.manifests(_HEALTH.name) if manifest.rows]
    if not stored:
        return {}
    newest = [max(stored)]
    columns = [*_HEALTH.key, "trust_score"]
    rows = data.kept(
        "newest trust in sources", [_HEALTH.name], lambda: data.store.read(_HEALTH, newest, columns=columns)
    )
    return {source: score for source, score in rows.select("source", "trust_score").iter_rows() if score is not None}
