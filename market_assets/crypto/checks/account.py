"""Judgements about the simulated account and its performance."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from market_assets.core.checks import Judgement, error_unless, warn_unless
from market_assets.core.performance import metric_names
from market_assets.crypto.settings import PaperSettings, TargetSettings

IDENTITY, SLACK = 1e-6, 1e-9
DRAWDOWN_WARN, DRAWDOWN_ERROR = 0.20, 0.25
SHARPE_WARN, SHARPE_ERROR = 1.0, 0.5
_ACCOUNT = ["day", "strategy_version"]
_DAY = pl.duration(days=1)


def one_account_a_day(frame: pl.DataFrame, days: Sequence[date]) -> Judgement:
    """Every day since the account began has exactly one account row."""
    accounts = frame.group_by("day").agg(n=(pl.col("row_kind") == "account").sum())
    every = pl.concat([accounts.select("day"), pl.DataFrame({"day": days}, schema={"day": pl.Date})]).unique()
    counted = every.join(accounts, on="day", how="left").filter(pl.col("n").fill_null(0) != 1)
    return error_unless(counted.is_empty(), rows=counted.sort("day"))


def equity_adds_up(frame: pl.DataFrame, evening_before: pl.DataFrame, paper: PaperSettings) -> Judgement:
    """Equity changes by what was realised, net of fees, and by what open positions gained, to 1e-6.

    A day goes on from the evening before; where there is none, the account opens with its start equity and nothing
    held.
    """
    rows = pl.concat([evening_before, frame])
    held = rows.filter(pl.col("row_kind") == "position").group_by(_ACCOUNT).agg(open=pl.col("unrealised_pnl").sum())
    accounts = (
        rows.filter(pl.col("row_kind") == "account")
        .join(held, on=_ACCOUNT, how="left")
        .select(*_ACCOUNT, "equity_start", "equity_end", "realised_pnl", pl.col("open").fill_null(0.0))
    )
    evening = accounts.select(pl.col("day") + _DAY, "strategy_version", closed_before="equity_end", open_before="open")
    days = (
        accounts.join(evening, on=_ACCOUNT, how="left", validate="m:m")
        .join(frame.select("day").unique(), on="day", how="semi")
        .with_columns(pl.col("closed_before").fill_null(paper.start_equity), pl.col("open_before").fill_null(0.0))
    )
    moved = pl.col("realised_pnl") + pl.col("open") - pl.col("open_before")
    wrong = days.filter(
        ((pl.col("equity_end") - pl.col("equity_start") - moved).abs() > IDENTITY)
        | ((pl.col("equity_start") - pl.col("closed_before")).abs() > IDENTITY)
    )
    return error_unless(wrong.is_empty(), days=days.height, rows=wrong.sort("day"))


def limits_kept(frame: pl.DataFrame, paper: PaperSettings) -> Judgement:
    """No position was entered with more than the account may commit, in one symbol, in one group or in all."""
    start = frame.filter(pl.col("row_kind") == "account").select("day", equity="equity_start")
    positions = frame.filter(pl.col("row_kind") == "position").join(start, on="day", how="left")
    entered = positions.filter(pl.col("entry_ts").dt.date() == pl.col("day"))
    # held at an entry: what was entered until then and did not end before it
    held = entered.select("day", "trade_id", at="entry_ts", of="symbol").join(
        positions.select("day", "symbol", "entry_ts", "exit_ts", "status"), on="day"
    )
    held = held.filter(
        pl.col("entry_ts") <= pl.col("at"), (pl.col("status") == "open") | (pl.col("exit_ts") > pl.col("at"))
    )
    counted = held.group_by("day", "trade_id").agg(
        n_held=pl.len(), n_of_symbol=(pl.col("symbol") == pl.col("of")).sum()
    )
    # in a day equity hardly gains more than all that may be held: what is larger was sized by another rule
    most = pl.col("size_ratio") * pl.col("equity") * (1 + paper.max_exposure)
    broken = {
        "position": pl.col("size_ratio") > paper.max_position + SLACK,
        "exposure": pl.col("entry_exposure_ratio") > paper.max_exposure + SLACK,
        "group": pl.col("entry_group_ratio") > paper.max_group + SLACK,
        "notional": pl.col("qty") * pl.col("entry_price") > most,
        "positions": pl.col("n_held") > paper.max_positions,
        "symbol": pl.col("n_of_symbol") > 1,
    }
    limit = pl.concat_str(
        [pl.when(over.fill_null(True)).then(pl.lit(name)) for name, over in broken.items()],
        separator=" ",
        ignore_nulls=True,
    )
    judged = entered.join(counted, on=["day", "trade_id"], how="left").with_columns(
        pl.col("n_held", "n_of_symbol").fill_null(0), limit=limit
    )
    over = judged.filter(pl.col("limit") != "").select(
        *("day", "trade_id", "symbol", "limit", "size_ratio", "entry_exposure_ratio", "entry_group_ratio", "n_held"),
    )
    return error_unless(over.is_empty(), entered=entered.height, rows=over)


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
    still = rows.filter(pl.col("status") == "open").select("trade_id", "strategy_version", pl.col("day") + _DAY)
    # an account of another version of the rules opens anew
    lost = still.join(frame.select(_ACCOUNT).unique(), on=_ACCOUNT, how="semi").join(
        rows, on=["trade_id", "day"], how="anti"
    )
    return error_unless(lost.is_empty(), lost=lost.height, rows=lost.sort("day"))


def drawdown_bearable(frame: pl.DataFrame) -> Judgement:
    """The account is less than 20 % below its peak; from 25 % on it is an error."""
    last = frame.filter(pl.col("row_kind") == "account").sort("day").tail(1)
    worst = float(last["drawdown_ratio"].max() or 0.0)  # type: ignore[arg-type]
    judge = error_unless if worst >= DRAWDOWN_ERROR else warn_unless
    shown = last.select("day", "equity_end", "peak_equity", "drawdown_ratio")
    return judge(worst < DRAWDOWN_WARN, "RUNBOOK: drawdown_bearable", worst=worst, rows=shown)


def none_without_trades(frame: pl.DataFrame) -> Judgement:
    """Without a closed trade there is no metric at all."""
    metrics = [name for name in metric_names() if name in frame.columns]
    wrong = frame.filter((pl.col("n_trades") == 0) & pl.any_horizontal(pl.col(metrics).is_not_null()))
    return error_unless(wrong.is_empty(), rows=wrong.select("as_of_day", "scope", "window", *metrics))


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
