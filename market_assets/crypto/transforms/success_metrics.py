"""How the simulated account did, in all and by symbol, over 7, 30, 90 days and since it began."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import polars as pl

from market_assets.core.performance import ALWAYS_OPEN, Performance, performance
from market_assets.core.settings import MetricsSettings
from market_assets.crypto.schemas import WINDOWS, CryptoSuccessMetrics
from market_assets.crypto.settings import CryptoSettings, TargetSettings

ALL = "ALL"


def success_metrics(paper_trades: pl.DataFrame, crypto: CryptoSettings, metrics: MetricsSettings) -> pl.DataFrame:
    """CryptoSuccessMetrics as of the newest day of `paper_trades` (CryptoPaperTrades, rows of all days).

    Only the account of the strategy version in force counts. Without any account row there are the windows of ALL
    as of the day the account starts, with counts of 0 and no metric. A symbol has the equity that the account would
    have had from its trades alone.
    """
    contract = CryptoSuccessMetrics.contract()
    version = crypto.signals.strategy_version
    ours = paper_trades.filter(pl.col("strategy_version") == version).sort("day", "row_kind", "trade_id")
    accounts = ours.filter(pl.col("row_kind") == "account")
    as_of = accounts.get_column("day")[-1] if accounts.height else crypto.account_start
    found = [
        {"as_of_day": as_of, "scope": scope, "window": window, "strategy_version": version, **row}
        for scope, days, trades in _scopes(accounts, ours.filter(pl.col("row_kind") == "position"), crypto)
        for window in WINDOWS
        for row in (_of_window(days, trades, _first(window, as_of), crypto.targets, metrics),)
    ]
    return contract.conform(pl.DataFrame(found, schema=contract.schema))


def _scopes(
    accounts: pl.DataFrame, positions: pl.DataFrame, crypto: CryptoSettings
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """Scope, its days (day, before, equity, fees, exposure) and its closed trades (day, pnl, ...) in order of exit."""
    trades = positions.filter(pl.col("status") == "closed").select(
        "day",
        "symbol",
        "pnl",
        entry_notional=pl.col("qty") * pl.col("entry_price"),
        holding_min=(pl.col("exit_ts") - pl.col("entry_ts")).dt.total_seconds() / 60.0,
        at=pl.struct("exit_ts", "trade_id"),
    )
    trades = trades.sort("at")
    whole = accounts.select(
        "day", "fees", before="equity_start", equity="equity_end", exposure=pl.col("exposure_ratio")
    )
    yield ALL, whole, trades
    gained = _gained(positions)
    for symbol in sorted(set(positions.get_column("symbol"))):
        of_symbol = gained.filter(pl.col("symbol") == symbol)
        days = (
            whole.select("day", "equity")
            .join(of_symbol, on="day", how="left", maintain_order="left")
            .with_columns(pl.col("gain", "fees", "value").fill_null(0.0))
            .with_columns(exposure=pl.col("value") / pl.col("equity"))
            .with_columns(equity=crypto.paper.start_equity + pl.col("gain").cum_sum())
            .with_columns(before=pl.col("equity").shift(1, fill_value=crypto.paper.start_equity))
        )
        yield symbol, days, trades.filter(pl.col("symbol") == symbol)


def _gained(positions: pl.DataFrame) -> pl.DataFrame:
    """Day, symbol: what its positions gained (gain) and paid (fees) on the day, and their value at its end."""
    total = pl.col("pnl") + pl.col("unrealised_pnl")
    return (
        positions.with_columns(total=total)
        .with_columns(
            (pl.col(name) - pl.col(name).shift(1).over("trade_id").fill_null(0.0)) for name in ("total", "fees")
        )
        .group_by("day", "symbol", maintain_order=True)
        .agg(
            gain=pl.col("total").sum(),
            fees=pl.col("fees").sum(),
            value=(pl.col("qty_open") * pl.col("mark_price").fill_null(0.0)).sum(),
        )
    )


def _first(window: str, as_of: date) -> date:
    """First day of a window that ends with `as_of`."""
    return date.min if window == "all" else as_of - timedelta(days=int(window.removesuffix("d")) - 1)


def _of_window(
    days: pl.DataFrame, trades: pl.DataFrame, first: date, targets: TargetSettings, metrics: MetricsSettings
) -> dict[str, Any]:
    ours = days.filter(pl.col("day") >= first)
    curve = [*ours.get_column("before").head(1), *ours.get_column("equity")]
    done = trades.filter(pl.col("day") >= first)
    found = performance(curve, done, per_year=ALWAYS_OPEN, settings=metrics)
    return {
        **asdict(found),
        "total_pnl": curve[-1] - curve[0] if curve else None,
        "fees": ours.get_column("fees").sum() if curve else None,
        "exposure_mean_ratio": ours.get_column("exposure").mean(),
        "target_win_rate_ratio": targets.win_rate,
        "target_sharpe": targets.sharpe,
        "target_max_drawdown_ratio": targets.max_drawdown,
        "meets_target": _meets(found, targets),
    }


def _meets(found: Performance, targets: TargetSettings) -> bool | None:
    if found.win_rate_ratio is None or found.sharpe is None or found.max_drawdown_ratio is None:
        return None
    return (
        found.win_rate_ratio >= targets.win_rate
        and found.sharpe >= targets.sharpe
        and found.max_drawdown_ratio < targets.max_drawdown
    )
