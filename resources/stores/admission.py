"""What a frame must be before either store takes it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

import polars as pl

from market_assets.core.contracts import TIME_FORMATS, WHOLE, Contract, ContractViolation
from market_assets.core.errors import InvalidRequest
from resources.stores.categories import check_category
from resources.stores.digest import content_digest
from resources.stores.errors import MixedOrigin, RowsOutsidePartition

Origin = Literal["live", "sandbox"]

_SANDBOX = "-sandbox"
_SHOWN = 3


@dataclass(frozen=True)
class Admitted:
    """A frame that may be stored: contract columns and types, sorted by the key."""

    frame: pl.DataFrame
    digest: str
    min_time: datetime | None
    max_time: datetime | None
    #: None where the rows do not say whence they came
    origin: Origin | None


def admit(contract: Contract, partition: str, frame: pl.DataFrame) -> Admitted:
    """Check a frame for its partition. Value rules are the gate's; these are the store's own.

    Raises ContractViolation, RowsOutsidePartition, MixedOrigin, InvalidRequest (partition name).
    """
    if not isinstance(frame, pl.DataFrame):
        raise ContractViolation(f"{contract.name} is stored from an eager pl.DataFrame, not {type(frame).__name__}")
    check_partition_name(contract, partition)
    rows = contract.conform(frame)
    _check_types(contract, rows)
    _check_key(contract, partition, rows)
    _check_partition(contract, partition, rows)
    origin = _origin(contract, partition, rows)
    first, last = time_span(contract, rows)
    return Admitted(rows, content_digest(rows, contract.stable_columns), first, last, origin)


def check_partition_name(contract: Contract, partition: str) -> None:
    """Raise InvalidRequest for a name that no partition of this table can have."""
    if not contract.partitioned_by:
        if partition != WHOLE:
            raise InvalidRequest(f"{contract.name} has one partition, {WHOLE!r}; was {partition!r}")
        return
    parts = partition.split("|")
    spelled = "|".join(contract.dimensions)
    if len(parts) != len(contract.dimensions) or not all(parts):
        raise InvalidRequest(f"partitions of {contract.name} are named {spelled}; was {partition!r}")
    for dimension, part in zip(contract.dimensions, parts, strict=True):
        if dimension not in TIME_FORMATS:
            check_category(contract, contract.partitioned_by[dimension], part)
        elif not _is_time(part, dimension):
            raise InvalidRequest(f"partitions of {contract.name} are named {spelled}; {part!r} is no {dimension}")


def time_span(contract: Contract, rows: pl.DataFrame) -> tuple[datetime | None, datetime | None]:
    """First and last value of the time column, as instants."""
    if contract.time_column is None or rows.is_empty():
        return None, None
    values = rows.get_column(contract.time_column)
    return _instant(values.min()), _instant(values.max())


def _instant(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None


def _is_time(text: str, dimension: str) -> bool:
    try:
        parsed = datetime.strptime(text, TIME_FORMATS[dimension]).replace(tzinfo=UTC)
    except ValueError:
        return False
    is_start = dimension != "week" or parsed.weekday() == 0
    return is_start and parsed.date().isoformat().startswith(text)


def _check_types(contract: Contract, rows: pl.DataFrame) -> None:
    found = rows.schema
    wrong = {
        name: f"{found[name]} instead of {dtype}" for name, dtype in contract.schema.items() if found[name] != dtype
    }
    if wrong:
        raise ContractViolation(f"{contract.name} has wrong column types: {wrong}. Nothing was stored.")
    required = {name for name, column in contract.columns.items() if not column.nullable} | set(contract.key)
    empty = {name: count for name, count in rows.null_count().row(0, named=True).items() if count and name in required}
    if empty:
        raise ContractViolation(f"{contract.name} has nulls where none may be (column: count): {empty}")
    texts = {name: text for name, dtype in found.items() if (text := _text(name, dtype)) is not None}
    holds_nul = [text.str.contains("\0", literal=True).any() for text in texts.values()]
    if rows.select(pl.any_horizontal(*holds_nul, False)).item():
        raise ContractViolation(
            f"{contract.name} has a NUL character in one of {list(texts)}; PostgreSQL cannot store it"
        )


def _text(name: str, dtype: pl.DataType) -> pl.Expr | None:
    """All text of a value of that column; None where values hold none."""
    if dtype == pl.String or isinstance(dtype, pl.Enum):
        return pl.col(name).cast(pl.String)
    return pl.col(name).list.join("") if dtype == pl.List(pl.String) else None


def _check_key(contract: Contract, partition: str, rows: pl.DataFrame) -> None:
    key = rows.select(list(contract.key))
    if key.n_unique() == rows.height:
        return
    twice = key.filter(key.is_duplicated()).unique(maintain_order=True)
    raise ContractViolation(
        f"{contract.name} has one row per {', '.join(contract.key)}; {twice.height} key(s) come more than once in "
        f"{partition}: {twice.head(_SHOWN).rows()}. Nothing was stored."
    )


def _check_partition(contract: Contract, partition: str, rows: pl.DataFrame) -> None:
    elsewhere = contract.partition_expr().ne_missing(partition)
    if not rows.select(elsewhere.any()).item():
        return
    outside = rows.filter(elsewhere).select(*contract.key, belongs_to=contract.partition_expr())
    raise RowsOutsidePartition(
        f"every row of {contract.name} {partition} belongs to that partition; {outside.height} of {rows.height} do "
        f"not: {outside.head(_SHOWN).rows(named=True)}. Nothing was stored."
    )


def _origin(contract: Contract, partition: str, rows: pl.DataFrame) -> Origin | None:
    if contract.schema.get("source") != pl.String:
        return None
    sources = rows.get_column("source").drop_nulls().unique().sort().to_list()
    emulated = [source for source in sources if source.endswith(_SANDBOX)]
    if emulated and len(emulated) < len(sources):
        raise MixedOrigin(f"rows of {contract.name} {partition} come from one origin, live or sandbox; were {sources}")
    if not sources:
        return None
    return "sandbox" if emulated else "live"


def check_origin(contract: Contract, partition: str, *, stored: str, offered: Origin) -> None:
    """Raise MixedOrigin where a store of one origin is offered rows of the other."""
    if stored == offered:
        return
    raise MixedOrigin(
        f"this store holds {stored} data and refuses {offered} rows ({contract.name} {partition}). Use another "
        f"MARKET_ASSETS_HOME or database for them, or set MARKET_ASSETS_VENDORS to fit this one."
    )
