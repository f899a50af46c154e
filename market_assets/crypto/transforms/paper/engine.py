"""One day of the account: decisions at the close of each primary candle, fills and exits minute by minute.

At an instant the order is: decisions made at it; exits at the open; entries; then what the candle did to every
position. A decision at midnight belongs to the day that ends, and is carried out on the next.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from market_assets.core import clock
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.paper.account import Account, Holding, Order
from market_assets.crypto.transforms.paper.correlation import Close, groups
from market_assets.crypto.transforms.paper.fills import LONG, SHORT, Costs, Levels, Position, Prices
from market_assets.crypto.transforms.paper.limits import judged

MINUTE = timedelta(minutes=1)
MINUTES = 1440
#: a confidence that fell by the limit less this has fallen by it
_TOLERANCE = 1e-9


def trade(account: Account, signals: pl.DataFrame, klines: pl.DataFrame, crypto: CryptoSettings) -> None:
    """Take the account through its day. `signals` and `klines`: rows of the day, sorted by symbol and time."""
    _Day(account, signals, klines, crypto).run()


def trade_id(signal: Mapping[str, Any]) -> str:
    """What a trade is called in every row about it: the hash of its signal's key."""
    key = (signal["symbol"], signal["timeframe"], signal["ts"].isoformat(), str(signal["strategy_version"]))
    return hashlib.sha256("|".join(key).encode()).hexdigest()[:16]


class _Day:
    def __init__(self, account: Account, signals: pl.DataFrame, klines: pl.DataFrame, crypto: CryptoSettings) -> None:
        self.account, self.klines, self.crypto = account, klines, crypto
        self.paper = crypto.paper
        self.costs = Costs.of(crypto.paper)
        self.start = clock.instant(account.day)
        self.candles: dict[str, dict[int, Prices]] = {}
        self.decisions: dict[int, list[dict[str, Any]]] = {}
        for signal in signals.iter_rows(named=True):
            self.decisions.setdefault((signal["signal_time"] - self.start) // MINUTE, []).append(signal)

    def run(self) -> None:
        account, minute = self.account, 0
        while minute < MINUTES:
            self._decide(minute)
            if not account.is_busy:
                minute = min((later for later in self.decisions if later > minute), default=MINUTES)
                continue
            at = self.start + minute * MINUTE
            self._leave(minute, at)
            fresh = self._enter(minute, at)
            for symbol, holding in account.held.items():
                bar = self._candles(symbol).get(minute)
                if bar is not None:
                    holding.position.live_through(bar, at, self.costs, entered_inside=symbol in fresh)
            account.settle()
            minute += 1
        self._decide(MINUTES)
        account.closes = self._closes()

    def _decide(self, minute: int) -> None:
        for signal in self.decisions.get(minute, []):
            held = self.account.held.get(signal["symbol"])
            if held is not None:
                self._review(held, signal)
            if signal["is_tradeable"]:
                self._order(held, signal)

    def _review(self, held: Holding, signal: Mapping[str, Any]) -> None:
        """Whether a later signal of its symbol ends a position: the other side's votes, or lost confidence."""
        position, confidence = held.position, signal["feature_confidence"]
        if position.exit_reason is not None:
            return
        against = signal["n_minus"] if position.side == LONG else signal["n_plus"]
        if against >= self.crypto.signals.min_votes:
            position.exit_reason = "opposite_signal"
        elif (
            confidence is not None
            and held.order.feature_confidence - confidence >= self.paper.confidence_drop - _TOLERANCE
        ):
            position.exit_reason = "confidence_drop"

    def _order(self, held: Holding | None, signal: Mapping[str, Any]) -> None:
        order = _ordered(signal, self.crypto)
        account = self.account
        for waiting in [one for one in account.orders if one.symbol == order.symbol]:
            account.orders.remove(waiting)
            account.refuse(waiting, "replaced")
        is_held = held is not None and held.position.side == order.side
        if order.levels.stop_price is None:
            account.refuse(order, "no_stop")
        elif held is not None and is_held and not held.position.time_is_up(order.signal_time):
            account.refuse(order, "symbol_held")
        else:
            account.orders.append(order)
            account.orders.sort(key=lambda one: (one.signal_time, -one.feature_confidence, one.symbol))

    def _leave(self, minute: int, at: datetime) -> None:
        for symbol, holding in self.account.held.items():
            bar = self._candles(symbol).get(minute)
            if bar is not None and holding.position.is_due(at):
                holding.position.leave_at_open(bar.open, at, self.costs)
        self.account.settle()

    def _enter(self, minute: int, at: datetime) -> set[str]:
        """Fill what can be filled; the symbols whose limit order filled inside this candle."""
        account, inside, waiting = self.account, set(), []
        for order in account.orders:
            bar = self._candles(order.symbol).get(minute)
            expired = self._expired(order, at)
            if expired is not None:
                account.refuse(order, expired)
            elif bar is None or (price := _fill(order, bar, self.costs)) is None:
                waiting.append(order)
            elif self._is_entered(order, price, at) and _is_inside(order, bar):
                inside.add(order.symbol)
        account.orders = waiting
        return inside

    def _expired(self, order: Order, at: datetime) -> str | None:
        if order.limit_price is None:
            return "no_bar" if at >= order.signal_time + self.paper.no_bar_min * MINUTE else None
        return "limit_expired" if at >= order.signal_time + self.paper.zone_limit_min * MINUTE else None

    def _is_entered(self, order: Order, price: float, at: datetime) -> bool:
        account, stop = self.account, order.levels.stop_price
        verdict = judged(account, order, self._groups.get(order.symbol, frozenset((order.symbol,))), self.paper)
        is_void = stop is not None and order.side * (price - stop) <= 0
        reason = verdict.reason or ("beyond_stop" if is_void else None)
        if reason is not None:
            account.refuse(order, reason)
            return False
        qty = order.size_ratio * account.equity / price
        position = Position.entered(order.side, qty, at, price, order.levels, self.costs)
        account.held[order.symbol] = Holding(order, position, verdict.exposure_ratio, verdict.group_ratio)
        return True

    @cached_property
    def _groups(self) -> dict[str, frozenset[str]]:
        return groups(self.account.closes, self.paper)

    def _candles(self, symbol: str) -> dict[int, Prices]:
        """Minute of the day -> prices; read when the symbol is first looked at."""
        if symbol not in self.candles:
            rows = self.klines.filter(pl.col("symbol") == symbol)
            minutes = (rows.get_column("ts").dt.epoch("s") - int(self.start.timestamp())) // 60
            prices = map(Prices._make, rows.select("open", "high", "low", "close").iter_rows())
            self.candles[symbol] = dict(zip(minutes.to_list(), prices, strict=True))
        return self.candles[symbol]

    def _closes(self) -> list[Close]:
        """Closes of the days that correlations are of, today's last ones included."""
        today = self.klines.group_by("symbol", maintain_order=True).agg(pl.col("close").last())
        oldest = self.account.day - timedelta(days=self.paper.correlation_days)
        kept = [row for row in self.account.closes if row.day >= oldest]
        return kept + [Close(self.account.day, symbol, close) for symbol, close in today.iter_rows()]


def _ordered(signal: Mapping[str, Any], crypto: CryptoSettings) -> Order:
    is_limit = crypto.paper.entry_mode == "zone_limit"
    return Order(
        trade_id=trade_id(signal),
        symbol=signal["symbol"],
        side=LONG if signal["action"] == "ENTER_LONG" else SHORT,
        signal_time=signal["signal_time"],
        signal_price=signal["price"],
        feature_confidence=signal["feature_confidence"],
        size_ratio=signal["size_ratio"],
        limit_price=signal["limit_price"] if is_limit else None,
        levels=Levels(
            stop_price=signal["stop_price"],
            targets=tuple(signal["targets"]),
            shares=crypto.signals.target_shares,
            trail_arm_price=signal["trail_arm_price"],
            trail_distance=signal["trail_distance"],
            time_stop_at=signal["time_stop_at"],
        ),
    )


def _fill(order: Order, bar: Prices, costs: Costs) -> float | None:
    """What the order is filled at in this candle, or None where it waits on."""
    limit, side = order.limit_price, order.side
    market = costs.market(bar.open, side)
    if limit is None:
        return market
    if side * (bar.open - limit) <= 0:
        return min(market, limit) if side > 0 else max(market, limit)
    return limit if side * (bar.worst(side) - limit) <= 0 else None


def _is_inside(order: Order, bar: Prices) -> bool:
    """Whether it was filled after the open."""
    return order.limit_price is not None and order.side * (bar.open - order.limit_price) > 0
