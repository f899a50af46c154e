"""Reading the Postgres store: which versions hold the asked rows, and fetching them."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import psycopg
from psycopg import sql

from market_assets.core.contracts import Contract
from resources.stores.errors import VersionPruned
from resources.stores.evolution import added_columns, check_filled
from resources.stores.postgres_connections import AnyConnection, Connections
from resources.stores.postgres_fetch import fetch
from resources.stores.postgres_tables import (
    MANIFEST,
    PARTITION,
    PUBLISHED,
    current_table,
    manifest_from,
    names,
    versions_table,
)
from resources.stores.protocol import Manifest
from resources.stores.request import Request

#: rows asked for in one statement
_ROWS_PER_FETCH = 500_000


@dataclass(frozen=True)
class Version:
    """One stored version of a partition."""

    manifest: Manifest
    #: column -> type name it was stored with
    columns: dict[str, str]
    superseded: bool


@dataclass(frozen=True)
class PostgresReader:
    """Reads partitions of one database. Every read is one transaction, so one state of it."""

    connections: Connections

    def read(self, asked: Request) -> pl.DataFrame:
        """The asked rows and columns, sorted by the key."""
        key = list(asked.contract.key)
        wanted = list(dict.fromkeys([*asked.columns, *key]))
        parts = [part.select(wanted) for part in self._fetched(asked, wanted)]
        if not parts:
            return asked.contract.empty().select(asked.columns)
        return pl.concat(parts).sort(key, maintain_order=True).select(asked.columns)

    def frames(self, asked: Request) -> Iterator[pl.DataFrame]:
        """The asked rows, some partitions at a time."""
        for part in self._fetched(asked, asked.columns):
            yield part.select(asked.columns)

    def versions(self, asked: Request) -> list[Version]:
        """The versions that hold the asked partitions, by partition key."""
        try:
            with self.connections.reading() as connection:
                return self._versions(connection, asked)
        except psycopg.errors.UndefinedTable:
            return []  # nothing was ever written to this database

    def history(self, contract: Contract, partition: str) -> list[Manifest]:
        """Every kept version of one partition, oldest first."""
        query = sql.SQL(
            "SELECT {} FROM market_assets_partitions WHERE table_name = %s AND partition = %s ORDER BY published_at"
        ).format(MANIFEST)
        try:
            with self.connections.reading() as connection:
                return [manifest_from(row) for row in connection.execute(query, [contract.name, partition])]
        except psycopg.errors.UndefinedTable:
            return []

    def stored_columns(self, connection: AnyConnection, contract: Contract, current: Manifest) -> list[str]:
        """The declared columns that the current version of a partition was stored with."""
        query = (
            "SELECT columns FROM market_assets_partitions "
            "WHERE table_name = %s AND partition = %s AND superseded_at IS NULL"
        )
        found = connection.execute(query, [contract.name, current.partition]).fetchone()
        stored = found[0] if found else {}
        return [name for name in contract.columns if name in stored]

    def _fetched(self, asked: Request, columns: list[str]) -> Iterator[pl.DataFrame]:
        needed = [name for name in asked.contract.columns if name in {*asked.needed(), *columns}]
        left = asked.remaining(None, None)
        try:
            with self.connections.reading() as connection:
                versions = [version for version in self._versions(connection, asked) if version.manifest.rows]
                for batch in _batches(versions):
                    rows, params = _query(asked, batch, needed)
                    part = fetch(connection, asked.contract, rows, params, needed)
                    yield part if left is None else part.filter(left)
        except psycopg.errors.UndefinedTable:
            return

    def _versions(self, connection: AnyConnection, asked: Request) -> list[Version]:
        contract, wanted = asked.contract, asked.candidates()
        query = sql.SQL(
            "SELECT DISTINCT ON (partition) {}, columns, superseded_at IS NOT NULL FROM market_assets_partitions "
            "WHERE table_name = %(table)s AND (%(wanted)s::text[] IS NULL OR partition = ANY(%(wanted)s)) "
            "AND CASE WHEN %(then)s::timestamptz IS NULL THEN superseded_at IS NULL ELSE published_at <= %(then)s END "
            "ORDER BY partition, published_at DESC"
        ).format(MANIFEST)
        params = {"table": contract.name, "wanted": wanted, "then": asked.as_of}
        found = [Version(manifest_from(row[:-2]), row[-2], row[-1]) for row in connection.execute(query, params)]
        if asked.as_of is not None:
            self._check_kept(connection, asked, {version.manifest.partition for version in found})
        admitted = [version for version in found if asked.admits(version.manifest.partition)]
        admitted.sort(key=lambda version: version.manifest.partition)  # the server's collation may be another
        for version in admitted:
            where = f"partition {version.manifest.partition}"
            added = added_columns(contract, version.columns, where)
            check_filled(contract, added, version.manifest.rows, where)
        return admitted

    def _check_kept(self, connection: AnyConnection, asked: Request, found: set[str]) -> None:
        query = sql.SQL(
            "SELECT {} FROM market_assets_partitions WHERE table_name = %(table)s AND superseded_at IS NULL "
            "AND first_published_at <= %(then)s AND (%(wanted)s::text[] IS NULL OR partition = ANY(%(wanted)s))"
        ).format(MANIFEST)
        params = {"table": asked.contract.name, "wanted": asked.candidates(), "then": asked.as_of}
        for row in connection.execute(query, params):
            manifest = manifest_from(row)
            if manifest.partition not in found and asked.admits(manifest.partition) and asked.as_of is not None:
                raise VersionPruned(
                    f"{manifest.table} {manifest.partition} was first published "
                    f"{manifest.first_published_at.isoformat()}, but its version as of {asked.as_of.isoformat()} is no "
                    f"longer kept (retention.versions, retention.versions_days)."
                )


def _batches(versions: list[Version]) -> Iterator[list[Version]]:
    """Versions of one kind, together at most as many rows as one statement may return."""
    for superseded in (False, True):
        batch: list[Version] = []
        rows = 0
        for version in versions:
            if version.superseded is not superseded:
                continue
            if batch and rows + version.manifest.rows > _ROWS_PER_FETCH:
                yield batch
                batch, rows = [], 0
            batch.append(version)
            rows += version.manifest.rows
        if batch:
            yield batch


def _query(asked: Request, batch: list[Version], columns: list[str]) -> tuple[sql.Composed, list[object]]:
    partitions = [version.manifest.partition for version in batch]
    if batch[0].superseded:
        source = sql.SQL(
            "SELECT {} FROM {} AS v JOIN unnest(%s::text[], %s::timestamptz[]) AS w (partition, published_at) "
            "ON v.{} = w.partition AND v.{} = w.published_at"
        ).format(names(columns), versions_table(asked.contract), PARTITION, PUBLISHED)
        params: list[object] = [partitions, [version.manifest.published_at for version in batch]]
        joiner = sql.SQL(" WHERE ")
    else:
        source = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s)").format(
            names(columns), current_table(asked.contract), PARTITION
        )
        params = [partitions]
        joiner = sql.SQL(" AND ")
    conditions, values = _conditions(asked)
    if not conditions:
        return source, params
    return sql.Composed([source, joiner, sql.SQL(" AND ").join(conditions)]), [*params, *values]


def _conditions(asked: Request) -> tuple[list[sql.Composable], list[object]]:
    """The time bounds, and the values of text and date columns, for the server to filter by.

    What is not expressed here is filtered from the answer.
    """
    conditions: list[sql.Composable] = []
    values: list[object] = []
    name, schema = asked.contract.time_column, asked.contract.schema
    for limit, sign in ((asked.lower, ">="), (asked.upper, "<=")):
        if limit is not None and name is not None:
            conditions.append(sql.SQL(f"{{}} {sign} %s").format(sql.Identifier(name)))
            values.append(limit.date() if schema[name] == pl.Date else limit)
    for column, wanted in asked.values.items():
        is_date = schema[column] == pl.Date
        is_text = schema[column] == pl.String or isinstance(schema[column], pl.Enum)
        if (is_date or is_text) and None not in wanted:
            kind = sql.SQL("date[]" if is_date else "text[]")
            conditions.append(sql.SQL("{} = ANY(%s::{})").format(sql.Identifier(column), kind))
            values.append(list(wanted))
    return conditions, values
