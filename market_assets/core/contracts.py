"""What a table must look like, declared once.

A `Table` subclass names its columns; from that one declaration come the pandera schema (the gate
that refuses a bad frame before it is stored), the column catalogue of the UI, the typed empty
frame and the Postgres DDL. The pandera schema is built on first use, because importing pandera
costs more than importing Dagster.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import polars as pl

from market_assets.core.errors import MarketAssetsError, UnknownName

UTC_MICROS = pl.Datetime("us", "UTC")

#: How a partition dimension is spelled when its column is a time; other dimensions are the text itself.
TIME_FORMATS = {"year": "%Y", "month": "%Y-%m", "week": "%Y-%m-%d", "day": "%Y-%m-%d"}

#: The partition name of a table that has no partitions.
WHOLE = "all"

_POSTGRES_TYPES: dict[Any, str] = {
    pl.String: "text",
    pl.Boolean: "boolean",
    pl.Int8: "smallint",
    pl.Int16: "smallint",
    pl.Int32: "integer",
    pl.Int64: "bigint",
    pl.Float64: "double precision",
    pl.Date: "date",
    UTC_MICROS: "timestamptz",
    pl.List(pl.String): "text[]",
    pl.List(pl.Float64): "double precision[]",
    pl.List(UTC_MICROS): "timestamptz[]",
}


class ContractViolation(MarketAssetsError, ValueError):
    """A frame that is not what its table's contract says; names the column, the rule and a row."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: type, meaning with unit, and the values it may take."""

    dtype: Any
    description: str
    nullable: bool = False
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    isin: tuple[str, ...] | None = None
    #: not part of the content digest: when it was fetched, how long it took
    volatile: bool = False


def column(dtype: Any, description: str, **rules: Any) -> Any:
    """Declare a column of a `Table`. Rules: nullable, gt, ge, lt, le, isin, volatile."""
    return Column(dtype=dtype, description=description, **rules)


@dataclass(frozen=True)
class Contract:
    """The contract of one table; `Table.contract()` makes it."""

    name: str
    title: str
    description: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    #: partition dimension -> column it is read from; empty for an unpartitioned table
    partitioned_by: Mapping[str, str]
    #: the column that `start` and `end` of a read refer to
    time_column: str | None
    #: tz-aware instant at which a row could first be used, where the table states it
    observed: bool
    #: rewritten every few minutes: superseded versions are kept by number alone, and what follows does not
    #: wait for inputs that are not live
    live: bool = False

    @functools.cached_property
    def schema(self) -> pl.Schema:
        """Column name -> Polars type, in contract order."""
        return pl.Schema({name: col.dtype for name, col in self.columns.items()})

    @functools.cached_property
    def dimensions(self) -> tuple[str, ...]:
        """Partition dimensions in the order Dagster writes them into a key (sorted by name)."""
        return tuple(sorted(self.partitioned_by))

    @functools.cached_property
    def stable_columns(self) -> list[str]:
        """The columns that make up the content digest."""
        return [name for name, col in self.columns.items() if not col.volatile]

    @functools.cached_property
    def is_measured(self) -> bool:
        """Whether all but the key is volatile: then what was measured last is stored, though nothing else changed."""
        return set(self.stable_columns) <= set(self.key)

    def column(self, name: str) -> Column:
        """The column of that name. Raises UnknownName with the near ones."""
        try:
            return self.columns[name]
        except KeyError:
            raise UnknownName(f"column of {self.name}", name, self.columns) from None

    def empty(self) -> pl.DataFrame:
        """A frame with every column and no row."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Columns in contract order, rows sorted by the key. Says what is missing or too much."""
        missing = [name for name in self.columns if name not in frame.columns]
        surplus = [name for name in frame.columns if name not in self.columns]
        if missing or surplus:
            raise ContractViolation(
                f"{self.name} has the columns of its contract; missing {missing}, not in it {surplus}"
            )
        return frame.select(list(self.columns)).sort(list(self.key), maintain_order=True)

    def partition_expr(self) -> pl.Expr:
        """The partition key (text) of each row."""
        if not self.partitioned_by:
            return pl.lit(WHOLE)
        parts = [self._dimension_expr(dimension) for dimension in self.dimensions]
        return pl.concat_str(parts, separator="|")

    def _dimension_expr(self, dimension: str) -> pl.Expr:
        source = pl.col(self.partitioned_by[dimension])
        time_format = TIME_FORMATS.get(dimension)
        if time_format is None:
            return source
        # a week is named by its Monday
        return (source.dt.truncate("1w") if dimension == "week" else source).dt.strftime(time_format)

    def split(self, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The rows by partition key; each part keeps the order of `frame`."""
        keyed = frame.with_columns(__partition=self.partition_expr())
        parts = keyed.partition_by("__partition", as_dict=True, include_key=False, maintain_order=True)
        return {str(key[0]): part for key, part in parts.items()}

    def validate(self, frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
        """Return the conformed frame, or raise ContractViolation with the first offending values.

        Checks types, nulls, ranges, that floats are finite and that the key is unique.
        """
        if isinstance(frame, pl.LazyFrame):
            raise ContractViolation(f"{self.name} is checked on eager frames; call .collect() first")
        conformed = self.conform(frame)
        wrong = {
            name: f"{conformed.schema[name]} instead of {col.dtype}"
            for name, col in self.columns.items()
            if conformed.schema[name] != col.dtype
        }
        if wrong:
            raise ContractViolation(f"{self.name} has wrong column types: {wrong}")
        if self._is_suspect(conformed):
            from market_assets.core.pandera_schema import check_values

            check_values(self, conformed)
        return conformed

    def _is_suspect(self, frame: pl.DataFrame) -> bool:
        """Whether any value may break a rule of the contract: pandera then judges, and says which.

        One query over all columns. Pandera asks several per column, some 20 ms a frame whatever its size,
        and importing it takes a second; almost every frame is clean and needs neither.
        """
        if any(frame.get_column(name).null_count() for name, col in self.columns.items() if not col.nullable):
            return True
        if frame.select(self.key).is_duplicated().any():
            return True
        return bool(self._rules and frame.select(pl.any_horizontal(self._rules)).item())

    @functools.cached_property
    def _rules(self) -> list[pl.Expr]:
        """One expression per value rule: whether any row breaks it. A null breaks none."""
        rules: list[pl.Expr] = []
        for name, col in self.columns.items():
            value = pl.col(name)
            rules += [~value.is_finite()] if col.dtype == pl.Float64 else []
            if col.dtype == pl.List(pl.Float64):
                rules.append(~value.list.eval(pl.element().is_finite()).list.all())
            rules += [value <= col.gt] if col.gt is not None else []
            rules += [value < col.ge] if col.ge is not None else []
            rules += [value >= col.lt] if col.lt is not None else []
            rules += [value > col.le] if col.le is not None else []
            rules += [~value.is_in(list(col.isin))] if col.isin is not None else []
        return [rule.any() for rule in rules]

    def postgres_columns(self) -> dict[str, str]:
        """Column name -> Postgres type."""
        return {
            name: "text" if isinstance(col.dtype, pl.Enum) else _POSTGRES_TYPES[col.dtype]
            for name, col in self.columns.items()
        }

    def ddl(self, schema: str = "public") -> str:
        """CREATE TABLE statement with the primary key of the contract."""
        lines = [
            f'  "{name}" {kind}{"" if self.columns[name].nullable else " NOT NULL"}'
            for name, kind in self.postgres_columns().items()
        ]
        key = ", ".join(f'"{name}"' for name in self.key)
        lines.append(f"  PRIMARY KEY ({key})")
        return f'CREATE TABLE IF NOT EXISTS "{schema}"."{self.name}" (\n' + ",\n".join(lines) + "\n)"

    def quarantine(self) -> "Contract":
        """The table that keeps the rows this contract's row rules reject, with the reason."""
        loose = {name: replace(col, nullable=True, gt=None, ge=None, lt=None, le=None, isin=None)
                 for name, col in self.columns.items()}  # fmt: skip
        extra = {
            "reason": Column(dtype=pl.String, description="Row rule that the row broke"),
            "run_id": Column(dtype=pl.String, description="Run that rejected it", volatile=True),
            "row_number": Column(dtype=pl.Int64, description="Position in the vendor's answer"),
        }
        return Contract(
            name=f"quarantine_{self.name}",
            title=f"Rows rejected from {self.name}.",
            description=f"Rows rejected from {self.name}, with the rule each one broke.",
            columns={**loose, **extra},
            key=(*self.partitioned_by.values(), "row_number", "reason"),
            partitioned_by=self.partitioned_by,
            time_column=self.time_column,
            observed=self.observed,
            live=self.live,
        )


class Table:
    """Base of every table declaration. Subclasses name columns with `column(...)`.

    The docstring's first sentence says what one row is.
    """

    key: ClassVar[tuple[str, ...]]
    partitioned_by: ClassVar[Mapping[str, str]] = {}
    time_column: ClassVar[str | None] = None
    live: ClassVar[bool] = False

    @classmethod
    @functools.cache
    def contract(cls) -> Contract:
        """The contract declared by this class. Raises TypeError where the declaration is incomplete."""
        columns: dict[str, Column] = {}
        for base in reversed(cls.__mro__):
            declared = {k: v for k, v in vars(base).items() if isinstance(v, Column)}
            columns.update(declared)
        description = " ".join((cls.__doc__ or "").split())
        named: Sequence[str] = (*cls.key, *cls.partitioned_by.values())
        unknown = [name for name in named if name not in columns]
        if not description or unknown:
            raise TypeError(f"{cls.__name__} needs a docstring and columns for its key; lacks {unknown}")
        return Contract(
            name=re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower(),
            title=description.split(". ")[0].rstrip(".") + ".",
            description=description,
            columns=columns,
            key=tuple(cls.key),
            partitioned_by=dict(cls.partitioned_by),
            time_column=cls.time_column,
            observed="ingested_at" in columns,
            live=cls.live,
        )

    def __new__(cls) -> Self:
        """Refuse: a declaration has no instances."""
        raise TypeError(f"{cls.__name__} is a declaration; use {cls.__name__}.contract()")
