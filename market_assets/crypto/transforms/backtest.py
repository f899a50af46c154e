"""The backtest lab: one strategy on one symbol's candles. Decided at the close of a candle, filled at the next open.

Positions live as those of the simulated account do (`paper.fills`), on candles of the strategy's timeframe, with costs
on both sides. Nothing here looks at a candle before it has closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import UnknownName
from market_assets.core.performance import ALWAYS_OPEN, Performance, daily_equity, performance
from market_assets.core.settings import MetricsSettings
from market_assets.crypto.settings import MINUTES, CryptoSettings
from market_assets.crypto.transforms.paper.fills import LONG, Costs, Levels, Position, Prices
from market_assets.crypto.transforms.strategies import STRATEGIES, Given

TRADES: dict[str, Any] = {
    "side": pl.String,
    "confidence": pl.Float64,
    "qty": pl.Float64,
    "entry_ts": UTC_MICROS,
    "entry_price": pl.Float64,
    "exit_ts": UTC_MICROS,
    "exit_price": pl.Float64,
    "exit_reason": pl.String,
    "status": pl.String,
    "fees": pl.Float64,
    "pnl": pl.Float64,
    "pnl_pct": pl.Float64,
    "r_multiple": pl.Float64,
    "unrealised_pnl": pl.Float64,
}
EQUITY: dict[str, Any] = {"at": UTC_MICROS, "equity": pl.Float64}
_TOLERANCE = 1e-9


class Backtest(NamedTuple):
    """What a strategy would have done: TRADES by entry, EQUITY at every close, and the metrics of the closed trades."""

    trades: pl.DataFrame
    equity: pl.DataFrame
    metrics: Performance


def backtest(
    strategy: str,
    frames: Mapping[str, pl.DataFrame],
    *,
    costs: Costs,
    crypto: CryptoSettings,
    metrics: MetricsSettings,
    timeframe: str = "1h",
    signals: pl.DataFrame | None = None,
) -> Backtest:
    """Trade `strategy` (a name of STRATEGIES) on closed candles of one symbol, by timeframe and sorted by ts.

    `timeframe` is what it trades on, unless the strategy has one of its own (scalp 15m, with 4h; convergence that of
    the `signals`, CryptoSignals of the symbol). The start equity is that of the paper account; an order without a size
    of its own takes all of it. Raises UnknownName, and InvalidRequest where candles or signals are missing.
    """
    if strategy not in STRATEGIES:
        raise UnknownName("strategy", strategy, STRATEGIES)
    chosen = STRATEGIES[strategy]
    traded = crypto.signals.timeframe if chosen.is_primary else chosen.timeframe or timeframe
    given = Given(frames, traded, signals, crypto)
    orders = {row["ts"]: row for row in chosen.orders(given).iter_rows(named=True)}
    lab = _Lab(costs, crypto.paper.start_equity, crypto.paper.confidence_drop)
    curve = []
    for at, *prices in given.bars().select("ts", "open", "high", "low", "close").iter_rows():
        lab.live(Prices(*prices), at)
        closed_at = at + timedelta(minutes=MINUTES[traded])
        curve.append((closed_at, lab.equity))
        lab.decide(orders.get(at), closed_at)
    equity = pl.DataFrame(curve, schema=EQUITY, orient="row")
    trades = pl.DataFrame([_row(*one) for one in lab.positions], schema=TRADES)
    daily = daily_equity(equity, crypto.paper.start_equity)
    return Backtest(trades, equity, performance(daily, _closed(trades), per_year=ALWAYS_OPEN, settings=metrics))


@dataclass
class _Lab:
    """One account with at most one position."""

    costs: Costs
    start: float
    confidence_drop: float
    #: every position so far with the confidence of its order, the last one perhaps open
    positions: list[tuple[Position, float | None]] = field(default_factory=list)
    #: ordered at the close before, to be filled at the next open
    order: dict[str, Any] | None = None
    realised: float = 0.0

    @property
    def position(self) -> Position | None:
        """What is held."""
        last = self.positions[-1][0] if self.positions else None
        return last if last is not None and last.is_open else None

    @property
    def equity(self) -> float:
        """Equity at the last close."""
        held = self.position
        return self.start + self.realised + (held.pnl + held.unrealised if held else 0.0)

    def live(self, bar: Prices, at: datetime) -> None:
        """One closed candle: exits and entries at its open, then what it did to what is held."""
        held = self.position
        if held is not None and held.is_due(at):
            held.leave_at_open(bar.open, at, self.costs)
            self.realised += held.pnl
        if self.order is not None and self.position is None:
            self._enter(self.order, bar, at)
        self.order = None
        held = self.position
        if held is not None:
            held.live_through(bar, at, self.costs)
            self.realised += 0.0 if held.is_open else held.pnl

    def decide(self, order: dict[str, Any] | None, at: datetime) -> None:
        """What the strategy orders at the close of that candle, at that instant."""
        if order is None:
            return
        held = self.position
        if held is not None and held.exit_reason is None:
            is_opposite = order["closes"] == held.side or order["side"] == -held.side
            if is_opposite:
                held.exit_reason = "opposite_signal"
            elif self._is_doubted(order["confidence"]):
                held.exit_reason = "confidence_drop"
        is_same = held is not None and order["side"] == held.side and not held.time_is_up(at)
        self.order = order if order["side"] is not None and not is_same else None

    def _is_doubted(self, confidence: float | None) -> bool:
        entered = self.positions[-1][1]
        return entered is not None and confidence is not None and (
            entered - confidence >= self.confidence_drop - _TOLERANCE
        )  # fmt: skip

    def _enter(self, order: dict[str, Any], bar: Prices, at: datetime) -> None:
        side, stop, equity = order["side"], order["stop_price"], self.equity
        price = self.costs.market(bar.open, side)
        is_void = stop is not None and side * (price - stop) <= 0
        if is_void or equity <= 0:
            return
        levels = Levels(
            stop_price=stop,
            targets=tuple(order["targets"] or ()),
            shares=tuple(order["shares"] or ()),
            trail_arm_price=order["trail_arm_price"],
            trail_distance=order["trail_distance"],
            time_stop_at=order["time_stop_at"],
        )
        size = 1.0 if order["size_ratio"] is None else order["size_ratio"]
        position = Position.entered(side, size * equity / price, at, price, levels, self.costs)
        self.positions.append((position, order["confidence"]))


def _row(position: Position, confidence: float | None) -> dict[str, Any]:
    left = position.qty - position.qty_open
    return {
        "side": "long" if position.side == LONG else "short",
        "confidence": confidence,
        "qty": position.qty,
        "entry_ts": position.entry_ts,
        "entry_price": position.entry_price,
        "exit_ts": position.exit_ts,
        "exit_price": position.proceeds / left if left > 0 else None,
        "exit_reason": position.exit_reason,
        "status": "open" if position.is_open else "closed",
        "fees": position.fees,
        "pnl": position.pnl,
        "pnl_pct": 100.0 * position.pnl / position.notional,
        "r_multiple": position.pnl / position.risk if position.risk else None,
        "unrealised_pnl": position.unrealised,
    }


def _closed(trades: pl.DataFrame) -> pl.DataFrame:
    return trades.filter(pl.col("status") == "closed").select(
        "pnl",
        entry_notional=pl.col("qty") * pl.col("entry_price"),
        holding_min=(pl.col("exit_ts") - pl.col("entry_ts")).dt.total_seconds() / 60.0,
    )
