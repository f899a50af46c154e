"""A frame as PostgreSQL's binary COPY stream, encoded column by column.

The stream is a header, then per row a field count and per field a length (-1: null) and its bytes,
then a trailer (PostgreSQL manual, "COPY", binary format). Encoding value by value in Python takes
longer than the database needs to store it, so lengths and bytes of whole columns are scattered into
place with numpy.
"""

import struct
from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.core.contracts import UTC_MICROS

HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)

#: Postgres counts dates and instants from 2000-01-01
EPOCH_DAYS = 10_957
EPOCH_MICROS = EPOCH_DAYS * 86_400_000_000

_ROWS_PER_CHUNK = 50_000
_TEXT_OID = 25
_FLOAT8_OID = 701
_TIMESTAMPTZ_OID = 1184

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]


def copy_stream(frame: pl.DataFrame) -> Iterator[bytes]:
    """The whole stream in chunks of rows."""
    yield HEADER
    for chunk in frame.iter_slices(_ROWS_PER_CHUNK):
        yield _rows(chunk)
    yield TRAILER


def _rows(frame: pl.DataFrame) -> bytes:
    if frame.is_empty():
        return b""
    fields = [_field(column) for column in frame]
    width = 2 + sum((4 + sizes for sizes, _, _ in fields), start=np.zeros(frame.height, np.int64))
    starts = np.cumsum(width) - width
    stream = np.zeros(int(width.sum()), np.uint8)
    _scatter(stream, starts, np.full(frame.height, frame.width, ">i2").view(np.uint8).reshape(-1, 2))
    at = starts + 2
    for sizes, nulls, body in fields:
        lengths = np.where(nulls, -1, sizes).astype(">i4")
        _scatter(stream, at, lengths.view(np.uint8).reshape(-1, 4))
        _fill(stream, at + 4, sizes, body)
        at = at + 4 + sizes
    return stream.tobytes()


def _scatter(stream: Bytes, starts: Counts, values: Bytes) -> None:
    """Put row i of `values` at `starts[i]`."""
    stream[starts[:, None] + np.arange(values.shape[1])] = values


def _fill(stream: Bytes, starts: Counts, sizes: Counts, body: Bytes) -> None:
    """Put the next `sizes[i]` bytes of `body` at `starts[i]`."""
    taken = np.cumsum(sizes) - sizes
    stream[np.repeat(starts - taken, sizes) + np.arange(len(body))] = body


def _field(values: pl.Series) -> tuple[Counts, NDArray[np.bool_], Bytes]:
    """Per row the byte count (0 for null) and whether it is null, and the bytes of all rows."""
    nulls = values.is_null().to_numpy()
    if values.dtype == pl.String or isinstance(values.dtype, pl.Enum):
        text = values.cast(pl.String).fill_null("")
        return text.str.len_bytes().cast(pl.Int64).to_numpy(), nulls, _bytes(text.str.join("").item().encode())
    if values.dtype == pl.List(pl.String):
        return _fields(_text_arrays(values), nulls)
    if values.dtype == pl.List(pl.Float64):
        return _fields(_number_arrays(values, _FLOAT8_OID, ">d"), nulls)
    if values.dtype == pl.List(UTC_MICROS):
        since_2000 = values.cast(pl.List(pl.Int64)).list.eval(pl.element() - EPOCH_MICROS)
        return _fields(_number_arrays(since_2000, _TIMESTAMPTZ_OID, ">q"), nulls)
    present = values.drop_nulls()
    body = _numbers(present)
    size = body.dtype.itemsize
    return np.where(nulls, 0, size).astype(np.int64), nulls, body.view(np.uint8)


def _numbers(values: pl.Series) -> NDArray[np.generic]:
    if values.dtype == pl.Boolean:
        return values.cast(pl.UInt8).to_numpy()
    if values.dtype == pl.Date:
        return (values.to_physical().to_numpy() - EPOCH_DAYS).astype(">i4")
    if values.dtype == UTC_MICROS:
        return (values.to_physical().to_numpy() - EPOCH_MICROS).astype(">i8")
    kinds: dict[object, str] = {pl.Int8: ">i2", pl.Int16: ">i2", pl.Int32: ">i4", pl.Int64: ">i8", pl.Float64: ">f8"}
    return values.to_numpy().astype(kinds[values.dtype.base_type()])


def _fields(bodies: list[bytes], nulls: NDArray[np.bool_]) -> tuple[Counts, NDArray[np.bool_], Bytes]:
    return np.array([len(body) for body in bodies], np.int64), nulls, _bytes(b"".join(bodies))


def _text_arrays(values: pl.Series) -> list[bytes]:
    known: dict[tuple[str | None, ...] | None, bytes] = {None: b""}
    bodies = []
    for value in values.to_list():
        items = None if value is None else tuple(value)
        if items not in known:
            known[items] = _array(_TEXT_OID, (None if item is None else item.encode() for item in items or ()))
        bodies.append(known[items])
    return bodies


def _number_arrays(values: pl.Series, oid: int, kind: str) -> list[bytes]:
    def packed(item: float | None) -> bytes | None:
        return None if item is None else struct.pack(kind, item)

    return [b"" if items is None else _array(oid, map(packed, items)) for items in values.to_list()]


def _array(oid: int, items: Iterable[bytes | None]) -> bytes:
    """A one-dimensional array: dimensions, whether any is null, type; length and lower bound; the items."""
    held = list(items)
    if not held:
        return struct.pack(">iii", 0, 0, oid)
    head = struct.pack(">iiiii", 1, int(None in held), oid, len(held), 1)
    return head + b"".join(struct.pack(">i", -1) if one is None else struct.pack(">i", len(one)) + one for one in held)


def _bytes(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)
