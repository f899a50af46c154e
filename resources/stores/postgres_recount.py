"""Rows and digests of a database computed from the rows themselves, not from what its books state."""

from collections.abc import Iterator

import psycopg
from psycopg import sql

from market_assets.core.contracts import Contract
from resources.stores.digest import content_digest
from resources.stores.postgres_connections import AnyConnection, Connections
from resources.stores.postgres_fetch import fetch
from resources.stores.postgres_tables import PARTITION, names
from resources.stores.recounted import Recounted

_BOOKED = "SELECT partition, columns FROM market_assets_partitions WHERE table_name = %s AND superseded_at IS NULL"


def recount(url: str, table: str, contract: Contract | None) -> Iterator[Recounted]:
    """Every partition of a table; without a contract its rows are counted alone. Raises StoreUnreachable."""
    try:
        with Connections(url).reading() as connection:
            yield from _recounted(connection, table, contract)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return  # there is no such table, or none of this store: none of its partitions are


def _recounted(connection: AnyConnection, table: str, contract: Contract | None) -> Iterator[Recounted]:
    stored = sql.Identifier("public", table)
    counted = sql.SQL("SELECT {part}, count(*) FROM {table} GROUP BY {part}").format(part=PARTITION, table=stored)
    rows: dict[str, int] = dict(connection.execute(counted).fetchall())
    # one without rows stands in the books alone
    booked: dict[str, dict[str, str]] = dict(connection.execute(_BOOKED, [table]).fetchall())
    for partition in sorted(rows.keys() | booked.keys()):
        if contract is None:
            yield Recounted(partition, rows.get(partition, 0), None)
            continue
        # the columns it was stored with: the contract may have gained some since
        columns = [name for name in contract.columns if name in booked.get(partition, contract.columns)]
        query = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(names(columns), stored, PARTITION)
        frame = fetch(connection, contract, query, [partition], columns).sort(contract.key, maintain_order=True)
        stable = [name for name in columns if not contract.columns[name].volatile]
        yield Recounted(partition, frame.height, content_digest(frame, stable))
