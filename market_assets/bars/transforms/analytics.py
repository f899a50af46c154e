"""What recorded signals and their outcomes tell: equity, each alpha, how far p_win can be trusted, correlations.

Money is stated in risk: every outcome changes equity by its multiple of one fixed share of the starting equity, so
that outcomes which overlap in time can be added up in any order.
"""

from itertools import product
from typing import NamedTuple

import polars as pl

from market_assets.bars.settings import ALPHAS
from market_assets.core.performance import ALWAYS_OPEN, Performance, daily_equity, performance
from market_assets.core.settings import MetricsSettings
from market_assets.core.statistics import FLAT

#: what a signal and its outcome have in common
SIGNAL_KEY = ("symbol", "alpha_id", "strategy_version", "signal_time")
_ORDER = ("settled_at", "symbol", "alpha_id", "strategy_version", "signal_time")
_BINS = 10


class Overview(NamedTuple):
    """Equity after every outcome (at, equity, drawdown_ratio), and its metrics by calendar day."""

    curve: pl.DataFrame
    metrics: Performance


def overview(outcomes: pl.DataFrame, *, start: float, risk_ratio: float, settings: MetricsSettings) -> Overview:
    """Equity from `start` by outcomes (BarsOutcomes), each risking `risk_ratio` of `start`.

    VaR and expected shortfall are among the metrics; all are None without an outcome.
    """
    curve = equity_curve(outcomes, start=start, risk_ratio=risk_ratio)
    stake = start * risk_ratio
    trades = outcomes.sort(_ORDER).select(
        pnl=stake * pl.col("r_multiple"),
        entry_notional=pl.lit(stake),
        holding_min=(pl.col("settled_at") - pl.col("entry_ts")).dt.total_seconds() / 60.0,
    )
    daily = daily_equity(curve, start)
    return Overview(curve, performance(daily, trades, per_year=ALWAYS_OPEN, settings=settings))


def equity_curve(outcomes: pl.DataFrame, *, start: float, risk_ratio: float) -> pl.DataFrame:
    """Equity after each outcome (at, equity) and how far it is below its peak, `start` included (drawdown_ratio)."""
    peak = pl.col("equity").cum_max().clip(lower_bound=start)
    return (
        outcomes.sort(_ORDER)
        .select(at="settled_at", equity=start * (1.0 + risk_ratio * pl.col("r_multiple").cum_sum()))
        .with_columns(drawdown_ratio=((peak - pl.col("equity")) / peak).clip(0.0, 1.0))
    )


def accepted_only(outcomes: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """The outcomes of signals that were accepted."""
    return outcomes.join(signals.filter("accepted"), on=SIGNAL_KEY, how="semi", maintain_order="left")


def by_alpha(outcomes: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """One row per alpha: signals, accepted ones, mean Q*; outcomes, their kinds, win rate, expectancy in R.

    A timeout is not a win. Rates are null without an outcome.
    """
    fired = (
        signals.sort("symbol", "ts", "alpha_id")
        .group_by("alpha_id", maintain_order=True)
        .agg(n_signals=pl.len(), n_accepted=pl.col("accepted").sum(), mean_q_star=pl.col("q_star").mean())
    )
    kinds = {"n_wins": "win", "n_losses": "loss", "n_timeouts": "timeout"}
    ended = (
        outcomes.sort(_ORDER)
        .group_by("alpha_id", maintain_order=True)
        .agg(
            n_outcomes=pl.len(),
            **{name: (pl.col("outcome") == kind).sum() for name, kind in kinds.items()},
            win_rate_ratio=(pl.col("outcome") == "win").mean(),
            expectancy_r=pl.col("r_multiple").mean(),
        )
    )
    counts = ("n_signals", "n_accepted", "n_outcomes", *kinds)
    return (
        pl.DataFrame({"alpha_id": ALPHAS})
        .join(fired, on="alpha_id", how="left", maintain_order="left")
        .join(ended, on="alpha_id", how="left", maintain_order="left")
        .with_columns(pl.col(counts).fill_null(0).cast(pl.Int64))
        .select("alpha_id", *counts, "win_rate_ratio", "expectancy_r", "mean_q_star")
    )


def reliability(outcomes: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """One row per tenth of p_win: outcomes of signals it was promised to (n), promised on average, and won.

    Lower ends are part of a tenth. Means are null in an empty one; `n` says how much to make of the others.
    """
    held = (
        outcomes.join(signals.select(*SIGNAL_KEY, "p_win"), on=SIGNAL_KEY, how="inner")
        .sort(_ORDER)
        .group_by(bin=(pl.col("p_win") * _BINS).floor().cast(pl.Int64), maintain_order=True)
        .agg(n=pl.len().cast(pl.Int64), predicted=pl.col("p_win").mean(), realised=(pl.col("outcome") == "win").mean())
    )
    return (
        pl.DataFrame({"bin": range(_BINS)}, schema={"bin": pl.Int64})
        .join(held, on="bin", how="left", maintain_order="left")
        .select(
            p_from=pl.col("bin") / _BINS,
            p_to=(pl.col("bin") + 1) / _BINS,
            n=pl.col("n").fill_null(0),
            predicted="predicted",
            realised="realised",
        )
    )


def correlations(bars: pl.DataFrame, *, min_n: int) -> pl.DataFrame:
    """Correlation of the one-minute log returns of every two symbols of `bars` (BarsMinute), over common minutes.

    Columns symbol, other, n, correlation; null below `min_n` minutes and for a price that did not move. A return
    across a missing minute or a change of the instrument kind is none.
    """
    returns = _returns(bars)
    symbols = sorted(returns.get_column("symbol").unique())
    wide = returns.pivot("symbol", index="ts", values="return", maintain_order=True)
    found = [(one, other, *_correlation(wide, one, other, min_n)) for one, other in product(symbols, symbols)]
    schema = {"symbol": pl.String, "other": pl.String, "n": pl.Int64, "correlation": pl.Float64}
    return pl.DataFrame(found, schema=schema, orient="row")


def _returns(bars: pl.DataFrame) -> pl.DataFrame:
    before = {name: pl.col(name).shift(1).over("symbol") for name in ("ts", "close", "instrument_kind")}
    follows = (pl.col("ts") - before["ts"] == pl.duration(minutes=1)) & (
        pl.col("instrument_kind") == before["instrument_kind"]
    )
    change = (pl.col("close") / before["close"]).log()
    return bars.sort("symbol", "ts").select("symbol", "ts", pl.when(follows).then(change).alias("return")).sort("ts")


def _correlation(wide: pl.DataFrame, one: str, other: str, min_n: int) -> tuple[int, float | None]:
    pair = wide.select(a=one, b=other).drop_nulls()
    is_moving = pl.min_horizontal(pl.col("a").std(), pl.col("b").std()) >= FLAT
    found = pair.select(pl.when(is_moving).then(pl.corr("a", "b").clip(-1.0, 1.0))).item()
    return pair.height, found if pair.height >= min_n else None
