"""Removing from the Postgres store: superseded versions by policy, and whole partitions."""

from datetime import datetime, timedelta

from psycopg import sql

from market_assets.core import clock
from market_assets.core.contracts import Contract
from resources.removed import Removed
from resources.stores.postgres_connections import AnyConnection
from resources.stores.postgres_tables import PARTITION, PUBLISHED, current_table, versions_table
from resources.stores.writing import days_kept


def prune(
    connection: AnyConnection,
    contract: Contract,
    partition: str | None,
    *,
    keep: int,
    days: int,
    dry_run: bool = False,
) -> Removed:
    """Delete superseded versions of a partition (None: of all) by policy; a dry run only counts them."""
    kept = days_kept(contract, days)
    before: datetime | None = None if kept is None else clock.now() - timedelta(days=kept)
    superseded = """
        SELECT partition, published_at, bytes, place > %(keep)s
          AND (%(before)s::timestamptz IS NULL OR superseded_at < %(before)s) AS is_due
        FROM (
          SELECT *, row_number() OVER (PARTITION BY partition ORDER BY published_at DESC) AS place
          FROM market_assets_partitions
          WHERE table_name = %(table)s AND superseded_at IS NOT NULL
            AND (%(partition)s::text IS NULL OR partition = %(partition)s)
        ) AS ranked
    """
    params = {"table": contract.name, "partition": partition, "keep": keep, "before": before}
    found = connection.execute(superseded, params).fetchall()
    due = [(name, published) for name, published, _, is_due in found if is_due]
    book = "DELETE FROM market_assets_partitions WHERE partition = %s AND published_at = %s AND table_name = %s"
    rows = sql.SQL("DELETE FROM {} WHERE {} = %s AND {} = %s").format(versions_table(contract), PARTITION, PUBLISHED)
    for version in () if dry_run else due:
        connection.execute(rows, version)
        connection.execute(book, [*version, contract.name])
    return Removed(examined=len(found), removed=len(due), bytes=sum(size for *_, size, is_due in found if is_due))


def forget(connection: AnyConnection, contract: Contract, partition: str) -> None:
    """Delete every row of a partition, superseded ones too, and its entries in the books."""
    for table in (current_table(contract), versions_table(contract)):
        connection.execute(sql.SQL("DELETE FROM {} WHERE {} = %s").format(table, PARTITION), [partition])
    connection.execute(
        "DELETE FROM market_assets_partitions WHERE table_name = %s AND partition = %s", [contract.name, partition]
    )
