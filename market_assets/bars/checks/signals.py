"""Judgements about signals and their outcomes."""

from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from market_assets.bars.settings import ALPHAS
from market_assets.core.checks import Judgement, error_unless, warn_unless

MOST_A_DAY, SILENT_DAYS = 50, 30
_KEY = ["symbol", "alpha_id", "strategy_version", "signal_time"]
_OF = ["symbol", "alpha_id", "strategy_version"]


def levels_on_their_side(frame: pl.DataFrame) -> Judgement:
    """The stop lies on the losing side of the reference price, both targets on the winning side."""
    side = pl.when(pl.col("action") == "BUY").then(1.0).otherwise(-1.0)
    wrong = frame.filter(
        ((pl.col("entry_ref_price") - pl.col("stop_loss")) * side <= 0)
        | ((pl.col("take_profit_1") - pl.col("entry_ref_price")) * side <= 0)
        | ((pl.col("take_profit_2") - pl.col("take_profit_1")) * side <= 0)
    )
    shown = wrong.select("symbol", "ts", "alpha_id", "action", "entry_ref_price", "stop_loss", "take_profit_2")
    return error_unless(wrong.is_empty(), n=wrong.height, rows=shown)


def one_open_at_a_time(frame: pl.DataFrame, settled: pl.DataFrame) -> Judgement:
    """No signal of a symbol and alpha fires before the one before has ended.

    Signals without levels never open. A signal that has not ended yet must be the last of its kind.
    """
    opened = frame.filter(pl.col("stop_loss").is_not_null()).sort(_KEY)
    ends = settled.select(*_KEY, "settled_at").unique(_KEY, keep="first", maintain_order=True)
    known = opened.join(ends, on=_KEY, how="left", maintain_order="left").with_columns(
        following=pl.col("signal_time").shift(-1).over(_OF)
    )
    overlaps = known.filter(
        pl.col("following").is_not_null()
        & (pl.col("settled_at").is_null() | (pl.col("following") < pl.col("settled_at")))
    )
    shown = overlaps.select(*_KEY, "settled_at", "following")
    return error_unless(overlaps.is_empty(), n=overlaps.height, rows=shown)


class Known(NamedTuple):
    """Signals of one symbol computed again, without what came after an instant."""

    symbol: str
    #: first bar that a signal may be of
    first: datetime
    #: last bar that was known
    last: datetime
    rows: pl.DataFrame


def outcomes_known(frame: pl.DataFrame, known: Known | None) -> Judgement:
    """Signals scored without the later half of a day's bars are those that are stored: no outcome came from the future.

    `known`: None where there is nothing to judge.
    """
    if known is None:
        return error_unless(True, compared=0)
    own = frame.filter(pl.col("symbol") == known.symbol, pl.col("ts").is_between(known.first, known.last))
    judged = [*_KEY, "p_win", "n_outcomes", "q_star", "grade", "accepted"]
    stored, again = own.select(judged).sort(_KEY), known.rows.select(judged).sort(_KEY)
    changed = stored.join(again, on=judged, how="anti", nulls_equal=True)
    passed = stored.height == again.height and changed.is_empty()
    return error_unless(passed, "RUNBOOK: outcomes_known", compared=again.height, stored=stored.height, rows=changed)


def firings_expected(last_30_days: pl.DataFrame, today: date) -> Judgement:
    """Each alpha fires at least once in 30 days, and for no symbol more than 50 times on a day that is over."""
    over = last_30_days.filter(pl.col("ts").dt.date() < today)
    days = over["ts"].dt.date().unique().len()
    per_day = over.group_by("symbol", "alpha_id", day=pl.col("ts").dt.date()).len("n")
    often = per_day.filter(pl.col("n") > MOST_A_DAY).sort("symbol", "alpha_id", "day")
    silent = sorted(set(ALPHAS) - set(over["alpha_id"])) if days >= SILENT_DAYS else []
    passed = often.is_empty() and not silent
    return warn_unless(passed, "RUNBOOK: firings_expected", days=days, silent=", ".join(silent), rows=often)
