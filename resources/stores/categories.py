"""Values that a request compares an Enum column with: each must be one of its categories.

Polars compares an Enum with any text, and a misspelt category then quietly equals nothing.
"""

from collections.abc import Iterator

import polars as pl

from market_assets.core.contracts import Contract
from market_assets.core.errors import InvalidRequest


def categories(contract: Contract, column: str) -> list[str] | None:
    """The categories of an Enum column in their order; None for a column of another type."""
    dtype = contract.schema[column]
    return dtype.categories.to_list() if isinstance(dtype, pl.Enum) else None


def check_category(contract: Contract, column: str, value: object) -> None:
    """Raise InvalidRequest for a value that is no category of that Enum column."""
    known = categories(contract, column)
    if known is not None and value not in known:
        raise InvalidRequest(f"{contract.name}.{column} is one of {', '.join(known)}; {value!r} is none of them")


def check_predicate(contract: Contract, predicate: pl.Expr) -> None:
    """Raise InvalidRequest where a predicate compares an Enum column with a text that is no category.

    A column cast to text is text: comparing that is not judged.
    """
    if not any(categories(contract, name) for name in predicate.meta.root_names()):
        return
    for node in _nodes(predicate):
        inputs = node.meta.pop()
        columns = [one.meta.output_name() for one in inputs if one.meta.is_column()]
        enums = [name for name in columns if categories(contract, name)]
        if not enums or not _is_condition(contract, node):
            continue
        for value in (text for one in inputs if one.meta.is_literal() for text in _texts(one)):
            check_category(contract, enums[0], value)


def _nodes(expression: pl.Expr) -> Iterator[pl.Expr]:
    yield expression
    for one in expression.meta.pop():
        yield from _nodes(one)


def _is_condition(contract: Contract, node: pl.Expr) -> bool:
    """Whether the node compares: what makes text of a category and a literal does not."""
    return contract.empty().lazy().select(value=node).collect_schema()["value"] == pl.Boolean


def _texts(literal: pl.Expr) -> list[str]:
    values = pl.select(literal).to_series()
    values = values.explode() if isinstance(values.dtype, pl.List) else values
    is_text = values.dtype == pl.String or isinstance(values.dtype, pl.Enum)
    return values.cast(pl.String).drop_nulls().to_list() if is_text else []
