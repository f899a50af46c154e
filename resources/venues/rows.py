"""Columns out of a venue's list of objects; the first offence is named with its place in the body.

Venues state numbers as numbers or as text, and what they do not know as null, as "" or not at all. Here
each of these three is null; a number is never made up, and anything else is Malformed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from resources.http import redact
from resources.http.errors import Malformed
from resources.vendors import json_shape
from resources.venues.venue import Instrument

#: how a venue states instants: counted since 1970 in s or ms, or ISO 8601 text, which is UTC where it has no zone
Unit = Literal["s", "ms", "iso"]
Row = Mapping[str, Any]

_SHOWN = 80
_SHORTEST_ISO = len("2024-01-31T08:00")
_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: 2000 and 2200: no perpetual was settled or listed before, and no count of another unit falls between
_EARLIEST_S, _LATEST_S = 946_684_800, 7_258_118_400


def frame(schema: pl.Schema, **columns: Any) -> pl.DataFrame:
    """A frame of exactly `schema`: a series or a list is a column, any other value fills one, the rest is null.

    At least one column must be a series or a list: it tells the number of rows.
    """
    unknown = columns.keys() - schema.keys()
    if unknown:
        raise TypeError(f"columns must be some of {', '.join(schema)}; was {', '.join(sorted(unknown))}")
    height = next(len(values) for values in columns.values() if isinstance(values, pl.Series | list))
    return pl.DataFrame([_filled(name, dtype, columns.get(name), height) for name, dtype in schema.items()])


def _filled(name: str, dtype: pl.DataType, values: Any, height: int) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.cast(dtype).alias(name)
    if isinstance(values, list):
        return pl.Series(name, values, dtype=dtype)
    return pl.Series(name, [values], dtype=dtype).new_from_index(0, height)


def joined(first: pl.DataFrame, *others: pl.DataFrame) -> pl.DataFrame:
    """`first` with the columns of `others`, in place of its own of the same name; null where they lack a contract.

    Contracts are known by `native_symbol`.
    """
    for other in others:
        told = [name for name in other.columns if name != "native_symbol"]
        once = other.unique("native_symbol", keep="last", maintain_order=True)
        beside = first.drop(told, strict=False).join(once, on="native_symbol", how="left", maintain_order="left")
        first = beside.select(list(dict.fromkeys([*first.columns, *told])))
    return first


def hours_between(first: pl.Series, second: pl.Series) -> pl.Series:
    """Hours from each instant to the one after it; null where one is missing or the second does not follow."""
    pairs = zip(first, second, strict=True)
    return pl.Series([(b - a) / _HOUR if a and b and b > a else None for a, b in pairs], dtype=pl.Float64)


def of_instruments(looks: pl.DataFrame, instruments: Sequence[Instrument]) -> pl.DataFrame:
    """The rows of `looks` whose `native_symbol` is one of `instruments`."""
    return looks.filter(pl.col("native_symbol").is_in([one.native_symbol for one in instruments]))


@dataclass(frozen=True)
class Rows:
    """Objects of a list in a body, and where it stands there."""

    vendor: str
    #: place of the list in the body; "" is the body itself
    where: str
    rows: Sequence[Row]
    #: position of each row in the venue's list
    positions: Sequence[int]

    @classmethod
    def of(cls, vendor: str, value: Any, where: str = "") -> Self:
        """`value`, which stands at `where`, as rows. Raises Malformed where it is no list of objects."""
        if not isinstance(value, list):
            raise Malformed(vendor, f"{where or 'the body'} must be a list, was {show(value)}")
        # the types of all at once: a loop over rows costs as much as reading the JSON
        strange = enumerate(value) if set(map(type, value)) - {dict} else ()
        for index, row in strange:
            if not isinstance(row, dict):
                raise Malformed(vendor, f"{where}[{index}] must be an object, was {show(row)}")
        return cls(vendor, where, value, range(len(value)))

    @classmethod
    def at(cls, vendor: str, holder: Any, path: str) -> Self:
        """The list at the last part of `path` in `holder`. Raises Malformed where there is none: it is not empty."""
        return cls.of(vendor, json_shape.member(vendor, holder, path, list), path)

    def keep(self, wanted: Callable[[Row], bool]) -> Self:
        """The rows that `wanted` accepts; their places stay those of the body."""
        kept = [(row, position) for row, position in zip(self.rows, self.positions, strict=True) if wanted(row)]
        return type(self)(self.vendor, self.where, [row for row, _ in kept], [position for _, position in kept])

    def text(self, key: str) -> pl.Series:
        """Member `key`, which must be text that is not empty."""
        return self._column(key, pl.String(), _texts, _text)

    def numbers(self, key: str) -> pl.Series:
        """Member `key` as Float64, from a number or the text of one; null where it is null, "" or absent."""
        return self._column(key, pl.Float64(), _numbers, _number)

    def hours(self, key: str, per_hour: int) -> pl.Series:
        """Member `key`, an interval of which an hour has `per_hour`, in hours; null where it is null, "" or absent."""
        # a division by a constant is a multiplication by its inverse to polars: 7.999999999999999 h instead of 8
        stated = self.numbers(key)
        return stated / pl.Series([float(per_hour)]).new_from_index(0, len(stated))

    def instants(self, key: str, unit: Unit, *, required: bool = False) -> pl.Series:
        """Member `key` as UTC instants; null, "", nothing and 0, which venues say for never, are null or Malformed."""
        return self._column(
            key,
            UTC_MICROS,
            lambda values: _stamps(values) if unit == "iso" else _counts(values, unit),
            lambda value: _instant(value, unit, required=required),
        )

    def _column(
        self,
        key: str,
        dtype: pl.DataType,
        whole: Callable[[list[Any]], pl.Series | None],
        read: Callable[[Any], Any],
    ) -> pl.Series:
        """Member `key` of every row: all values at once by `whole`, or, where it gives None, one by one by `read`."""
        values = [row.get(key) for row in self.rows]
        column = whole(values)
        if column is None:
            column = pl.Series([self._read(index, key, read) for index in range(len(values))], dtype=dtype)
        return column.alias(key)

    def _read(self, index: int, key: str, read: Callable[[Any], Any]) -> Any:
        row = self.rows[index]
        try:
            return read(row.get(key))
        except ValueError as wrong:
            was = f"must be {wrong}, was {show(row[key])}" if key in row else "is missing"
            raise Malformed(self.vendor, f"{self.where}[{self.positions[index]}].{key} {was}") from None


def _texts(values: list[Any]) -> pl.Series | None:
    """Texts that are all there; else None."""
    return pl.Series(values, dtype=pl.String) if set(map(type, values)) <= {str} and "" not in values else None


def _numbers(values: list[Any]) -> pl.Series | None:
    """Numbers, or texts of numbers, as Float64; None where there is anything else among them."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        said = pl.Series([value or None for value in values], dtype=pl.String)
        read = said.cast(pl.Float64, strict=False)
        return read if read.null_count() == said.null_count() and _all_finite(read) else None
    if kinds <= {int, float}:
        read = pl.Series(values, dtype=pl.Float64)
        return read if _all_finite(read) else None
    return None


def _all_finite(numbers: pl.Series) -> bool:
    # a sum of numbers is a number; most columns need no look at each of them
    return math.isfinite(numbers.sum()) or bool(numbers.is_finite().all())


def _counts(values: list[Any], unit: Literal["s", "ms"]) -> pl.Series | None:
    """Whole seconds or milliseconds since 1970, as numbers or texts, as instants; None for anything else."""
    kinds, scale = set(map(type, values)), 1000 if unit == "ms" else 1
    if kinds not in ({int}, {str}):
        return None
    counted = pl.Series(values).cast(pl.Int64, strict=False)
    if counted.null_count() or not (counted >= _EARLIEST_S * scale).all() or not (counted < _LATEST_S * scale).all():
        return None
    return (counted * (1_000_000 // scale)).cast(UTC_MICROS)


def _stamps(values: list[Any]) -> pl.Series | None:
    """ISO 8601 texts as instants; None where there is anything else among them."""
    if set(map(type, values)) != {str}:
        return None
    try:
        return pl.Series(list(map(_read_iso, values)), dtype=UTC_MICROS)
    except ValueError:
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("text")
    return value


def _number(value: Any) -> float | None:
    if value is None or value == "":
        return None
    kind = type(value)
    if kind is float or kind is int:
        found = float(value)
    elif kind is str and value.isascii() and "_" not in value:
        found = _parsed(value)
    else:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError("a number")
    return found


def _parsed(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _instant(value: Any, unit: Unit, *, required: bool) -> datetime | None:
    if type(value) is not bool and value in (None, "", "0", 0):
        if required:
            raise ValueError("an instant")
        return None
    return _read_iso(value) if unit == "iso" else _counted(value, unit)


def _counted(value: Any, unit: Literal["s", "ms"]) -> datetime:
    count, scale = _number(value) or 0.0, 1000 if unit == "ms" else 1
    # seconds taken for milliseconds, or the other way, would lie outside
    if not _EARLIEST_S * scale <= count < _LATEST_S * scale:
        raise ValueError(f"an instant in {'seconds' if unit == 's' else 'milliseconds'} since 1970")
    return _EPOCH + timedelta(milliseconds=count * (1000 / scale))


def _read_iso(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) >= _SHORTEST_ISO else None
    except ValueError:
        found = None
    if found is None:
        raise ValueError("an instant like 2024-01-31T08:00:00Z")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def show(value: Any) -> str:
    """A value as messages show it: redacted, and cut."""
    shown = redact.text(repr(value))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
