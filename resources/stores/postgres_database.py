"""A database as a whole: what one instant of it holds, whether it is empty, and one to try something in."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from market_assets.core import clock
from resources.stores.errors import StoreError, StoreUnreachable
from resources.stores.postgres_connections import Connections
from resources.stores.postgres_tables import MANIFEST, manifest_from
from resources.stores.protocol import Manifest

_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2
"""
_SCRATCH = "market_assets_scratch"
_STAMP = "%Y%m%d%H%M%S"
_NAMED = re.compile(rf"^{_SCRATCH}_(\d{{14}})_[0-9a-f]{{8}}$")
_LEFT_BEHIND = timedelta(days=1)


class ScratchRefused(StoreError):
    """The role may not make a database of its own."""


@dataclass(frozen=True)
class Snapshot:
    """One instant of a database, by the name under which other sessions see the same while this one lasts."""

    name: str
    manifests: list[Manifest]


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Hold one instant of a database. Raises StoreUnreachable."""
    with Connections(url).reading() as connection:
        # it idles for as long as a dump takes
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        (name,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        (books,) = connection.execute("SELECT to_regclass('public.market_assets_partitions')").fetchone() or (None,)
        query = sql.SQL(
            "SELECT {} FROM market_assets_partitions WHERE superseded_at IS NULL ORDER BY table_name, partition"
        ).format(MANIFEST)
        yield Snapshot(name, [manifest_from(row) for row in connection.execute(query)] if books is not None else [])


def tables_of(url: str) -> list[tuple[str, str]]:
    """Schema and name of every table of a database. Raises StoreUnreachable."""
    with Connections(url).reading() as connection:
        return [(schema, name) for schema, name in connection.execute(_TABLES)]


def drop_tables(url: str) -> None:
    """Remove every table, with what belongs to it: of a database that was empty before. Raises StoreUnreachable."""
    found = tables_of(url)
    with Connections(url).writing() as connection:
        for table in found:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(*table)))


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """An empty database on the server of `url`, by its address; it is dropped in the end.

    What a process that was killed left there over a day ago is dropped as well. Raises ScratchRefused,
    StoreUnreachable.
    """
    now = clock.wall()
    name = f"{_SCRATCH}_{now:{_STAMP}}_{uuid.uuid4().hex[:8]}"
    with _administered(url) as admin:
        for (left,) in admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{_SCRATCH}%"]):
            if _is_left_behind(left, now):
                _drop(admin, left)
        try:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            raise ScratchRefused(
                f"the role {admin.info.user} must be allowed to make a database to try a restore in. "
                f"ALTER ROLE {admin.info.user} CREATEDB, or restore by hand into a database made for it"
            ) from None
    try:
        yield make_conninfo(url, dbname=name)
    finally:
        with _administered(url) as admin:
            _drop(admin, name)


@contextmanager
def _administered(url: str) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    """A session outside any transaction: databases are made and dropped in none."""
    location = Connections(url).location
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as admin:
            yield admin
    except psycopg.Error as failed:
        said = type(failed).__name__
        raise StoreUnreachable(f"{location} must answer to try a restore in; {said}. Check that it runs") from None


def _is_left_behind(name: str, now: datetime) -> bool:
    named = _NAMED.match(name)
    return named is not None and named[1] < f"{now - _LEFT_BEHIND:{_STAMP}}"


def _drop(admin: psycopg.Connection[tuple[str, ...]], name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
