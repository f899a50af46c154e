"""The embedded store: immutable Parquet files are the truth, DuckDB is the engine over them.

    <home>/lake/<table>/<partition>.parquet     the current version of each partition
    <home>/lake/<table>/_schema.parquet         every column the table ever declared, no rows
    <home>/lake/<table>/.live/                  what the views of warehouse.duckdb read
    <home>/versions/<table>/<partition>/*.parquet   superseded versions, read by `as_of`
    <home>/locks/<table>/<partition>.lock       held while a partition is written
    <home>/warehouse.duckdb                     views only

A partition is written beside, forced to disk and renamed into place, so a reader or a crash sees the
old version or the new one, whole.
"""

import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.revisions import Revision, compare
from market_assets.core.settings import RetentionSettings
from resources.removed import Removed
from resources.stores.admission import Admitted, admit
from resources.stores.errors import IncompleteWrite
from resources.stores.evolution import as_declared, with_declared_categories
from resources.stores.lake_files import decode, encode, manifest_of, stored_rows
from resources.stores.lake_listing import LakeListing
from resources.stores.lake_reading import LakeReader
from resources.stores.lake_tables import LakeTables
from resources.stores.lake_versions import LakeVersions
from resources.stores.lazy import lazy_partitions
from resources.stores.locks import held, held_if_free
from resources.stores.names import SUFFIX, quoted
from resources.stores.protocol import Manifest, Moment, StoreDescription, Where, Written
from resources.stores.request import request
from resources.stores.warehouse import Warehouse
from resources.stores.writing import NOTHING_NEW, days_kept, has_content, holds, new_manifest, written

_WRITING = "_writing"


class LakeStore:
    """Partitions as Parquet files under one home."""

    def __init__(self, home: Path, retention: RetentionSettings) -> None:
        self._home = home
        self._retention = retention
        self._lake = home / "lake"
        self._locks = home / "locks"
        self._tables = LakeTables(self._lake, self._locks)
        self._versions = LakeVersions(home / "versions")
        self._warehouse = Warehouse(home, self._lake)
        self._listing = LakeListing(self._lake)
        self._reader = LakeReader(self._lake, self._versions, self._listing)

    def write(
        self,
        contract: Contract,
        partition: str,
        frame: pl.DataFrame,
        *,
        run_id: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> Written:
        """Replace one partition; see PartitionStore.write."""
        admitted = admit(contract, partition, frame)
        self._tables.declare(contract)
        self._tables.claim(contract, partition, admitted.origin)
        path = self._path(contract, partition)
        with held(self._lock(contract.name, quoted(partition))):
            self._clear_leftovers(contract, partition)
            current = manifest_of(str(path))
            if current is not None and holds(contract, current, admitted):
                self._warehouse.publish(current, path, clock.now())
                return written(current, NOTHING_NEW, unchanged=True)
            revision = self._revision(contract, path, admitted)
            manifest = new_manifest(contract, partition, admitted, current, run_id=run_id, extra=extra or {})
            manifest = self._publish(path, admitted.frame, manifest, current)
            self._prune(contract, manifest, self._retention.versions, self._retention.versions_days)
        return written(manifest, revision, unchanged=has_content(current, admitted))

    def read(
        self,
        contract: Contract,
        partitions: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        as_of: Moment | None = None,
    ) -> pl.DataFrame:
        """Rows sorted by the key; see PartitionStore.read."""
        asked = request(contract, partitions, columns=columns, where=where, start=start, end=end, as_of=as_of)
        return self._reader.read(asked)

    def scan(
        self,
        contract: Contract,
        partitions: Sequence[str] | None = None,
        *,
        where: Where | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        as_of: Moment | None = None,
    ) -> pl.LazyFrame:
        """Rows one partition at a time; see PartitionStore.scan."""
        asked = request(contract, partitions, where=where, start=start, end=end, as_of=as_of)

        def frames(columns: list[str] | None) -> Iterator[pl.DataFrame]:
            chosen = replace(asked, columns=columns if columns is not None else asked.columns)
            yield from self._reader.frames(chosen, keep=False)

        return lazy_partitions(contract, frames)

    def partitions(self, contract: Contract, *, as_of: Moment | None = None) -> list[str]:
        """Stored partition keys, sorted."""
        asked = request(contract, as_of=as_of)
        return self._reader.partitions(asked)

    def manifest(self, contract: Contract, partition: str) -> Manifest | None:
        """The current version of one partition."""
        return manifest_of(str(self._path(contract, partition)))

    def manifests(self, contract: Contract) -> list[Manifest]:
        """The current version of every partition, by partition key."""
        return self._listing.manifests(contract.name)

    def versions(self, contract: Contract, partition: str) -> list[Manifest]:
        """Every kept version, oldest first; the last one is current."""
        current = self.manifest(contract, partition)
        if current is None:
            return []
        kept = self._versions.manifests(contract.name, partition)
        return [*(old for old in kept if old.published_at < current.published_at), current]

    def prune(self, contract: Contract, *, keep: int, days: int, dry_run: bool = False) -> Removed:
        """Remove superseded versions by policy from every partition."""
        total = Removed()
        for partition in self._versions.partitions(contract):
            with held(self._lock(contract.name, quoted(partition))):
                current = self.manifest(contract, partition)
                if current is None:
                    continue
                total += self._prune(contract, current, keep, days, dry_run=dry_run)
                if not dry_run:  # the view's links would keep the files of a partition that nobody writes any more
                    self._warehouse.publish(current, self._path(contract, partition), clock.now())
        return total

    def drop(self, contract: Contract, partition: str) -> Manifest | None:
        """Remove one partition with its history; see PartitionStore.drop."""
        path = self._path(contract, partition)
        if not path.parent.is_dir():
            return None
        with held(self._lock(contract.name, quoted(partition))):
            current = manifest_of(str(path))
            # the history first: one that is killed on the way has dropped nothing, and can be repeated
            self._versions.remove(contract.name, partition)
            path.unlink(missing_ok=True)
            _force_to_disk(path.parent)
            self._warehouse.withdraw(contract.name, partition)
        return current

    def refresh_views(self, contracts: Iterable[Contract]) -> None:
        """Rebuild warehouse.duckdb, and show it what a killed writer or a restore has left unshown."""
        known = list(contracts)
        for contract in known:
            self._tables.declare(contract)
            self._warehouse.publish_schema(contract)
            for partition in self._warehouse.out_of_step(contract.name):
                self._publish_again(contract, partition)
        self._warehouse.build(known)

    def describe(self) -> StoreDescription:
        """The lake's directory and the bytes of its current partitions."""
        try:
            size = _size(self._lake)
            reachable = os.access(self._lake if self._lake.exists() else self._home.parent, os.R_OK | os.W_OK)
        except OSError as failed:
            return StoreDescription(
                kind="duckdb", location=str(self._lake), bytes=None, reachable=False, error=failed.strerror
            )
        return StoreDescription(
            kind="duckdb",
            location=str(self._lake),
            bytes=size,
            reachable=reachable,
            error=None if reachable else "the directory cannot be read and written",
        )

    def _publish(self, path: Path, frame: pl.DataFrame, manifest: Manifest, current: Manifest | None) -> Manifest:
        """Write beside, check, keep the old version, rename into place. The partition's lock is held."""
        writing = path.parent / _WRITING
        writing.mkdir(exist_ok=True)
        beside = writing / f"{path.stem}@{uuid.uuid4().hex}"
        encode(frame, beside, manifest)
        rows = stored_rows(beside)
        if rows != frame.height:
            beside.unlink()
            raise IncompleteWrite(
                f"{manifest.table} {manifest.partition} must store {frame.height} rows, and {rows} were read back; "
                f"the old version stays. Check the disk, then run the partition again."
            )
        if current is not None:
            self._versions.keep(path, current)
        beside.replace(path)
        _force_to_disk(path.parent)
        published = replace(manifest, bytes=path.stat().st_size)
        self._warehouse.publish(published, path, clock.now())
        return published

    def _publish_again(self, contract: Contract, partition: str) -> None:
        with held(self._lock(contract.name, quoted(partition))):
            current = self.manifest(contract, partition)
            if current is None:
                self._warehouse.withdraw(contract.name, partition)
            else:
                self._warehouse.publish(current, self._path(contract, partition), clock.now())

    def _revision(self, contract: Contract, path: Path, admitted: Admitted) -> Revision:
        old = decode(str(path), keep=False)
        if old is None:
            return Revision(admitted.frame.height, 0, 0, None)
        as_declared(contract, old.frame.clear(), contract.name)  # a retyped column is refused, added ones are not
        rows = with_declared_categories(contract, old.frame)
        return compare(rows, admitted.frame, contract.key, contract.stable_columns)

    def _clear_leftovers(self, contract: Contract, partition: str) -> None:
        """Remove what killed writers left: a temporary file whose partition nobody is writing now."""
        writing = self._lake / contract.name / _WRITING
        if not writing.is_dir():
            return
        for left in writing.iterdir():
            owner = left.name.split("@")[0]
            if owner == quoted(partition):
                left.unlink(missing_ok=True)
                continue
            with held_if_free(self._lock(contract.name, owner)) as free:
                if free:
                    left.unlink(missing_ok=True)

    def _prune(self, contract: Contract, current: Manifest, keep: int, days: int, *, dry_run: bool = False) -> Removed:
        kept = days_kept(contract, days)
        return self._versions.prune(current, keep=keep, days=kept, now=clock.now(), dry_run=dry_run)

    def _path(self, contract: Contract, partition: str) -> Path:
        return self._lake / contract.name / f"{quoted(partition)}{SUFFIX}"

    def _lock(self, table: str, quoted_partition: str) -> Path:
        return self._locks / table / f"{quoted_partition}.lock"


def _force_to_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _size(lake: Path) -> int:
    """Bytes of the current partitions; asked for with every look at health, of tens of thousands of files."""
    size = 0
    for table in os.scandir(lake) if lake.exists() else ():
        if not table.is_dir():
            continue
        with os.scandir(table) as entries:
            for entry in entries:
                # one may be withdrawn between the two looks
                with suppress(FileNotFoundError):
                    size += entry.stat().st_size if entry.name.endswith(SUFFIX) else 0
    return size
