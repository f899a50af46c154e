"""SQL over the lake: `warehouse.duckdb` with one view per table, and the files the views read.

DuckDB opens a Parquet file two or three times per query (duckdb 2.0.0, seen with strace), so a file
replaced between two opens gives "Invalid data" or a short read: with one writer rewriting eight
partitions, half of the queries failed. The views therefore read hard links whose names never come
to mean another file, `<lake>/<table>/.live/<partition>@<published_at>.parquet`, and take the newest
of each partition. A superseded link stays for a while, for queries that have already begun.

`glob()` stands before `read_parquet()` in the view because DuckDB lists them in that order: whatever
the first list calls newest is then still in the second one.
"""

import itertools
import os
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from market_assets.core.contracts import Contract
from resources.stores.lake_tables import SCHEMA_FILE
from resources.stores.names import SUFFIX, is_partition_file, quoted, stamp, unquoted
from resources.stores.protocol import Manifest

_LIVE = ".live"
_SCHEMA = "_schema"
#: a query that runs longer may find a file gone; it fails with "No such file" and can be repeated
_GRACE = timedelta(minutes=5)
_GLOB_SIGNS = {"[": "[[]", "*": "[*]", "?": "[?]"}


class Warehouse:
    """The views, and the links they read."""

    def __init__(self, home: Path, lake: Path) -> None:
        self._file = home / "warehouse.duckdb"
        self._statements = home / "warehouse.sql"
        self._lake = lake

    def publish(self, manifest: Manifest, current: Path, now: datetime) -> None:
        """Show queries the current file of a partition, and let go of the ones they have left behind.

        The caller holds the partition's lock. Repeating it is harmless.
        """
        folder = self._folder(manifest.table)
        link = folder / f"{quoted(manifest.partition)}@{stamp(manifest.published_at)}{SUFFIX}"
        if not link.exists():
            _link(current, link)
        links = self._links(manifest.table, manifest.partition)
        left_behind = f"{quoted(manifest.partition)}@{stamp(now - _GRACE)}"
        for found, successor in itertools.pairwise([*links, link]):
            # later ones than the current file are left from before a restore of older data
            if found.name > link.name or (found.name < link.name and successor.name < left_behind):
                found.unlink(missing_ok=True)

    def withdraw(self, table: str, partition: str) -> None:
        """Show queries no file of a partition. The caller holds its lock."""
        for link in self._links(table, partition):
            link.unlink(missing_ok=True)

    def out_of_step(self, table: str) -> list[str]:
        """Partitions of which queries see another file than the current one, or none, or one too many."""
        folder = self._folder(table)
        seen: dict[str, tuple[str, int]] = {}
        with os.scandir(folder) as links:
            for link in links:
                name = link.name.rpartition("@")[0]
                seen[name] = max(seen.get(name, ("", 0)), (link.name, link.inode()))
        with os.scandir(folder.parent) as files:
            current = {file.name.removesuffix(SUFFIX): file.inode() for file in files if is_partition_file(file.name)}
        names = (seen.keys() | current.keys()) - {_SCHEMA}
        return sorted(unquoted(name) for name in names if seen.get(name, ("", 0))[1] != current.get(name))

    def publish_schema(self, contract: Contract) -> None:
        """Give queries the typed empty file, so that a table without data has its columns."""
        schema = self._lake / contract.name / SCHEMA_FILE
        link = self._folder(contract.name) / f"{_SCHEMA}@{schema.stat().st_mtime_ns:020d}{SUFFIX}"
        if not link.exists():
            _link(schema, link)

    def build(self, contracts: Iterable[Contract]) -> None:
        """Write the views to a new file and move it into place; open readers keep the old one."""
        statements = [text for contract in contracts for text in self._view(contract)]
        text = "".join(f"{line};\n" for line in [f"-- duckdb {version('duckdb')}\nBEGIN", *statements, "COMMIT"])
        if self._file.exists() and self._statements.exists() and self._statements.read_text() == text:
            return
        import duckdb

        beside = self._file.with_name(f".warehouse.{uuid.uuid4().hex}")
        try:
            with duckdb.connect(str(beside)) as connection:
                connection.execute(text)
            beside.replace(self._file)
        finally:
            beside.unlink(missing_ok=True)
        self._statements.write_text(text)

    def _view(self, contract: Contract) -> list[str]:
        files = _text(_globbed(str(self._folder(contract.name).absolute())) + f"/*{SUFFIX}")
        columns = ", ".join(f"stored.{_name(column)}" for column in contract.columns)
        view = (
            f"CREATE OR REPLACE VIEW {_name(contract.name)} AS SELECT {columns} "  # noqa: S608 - all names are quoted
            f"FROM (SELECT max(file) AS file FROM glob({files}) "
            f"GROUP BY regexp_replace(file, '@[^@]*$', '')) AS newest "
            f"JOIN read_parquet({files}, union_by_name = true, filename = true) AS stored "
            f"ON stored.filename = newest.file"
        )
        about = [f"COMMENT ON VIEW {_name(contract.name)} IS {_text(contract.description)}"]
        about += [
            f"COMMENT ON COLUMN {_name(contract.name)}.{_name(name)} IS {_text(column.description)}"
            for name, column in contract.columns.items()
        ]
        return [view, *about]

    def _links(self, table: str, partition: str) -> list[Path]:
        """Every link of one partition, oldest first."""
        folder, prefix = self._folder(table), f"{quoted(partition)}@"
        if not folder.is_dir():
            return []
        with os.scandir(folder) as links:
            return sorted(folder / link.name for link in links if link.name.startswith(prefix))

    def _folder(self, table: str) -> Path:
        return self._lake / table / _LIVE


def _link(source: Path, link: Path) -> None:
    link.parent.mkdir(exist_ok=True)
    try:
        os.link(source, link)
    except FileExistsError:
        return  # the same version, linked by another process


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _globbed(path: str) -> str:
    return "".join(_GLOB_SIGNS.get(sign, sign) for sign in path)
