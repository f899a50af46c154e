"""Rows of a table as a frame: the server packs each column into one value, and numpy unpacks it.

`array_send(array_agg(x))` is the array's binary form: five header words, then a length and the value
for each row. Nulls are sent as zeros beside a mask, texts as one text beside their lengths (an Enum
is text), arrays of texts as JSON texts, arrays of numbers and instants as their binary forms beside the
lengths of those. A value may hold 1 GB at most, so the caller asks for some hundred thousand rows at a time.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from psycopg import sql

from market_assets.core.contracts import UTC_MICROS, Column, Contract
from resources.stores.postgres_connections import AnyConnection
from resources.stores.postgres_copy import EPOCH_DAYS, EPOCH_MICROS

_ARRAY_HEADER = 20
#: header words of an array without elements: it has no length and no lower bound
_EMPTY_ARRAY = 12
#: what a null is sent as, in the column's own type
_ZEROS: dict[object, str] = {
    pl.Boolean: "false",
    pl.Int8: "0::smallint",
    pl.Int16: "0::smallint",
    pl.Int32: "0::integer",
    pl.Int64: "0::bigint",
    pl.Float64: "0::float8",
    pl.Date: "DATE '2000-01-01'",
    pl.Datetime: "TIMESTAMPTZ '2000-01-01T00:00:00Z'",
}
_NUMBERS: dict[object, str] = {
    pl.Boolean: "u1",
    pl.Int8: ">i2",
    pl.Int16: ">i2",
    pl.Int32: ">i4",
    pl.Int64: ">i8",
    pl.Float64: ">f8",
    pl.Date: ">i4",
    pl.Datetime: ">i8",
}
#: list -> how `struct` reads an item of it
_ITEMS: dict[object, str] = {pl.List(pl.Float64): ">d", pl.List(UTC_MICROS): ">q"}


def fetch(
    connection: AnyConnection, contract: Contract, rows: sql.Composable, params: Sequence[object], columns: list[str]
) -> pl.DataFrame:
    """Those columns of the rows that the query `rows` selects, in no promised order."""
    specs = {name: contract.columns[name] for name in columns}
    packed = [part for name, spec in specs.items() for part in _packed(name, spec)]
    query = sql.SQL("SELECT count(*), {packed} FROM ({rows}) AS r").format(packed=sql.SQL(", ").join(packed), rows=rows)
    with connection.cursor(binary=True) as cursor:
        count, *values = cursor.execute(query, params).fetchone() or (0,)
    if count == 0:
        return pl.DataFrame(schema={name: spec.dtype for name, spec in specs.items()})
    left = iter(values)
    return pl.DataFrame([_unpacked(name, spec, left) for name, spec in specs.items()])


def _packed(name: str, spec: Column) -> list[sql.Composable]:
    column = sql.Identifier(name)
    if spec.dtype in _ITEMS:
        parts = _packed_arrays(column)
    elif _is_text(spec.dtype):
        text = sql.SQL("array_to_json({})::text").format(column) if isinstance(spec.dtype, pl.List) else column
        whole = sql.SQL("convert_to(coalesce(string_agg({}, ''), ''), 'UTF8')").format(_or(text, "''"))
        lengths = sql.SQL("array_send(array_agg(octet_length(convert_to({}, 'UTF8'))))").format(_or(text, "''"))
        parts = [whole, lengths]
    else:
        zero = _ZEROS[spec.dtype.base_type()]
        parts = [sql.SQL("array_send(array_agg({}))").format(_or(column, zero))]
    if spec.nullable:
        parts.append(sql.SQL("array_send(array_agg({} IS NULL))").format(column))
    return parts


def _packed_arrays(column: sql.Identifier) -> list[sql.Composable]:
    """The binary form of every array in one value, and the length of each (0: null)."""
    whole = sql.SQL("coalesce(string_agg(coalesce(array_send({}), ''), ''), '')").format(column)
    lengths = sql.SQL("array_send(array_agg(coalesce(octet_length(array_send({})), 0)))").format(column)
    return [whole, lengths]


def _is_text(dtype: Any) -> bool:
    """Whether a column is fetched as text."""
    return dtype in (pl.String, pl.List(pl.String)) or isinstance(dtype, pl.Enum)


def _or(value: sql.Composable, zero: str) -> sql.Composable:
    return sql.SQL("coalesce({}, {})").format(value, sql.SQL(zero))


def _unpacked(name: str, spec: Column, values: Any) -> pl.Series:
    if spec.dtype in _ITEMS:
        series = _lists(spec.dtype, next(values), _array(next(values), ">i4"))
    elif _is_text(spec.dtype):
        series = _texts(next(values), _array(next(values), ">i4"))
        if isinstance(spec.dtype, pl.List):
            series = series.replace("", None).str.json_decode(spec.dtype)
    else:
        numbers = _array(next(values), _NUMBERS[spec.dtype.base_type()])
        series = _typed(numbers, spec.dtype)
    if spec.nullable:
        nulls = pl.Series(_array(next(values), "u1").astype(bool))
        series = pl.select(pl.when(~nulls).then(series)).to_series()
    # not before: the text sent for a null is no category
    return (series.cast(spec.dtype) if isinstance(spec.dtype, pl.Enum) else series).alias(name)


def _array(packed: bytes, kind: str) -> NDArray[Any]:
    element = np.dtype([("length", ">i4"), ("value", kind)])
    values = np.frombuffer(packed, element, offset=_ARRAY_HEADER)["value"]
    return values.astype(values.dtype.newbyteorder("="))


def _typed(numbers: NDArray[Any], dtype: Any) -> pl.Series:
    if dtype == pl.Date:
        return pl.Series(numbers + EPOCH_DAYS).cast(pl.Date)
    if dtype == UTC_MICROS:
        return pl.Series(numbers + EPOCH_MICROS).cast(UTC_MICROS)
    return pl.Series(numbers).cast(dtype)


def _texts(whole: bytes, lengths: NDArray[Any]) -> pl.Series:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    texts = pa.LargeStringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(whole))
    return pl.Series(texts)


def _lists(dtype: Any, whole: bytes, lengths: NDArray[Any]) -> pl.Series:
    ends, kind = np.cumsum(lengths), _ITEMS[dtype]
    bodies = (whole[end - length : end] for end, length in zip(ends, lengths, strict=True))
    items = [_items(body, kind) for body in bodies]
    if dtype == pl.List(pl.Float64):
        return pl.Series(items, dtype=dtype)
    return pl.Series(items, dtype=pl.List(pl.Int64)).list.eval(pl.element() + EPOCH_MICROS).cast(dtype)


def _items(body: bytes, kind: str) -> list[Any]:
    """The elements of one array: a length (-1: null) and eight bytes each."""
    values: list[Any] = []
    at = _ARRAY_HEADER if len(body) > _EMPTY_ARRAY else len(body)
    while at < len(body):
        is_null = struct.unpack_from(">i", body, at)[0] < 0
        values.append(None if is_null else struct.unpack_from(kind, body, at + 4)[0])
        at += 4 if is_null else 12
    return values
