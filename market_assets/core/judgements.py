"""Judgements that tables of several domains share."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from market_assets.core.checks import Judgement, error_unless

#: difference, relative to the value and 1 at least, up to which two computations agree
SAME = 1e-9
_MINUTE = timedelta(minutes=1)


def rows_matched(frame: pl.DataFrame, wanted: pl.DataFrame, key: Sequence[str]) -> Judgement:
    """Every row of `wanted` has one in `frame`, and every row of `frame` has one there."""
    ours, theirs = frame.select(key), wanted.select(key)
    without, surplus = theirs.join(ours, on=key, how="anti"), ours.join(theirs, on=key, how="anti")
    passed = without.is_empty() and surplus.is_empty()
    return error_unless(passed, without=without.height, surplus=surplus.height, rows=pl.concat([without, surplus]))


def recomputed_alike(frame: pl.DataFrame, again: pl.DataFrame, key: Sequence[str]) -> Judgement:
    """Rows computed again, from less, are those that are stored; no row is no offence."""
    if again.is_empty():
        return error_unless(True, rows_compared=0)
    stored = frame.join(again.select(key), on=key, how="semi").sort(key)
    anew = again.select(stored.columns).sort(key)
    changed = [name for name in stored.columns if stored.height == anew.height and not same(stored[name], anew[name])]
    passed = stored.height == anew.height and not changed
    return error_unless(passed, rows_compared=anew.height, stored=stored.height, changed=", ".join(changed))


def closed_when_read(frame: pl.DataFrame) -> Judgement:
    """Every minute had ended when it was read."""
    early = frame.filter(pl.col("ts") + _MINUTE > pl.col("ingested_at"))
    return error_unless(early.is_empty(), n=early.height, rows=early.select("symbol", "ts", "ingested_at"))


def same(left: pl.Series, right: pl.Series) -> bool:
    """Whether two columns hold the same values; floats up to SAME."""
    return apart(left, right) <= SAME if left.dtype == pl.Float64 else left.equals(right)


def apart(left: pl.Series, right: pl.Series) -> float:
    """Largest difference relative to the value, 1 at least; infinite where one is null and the other is not."""
    if left.len() != right.len() or not (left.is_null() == right.is_null()).all():
        return float("inf")
    worst = ((left - right).abs() / left.abs().clip(lower_bound=1.0)).max()
    return float(worst) if isinstance(worst, float) else 0.0
