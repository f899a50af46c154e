"""What of a live market speaks against acting on a signal now: spread, slippage, a slow source, a fast tape."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil

from market_assets.bars.settings import FilterSettings

#: expected slippage in basis points of price: share of the spread, per unit of volatility a bar (fraction), per lot
SPREAD_SHARE, BPS_PER_SIGMA, BPS_PER_LOT = 0.5, 30.0, 0.1
_BPS = 1e4
#: two spreads that differ by less are equal: bid and ask are decimal numbers
_TOLERANCE = 1e-9


class ExecutionFilters:
    """The filters of one symbol. Tell it of every quote; ask when a signal is to be shown. `now` gives the instant.

    Everything is measured: what was not observed is not judged, and nothing stands in for it.
    """

    def __init__(self, settings: FilterSettings, now: Callable[[], datetime]) -> None:
        self.settings, self.now = settings, now
        self.paused_until: datetime | None = None
        self._price: float | None = None
        self._sigma: float | None = None
        #: spread of the newest quote, and of those before it
        self._spread: float | None = None
        self._spreads: deque[float] = deque(maxlen=settings.spread_window)
        self._slow: deque[bool] = deque(maxlen=settings.latency_strikes)
        self._seen: deque[datetime] = deque()

    def observe(
        self,
        at: datetime,
        bid: float | None,
        ask: float | None,
        price: float,
        latency_ms: float | None,
        sigma_bar: float | None,
    ) -> None:
        """A quote that arrived at `at`: how long its source took, and the volatility per bar (fraction) by then.

        A bid at or below 0, or above the ask, is none.
        """
        self._price, self._sigma = price, sigma_bar
        if self._spread is not None:
            self._spreads.append(self._spread)
        self._spread = None if bid is None or ask is None or not 0 < bid <= ask else ask - bid
        self._seen.append(at)
        self._forget(at)
        if latency_ms is not None:
            self._slow.append(latency_ms > self.settings.max_latency_ms)
            if len(self._slow) == self.settings.latency_strikes and all(self._slow):
                self.paused_until = at + timedelta(seconds=self.settings.pause_s)

    def reasons(self, lots: float) -> list[str]:
        """Why a position of that size must not be entered now.

        `no_quote` and `no_sigma` tell that spread and slippage, or slippage alone, could not be judged; they do not
        reject.
        """
        at = self.now()
        self._forget(at)
        found = []
        if self._spread is None:
            found.append("no_quote")
        else:
            found += ["spread_wide"] if self._is_wide(self._spread) else []
            found += self._slipping(lots)
        if self.paused_until is not None and at < self.paused_until:
            found.append("source_slow")
        if len(self._seen) > self.settings.max_quotes:
            found.append("tape_fast")
        return found

    def slippage_bps(self, lots: float) -> float | None:
        """Expected slippage of that size in basis points of price; None without a quote or without volatility."""
        if self._spread is None or self._price is None or self._sigma is None:
            return None
        spread_bps = _BPS * self._spread / self._price
        return SPREAD_SHARE * spread_bps + BPS_PER_SIGMA * self._sigma + BPS_PER_LOT * lots

    def _slipping(self, lots: float) -> list[str]:
        expected = self.slippage_bps(lots)
        if expected is None:
            return ["no_sigma"]
        return ["slippage_high"] if expected > self.settings.max_slippage_bps else []

    def _is_wide(self, spread: float) -> bool:
        """Whether it lies above the percentile (nearest rank) of the spreads before it."""
        if len(self._spreads) < self.settings.spread_min_seen:
            return False
        rank = max(ceil(self.settings.spread_percentile / 100.0 * len(self._spreads)), 1)
        return spread > sorted(self._spreads)[rank - 1] * (1.0 + _TOLERANCE)

    def _forget(self, at: datetime) -> None:
        """Leave out the quotes that came too long before `at`."""
        oldest = at - timedelta(seconds=self.settings.quotes_s)
        while self._seen and self._seen[0] <= oldest:
            self._seen.popleft()
