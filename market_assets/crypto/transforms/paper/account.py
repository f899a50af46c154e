"""The simulated account on one day: orders that wait, positions, and what they make of its equity."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from math import fsum

from market_assets.crypto.transforms.paper.correlation import Close
from market_assets.crypto.transforms.paper.fills import Levels, Position


@dataclass(frozen=True)
class Order:
    """A tradeable signal that was accepted for execution."""

    trade_id: str
    symbol: str
    #: +1 long, -1 short
    side: int
    signal_time: datetime
    signal_price: float
    feature_confidence: float
    size_ratio: float
    #: None: at the market
    limit_price: float | None
    levels: Levels


@dataclass
class Holding:
    """A position of the account, with what it was worth when the day began."""

    order: Order
    position: Position
    entry_exposure_ratio: float
    entry_group_ratio: float
    #: realised and unrealised profit, and fees, at the beginning of the day
    pnl_before: float = 0.0
    unrealised_before: float = 0.0
    fees_before: float = 0.0

    @property
    def gain(self) -> float:
        """What it added to equity today."""
        return fsum((self.position.pnl, self.position.unrealised, -self.pnl_before, -self.unrealised_before))


@dataclass
class Account:
    """One day of the account; `read` and `written` of rows carry it from day to day."""

    day: date
    equity_start: float
    #: highest equity at the end of a day so far, the first equity included
    peak_equity: float
    #: daily closes up to the day before
    closes: list[Close] = field(default_factory=list)
    #: open positions by symbol
    held: dict[str, Holding] = field(default_factory=dict)
    closed: list[Holding] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    refused: list[tuple[Order, str]] = field(default_factory=list)

    @property
    def is_busy(self) -> bool:
        """Whether a minute can change anything."""
        return bool(self.held or self.orders)

    @property
    def holdings(self) -> Iterator[Holding]:
        """Every position open at any time of the day."""
        yield from self.held.values()
        yield from self.closed

    @property
    def equity(self) -> float:
        """Equity at the last prices seen."""
        return self.equity_start + fsum(holding.gain for holding in self.holdings)

    @property
    def drawdown(self) -> float:
        """How far equity is below its peak, as a share of the peak."""
        return min(max(0.0, (self.peak_equity - self.equity) / self.peak_equity), 1.0)

    def value(self, symbols: frozenset[str] | None = None) -> float:
        """What is held at the last prices seen, of all or of these symbols."""
        return fsum(
            holding.position.value for symbol, holding in self.held.items() if symbols is None or symbol in symbols
        )

    def refuse(self, order: Order, reason: str) -> None:
        """Give up an order."""
        self.refused.append((order, reason))

    def settle(self) -> None:
        """Move positions that ended to the closed ones."""
        for symbol in [symbol for symbol, holding in self.held.items() if not holding.position.is_open]:
            self.closed.append(self.held.pop(symbol))
