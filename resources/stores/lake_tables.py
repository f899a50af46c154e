"""What the lake knows of a table as a whole: its columns over time, and the origin of its rows."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import polars as pl

from market_assets.core.contracts import Contract
from resources.stores.admission import Origin, check_origin
from resources.stores.evolution import column_types, has_gained
from resources.stores.locks import held

SCHEMA_FILE = "_schema.parquet"
_ORIGIN_FILE = "_origin"


class LakeTables:
    """`<lake>/<table>/_schema.parquet` (no rows, every declared column) and `<lake>/_origin`."""

    def __init__(self, lake: Path, locks: Path) -> None:
        self._lake = lake
        self._locks = locks
        self._origin: str | None = None
        self._stored: dict[str, tuple[int, int, dict[str, str]]] = {}

    def declare(self, contract: Contract) -> None:
        """Make the table's folder, and add newly declared columns and categories to its schema file.

        Raises SchemaMismatch where a stored column or category is declared no more, or with another type.
        """
        path = self._lake / contract.name / SCHEMA_FILE
        stored = self._columns(path)
        if stored is not None and not has_gained(contract, stored, path.parent.name):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(self._locks / contract.name / "_schema.lock"):
            stored = self._columns(path) or {}
            if has_gained(contract, stored, path.parent.name):
                replace_file(path, lambda beside: contract.empty().write_parquet(beside))

    def claim(self, contract: Contract, partition: str, origin: Origin | None) -> None:
        """Mark the store as one of live or of sandbox data, whichever comes first.

        Raises MixedOrigin where it already holds the other.
        """
        if origin is None:
            return
        stored = self._origin or self._marked(origin)
        self._origin = stored
        check_origin(contract, partition, stored=stored, offered=origin)

    def _marked(self, origin: Origin) -> str:
        path = self._lake / _ORIGIN_FILE
        self._lake.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            beside = path.with_name(f".{_ORIGIN_FILE}.{uuid.uuid4().hex}")
            beside.write_text(origin)
            try:
                os.link(beside, path)  # fails where another process was first: its mark holds
            except FileExistsError:
                pass
            finally:
                beside.unlink()
        return path.read_text()

    def _columns(self, path: Path) -> dict[str, str] | None:
        try:
            stat = path.stat()
        except FileNotFoundError:
            return None
        known = self._stored.get(path.parent.name)
        if known is not None and known[:2] == (stat.st_ino, stat.st_mtime_ns):
            return known[2]
        with path.open("rb") as handle:
            columns = column_types(pl.read_parquet_schema(handle))
        self._stored[path.parent.name] = (stat.st_ino, stat.st_mtime_ns, columns)
        return columns


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside `path` and move it into place."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        write(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
