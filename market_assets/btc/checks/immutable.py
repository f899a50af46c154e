"""A stored row is never written again with another value, unless the settings changed."""

import polars as pl

from market_assets.core.checks import Judgement, error_unless
from market_assets.core.contracts import Contract

_TOLERANCE = 1e-9


def changed_rows(before: pl.DataFrame, after: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The keys of rows of one feature_version that are in both frames with different values.

    Floats differ beyond 1e-9 (absolute, or relative above 1), lists with any element, the rest at all.
    """
    key = [*contract.key, "feature_version"]
    values = [name for name in contract.columns if name not in key]
    both = before.join(after, on=key, how="inner", suffix="_after", nulls_equal=True)
    return both.filter(pl.any_horizontal(_differs(name, contract) for name in values)).select(contract.key)


def rows_immutable(before: pl.DataFrame, frame: pl.DataFrame, contract: Contract) -> Judgement:
    """Rows that were stored for the same feature_version are stored again as they were."""
    changed = changed_rows(before, frame, contract)
    return error_unless(changed.is_empty(), n=changed.height, compared=before.height, rows=changed)


def _differs(name: str, contract: Contract) -> pl.Expr:
    old, new = pl.col(name), pl.col(f"{name}_after")
    if contract.schema[name] != pl.Float64:
        return old.ne_missing(new)
    apart = (old - new).abs() > _TOLERANCE * pl.max_horizontal(pl.lit(1.0), old.abs())
    return (old.is_null() != new.is_null()) | apart.fill_null(value=False)
