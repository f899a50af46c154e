"""What changed between two versions of the same rows. Frames in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Revision:
    """Row counts by what happened to the key, and how far values moved."""

    new_rows: int
    revised_rows: int
    removed_rows: int
    #: largest abs(new - old) / abs(old) over revised Float64 values (over abs(new) where old is 0)
    max_rel_diff: float | None


def compare(old: pl.DataFrame, new: pl.DataFrame, key: Sequence[str], columns: Sequence[str]) -> Revision:
    """Compare the values of `columns` for equal keys.

    Both frames have unique, non-null keys. Columns that one of them lacks are not compared, so a
    newly declared column does not make every row a revised one.
    """
    before, after = old.schema, new.schema
    shared = [name for name in columns if name not in key and name in before and before[name] == after.get(name)]
    both = new.select([*key, *shared]).join(old.select([*key, *shared]), on=list(key), suffix="__old")
    revised = both.filter(_differs(shared))
    return Revision(
        new_rows=new.height - both.height,
        revised_rows=revised.height,
        removed_rows=old.height - both.height,
        max_rel_diff=_max_rel_diff(revised, [name for name in shared if after[name] == pl.Float64]),
    )


def _differs(columns: Sequence[str]) -> pl.Expr:
    if not columns:
        return pl.lit(value=False)
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}__old")) for name in columns)


def _max_rel_diff(revised: pl.DataFrame, columns: Sequence[str]) -> float | None:
    if not columns or revised.is_empty():
        return None
    largest = revised.select(pl.max_horizontal(_rel_diff(name).max() for name in columns)).item()
    return None if largest is None else float(largest)


def _rel_diff(name: str) -> pl.Expr:
    new, old = pl.col(name), pl.col(f"{name}__old")
    scale = pl.when(old != 0).then(old.abs()).otherwise(new.abs())
    return pl.when(new != old).then((new - old).abs() / scale)
