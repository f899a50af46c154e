"""Whether two sides of a comparison computed the same, row by row and column by column."""

from collections.abc import Sequence

import polars as pl

#: difference, of values above 1 relative, up to which two values count as equal
TOLERANCE = 1e-9


def compare_rows(mine: pl.DataFrame, other: pl.DataFrame, key: Sequence[str]) -> int:
    """Check every column of ours against the peer's; how many rows were compared.

    Raises AssertionError naming the first column that differs by more than TOLERANCE, or that one side lacks.
    """
    assert sorted(mine.columns) == sorted(other.columns), f"{mine.columns} is not {other.columns}"
    mine, other = (frame.select(mine.columns).sort(key) for frame in (mine, other.cast(mine.schema)))
    assert mine.height == other.height > 0, f"{mine.height} rows, the peer has {other.height}"
    for name in mine.columns:
        left, right = mine[name], other[name]
        equal = left.eq_missing(right)
        if left.dtype == pl.Float64:
            equal = equal | ((left - right).abs() <= TOLERANCE * left.abs().clip(1.0)).fill_null(value=False)
        wrong = (~equal).arg_true()
        assert wrong.is_empty(), f"{name}: {mine.row(wrong[0])} is not {other.row(wrong[0])}"
    return mine.height
