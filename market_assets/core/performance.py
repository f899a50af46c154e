"""How an equity curve and its closed trades did: the performance metrics of every domain.

One observation is one day: E[0] is the starting equity, E[t] the equity at the end of day t, r[t] = E[t]/E[t-1] - 1.
However many trades a day had, it is one return. What cannot be measured is None, and `null_reason` says why.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from market_assets.core.settings import MetricsSettings

#: days a year in markets that never close
ALWAYS_OPEN = 365
#: a smaller deviation is none
FLAT = 1e-12
#: a profit below this share of the entry notional is neither win nor loss
BREAKEVEN = 1e-9
_TAIL = 0.05
_NORMAL = NormalDist()
#: standard deviations that a normal return falls short of on one day in twenty
NORMAL_VAR95 = _NORMAL.inv_cdf(1 - _TAIL)
#: mean standard deviations of such a day
NORMAL_ES95 = _NORMAL.pdf(NORMAL_VAR95) / _TAIL

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class EquityMetrics:
    """What the daily returns of an equity curve tell."""

    n_obs: int
    sharpe: float | None = None
    sortino: float | None = None
    max_drawdown_ratio: float | None = None
    cagr_ratio: float | None = None
    calmar: float | None = None
    var95_ratio: float | None = None
    es95_ratio: float | None = None


@dataclass(frozen=True, kw_only=True)
class TradeMetrics:
    """What closed trades tell, net of costs."""

    n_trades: int
    n_breakeven: int = 0
    win_rate_ratio: float | None = None
    profit_factor: float | None = None
    expectancy: float | None = None
    avg_win: float | None = None
    avg_loss: float | None = None
    max_win_streak: int | None = None
    max_loss_streak: int | None = None
    avg_holding_min: float | None = None


@dataclass(frozen=True, kw_only=True)
class Performance(EquityMetrics, TradeMetrics):
    """Both together, and why some of it is None."""

    null_reason: str | None = None


def equity_metrics(equity: Sequence[float] | Curve, *, per_year: int, settings: MetricsSettings) -> EquityMetrics:
    """Metrics of E[0..n], one value a day; `per_year` is 365 where markets never close, 252 for exchanges.

    Ratios of returns are None below `settings.min_obs` returns, and where equity reached zero.
    """
    curve = np.asarray(equity, dtype=np.float64)
    n = max(len(curve) - 1, 0)
    if n == 0:
        return EquityMetrics(n_obs=0)
    drawdown = _max_drawdown(curve)
    if n < settings.min_obs or curve.min() <= 0:
        return EquityMetrics(n_obs=n, max_drawdown_ratio=drawdown)
    returns = curve[1:] / curve[:-1] - 1.0
    cagr = _cagr(curve, per_year)
    worst = np.sort(returns)[: -(-n // 20)]
    return EquityMetrics(
        n_obs=n,
        sharpe=_sharpe(returns, per_year, settings.risk_free_annual),
        sortino=_sortino(returns, per_year, settings.risk_free_annual),
        max_drawdown_ratio=drawdown,
        cagr_ratio=cagr,
        calmar=None if cagr is None or drawdown == 0 else _known(cagr / drawdown),
        var95_ratio=_known(-float(np.quantile(returns, _TAIL))),
        es95_ratio=_known(-float(worst.mean())),
    )


def trade_metrics(trades: pl.DataFrame) -> TradeMetrics:
    """Metrics of closed trades in the order of their exits: columns pnl (net of costs), entry_notional, holding_min.

    A trade that broke even counts as a trade, and ends a run of wins or losses.
    """
    if trades.is_empty():
        return TradeMetrics(n_trades=0)
    pnl = trades.get_column("pnl").to_numpy()
    outcome = np.where(np.abs(pnl) < BREAKEVEN * trades.get_column("entry_notional").to_numpy(), 0.0, np.sign(pnl))
    wins, losses = pnl[outcome > 0], pnl[outcome < 0]
    decided = len(wins) + len(losses)
    return TradeMetrics(
        n_trades=len(pnl),
        n_breakeven=len(pnl) - decided,
        win_rate_ratio=len(wins) / decided if decided else None,
        profit_factor=_known(float(wins.sum() / -losses.sum())) if len(losses) else None,
        expectancy=float(pnl.mean()),
        avg_win=float(wins.mean()) if len(wins) else None,
        avg_loss=float(losses.mean()) if len(losses) else None,
        max_win_streak=_longest(outcome > 0),
        max_loss_streak=_longest(outcome < 0),
        avg_holding_min=float(trades.get_column("holding_min").to_numpy().mean()),
    )


def performance(
    equity: Sequence[float] | Curve, trades: pl.DataFrame, *, per_year: int, settings: MetricsSettings
) -> Performance:
    """Equity and trades together. Without a closed trade every metric is None, and only the counts remain."""
    of_trades = trade_metrics(trades)
    of_equity = equity_metrics(equity, per_year=per_year, settings=settings)
    if not of_trades.n_trades:
        return Performance(n_obs=of_equity.n_obs, n_trades=0, null_reason="no closed trade")
    found: dict[str, Any] = {**asdict(of_equity), **asdict(of_trades)}
    return Performance(**found, null_reason=_why(of_equity, of_trades, settings.min_obs))


def daily_equity(curve: pl.DataFrame, start: float) -> Curve:
    """E[0..n] of a finer curve (columns at, equity; by time): `start`, then what each UTC day ended with.

    An instant at midnight belongs to the day it ends; a day without any value ends as the one before.
    """
    if curve.is_empty():
        return np.array([start])
    by_day = (
        curve.group_by(day=pl.col("at").dt.offset_by("-1us").dt.date(), maintain_order=True)
        .agg(pl.col("equity").last())
        .upsample("day", every="1d")
        .with_columns(pl.col("equity").forward_fill())
    )
    return np.concatenate([[start], by_day.get_column("equity").to_numpy()])


def normal_es95(sigma: float | None) -> float | None:
    """Mean loss of one day in twenty, of normal returns with that standard deviation."""
    return None if sigma is None else NORMAL_ES95 * sigma


def normal_var95(sigma: float | None) -> float | None:
    """Loss that one day in twenty exceeds, of normal returns with that standard deviation."""
    return None if sigma is None else NORMAL_VAR95 * sigma


def metric_names() -> list[str]:
    """Every metric of `Performance`: all but the counts and the reason."""
    counts = {"n_obs", "n_trades", "n_breakeven", "null_reason"}
    return [one.name for one in fields(Performance) if one.name not in counts]


def _sharpe(returns: Curve, per_year: int, risk_free: float) -> float | None:
    std = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    if std < FLAT:
        return None
    return _known(float((returns - risk_free / per_year).mean()) / std * per_year**0.5)


def _sortino(returns: Curve, per_year: int, risk_free: float) -> float | None:
    excess = returns - risk_free / per_year
    downside = float(np.sqrt((np.minimum(excess, 0.0) ** 2).mean()))
    if not (returns < 0).any() or downside < FLAT:
        return None
    return _known(float(excess.mean()) / downside * per_year**0.5)


def _max_drawdown(curve: Curve) -> float:
    peak = np.maximum.accumulate(curve)
    return float(np.clip(((peak - curve) / peak).max(), 0.0, 1.0)) if curve[0] > 0 else 1.0


def _cagr(curve: Curve, per_year: int) -> float | None:
    with np.errstate(over="ignore"):
        return _known(float((curve[-1] / curve[0]) ** (per_year / (len(curve) - 1)) - 1.0))


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _longest(hits: npt.NDArray[np.bool_]) -> int:
    longest = run = 0
    for hit in hits:
        run = run + 1 if hit else 0
        longest = max(longest, run)
    return longest


def _why(equity: EquityMetrics, trades: TradeMetrics, min_obs: int) -> str | None:
    reasons = []
    if equity.n_obs < min_obs:
        reasons.append(f"{equity.n_obs} daily returns of the {min_obs} that ratios need")
    elif equity.cagr_ratio is None:
        reasons.append("equity reached zero, or grew beyond measure")
    else:
        reasons += ["daily returns do not vary"] if equity.sharpe is None else []
        reasons += ["no negative daily return"] if equity.sortino is None else []
        reasons += ["no drawdown"] if equity.calmar is None else []
    reasons += ["no losing trade"] if trades.avg_loss is None else []
    reasons += ["no winning trade"] if trades.avg_win is None else []
    return "; ".join(reasons) or None
