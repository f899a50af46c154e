"""JSON schemas of table rows, from the tables' contracts: columns are stated there and nowhere else."""

from collections.abc import Iterable
from typing import Any

import polars as pl

from market_assets.core.contracts import UTC_MICROS, Column, Contract

_TYPES: dict[Any, dict[str, Any]] = {
    pl.String: {"type": "string"},
    pl.Boolean: {"type": "boolean"},
    pl.Int8: {"type": "integer"},
    pl.Int16: {"type": "integer"},
    pl.Int32: {"type": "integer"},
    pl.Int64: {"type": "integer"},
    pl.Float64: {"type": "number"},
    pl.Date: {"type": "string", "format": "date"},
    UTC_MICROS: {"type": "string", "format": "date-time"},
    pl.List(pl.Float64): {"type": "array", "items": {"type": "number"}},
    pl.List(pl.String): {"type": "array", "items": {"type": "string"}},
}


def row_schema(
    contract: Contract, columns: Iterable[str] | None = None, optional: Iterable[str] = ()
) -> dict[str, Any]:
    """The JSON schema of a row that has these columns (or all of the contract), and may have the `optional` ones."""
    required = list(contract.columns if columns is None else columns)
    return {
        "type": "object",
        "description": contract.title,
        "properties": {name: _property(contract.column(name)) for name in dict.fromkeys([*required, *optional])},
        "required": required,
    }


def _property(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {**_TYPES[column.dtype], "description": column.description}
    if column.isin is not None:
        found["enum"] = [*column.isin, None] if column.nullable else list(column.isin)
    if column.nullable:
        found["type"] = [found["type"], "null"]
    return found
