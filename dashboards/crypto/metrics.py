"""Performance metrics as people read them: of the simulated account, and of a backtest. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: what stands for a metric that cannot be measured
UNKNOWN = "-"


def _share(value: float) -> str:
    return f"{100 * value:,.1f} %"


def _plain(value: float) -> str:
    return f"{value:,.2f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _minutes(value: float) -> str:
    for unit, length in (("d", 1440), ("h", 60)):
        if value >= 2 * length:
            return f"{value / length:,.1f} {unit}"
    return f"{value:,.0f} min"


def usd(value: float | None) -> str:
    """-1234.5 as -1,234.50 USD."""
    return UNKNOWN if value is None else f"{value:,.2f} USD"


@dataclass(frozen=True)
class Metric:
    """One metric: its name in tables, what it is called, how its value is written."""

    name: str
    title: str
    write: Callable[[float], str]

    def text(self, row: Mapping[str, Any]) -> str:
        """Its value in a row of metrics."""
        value = row[self.name]
        return UNKNOWN if value is None else self.write(value)


#: metrics that have a target -> column of the target, and whether the metric must be below it
TARGETS = {
    "win_rate_ratio": ("target_win_rate_ratio", False),
    "sharpe": ("target_sharpe", False),
    "max_drawdown_ratio": ("target_max_drawdown_ratio", True),
}
COUNTS = (
    Metric("n_trades", "Closed trades", _count),
    Metric("n_breakeven", "Neither won nor lost", _count),
    Metric("n_obs", "Daily returns", _count),
)
METRICS = (
    Metric("win_rate_ratio", "Win rate", _share),
    Metric("sharpe", "Sharpe, yearly", _plain),
    Metric("max_drawdown_ratio", "Largest drawdown", _share),
    Metric("sortino", "Sortino, yearly", _plain),
    Metric("calmar", "Calmar", _plain),
    Metric("cagr_ratio", "Yearly growth", _share),
    Metric("profit_factor", "Profit factor", _plain),
    Metric("expectancy", "Mean trade", usd),
    Metric("avg_win", "Mean win", usd),
    Metric("avg_loss", "Mean loss", usd),
    Metric("max_win_streak", "Longest run of wins", _count),
    Metric("max_loss_streak", "Longest run of losses", _count),
    Metric("avg_holding_min", "Mean time held", _minutes),
    Metric("var95_ratio", "Daily loss exceeded one day in twenty", _share),
    Metric("es95_ratio", "Mean loss of those days", _share),
)
#: what only the account has
ACCOUNT = (
    Metric("total_pnl", "Profit net of costs", usd),
    Metric("fees", "Commission", usd),
    Metric("exposure_mean_ratio", "Mean exposure", _share),
)


def target(metric: Metric, row: Mapping[str, Any]) -> str:
    """What the metric is measured against, empty where it has no target."""
    if metric.name not in TARGETS:
        return ""
    column, is_below = TARGETS[metric.name]
    return f"{'below' if is_below else 'from'} {metric.write(row[column])}"


def meets(metric: Metric, row: Mapping[str, Any]) -> bool | None:
    """Whether the metric meets its target; None where it has none or cannot be measured."""
    value = row[metric.name]
    if metric.name not in TARGETS or value is None:
        return None
    column, is_below = TARGETS[metric.name]
    return bool(value < row[column] if is_below else value >= row[column])
