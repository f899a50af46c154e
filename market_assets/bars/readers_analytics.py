"""Readers of how signals did: equity of their outcomes, each alpha, risk, rules kept, p_win against what came.

See `readers`. Outcomes are those that were settled in start..end, both inclusive, or all. With `accepted` only those
of signals that were accepted.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from market_assets.bars.readers_rows import MINUTE, OUTCOMES, SIGNALS, filled
from market_assets.bars.transforms import analytics
from market_assets.bars.transforms.analytics import SIGNAL_KEY, Overview
from market_assets.bars.transforms.compliance import compliance
from market_assets.bars.transforms.sizing import MAX_RISK_RATIO, known_equity
from market_assets.core.performance import daily_equity, normal_es95, normal_var95
from market_assets.reading import Moment, Wanted
from market_assets.settings import settings
from resources.stores.protocol import PartitionStore

#: common minutes below which nothing is said of how two symbols move
_MIN_COMMON = 30


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
    found = _Asked(accepted, start, end, as_of, filled(store, OUTCOMES))
    return _overview(found.outcomes(), equity)


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
    found = _Asked(accepted, start, end, as_of, filled(store, OUTCOMES))
    return analytics.by_alpha(found.outcomes(), found.signals())


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
    found = _Asked(accepted, start, end, as_of, filled(store, OUTCOMES))
    seen = _overview(found.outcomes(), equity)
    daily = daily_equity(seen.curve, equity)
    returns = np.diff(daily) / daily[:-1] if daily.min() > 0 else np.array([])
    enough = len(returns) >= settings().metrics.min_obs
    sigma = float(returns.std(ddof=1)) if enough else None
    return Risk(
        n_obs=seen.metrics.n_obs,
        var95_ratio=seen.metrics.var95_ratio,
        es95_ratio=seen.metrics.es95_ratio,
        normal_var95_ratio=normal_var95(sigma),
        normal_es95_ratio=normal_es95(sigma),
        correlations=analytics.correlations(_newest_days(found.store, days, as_of), min_n=_MIN_COMMON),
    )


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
    found = _Asked(accepted, start, end, as_of, filled(store, OUTCOMES))
    return compliance(found.outcomes(), start=known_equity(equity), risk_ratio=MAX_RISK_RATIO, bars=settings().bars)


def reliability(
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """One row a tenth of p_win: p_from, p_to, n, predicted (mean p_win), realised (share won; null without any)."""
    found = _Asked(False, start, end, as_of, filled(store, OUTCOMES))
    return analytics.reliability(found.outcomes(), found.every(["p_win"]))


@dataclass(frozen=True)
class _Asked:
    """Outcomes that are asked for, and the signals that they and the same days are of."""

    accepted: bool
    start: Moment | None
    end: Moment | None
    as_of: Moment | None
    store: PartitionStore

    def outcomes(self) -> pl.DataFrame:
        """BarsOutcomes."""
        found = Wanted(OUTCOMES, start=self.start, end=self.end, as_of=self.as_of).read(self.store)
        return analytics.accepted_only(found, self.every(["accepted"])) if self.accepted else found

    def signals(self) -> pl.DataFrame:
        """BarsSignals that fired in the same time."""
        found = self.every(["accepted", "q_star"], self.start)
        return found.filter("accepted") if self.accepted else found

    def every(self, columns: list[str], start: Moment | None = None) -> pl.DataFrame:
        """BarsSignals; without a start also those before it, of which outcomes may be."""
        read = list(dict.fromkeys([*SIGNALS.key, *SIGNAL_KEY, *columns]))
        return Wanted(SIGNALS, None, None, read, start, self.end, self.as_of).read(self.store)


def _overview(outcomes: pl.DataFrame, equity: float) -> Overview:
    return analytics.overview(
        outcomes, start=known_equity(equity), risk_ratio=MAX_RISK_RATIO, settings=settings().metrics
    )


def _newest_days(store: PartitionStore, n_days: int, as_of: Moment | None) -> pl.DataFrame:
    """symbol, ts, close and instrument_kind of the newest stored days."""
    wanted = Wanted(MINUTE, columns=("symbol", "ts", "close", "instrument_kind"), as_of=as_of)
    days = wanted.days(store)
    keys = [key for day in sorted(days)[-n_days:] for key in days[day]]
    return wanted.read(store, keys)
