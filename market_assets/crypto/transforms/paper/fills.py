"""One position from its entry to its last exit: stop, targets, trailing stop, costs.

A closed bar is judged as the worst order of its prices would have it: the stop before any target, and the trailing
stop moves only at the bar's close. Limit orders fill at their price, everything else pays slippage; all pay commission.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Self

from market_assets.crypto.settings import PaperSettings

LONG, SHORT = 1, -1


class Prices(NamedTuple):
    """What a closed bar traded at."""

    open: float
    high: float
    low: float
    close: float

    def best(self, side: int) -> float:
        """The extreme in favour of that side."""
        return self.high if side > 0 else self.low

    def worst(self, side: int) -> float:
        """The extreme against that side."""
        return self.low if side > 0 else self.high


@dataclass(frozen=True)
class Costs:
    """What every fill costs, as fractions of its price."""

    slippage: float
    commission: float

    @classmethod
    def of(cls, paper: PaperSettings) -> Self:
        """The costs of the paper account."""
        return cls(paper.slippage_pct / 100.0, paper.commission_pct / 100.0)

    def market(self, price: float, direction: int) -> float:
        """What an order at the market gets: `direction` +1 buys above, -1 sells below the price."""
        return price * (1.0 + direction * self.slippage)


@dataclass(frozen=True)
class Levels:
    """Where a position is left. None and empty: not by that."""

    stop_price: float | None = None
    targets: tuple[float, ...] = ()
    #: share of the size that each target sells; the last one sells what is left
    shares: tuple[float, ...] = ()
    trail_arm_price: float | None = None
    trail_distance: float | None = None
    time_stop_at: datetime | None = None


@dataclass(slots=True)
class Position:
    """What was entered, what is left of it, and what came of it."""

    #: +1 long, -1 short
    side: int
    qty: float
    entry_ts: datetime
    entry_price: float
    levels: Levels
    qty_open: float
    #: the stop in force
    stop_price: float | None
    #: last close seen
    mark: float
    fees: float
    proceeds: float = 0.0
    n_targets_hit: int = 0
    trail_armed: bool = False
    exit_ts: datetime | None = None
    #: why it ended; of an open one why it will, at the open of its next bar
    exit_reason: str | None = field(default=None)

    @classmethod
    def entered(cls, side: int, qty: float, at: datetime, price: float, levels: Levels, costs: Costs) -> Self:
        """A new position at a price that has the slippage in it."""
        return cls(side, qty, at, price, levels, qty, levels.stop_price, price, qty * price * costs.commission)

    @property
    def is_open(self) -> bool:
        """Whether anything is left."""
        return self.qty_open > 0

    @property
    def notional(self) -> float:
        """What was entered, at its price."""
        return self.qty * self.entry_price

    @property
    def value(self) -> float:
        """What is left, at the mark."""
        return self.qty_open * self.mark

    @property
    def pnl(self) -> float:
        """Realised profit, net of all fees so far."""
        return self.side * (self.proceeds - self.entry_price * (self.qty - self.qty_open)) - self.fees

    @property
    def unrealised(self) -> float:
        """Profit of what is left, at the mark and before the costs of selling it."""
        return self.side * (self.mark - self.entry_price) * self.qty_open

    @property
    def risk(self) -> float | None:
        """What was lost at the first stop, before costs; None without one."""
        stop = self.levels.stop_price
        return None if stop is None else self.qty * abs(self.entry_price - stop)

    def time_is_up(self, at: datetime) -> bool:
        """Whether it was held as long as it may be."""
        return self.levels.time_stop_at is not None and at >= self.levels.time_stop_at

    def is_due(self, at: datetime) -> bool:
        """Whether what is left is sold at the open of the bar at that instant, whatever it trades at."""
        return self.exit_reason is not None or self.time_is_up(at)

    def leave_at_open(self, price: float, at: datetime, costs: Costs) -> None:
        """Sell what is left at the open of a bar: the reason found before it, else its time is up."""
        self._leave(costs.market(price, -self.side), self.qty_open, at, self.exit_reason or "time", costs)

    def live_through(self, bar: Prices, at: datetime, costs: Costs, *, entered_inside: bool = False) -> None:
        """One closed bar. `entered_inside`: a limit order filled in it, so its best price may have been before."""
        self.mark = bar.close
        if self._is_stopped(bar, at, costs):
            return
        if not entered_inside:
            self._take_profit(bar, at, costs)
        if self.is_open:
            self._trail(bar.close)

    def _is_stopped(self, bar: Prices, at: datetime, costs: Costs) -> bool:
        stop = self.stop_price
        if stop is None or self.side * (bar.worst(self.side) - stop) > 0:
            return False
        # a bar that opens beyond the stop sells there
        price = bar.open if self.side * (bar.open - stop) < 0 else stop
        reason = "stop" if stop == self.levels.stop_price else "trail"
        self._leave(costs.market(price, -self.side), self.qty_open, at, reason, costs)
        return True

    def _take_profit(self, bar: Prices, at: datetime, costs: Costs) -> None:
        targets = self.levels.targets
        while self.is_open and self.n_targets_hit < len(targets):
            target = targets[self.n_targets_hit]
            if self.side * (bar.best(self.side) - target) < 0:
                return
            share = self.levels.shares[self.n_targets_hit]
            self.n_targets_hit += 1
            is_last = self.n_targets_hit == len(targets)
            sold = self.qty_open if is_last else min(share * self.qty, self.qty_open)
            self._leave(target, sold, at, "target", costs)

    def _trail(self, close: float) -> None:
        arm, distance = self.levels.trail_arm_price, self.levels.trail_distance
        if arm is None or distance is None:
            return
        self.trail_armed = self.trail_armed or self.side * (close - arm) >= 0
        trail = close - self.side * distance
        if self.trail_armed and (self.stop_price is None or self.side * (trail - self.stop_price) > 0):
            self.stop_price = trail

    def _leave(self, price: float, qty: float, at: datetime, reason: str, costs: Costs) -> None:
        self.qty_open = 0.0 if qty == self.qty_open else self.qty_open - qty
        self.proceeds += qty * price
        self.fees += qty * price * costs.commission
        self.exit_ts = at
        if not self.is_open:
            self.exit_reason = reason
