"""Whether recorded outcomes kept the rules of `bars.risk`: daily loss, drawdown, days traded, flat before the close."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.analytics import equity_curve
from market_assets.core import trading_hours
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.performance import daily_equity

#: holidays and weekends between two sessions are shorter
_LONGEST_REST = timedelta(days=10)
SCHEMA = {"rule": pl.String, "limit": pl.Float64, "value": pl.Float64, "passed": pl.Boolean}


def compliance(outcomes: pl.DataFrame, *, start: float, risk_ratio: float, bars: BarsSettings) -> pl.DataFrame:
    """One row per rule: limit, what was, and whether it was kept, of outcomes (BarsOutcomes) that each risk
    `risk_ratio` of `start`.

    Days are UTC. Without an outcome nothing is known, and a rule that is off is neither kept nor broken: null.
    """
    rules, flat_min = bars.risk, bars.risk.flat_before_close_min
    curve = equity_curve(outcomes, start=start, risk_ratio=risk_ratio)
    if curve.is_empty():
        limits = (rules.max_daily_loss_ratio, rules.max_drawdown_ratio, rules.min_trading_days, flat_min)
        names = ("daily_loss", "max_drawdown", "min_trading_days", "flat_before_close")
        return pl.DataFrame([(*one, None, None) for one in zip(names, limits, strict=True)], SCHEMA, orient="row")
    loss, drawdown = _worst_day(curve, start), float(curve["drawdown_ratio"].to_numpy().max())
    n_days = outcomes.get_column("entry_ts").dt.date().n_unique()
    n_late = _n_late(outcomes, flat_min, bars) if flat_min else None
    found = [
        ("daily_loss", rules.max_daily_loss_ratio, loss, loss <= rules.max_daily_loss_ratio),
        ("max_drawdown", rules.max_drawdown_ratio, drawdown, drawdown <= rules.max_drawdown_ratio),
        ("min_trading_days", rules.min_trading_days, n_days, n_days >= rules.min_trading_days),
        ("flat_before_close", flat_min, n_late, None if n_late is None else n_late == 0),
    ]
    return pl.DataFrame(found, SCHEMA, orient="row", strict=False)


def _worst_day(curve: pl.DataFrame, start: float) -> float:
    """Largest loss of a day as a share of the equity it began with; 1 where that was used up before."""
    daily = daily_equity(curve, start)
    began, ended = daily[:-1], daily[1:]
    if began.min() <= 0:
        return 1.0
    return max(float((1.0 - ended / began).max()), 0.0)


def _n_late(outcomes: pl.DataFrame, minutes: int, bars: BarsSettings) -> int:
    """Signals that were open within so many minutes of a close of their market, or beyond it."""
    return sum(
        _n_late_of(part, minutes, bars.instrument(part.get_column("symbol")[0]).calendar)
        for part in outcomes.partition_by("symbol", maintain_order=True)
    )


def _n_late_of(outcomes: pl.DataFrame, minutes: int, calendar: str) -> int:
    held = outcomes.select("entry_ts", left_at=pl.col("exit_ts").dt.offset_by("1m")).sort("entry_ts")
    first, last = held.get_column("entry_ts").min(), held.get_column("left_at").max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    closes = pl.DataFrame({"close": _closes(calendar, first, last)}, schema={"close": UTC_MICROS})
    late = pl.col("left_at") > pl.col("close") - pl.duration(minutes=minutes)
    return held.join_asof(closes, left_on="entry_ts", right_on="close", strategy="forward").filter(late).height


def _closes(calendar: str, first: datetime, until: datetime) -> list[datetime]:
    """When a market closes that is open at `first` or later: the ends of sessions at which no other one begins."""
    sessions = trading_hours.sessions(calendar, first, until + _LONGEST_REST)
    opens = {one.open for one in sessions}
    # what follows the last of them was not asked for
    return [one.close for one in sessions[:-1] if one.close not in opens]
