"""Judgements about decisions and second opinions."""

from datetime import date, timedelta

import polars as pl

from market_assets.core.checks import Judgement, error_unless, warn_unless

#: tradeable signals a day that ten symbols are expected to give
EXPECTED = (1.0, 5.0)
#: days that must all be outside before it is told
_DAYS = 3
_PARSED, PARSE_WARN, PARSE_ERROR = 20, 0.10, 0.50
_TOLERANCE = 1e-9
_LONG_DAYS = 90


def stops_on_losing_side(frame: pl.DataFrame) -> Judgement:
    """Stops of longs lie below the price, of shorts above; targets on the other side."""
    side = pl.when(pl.col("action") == "ENTER_LONG").then(1.0).when(pl.col("action") == "ENTER_SHORT").then(-1.0)
    wrong = frame.filter(
        ((pl.col("price") - pl.col("stop_price")) * side <= 0)
        | ((pl.col("targets").list.first() - pl.col("price")) * side <= 0)
    )
    shown = wrong.select("symbol", "ts", "action", "price", "stop_price", "targets")
    return error_unless(wrong.is_empty(), n=wrong.height, rows=shown)


def votes_add_up(frame: pl.DataFrame) -> Judgement:
    """What is counted for and against are the votes that were cast, and the larger side is the confidence."""
    votes = [pl.col(name) for name in frame.columns if name.startswith("vote_") and name != "vote_confidence"]
    plus, minus = (pl.sum_horizontal((vote == side).cast(pl.Int8) for vote in votes) for side in (1, -1))
    confidence = pl.max_horizontal(plus, minus) / len(votes)
    wrong = frame.filter(
        (plus != pl.col("n_plus"))
        | (minus != pl.col("n_minus"))
        | ((confidence - pl.col("vote_confidence")).abs() > _TOLERANCE)
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("symbol", "ts", "n_plus", "n_minus"))


def both_sides_occur(last_90_days: pl.DataFrame) -> Judgement:
    """Over 90 days there are entries of both sides: rules that only ever go one way are broken."""
    count = dict(last_90_days.group_by("action").len().iter_rows())
    seen = last_90_days["ts"].dt.date().sort()
    days = (seen[-1] - seen[0]).days + 1 if seen.len() else 0
    long, short = count.get("ENTER_LONG", 0), count.get("ENTER_SHORT", 0)
    passed = days < _LONG_DAYS or bool(long and short)
    return warn_unless(passed, days=days, long=long, short=short)


def signals_expected(last_90_days: pl.DataFrame, n_symbols: int, today: date) -> Judgement:
    """On one of the last 3 days that are over, 1 to 5 signals for ten symbols were tradeable."""
    per_day = (
        last_90_days.filter(pl.col("ts").dt.date() < today)
        .group_by(day=pl.col("ts").dt.date())
        .agg(n=pl.col("is_tradeable").sum())
        .with_columns(per_ten=10 * pl.col("n") / max(1, n_symbols))
        .filter(pl.col("day") >= today - timedelta(days=_DAYS))
        .sort("day")
    )
    outside = per_day.filter(~pl.col("per_ten").is_between(*EXPECTED))
    return warn_unless(outside.height < _DAYS, "RUNBOOK: signals_expected", expected=f"{EXPECTED}", rows=per_day)


def rules_labelled(frame: pl.DataFrame) -> Judgement:
    """Only a model's own valid answer is blended and named as a model's; the stand-in names no model."""
    ok = (pl.col("advisor_source") == "llm") & (pl.col("status") == "ok")
    is_rule = pl.col("advisor_source") == "rule"
    wrong = frame.filter((pl.col("blended_direction").is_not_null() & ~ok) | (is_rule & pl.col("model").is_not_null()))
    shown = wrong.select("symbol", "ts", "call", "advisor_source", "status", "model")
    return error_unless(wrong.is_empty(), n=wrong.height, rows=shown)


def replies_valid(last_calls: pl.DataFrame) -> Judgement:
    """Of the last 20 answers of the model at most 10 % do not validate; above half it is an error."""
    asked = last_calls.sort("ts").tail(_PARSED)
    share = asked.filter(pl.col("status") == "parse_error").height / max(1, asked.height)
    judge = error_unless if share > PARSE_ERROR else warn_unless
    shown = asked.select("symbol", "ts", "call", "status", "model")
    return judge(share <= PARSE_WARN, "RUNBOOK: replies_valid", share=share, answers=asked.height, rows=shown)
