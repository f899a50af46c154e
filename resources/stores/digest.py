"""The content digest: equal data, equal digest, however the frame lies in memory.

Arrow lets the same values be chunked, sliced and null-masked in many ways, so the bytes hashed are
built anew: per column its name and type, the null mask, and the values with nulls zeroed. Text is
hashed as lengths and bytes, lists as lengths and their flattened values. An Enum is hashed as the
text it stands for, so that a category more changes no digest.
"""

import hashlib
import json

import polars as pl

from resources.stores.evolution import type_name


def content_digest(frame: pl.DataFrame, columns: list[str]) -> str:
    """SHA-256 (hex) over those columns of a key-sorted frame."""
    digest = hashlib.sha256()
    rows = frame.select(columns)
    enums = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Enum)]
    _add(digest, rows.with_columns(pl.col(enums).cast(pl.String)) if enums else rows)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", frame: pl.DataFrame) -> None:
    schema = frame.schema
    digest.update(json.dumps([frame.height, [[name, type_name(kind)] for name, kind in schema.items()]]).encode())
    masks = [pl.col(name).is_null().cast(pl.UInt8).alias(f"{name} is null") for name in schema]
    # one query for all columns: a query each costs more than hashing a daily partition
    for values in frame.select(*masks, *(_fixed_width(name, kind) for name, kind in schema.items())):
        digest.update(values.to_numpy().tobytes())
    texts = [name for name, kind in schema.items() if kind == pl.String]
    for joined in frame.select(pl.col(texts).str.join("")):
        digest.update((joined.item() or "").encode())
    for name in (name for name, kind in schema.items() if isinstance(kind, pl.List)):
        _add(digest, frame.filter(pl.col(name).list.len() > 0).select(pl.col(name).explode()))


def _fixed_width(name: str, kind: pl.DataType) -> pl.Expr:
    values = pl.col(name)
    if kind == pl.String:
        return values.str.len_bytes().fill_null(0).cast(pl.UInt32)
    if isinstance(kind, pl.List):
        return values.list.len().fill_null(0).cast(pl.UInt32)
    if kind == pl.Boolean:
        return values.fill_null(value=False).cast(pl.UInt8)
    return values.to_physical().fill_null(0)
