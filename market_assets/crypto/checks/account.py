"""Judgements about the simulated account and its performance."""

import polars as pl

from market_assets.core.checks import Judgement, error_unless, warn_unless
from market_assets.crypto.settings import PaperSettings, TargetSettings

IDENTITY, SLACK = 1e-6, 1e-9
DRAWDOWN_WARN, DRAWDOWN_ERROR = 0.20, 0.25
SHARPE_WARN, SHARPE_ERROR = 1.0, 0.5
_METRICS = (
    *("win_rate_ratio", "profit_factor", "expectancy", "avg_win", "avg_loss", "max_win_streak", "max_loss_streak"),
    "avg_holding_min",
)


def one_account_a_day(frame: pl.DataFrame) -> Judgement:
    """Every day with rows has exactly one account row."""
    counted = frame.group_by("day").agg(n=(pl.col("row_kind") == "account").sum()).filter(pl.col("n") != 1)
    return error_unless(counted.is_empty(), rows=counted.sort("day"))


def equity_adds_up(frame: pl.DataFrame, evening_before: pl.DataFrame) -> Judgement:
    """Equity changes by what was realised, net of fees, and by what open positions gained, to 1e-6."""
    rows = pl.concat([evening_before, frame])
    held = rows.filter(pl.col("row_kind") == "position").group_by("day").agg(open=pl.col("unrealised_pnl").sum())
    days = (
        rows.filter(pl.col("row_kind") == "account")
        .join(held, on="day", how="left")
        .sort("day")
        .with_columns(pl.col("open").fill_null(0.0))
        .with_columns(
            open_before=pl.when(pl.col("day").diff().dt.total_days() == 1).then(pl.col("open").shift(1)),
            closed_before=pl.when(pl.col("day").diff().dt.total_days() == 1).then(pl.col("equity_end").shift(1)),
        )
        .filter(pl.col("open_before").is_not_null())
    )
    moved = pl.col("realised_pnl") + pl.col("open") - pl.col("open_before")
    wrong = days.filter(
        ((pl.col("equity_end") - pl.col("equity_start") - moved).abs() > IDENTITY)
        | ((pl.col("equity_start") - pl.col("closed_before")).abs() > IDENTITY)
    )
    shown = wrong.select("day", "equity_start", "equity_end", "realised_pnl", "open", "open_before", "closed_before")
    return error_unless(wrong.is_empty(), days=days.height, rows=shown)


def limits_kept(frame: pl.DataFrame, paper: PaperSettings) -> Judgement:
    """No position was entered with more than the account may commit, and never are there too many."""
    start = frame.filter(pl.col("row_kind") == "account").select("day", equity="equity_start")
    entered = frame.filter((pl.col("row_kind") == "position") & (pl.col("entry_ts").dt.date() == pl.col("day"))).join(
        start, on="day"
    )
    # equity moves within the day: a loss before the entry makes the same size a larger share of what is left
    share = pl.col("qty") * pl.col("entry_price") / (pl.col("equity") * (1 - paper.max_drawdown))
    large = entered.filter(share > paper.max_position * (1 + paper.slippage_pct / 100) + SLACK)
    held = frame.filter((pl.col("row_kind") == "position") & (pl.col("status") == "open"))
    many = held.group_by("day").len("n").filter(pl.col("n") > paper.max_positions)
    twice = held.group_by("day", "symbol").len("n").filter(pl.col("n") > 1)
    passed = large.is_empty() and many.is_empty() and twice.is_empty()
    shown = large.select("day", "symbol", "qty", "entry_price", "equity")
    return error_unless(passed, too_large=large.height, too_many=many.height, twice=twice.height, rows=shown)


def quantities_sound(frame: pl.DataFrame) -> Judgement:
    """What is still held lies between nothing and what was entered; nothing is held of a closed position."""
    positions = frame.filter(pl.col("row_kind") == "position")
    wrong = positions.filter(
        ~pl.col("qty_open").is_between(0.0, pl.col("qty") * (1 + SLACK))
        | ((pl.col("status") == "closed") & (pl.col("qty_open") > SLACK * pl.col("qty")))
    )
    return error_unless(wrong.is_empty(), rows=wrong.select("day", "trade_id", "qty", "qty_open", "status"))


def entered_after_signal(frame: pl.DataFrame) -> Judgement:
    """No position was filled before its signal's candle had closed."""
    wrong = frame.filter(pl.col("entry_ts") < pl.col("signal_time"))
    return error_unless(wrong.is_empty(), rows=wrong.select("day", "trade_id", "signal_time", "entry_ts"))


def positions_carried(frame: pl.DataFrame, evening_before: pl.DataFrame) -> Judgement:
    """What was open in the evening is among the next day's positions."""
    rows = pl.concat([evening_before, frame]).filter(pl.col("row_kind") == "position")
    still = rows.filter(pl.col("status") == "open").select("trade_id", day=pl.col("day") + pl.duration(days=1))
    days = frame.select("day").unique()
    lost = still.join(days, on="day", how="semi").join(rows, on=["trade_id", "day"], how="anti")
    return error_unless(lost.is_empty(), lost=lost.height, rows=lost.sort("day"))


def drawdown_bearable(frame: pl.DataFrame) -> Judgement:
    """The account is less than 20 % below its peak; from 25 % on it is an error."""
    last = frame.filter(pl.col("row_kind") == "account").sort("day").tail(1)
    worst = float(last["drawdown_ratio"].max() or 0.0)  # type: ignore[arg-type]
    judge = error_unless if worst >= DRAWDOWN_ERROR else warn_unless
    shown = last.select("day", "equity_end", "peak_equity", "drawdown_ratio")
    return judge(worst < DRAWDOWN_WARN, "RUNBOOK: drawdown_bearable", worst=worst, rows=shown)


def none_without_trades(frame: pl.DataFrame) -> Judgement:
    """Without a closed trade there is no number about trades."""
    wrong = frame.filter((pl.col("n_trades") == 0) & pl.any_horizontal(pl.col(*_METRICS).is_not_null()))
    return error_unless(wrong.is_empty(), rows=wrong.select("as_of_day", "scope", "window", *_METRICS))


def sharpe_bearable(frame: pl.DataFrame) -> Judgement:
    """The yearly Sharpe ratio of 30 days is at least 1; below 0.5 it is an error. Unknown is no failure."""
    sharpe = _of_account(frame)["sharpe"].drop_nulls()
    worst = float(sharpe.min()) if sharpe.len() else None  # type: ignore[arg-type]
    judge = error_unless if worst is not None and worst < SHARPE_ERROR else warn_unless
    return judge(worst is None or worst >= SHARPE_WARN, "RUNBOOK: sharpe_bearable", sharpe=worst)


def win_rate_bearable(frame: pl.DataFrame, targets: TargetSettings) -> Judgement:
    """The win rate of 30 days reaches crypto.targets.win_rate. Unknown is no failure."""
    found = _of_account(frame).select("win_rate_ratio", "n_trades").drop_nulls()
    missed = found.filter(pl.col("win_rate_ratio") < targets.win_rate)
    return warn_unless(missed.is_empty(), "RUNBOOK: win_rate_bearable", wanted=targets.win_rate, rows=found)


def _of_account(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter((pl.col("scope") == "ALL") & (pl.col("window") == "30d"))
