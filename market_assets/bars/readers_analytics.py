"""Readers of how signals did: equity of their outcomes, each alpha, risk, rules kept, p_win against what came.

See `readers`. Outcomes are those that were settled in start..end, both inclusive, or all. With `accepted` only those
of signals that were accepted.
"""

from typing import NamedTuple

import polars as pl

from market_assets.bars.transforms.analytics import Overview
from market_assets.reading import Moment
from resources.stores.protocol import PartitionStore


class Risk(NamedTuple):
    """What may be lost: of the daily returns of equity, as shares of it; positive is a loss."""

    #: days of equity
    n_obs: int
    #: historical; null below metrics.min_obs days
    var95_ratio: float | None
    es95_ratio: float | None
    #: by a normal distribution of the same deviation
    normal_var95_ratio: float | None
    normal_es95_ratio: float | None
    #: symbol, other, n (common minutes), correlation of one-minute log returns
    correlations: pl.DataFrame


def analytics_overview(
    *,
    equity: float = 1000.0,
    accepted: bool = False,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> Overview:
    """Equity from `equity` after every outcome (curve: at, equity, drawdown_ratio), and its metrics by day.

    Each outcome risks 1 % of `equity`.
    """
    raise NotImplementedError


def analytics_alphas(
    *,
    accepted: bool = False,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """One row an alpha: alpha_id, n_signals, n_accepted, n_outcomes, n_wins, n_losses, n_timeouts, win_rate_ratio,
    expectancy_r, mean_q_star.
    """
    raise NotImplementedError


def analytics_risk(
    *,
    equity: float = 1000.0,
    accepted: bool = False,
    start: Moment | None = None,
    end: Moment | None = None,
    days: int = 5,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> Risk:
    """What may be lost by the outcomes, and how symbols move together over the newest `days` stored days."""
    raise NotImplementedError


def analytics_compliance(
    *,
    equity: float = 1000.0,
    accepted: bool = False,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """One row a rule of bars.risk: rule, limit, value, passed (null: not known, or the rule is off)."""
    raise NotImplementedError


def reliability(
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """One row a tenth of p_win: p_from, p_to, n, predicted (mean p_win), realised (share won; null without any)."""
    raise NotImplementedError
