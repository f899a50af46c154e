"""A day of the account as rows of its table, and the account of the next day from them."""

import json
from datetime import date
from math import fsum
from typing import Any

import polars as pl

from market_assets.crypto.schemas import CryptoPaperTrades
from market_assets.crypto.transforms.paper.account import Account, Holding, Order
from market_assets.crypto.transforms.paper.correlation import Close
from market_assets.crypto.transforms.paper.fills import LONG, SHORT, Levels, Position

ACCOUNT = "account"
SIDES = {LONG: "long", SHORT: "short"}
_SIGNS = {name: side for side, name in SIDES.items()}
_Row = dict[str, Any]


def written(account: Account, strategy_version: int) -> pl.DataFrame:
    """CryptoPaperTrades of the account's day: the account, its positions, what waits, what was refused."""
    contract = CryptoPaperTrades.contract()
    found = [
        {"row_kind": ACCOUNT, "trade_id": ACCOUNT, **_account(account)},
        *({"row_kind": "position", **_holding(holding)} for holding in account.holdings),
        *({"row_kind": "pending", **_order(order)} for order in account.orders),
        *({"row_kind": "rejected", **_order(order), "reason": reason} for order, reason in account.refused),
    ]
    common = {"day": account.day, "strategy_version": strategy_version}
    return contract.conform(
        pl.DataFrame([{**dict.fromkeys(contract.columns), **common, **row} for row in found], schema=contract.schema)
    )


def read(day: date, yesterday: pl.DataFrame, shares: tuple[float, ...]) -> Account:
    """The account at the beginning of `day`, from its rows of the day before. `shares`: what each target sells."""
    (state,) = yesterday.filter(pl.col("row_kind") == ACCOUNT).iter_rows(named=True)
    positions = yesterday.filter((pl.col("row_kind") == "position") & (pl.col("status") == "open"))
    pending = yesterday.filter(pl.col("row_kind") == "pending").sort(
        "signal_time", "feature_confidence", "symbol", descending=[False, True, False]
    )
    return Account(
        day=day,
        equity_start=state["equity_end"],
        peak_equity=state["peak_equity"],
        closes=_closes(state["closes_31d"]),
        held={row["symbol"]: _held(row, shares) for row in positions.iter_rows(named=True)},
        orders=[_ordered(row, shares) for row in pending.iter_rows(named=True)],
    )


def _account(account: Account) -> _Row:
    equity = account.equity
    peak = max(account.peak_equity, equity)
    closes = [{"day": row.day.isoformat(), "symbol": row.symbol, "close": row.close} for row in account.closes]
    held = list(account.holdings)
    return {
        "equity_start": account.equity_start,
        "equity_end": equity,
        "peak_equity": peak,
        "realised_pnl": fsum(value for one in held for value in (one.position.pnl, -one.pnl_before)),
        "unrealised_pnl": fsum(one.position.unrealised for one in held),
        "fees": fsum(value for one in held for value in (one.position.fees, -one.fees_before)),
        "exposure_ratio": account.value() / equity if equity > 0 else None,
        "drawdown_ratio": account.drawdown,
        "closes_31d": json.dumps(closes, separators=(",", ":")),
    }


def _order(order: Order) -> _Row:
    return {
        "trade_id": order.trade_id,
        "symbol": order.symbol,
        "side": SIDES[order.side],
        "signal_time": order.signal_time,
        "signal_price": order.signal_price,
        "feature_confidence": order.feature_confidence,
        "size_ratio": order.size_ratio,
        "limit_price": order.limit_price,
        "initial_stop_price": order.levels.stop_price,
        "stop_price": order.levels.stop_price,
        "targets": list(order.levels.targets),
        "trail_arm_price": order.levels.trail_arm_price,
        "trail_distance": order.levels.trail_distance,
        "time_stop_at": order.levels.time_stop_at,
    }


def _holding(holding: Holding) -> _Row:
    position = holding.position
    left = position.qty - position.qty_open
    is_open = position.is_open
    return {
        **_order(holding.order),
        "entry_exposure_ratio": holding.entry_exposure_ratio,
        "entry_group_ratio": holding.entry_group_ratio,
        "qty": position.qty,
        "qty_open": position.qty_open,
        "entry_ts": position.entry_ts,
        "entry_price": position.entry_price,
        "stop_price": position.stop_price,
        "n_targets_hit": position.n_targets_hit,
        "trail_armed": position.trail_armed,
        "exit_ts": position.exit_ts,
        "exit_price": position.proceeds / left if left > 0 else None,
        "proceeds": position.proceeds,
        "fees": position.fees,
        "pnl": position.pnl,
        "pnl_pct": 100.0 * position.pnl / position.notional,
        "r_multiple": position.pnl / position.risk if position.risk else None,
        "exit_reason": position.exit_reason,
        "status": "open" if is_open else "closed",
        "mark_price": position.mark if is_open else None,
        "unrealised_pnl": position.unrealised,
    }


def _closes(text: str | None) -> list[Close]:
    known = json.loads(text) if text else []
    return [Close(date.fromisoformat(row["day"]), row["symbol"], row["close"]) for row in known]


def _ordered(row: _Row, shares: tuple[float, ...]) -> Order:
    return Order(
        trade_id=row["trade_id"],
        symbol=row["symbol"],
        side=_SIGNS[row["side"]],
        signal_time=row["signal_time"],
        signal_price=row["signal_price"],
        feature_confidence=row["feature_confidence"],
        size_ratio=row["size_ratio"],
        limit_price=row["limit_price"],
        levels=Levels(
            stop_price=row["initial_stop_price"],
            targets=tuple(row["targets"]),
            shares=shares,
            trail_arm_price=row["trail_arm_price"],
            trail_distance=row["trail_distance"],
            time_stop_at=row["time_stop_at"],
        ),
    )


def _held(row: _Row, shares: tuple[float, ...]) -> Holding:
    order = _ordered(row, shares)
    position = Position(
        side=order.side,
        qty=row["qty"],
        entry_ts=row["entry_ts"],
        entry_price=row["entry_price"],
        levels=order.levels,
        qty_open=row["qty_open"],
        stop_price=row["stop_price"],
        mark=row["mark_price"],
        fees=row["fees"],
        proceeds=row["proceeds"],
        n_targets_hit=row["n_targets_hit"],
        trail_armed=row["trail_armed"],
        exit_ts=row["exit_ts"],
        exit_reason=row["exit_reason"],
    )
    return Holding(
        order,
        position,
        row["entry_exposure_ratio"],
        row["entry_group_ratio"],
        pnl_before=position.pnl,
        unrealised_before=position.unrealised,
        fees_before=position.fees,
    )
