"""The SQL of the Postgres store: tables from contracts, and the books kept on partitions.

`<table>` holds the current rows, `<table>__versions` the superseded ones with the `_published_at` of
their version. Both have a `_partition` column that reads do not show.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from market_assets.core.contracts import Contract
from resources.stores.evolution import added_columns, column_types, has_gained
from resources.stores.postgres_connections import AnyConnection
from resources.stores.protocol import Manifest

PARTITION = sql.Identifier("_partition")
PUBLISHED = sql.Identifier("_published_at")

_BOOKS = """
CREATE TABLE IF NOT EXISTS market_assets_store (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS market_assets_tables (table_name text PRIMARY KEY, columns jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS market_assets_partitions (
  table_name text NOT NULL,
  partition text NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz,
  first_published_at timestamptz NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  digest text NOT NULL,
  min_time timestamptz,
  max_time timestamptz,
  run_id text NOT NULL,
  extra jsonb NOT NULL,
  columns jsonb NOT NULL,
  PRIMARY KEY (table_name, partition, published_at)
);
CREATE UNIQUE INDEX IF NOT EXISTS market_assets_partitions_current
  ON market_assets_partitions (table_name, partition) WHERE superseded_at IS NULL
"""

#: the columns of market_assets_partitions that make a Manifest, in the order `manifest_from` reads
MANIFEST = sql.SQL(
    "table_name, partition, published_at, first_published_at, rows, bytes, digest, min_time, max_time, run_id, extra"
)


def current_table(contract: Contract) -> sql.Identifier:
    """The table of current rows."""
    return sql.Identifier("public", contract.name)


def versions_table(contract: Contract) -> sql.Identifier:
    """The table of superseded rows."""
    return sql.Identifier("public", f"{contract.name}__versions")


def names(columns: Sequence[str]) -> sql.Composed:
    """Column names, quoted and separated."""
    return sql.SQL(", ").join(sql.Identifier(name) for name in columns)


def lock(connection: AnyConnection, *subject: str) -> None:
    """Wait for the lock on a subject; the transaction's end frees it, as does the writer's death."""
    key = hashlib.sha256("|".join(subject).encode()).digest()[:8]
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(key, "big", signed=True)])


def open_books(connection: AnyConnection) -> None:
    """Create the bookkeeping tables where they are missing."""
    lock(connection, "market_assets")  # CREATE ... IF NOT EXISTS is not safe between sessions
    for statement in _BOOKS.split(";"):
        connection.execute(statement.encode())


def declare(connection: AnyConnection, contract: Contract) -> None:
    """Create the table, or add the columns its contract has gained; a gained category is only noted.

    Raises SchemaMismatch where a stored column or category is declared no more, or with another type.
    """
    if not has_gained(contract, stored_columns(connection, contract) or {}, contract.name):
        return
    lock(connection, "table", contract.name)
    stored = stored_columns(connection, contract)
    kinds = contract.postgres_columns()
    if stored is None:
        _create(connection, contract)
    else:
        for name in added_columns(contract, stored, contract.name):
            for table in (current_table(contract), versions_table(contract)):
                # nullable whatever the contract says: the rows already there have no value
                connection.execute(
                    sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}").format(
                        table,
                        sql.Identifier(name),
                        sql.SQL(kinds[name]),
                    )
                )
    connection.execute(
        "INSERT INTO market_assets_tables VALUES (%s, %s) "
        "ON CONFLICT (table_name) DO UPDATE SET columns = excluded.columns",
        [contract.name, Jsonb(column_types(contract.schema))],
    )


def _create(connection: AnyConnection, contract: Contract) -> None:
    current, versions = current_table(contract), versions_table(contract)
    connection.execute(contract.ddl().encode())
    statements = [
        sql.SQL("ALTER TABLE {} ADD COLUMN {} text NOT NULL").format(current, PARTITION),
        sql.SQL("CREATE INDEX ON {} ({})").format(current, PARTITION),
        sql.SQL("CREATE TABLE {} (LIKE {}, {} timestamptz NOT NULL)").format(versions, current, PUBLISHED),
        sql.SQL("CREATE INDEX ON {} ({}, {})").format(versions, PARTITION, PUBLISHED),
        sql.SQL("COMMENT ON TABLE {} IS {}").format(current, sql.Literal(contract.description)),
    ]
    statements += [
        sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(current, sql.Identifier(name), sql.Literal(spec.description))
        for name, spec in contract.columns.items()
    ]
    if not set(contract.partitioned_by.values()) <= set(contract.key):
        # such a key may come again in another partition
        key = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}, ADD PRIMARY KEY ({}, {})")
        statements.append(key.format(current, sql.Identifier(f"{contract.name}_pkey"), PARTITION, names(contract.key)))
    for statement in statements:
        connection.execute(statement)


def stored_columns(connection: AnyConnection, contract: Contract) -> dict[str, str] | None:
    """Column -> type name as last declared, or None where the table does not exist."""
    query = "SELECT columns FROM market_assets_tables WHERE table_name = %s"
    found = connection.execute(query, [contract.name]).fetchone()
    return found[0] if found else None


def manifest_from(row: Sequence[Any]) -> Manifest:
    """The manifest of a row of market_assets_partitions."""
    table, partition, published, first, rows, size, digest, low, high, run_id, extra = row
    return Manifest(
        table=table,
        partition=partition,
        published_at=_utc(published),
        first_published_at=_utc(first),
        rows=rows,
        bytes=size,
        digest=digest,
        min_time=low and _utc(low),
        max_time=high and _utc(high),
        run_id=run_id,
        extra=extra,
    )


def record(connection: AnyConnection, contract: Contract, manifest: Manifest) -> None:
    """Enter a version as the current one of its partition, and close the one before."""
    connection.execute(
        "UPDATE market_assets_partitions SET superseded_at = %s "
        "WHERE table_name = %s AND partition = %s AND superseded_at IS NULL",
        [manifest.published_at, contract.name, manifest.partition],
    )
    values = [
        manifest.table,
        manifest.partition,
        manifest.published_at,
        manifest.first_published_at,
        manifest.rows,
        manifest.bytes,
        manifest.digest,
        manifest.min_time,
        manifest.max_time,
        manifest.run_id,
        Jsonb(dict(manifest.extra)),
        Jsonb(column_types(contract.schema), dumps=json.dumps),
    ]
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(values))
    connection.execute(
        sql.SQL("INSERT INTO market_assets_partitions ({}, columns) VALUES ({})").format(MANIFEST, marks), values
    )


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)
