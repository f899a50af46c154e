"""The server store: a table per asset, partitions replaced in one transaction.

A partition is copied into a staging table, then exchanged under an advisory lock; the rows it
replaces go to `<table>__versions`. A reader's transaction sees the old partition or the new one,
whole. `psql` sees plain tables, with the partition in the column `_partition`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl
import psycopg
from psycopg import sql

from market_assets.core.contracts import Contract
from market_assets.core.revisions import Revision, compare
from market_assets.core.settings import RetentionSettings
from resources.removed import Removed
from resources.stores.admission import Admitted, Origin, admit, check_origin
from resources.stores.errors import IncompleteWrite, StoreUnreachable
from resources.stores.lazy import lazy_partitions
from resources.stores.postgres_connections import AnyConnection, Connections
from resources.stores.postgres_copy import copy_stream
from resources.stores.postgres_fetch import fetch
from resources.stores.postgres_reading import PostgresReader
from resources.stores.postgres_removal import forget, prune
from resources.stores.postgres_tables import (
    MANIFEST,
    PARTITION,
    PUBLISHED,
    current_table,
    declare,
    lock,
    manifest_from,
    names,
    open_books,
    record,
    stored_columns,
    versions_table,
)
from resources.stores.protocol import Manifest, Moment, StoreDescription, Where, Written
from resources.stores.request import request
from resources.stores.writing import NOTHING_NEW, has_content, holds, new_manifest, written

_STAGED = sql.Identifier("market_assets_staged")


class PostgresStore:
    """Partitions as rows of PostgreSQL tables."""

    def __init__(self, url: str, retention: RetentionSettings) -> None:
        self._connections = Connections(url)
        self._retention = retention
        self._reader = PostgresReader(self._connections)
        self._books_open = False

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
        self._declare([contract])
        with self._connections.writing() as connection:
            lock(connection, contract.name, partition)
            _claim(connection, contract, partition, admitted.origin)
            current = _current(connection, contract, partition)
            if current is not None and holds(contract, current, admitted):
                return written(current, NOTHING_NEW, unchanged=True)
            revision = self._revision(connection, contract, current, admitted)
            manifest = new_manifest(contract, partition, admitted, current, run_id=run_id, extra=extra or {})
            manifest = replace(manifest, bytes=_stage(connection, contract, admitted.frame))
            _exchange(connection, contract, manifest, current)
            record(connection, contract, manifest)
            _check_rows(connection, contract, manifest)
            prune(connection, contract, partition, keep=self._retention.versions, days=self._retention.versions_days)
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
        """Rows some partitions at a time; see PartitionStore.scan."""
        asked = request(contract, partitions, where=where, start=start, end=end, as_of=as_of)

        def frames(columns: list[str] | None) -> Iterator[pl.DataFrame]:
            yield from self._reader.frames(replace(asked, columns=columns if columns is not None else asked.columns))

        return lazy_partitions(contract, frames)

    def partitions(self, contract: Contract, *, as_of: Moment | None = None) -> list[str]:
        """Stored partition keys, sorted."""
        return [version.manifest.partition for version in self._reader.versions(request(contract, as_of=as_of))]

    def manifest(self, contract: Contract, partition: str) -> Manifest | None:
        """The current version of one partition."""
        found = self._reader.versions(request(contract, [partition]))
        return found[0].manifest if found else None

    def manifests(self, contract: Contract) -> list[Manifest]:
        """The current version of every partition, in one query."""
        return [version.manifest for version in self._reader.versions(request(contract))]

    def versions(self, contract: Contract, partition: str) -> list[Manifest]:
        """Every kept version, oldest first; the last one is current."""
        return self._reader.history(contract, partition)

    def prune(self, contract: Contract, *, keep: int, days: int, dry_run: bool = False) -> Removed:
        """Remove superseded versions by policy from every partition."""
        try:
            with self._connections.writing() as connection:
                return prune(connection, contract, None, keep=keep, days=days, dry_run=dry_run)
        except psycopg.errors.UndefinedTable:
            return Removed()  # nothing was ever written to this database

    def drop(self, contract: Contract, partition: str) -> Manifest | None:
        """Remove one partition with its history; see PartitionStore.drop."""
        try:
            with self._connections.writing() as connection:
                lock(connection, contract.name, partition)
                current = _current(connection, contract, partition)
                if stored_columns(connection, contract) is not None:
                    forget(connection, contract, partition)
                return current
        except psycopg.errors.UndefinedTable:
            return None

    def refresh_views(self, contracts: Iterable[Contract]) -> None:
        """Create every table, so that psql sees it before it has data."""
        self._declare(contracts)

    def describe(self) -> StoreDescription:
        """The server, and the bytes of this store's tables with their indexes."""
        location = self._connections.location
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'"
        )
        try:
            with self._connections.reading() as connection:
                size = connection.execute(query).fetchone()
        except StoreUnreachable as failed:
            return StoreDescription(kind="postgres", location=location, bytes=None, reachable=False, error=str(failed))
        return StoreDescription(kind="postgres", location=location, bytes=size[0] if size else 0, reachable=True)

    def _declare(self, contracts: Iterable[Contract]) -> None:
        with self._connections.writing() as connection:
            if not self._books_open:
                open_books(connection)
            for contract in contracts:
                declare(connection, contract)
        self._books_open = True

    def _revision(
        self, connection: AnyConnection, contract: Contract, current: Manifest | None, admitted: Admitted
    ) -> Revision:
        if current is None:
            return Revision(admitted.frame.height, 0, 0, None)
        stored = self._reader.stored_columns(connection, contract, current)
        rows = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(names(stored), current_table(contract), PARTITION)
        old = fetch(connection, contract, rows, [current.partition], stored)
        return compare(old, admitted.frame, contract.key, contract.stable_columns)


def _claim(connection: AnyConnection, contract: Contract, partition: str, origin: Origin | None) -> None:
    if origin is None:
        return
    read = "SELECT value FROM market_assets_store WHERE name = 'origin'"
    stored = connection.execute(read).fetchone()
    if stored is None:
        mark = "INSERT INTO market_assets_store VALUES ('origin', %s) ON CONFLICT DO NOTHING"
        connection.execute(mark, [origin])  # waits for another first writer, then leaves its mark alone
        stored = connection.execute(read).fetchone()
    if stored is not None:
        check_origin(contract, partition, stored=stored[0], offered=origin)


def _current(connection: AnyConnection, contract: Contract, partition: str) -> Manifest | None:
    query = sql.SQL(
        "SELECT {} FROM market_assets_partitions WHERE table_name = %s AND partition = %s AND superseded_at IS NULL"
    ).format(MANIFEST)
    found = connection.execute(query, [contract.name, partition]).fetchone()
    return manifest_from(found) if found else None


def _stage(connection: AnyConnection, contract: Contract, frame: pl.DataFrame) -> int:
    """Copy the rows into a staging table; returns the bytes sent."""
    columns = names(frame.columns)
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            _STAGED, columns, current_table(contract)
        )
    )
    sent = 0
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(_STAGED, columns)
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for chunk in copy_stream(frame):
            copy.write(chunk)
            sent += len(chunk)
    return sent


def _exchange(connection: AnyConnection, contract: Contract, manifest: Manifest, current: Manifest | None) -> None:
    table, columns = current_table(contract), names(list(contract.columns))
    if current is not None:
        keep = sql.SQL("INSERT INTO {} ({}, {}, {}) SELECT {}, {}, %s FROM {} WHERE {} = %s").format(
            versions_table(contract), columns, PARTITION, PUBLISHED, columns, PARTITION, table, PARTITION
        )
        connection.execute(keep, [current.published_at, current.partition])
        connection.execute(sql.SQL("DELETE FROM {} WHERE {} = %s").format(table, PARTITION), [current.partition])
    place = sql.SQL("INSERT INTO {} ({}, {}) SELECT {}, %s FROM {}").format(table, columns, PARTITION, columns, _STAGED)
    connection.execute(place, [manifest.partition])


def _check_rows(connection: AnyConnection, contract: Contract, manifest: Manifest) -> None:
    query = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(current_table(contract), PARTITION)
    found = connection.execute(query, [manifest.partition]).fetchone()
    if found is None or found[0] != manifest.rows:
        raise IncompleteWrite(
            f"{manifest.table} {manifest.partition} must store {manifest.rows} rows, and {found and found[0]} were "
            f"read back; the old version stays. Look for triggers or rules on the table, then run the partition again."
        )
