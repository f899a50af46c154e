"""How stored columns and declared columns may differ: the declaration may have gained some.

An Enum may gain categories in the same way. Its text is what counts: rows stored before are the same
rows afterwards, and nothing need be written again.
"""

import json
from collections.abc import Collection, Mapping

import polars as pl

from market_assets.core.contracts import Contract
from resources.stores.errors import SchemaMismatch

_WAY_OUT = "Declare it as before, or give the table a new name and materialise that"
_ENUM = "Enum"


def type_name(dtype: pl.DataType | pl.datatypes.DataTypeClass) -> str:
    """A type as text that does not depend on how Polars prints it: `Datetime[us,UTC]`, `Enum["a", "b"]`."""
    if isinstance(dtype, pl.Datetime):
        return f"Datetime[{dtype.time_unit},{dtype.time_zone or ''}]"
    if isinstance(dtype, pl.List):
        return f"List[{type_name(dtype.inner)}]"
    if isinstance(dtype, pl.Enum):
        return _ENUM + json.dumps(dtype.categories.to_list(), ensure_ascii=False)
    return dtype.base_type().__name__


def column_types(schema: Mapping[str, pl.DataType] | pl.Schema) -> dict[str, str]:
    """Column -> type name."""
    return {name: type_name(dtype) for name, dtype in schema.items()}


def added_columns(contract: Contract, stored: Mapping[str, str], where: str) -> list[str]:
    """The declared columns that `stored` (column -> type name) lacks.

    Raises SchemaMismatch where a stored column is declared no more, with another type, or as an Enum
    that lacks one of the stored categories.
    """
    declared = column_types(contract.schema)
    for name, kind in stored.items():
        if name not in declared:
            raise SchemaMismatch(
                f"{contract.name} must keep every column it has stored: {name} ({kind} in {where}) is not declared "
                f"(declared type: none). {_WAY_OUT}."
            )
        vanished = _lacking(declared[name], kind)
        if vanished:
            raise SchemaMismatch(
                f"{contract.name}.{name} must keep its categories: {', '.join(vanished)} in {where} is declared "
                f"no more. {_WAY_OUT}."
            )
        if vanished is None and declared[name] != kind:
            raise SchemaMismatch(
                f"{contract.name}.{name} must keep its type: it is {kind} in {where} and declared {declared[name]}. "
                f"{_WAY_OUT}."
            )
    return [name for name in declared if name not in stored]


def has_gained(contract: Contract, stored: Mapping[str, str], where: str) -> bool:
    """Whether columns, or categories of one, are declared that `stored` lacks. Raises as `added_columns`."""
    declared = column_types(contract.schema)
    added = added_columns(contract, stored, where)
    return bool(added) or any(_lacking(kind, declared[name]) for name, kind in stored.items())


def _lacking(kind: str, other: str) -> list[str] | None:
    """The categories of `other` that `kind` lacks; None where one of them is no Enum."""
    if not (kind.startswith(_ENUM) and other.startswith(_ENUM)):
        return None
    known = set(json.loads(kind.removeprefix(_ENUM)))
    return [category for category in json.loads(other.removeprefix(_ENUM)) if category not in known]


def check_filled(contract: Contract, added: list[str], rows: int, where: str) -> None:
    """Raise SchemaMismatch where stored rows have no value for an added column that needs one."""
    required = [name for name in added if not contract.columns[name].nullable]
    if rows and required:
        raise SchemaMismatch(
            f"{contract.name} declares {', '.join(required)} as never null, and the {rows} rows of {where} were "
            f"stored before it existed. Materialise that partition again, or declare the column nullable."
        )


def as_declared(
    contract: Contract,
    rows: pl.DataFrame,
    where: str,
    *,
    stored: Mapping[str, str] | None = None,
    columns: Collection[str] | None = None,
) -> pl.DataFrame:
    """Stored rows with the declared columns and types in contract order: added ones are null.

    `stored` are all columns the rows were stored with, where `rows` has only some of them, and
    `columns` those that are wanted.
    Raises SchemaMismatch for a dropped or retyped column, and for an added one that may not be null.
    """
    added = added_columns(contract, stored if stored is not None else column_types(rows.schema), where)
    check_filled(contract, added, rows.height, where)
    wanted = [name for name in contract.columns if columns is None or name in columns]
    nulls = [pl.lit(None, dtype=contract.schema[name]).alias(name) for name in added if name in wanted]
    return with_declared_categories(contract, rows).with_columns(nulls).select(wanted)


def with_declared_categories(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Stored rows with every Enum column as declared; its stored categories are among the declared ones."""
    declared = contract.schema
    gained = [
        pl.col(name).cast(declared[name])
        for name, kind in rows.schema.items()
        if isinstance(kind, pl.Enum) and name in declared and kind != declared[name]
    ]
    return rows.with_columns(gained) if gained else rows
