"""The content digest: equal data, equal digest, however the frame lies in memory.

Arrow lets the same values be chunked, sliced and null-masked in many ways, so the bytes hashed are
built anew: per column its name and type, the null mask, and the values with nulls zeroed. Text is
hashed as lengths and bytes, lists as lengths and their flattened values.
"""

import hashlib
import json
from typing import Any, Protocol

import polars as pl

from resources.stores.evolution import type_name


class _Hash(Protocol):
    def update(self, data: Any, /) -> None: ...


def content_digest(frame: pl.DataFrame, columns: list[str]) -> str:
    """SHA-256 (hex) over those columns of a key-sorted frame."""
    digest = hashlib.sha256()
    header = [[name, type_name(frame.schema[name])] for name in columns]
    digest.update(json.dumps([frame.height, header]).encode())
    for name in columns:
        _add(digest, frame.get_column(name).rechunk())
    return digest.hexdigest()


def _add(digest: _Hash, values: pl.Series) -> None:
    digest.update(values.is_null().cast(pl.UInt8).to_numpy().tobytes())
    if values.dtype == pl.String:
        text = values.fill_null("")
        digest.update(text.str.len_bytes().cast(pl.UInt32).to_numpy().tobytes())
        digest.update((text.str.join("").item() if text.len() else "").encode())
        return
    if isinstance(values.dtype, pl.List):
        lengths = values.list.len().fill_null(0)
        digest.update(lengths.cast(pl.UInt32).to_numpy().tobytes())
        _add(digest, values.filter(lengths > 0).explode().rechunk())
        return
    plain = values.cast(pl.UInt8) if values.dtype == pl.Boolean else values.to_physical()
    digest.update(plain.fill_null(0).to_numpy().tobytes())
