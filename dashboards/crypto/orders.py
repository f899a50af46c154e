"""Positions and orders of the simulated account in words. Pure."""

from typing import Any

import polars as pl

#: why an order was refused or cancelled -> in words
_REASONS = {
    "drawdown_limit": "drawdown is at its limit",
    "symbol_held": "the symbol is held already",
    "positions_limit": "as many positions as allowed",
    "position_limit": "larger than a position may be",
    "exposure_limit": "more exposure than allowed",
    "group_limit": "too much in correlated symbols",
    "no_bar": "no candle to fill it at",
    "limit_expired": "its limit was not reached in time",
    "no_stop": "no stop is known",
    "beyond_stop": "the next open was beyond its stop",
}
#: why a position was left -> in words
EXITS = {
    "stop": "stop",
    "target": "targets",
    "trail": "trailing stop",
    "time": "time is up",
    "opposite_signal": "opposite signal",
    "confidence_drop": "confidence fell",
    "day_open": "open of the day",
}


def held(positions: pl.DataFrame, equity: float | None) -> list[dict[str, Any]]:
    """Open positions of CryptoPaperTrades, with what each is worth over equity and its next target."""
    rows = []
    for row in positions.iter_rows(named=True):
        value = None if row["mark_price"] is None else row["qty_open"] * row["mark_price"]
        ahead = (row["targets"] or [])[row["n_targets_hit"] or 0 :]
        rows.append(
            {
                **row,
                "share": value / equity if value is not None and equity else None,
                "next_target": ahead[0] if ahead else None,
                "stop_said": "trailing" if row["trail_armed"] else "",
                "ends_said": EXITS.get(row["exit_reason"], ""),
            }
        )
    return rows


def closed_rows(trades: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of the grid of closed trades, the last exit first."""
    return (
        trades.sort("exit_ts", "trade_id", descending=[True, False], nulls_last=True)
        .select(
            *("trade_id", "symbol", "side", "qty", "entry_price", "exit_price", "pnl", "pnl_pct", "r_multiple", "fees"),
            entry=_clock("entry_ts"),
            exit=_clock("exit_ts"),
            held_min=(pl.col("exit_ts") - pl.col("entry_ts")).dt.total_seconds() / 60.0,
            left=pl.col("exit_reason").replace(EXITS),
        )
        .to_dicts()
    )


def rejected_rows(rejected: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of the grid of refused orders, the newest first."""
    return (
        rejected.sort("signal_time", "symbol", descending=[True, False], nulls_last=True)
        .select(
            *("trade_id", "symbol", "side", "signal_price", "feature_confidence", "size_ratio"),
            signal=_clock("signal_time"),
            why=pl.col("reason").replace(_REASONS).fill_null("not said"),
        )
        .to_dicts()
    )


def _clock(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y-%m-%d %H:%M")
