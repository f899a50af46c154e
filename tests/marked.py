"""Secrets that can be recognised, and a search for them in everything a home keeps."""

import hashlib
import io
import json
import sqlite3
import tarfile
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import polars as pl
import zstandard

_SQLITE, _ZSTD, _PARQUET, _TAR_AT = b"SQLite format 3\0", b"\x28\xb5\x2f\xfd", b"PAR1", 257


def core(variable: str) -> str:
    """What is looked for: letters and digits, which neither URLs nor JSON spell otherwise."""
    return f"Mk{hashlib.sha256(variable.encode()).hexdigest()[:22]}"


def key(variable: str) -> str:
    """A key with that in it, and with what URLs spell otherwise."""
    return f"{core(variable)}+/="


def seen_in(content: bytes, variables: Iterable[str]) -> list[str]:
    """The variables whose secret is in `content`: as it is, or in base64 wherever it begins there."""
    return [variable for variable in variables if any(form in content for form in _forms(variable))]


def _forms(variable: str) -> list[bytes]:
    mark = core(variable).encode()
    # the first and last characters depend on what stands beside it
    encoded = [b64encode(b"x" * before + mark)[4 if before else 0 : -4] for before in range(3)]
    return [mark, mark[::-1], quote(mark.hex()).encode(), *encoded]


def found_in(folder: Path, variables: Iterable[str]) -> dict[str, list[str]]:
    """File -> the variables whose secret is in it, or in what it holds compressed. Files without any are left out."""
    names = list(variables)
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        seen = {name for content in readings(path.read_bytes(), path) for name in seen_in(content, names)}
        seen |= set(seen_in(str(path.relative_to(folder)).encode(), names))
        if seen:
            found[str(path.relative_to(folder))] = sorted(seen)
    return found


def readings(content: bytes, path: Path | None = None) -> Iterator[bytes]:
    """The content of a file as it is, and as whoever can read its format sees it."""
    yield content
    if content.startswith(_ZSTD):
        yield from readings(zstandard.ZstdDecompressor().decompress(content, max_output_size=1 << 28))
    elif content.startswith(_PARQUET):
        yield _parquet(content)
    elif content.startswith(_SQLITE) and path is not None:
        yield from _sqlite(path)
    elif content[_TAR_AT : _TAR_AT + 5] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive.getmembers():
                held = archive.extractfile(member)
                if held is not None:
                    yield from readings(held.read())


def _parquet(content: bytes) -> bytes:
    rows, notes = pl.read_parquet(content), pl.read_parquet_metadata(content)
    texts = rows.select(pl.selectors.string() | pl.selectors.enum() | pl.selectors.categorical())
    listed = rows.select(pl.selectors.by_dtype(pl.List(pl.String))).to_dicts()
    return (json.dumps(texts.to_dicts(), default=str) + json.dumps(listed) + json.dumps(notes)).encode()


def _sqlite(path: Path) -> Iterator[bytes]:
    """Every cell, with what zlib made of it undone: Dagster keeps some of what it stores so."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.text_factory = bytes
        tables = [name.decode() for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in db.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    if isinstance(cell, bytes):
                        yield cell
                        yield _inflated(cell)


def _inflated(cell: bytes) -> bytes:
    try:
        return zlib.decompress(cell)
    except zlib.error:
        return b""
