"""Partition files of the lake: Parquet with a manifest in the footer, written whole, read whole.

A published file never changes; a new version is a new inode. So whatever was decoded from a file is
kept by (inode, mtime, size) and is exact for as long as that matches. Readers open a file once and
read from the open handle: a replacement between two opens would mix two versions.
"""

import errno
import io
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from market_assets.core.contracts import Contract
from resources.stores.errors import CorruptPartition
from resources.stores.evolution import column_types
from resources.stores.protocol import Manifest

_MANIFEST = "market_assets"
#: decoded frames kept per process
_CACHE_BYTES = 256 * 1024 * 1024
#: larger files are read column by column as asked, and not kept
LARGE_FILE_BYTES = 16 * 1024 * 1024
_CACHED_MANIFESTS = 100_000

Identity = tuple[int, int, int]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Declared:
    """The rows of one partition as a contract declares them, and the first and last key of them."""

    contract: Contract
    frame: pl.DataFrame
    first_key: tuple[Any, ...]
    last_key: tuple[Any, ...]


@dataclass
class Decoded:
    """One partition file in memory."""

    #: every stored column, or of a large file those that were asked for
    frame: pl.DataFrame
    manifest: Manifest
    #: type names of every stored column
    stored: dict[str, str]
    #: the rows as the last reader's contract declares them, where the frame has every stored column
    declared: Declared | None = None


class RecentFiles(Generic[Item]):
    """What was read from files, least recently used out first, up to a total weight."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._weight = 0
        self._items: OrderedDict[str, tuple[Identity, Item, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str, identity: Identity) -> Item | None:
        """What was kept of that very version of the file."""
        with self._lock:
            found = self._items.get(path)
            if found is None or found[0] != identity:
                return None
            self._items.move_to_end(path)
            return found[1]

    def put(self, path: str, identity: Identity, item: Item, weight: int) -> None:
        """Keep it, and let go of the least recently used beyond the capacity."""
        with self._lock:
            replaced = self._items.pop(path, None)
            self._weight += weight - (replaced[2] if replaced else 0)
            self._items[path] = (identity, item, weight)
            while self._weight > self._capacity and self._items:
                _, (_, _, lost) = self._items.popitem(last=False)
                self._weight -= lost


_frames: RecentFiles[Decoded] = RecentFiles(_CACHE_BYTES)
_manifests: RecentFiles[Manifest] = RecentFiles(_CACHED_MANIFESTS)


def encode(frame: pl.DataFrame, path: Path, manifest: Manifest) -> None:
    """Write a frame and its manifest to a new file and force both to disk."""
    with path.open("xb") as handle:
        frame.write_parquet(handle, compression="zstd", metadata={_MANIFEST: _to_json(manifest)})
        handle.flush()
        os.fsync(handle.fileno())


def stored_rows(path: Path) -> int:
    """The row count that the file itself states."""
    return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())


def manifest_of(path: str) -> Manifest | None:
    """The manifest in a file's footer, or None where the file does not exist."""
    try:
        identity = _identity(Path(path).stat())
        known = _manifests.get(path, identity)
        if known is not None:
            return known
        with Path(path).open("rb") as handle:
            identity = _identity(os.fstat(handle.fileno()))
            manifest = _from_metadata(path, pl.read_parquet_metadata(handle), identity)
    except OSError as failed:
        if not _is_nothing_there(failed):
            raise
        return None
    _manifests.put(path, identity, manifest, 1)
    return manifest


def decode(path: str, columns: Collection[str] | None = None, *, keep: bool = True) -> Decoded | None:
    """The rows and manifest of a file, or None where it does not exist.

    Of a large file only `columns` are read. `keep` says whether a small one stays in memory.
    """
    try:
        known = _frames.get(path, _identity(Path(path).stat()))
        if known is not None:
            return known
        with Path(path).open("rb") as handle:
            identity = _identity(os.fstat(handle.fileno()))
            large = identity[2] > LARGE_FILE_BYTES
            body = io.BytesIO(handle.read()) if not large else handle
            manifest = _from_metadata(path, pl.read_parquet_metadata(body), identity)
            body.seek(0)
            wanted, schema = None, None
            if large and columns is not None:
                schema = pl.read_parquet_schema(body)
                body.seek(0)
                wanted = [name for name in columns if name in schema]
            frame = pl.read_parquet(body, columns=wanted)
    except OSError as failed:
        if not _is_nothing_there(failed):
            raise
        return None
    stored = column_types(frame.schema if schema is None else schema)
    decoded = Decoded(frame, manifest, stored)
    if keep and not large:
        _frames.put(path, identity, decoded, int(frame.estimated_size()) + 1)
    return decoded


def _is_nothing_there(failed: OSError) -> bool:
    """Whether there is no such file, or the name is one that no file can have."""
    return failed.errno in (errno.ENOENT, errno.ENAMETOOLONG)


def _identity(stat: os.stat_result) -> Identity:
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _to_json(manifest: Manifest) -> str:
    record = {
        "table": manifest.table,
        "partition": manifest.partition,
        "published_at": manifest.published_at.isoformat(),
        "first_published_at": manifest.first_published_at.isoformat(),
        "rows": manifest.rows,
        "digest": manifest.digest,
        "min_time": manifest.min_time.isoformat() if manifest.min_time else None,
        "max_time": manifest.max_time.isoformat() if manifest.max_time else None,
        "run_id": manifest.run_id,
        "extra": dict(manifest.extra),
    }
    return json.dumps(record)


def _from_metadata(path: str, metadata: Mapping[str, str], identity: Identity) -> Manifest:
    text = metadata.get(_MANIFEST)
    if text is None:
        raise CorruptPartition(
            f"every partition file carries the manifest its store wrote; {path} has none. It was put there by other "
            f"means: move it away and materialise the partition."
        )
    record = json.loads(text)
    return Manifest(
        table=record["table"],
        partition=record["partition"],
        published_at=datetime.fromisoformat(record["published_at"]),
        first_published_at=datetime.fromisoformat(record["first_published_at"]),
        rows=record["rows"],
        bytes=identity[2],
        digest=record["digest"],
        min_time=datetime.fromisoformat(record["min_time"]) if record["min_time"] else None,
        max_time=datetime.fromisoformat(record["max_time"]) if record["max_time"] else None,
        run_id=record["run_id"],
        extra=record["extra"],
    )
