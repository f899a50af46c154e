"""What a read asks for, made exact: bounds, values, and the partitions that can hold them."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import TIME_FORMATS, UTC_MICROS, WHOLE, Contract
from market_assets.core.errors import InvalidRequest
from resources.stores.categories import check_category, check_predicate
from resources.stores.protocol import Moment, Where

#: more candidate names than this are not enumerated; the stored ones are listed instead
_MOST_CANDIDATES = 5_000
_MICROSECOND = timedelta(microseconds=1)
#: half of a pair that spells one character
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Request:
    """One validated read of one table."""

    contract: Contract
    partitions: tuple[str, ...] | None
    columns: list[str]
    #: column -> values it may have, in the column's own type
    values: Mapping[str, tuple[object, ...]]
    predicate: pl.Expr | None
    #: inclusive bounds of the time column, as instants (a date is its midnight)
    lower: datetime | None
    upper: datetime | None
    as_of: datetime | None

    def candidates(self) -> list[str] | None:
        """Every partition that could hold an asked row, sorted; None where they cannot be enumerated."""
        if self.partitions is not None:
            return sorted({name for name in self.partitions if self.admits(name)})
        if not self.contract.partitioned_by:
            return [WHOLE]
        choices = [self._choices(dimension) for dimension in self.contract.dimensions]
        product = 1
        for choice in choices:
            if choice is None:
                return None
            product *= len(choice)
        if product > _MOST_CANDIDATES:
            return None
        return sorted("|".join(parts) for parts in itertools.product(*[choice or [] for choice in choices]))

    def needed(self) -> set[str]:
        """The columns that answering takes: those asked for, filtered on and sorted by."""
        filtered = self.predicate.meta.root_names() if self.predicate is not None else []
        times = [self.contract.time_column] if self.contract.time_column else []
        return {*self.columns, *self.values, *filtered, *times, *self.contract.key}

    def admits(self, partition: str) -> bool:
        """Whether a partition of that name can hold an asked row."""
        dimensions = self.contract.dimensions
        parts = partition.split("|")
        if len(parts) != len(dimensions):
            return True
        return all(self._admits(dimension, part) for dimension, part in zip(dimensions, parts, strict=True))

    def _admits(self, dimension: str, part: str) -> bool:
        column = self.contract.partitioned_by[dimension]
        if dimension not in TIME_FORMATS:
            return column not in self.values or part in {str(value) for value in self.values[column]}
        if column in self.values and part not in {_spelled(value, dimension) for value in self.values[column]}:
            return False
        if column != self.contract.time_column:
            return True
        early = self.lower is not None and part < _spelled(self.lower, dimension)
        late = self.upper is not None and part > _spelled(self.upper, dimension)
        return not (early or late)

    def _choices(self, dimension: str) -> list[str] | None:
        column = self.contract.partitioned_by[dimension]
        if column in self.values:
            spell = dimension if dimension in TIME_FORMATS else None
            named = {_spelled(value, spell) if spell else str(value) for value in self.values[column]}
            return [name for name in named if self._admits(dimension, name)]
        if dimension not in TIME_FORMATS or column != self.contract.time_column:
            return None
        if self.lower is None or self.upper is None:
            return None
        return _periods(self.lower, self.upper, dimension)

    def remaining(self, min_time: datetime | None, max_time: datetime | None) -> pl.Expr | None:
        """What the rows of an admitted partition with that time span must still be filtered by."""
        conditions = [
            self._one_of(column, values) for column, values in self.values.items() if not self._implied(column)
        ]
        if self.predicate is not None:
            conditions.append(self.predicate)
        conditions.extend(self._bounds(min_time, max_time))
        return pl.all_horizontal(conditions) if conditions else None

    def _bounds(self, min_time: datetime | None, max_time: datetime | None) -> Iterable[pl.Expr]:
        name = self.contract.time_column
        if name is None:
            return
        nullable = self.contract.columns[name].nullable
        dtype = self.contract.schema[name]
        if self.lower is not None and (nullable or min_time is None or min_time < self.lower):
            yield pl.col(name) >= _own(self.lower, dtype)
        if self.upper is not None and (nullable or max_time is None or max_time > self.upper):
            yield pl.col(name) <= _own(self.upper, dtype)

    def _one_of(self, column: str, values: tuple[object, ...]) -> pl.Expr:
        dtype = self.contract.schema[column]
        given = pl.Series([value for value in values if value is not None], dtype=dtype)
        if len(given) == 1:
            held = pl.col(column) == pl.lit(given.item(), dtype=dtype)
        else:
            held = pl.col(column).is_in(given.implode())
        return held | pl.col(column).is_null() if None in values else held

    def _implied(self, column: str) -> bool:
        """Whether the partition's name already settles that column's value."""
        settled = {c for d, c in self.contract.partitioned_by.items() if d not in TIME_FORMATS}
        dtype = self.contract.schema[column]
        return column in settled and (dtype == pl.String or isinstance(dtype, pl.Enum))


def request(
    contract: Contract,
    partitions: Sequence[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
    where: Where | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
) -> Request:
    """Check a read against the contract.

    Raises UnknownName for a column, InvalidRequest for a value, date or range that cannot be.
    """
    chosen = list(dict.fromkeys(columns)) if columns is not None else list(contract.columns)
    for name in chosen:
        contract.column(name)
    values = {} if where is None or isinstance(where, pl.Expr) else _values(contract, where)
    predicate = where if isinstance(where, pl.Expr) else None
    if predicate is not None:
        for name in predicate.meta.root_names():
            contract.column(name)
        check_predicate(contract, predicate)
    lower, upper = _range(contract, start, end)
    then = None if as_of is None else _moment(as_of, "as_of")[0]
    names = None if partitions is None else tuple(name for name in partitions if _is_text(name))
    return Request(contract, names, chosen, values, predicate, lower, upper, then)


def _range(contract: Contract, start: Moment | None, end: Moment | None) -> tuple[datetime | None, datetime | None]:
    if start is None and end is None:
        return None, None
    if contract.time_column is None:
        raise InvalidRequest(f"{contract.name} has no time column, so start and end have no meaning; leave them out")
    lower = None if start is None else _moment(start, "start")[0]
    upper = None if end is None else _last(*_moment(end, "end"))
    if lower is not None and upper is not None and lower > upper:
        raise InvalidRequest(f"start must not be after end; was start={start}, end={end}")
    if contract.schema[contract.time_column] == pl.Date:
        lower = None if lower is None else _midnight(lower.date())
        upper = None if upper is None else _midnight(upper.date())
    return lower, upper


def _moment(value: Moment, name: str) -> tuple[datetime, bool]:
    """The instant, and whether a whole day was named."""
    try:
        parsed = clock.instant(value)
    except (ValueError, TypeError, OverflowError) as wrong:
        raise InvalidRequest(f"{name}: {wrong}") from None
    day = len(value) <= 10 if isinstance(value, str) else not isinstance(value, datetime)
    return parsed, day


def _last(instant: datetime, day: bool) -> datetime:
    return instant + (timedelta(days=1) - _MICROSECOND) if day else instant


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _values(contract: Contract, where: Mapping[str, object]) -> dict[str, tuple[object, ...]]:
    values: dict[str, tuple[object, ...]] = {}
    for name, asked in where.items():
        dtype = contract.column(name).dtype
        several = isinstance(asked, (list, tuple, set, frozenset, pl.Series))
        listed = list(asked) if several else [asked]  # type: ignore[call-overload]
        values[name] = tuple(_value(contract, name, dtype, value) for value in listed)
    return values


def _value(contract: Contract, name: str, dtype: pl.DataType, value: object) -> object:
    if value is None:
        return None
    if dtype in (pl.Date, UTC_MICROS):
        if not isinstance(value, (str, date)):
            raise InvalidRequest(f"{contract.name}.{name} is a {dtype}; was {value!r}")
        parsed = _moment(value, name)[0]
        return parsed.date() if dtype == pl.Date else parsed
    check_category(contract, name, value)
    try:
        if isinstance(value, str) and not _is_text(value):
            raise TypeError
        return pl.Series([value], dtype=dtype, strict=True).item()
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        raise InvalidRequest(f"{contract.name}.{name} is a {dtype}; {value!r} cannot be one") from None


def _is_text(given: str) -> bool:
    """Whether a store can hold it: no NUL, which PostgreSQL has not, and no half of a character."""
    return "\0" not in given and (given.isascii() or _HALF.search(given) is None)


def _own(instant: datetime, dtype: pl.DataType) -> pl.Expr:
    return pl.lit(instant.date() if dtype == pl.Date else instant, dtype=dtype)


def _spelled(value: object, dimension: str) -> str:
    if not isinstance(value, date):
        return ""
    day = value.astimezone(UTC).date() if isinstance(value, datetime) else value
    if dimension == "week":
        return (day - timedelta(days=day.weekday())).isoformat()
    return day.isoformat()[: {"year": 4, "month": 7, "day": 10}[dimension]]


def _periods(lower: datetime, upper: datetime, dimension: str) -> list[str] | None:
    days = (upper.date() - lower.date()).days + 1
    if dimension == "year":
        return [f"{year:04d}" for year in range(lower.year, upper.year + 1)]
    if days > _MOST_CANDIDATES:
        return None
    spelled = (_spelled(lower.date() + timedelta(days=offset), dimension) for offset in range(days))
    return list(dict.fromkeys(spelled))
