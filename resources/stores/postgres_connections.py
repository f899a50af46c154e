"""Connections to one PostgreSQL server, reused within a process, and errors without the password."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.conninfo import conninfo_to_dict

from market_assets.core.errors import MarketAssetsError
from resources.stores.errors import StoreUnreachable

_CONNECT_TIMEOUT_S = 10
#: a connection unused for longer is asked whether it still lives
_IDLE_S = 5.0

#: classes of SQLSTATE: connection, login, no such database, too many connections, server shutting down
_NO_ANSWER = {"08", "28", "3D", "53", "57"}

AnyConnection = Connection[tuple[Any, ...]]


class Connections:
    """Idle connections are kept for the next user; a process that was forked opens its own."""

    def __init__(self, url: str) -> None:
        self._given = _parsed(url)
        self._idle: list[tuple[AnyConnection, float]] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        host = self._given.get("host", "localhost")
        #: the server without user and password
        self.location = f"postgresql://{host}:{self._given.get('port', 5432)}/{self._given.get('dbname', '')}"

    @contextmanager
    def reading(self) -> Iterator[AnyConnection]:
        """One transaction that sees one state of the whole database."""
        with self._lent() as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[AnyConnection]:
        """One transaction, committed at the end of the block and rolled back on any error."""
        with self._lent() as connection:
            connection.isolation_level = IsolationLevel.READ_COMMITTED
            connection.read_only = False
            with connection.transaction():
                yield connection

    @contextmanager
    def _lent(self) -> Iterator[AnyConnection]:
        try:
            connection = self._taken() or self._opened()
            try:
                yield connection
            finally:
                self._give_back(connection)
        except psycopg.OperationalError as failed:
            if failed.sqlstate is not None and failed.sqlstate[:2] not in _NO_ANSWER:
                raise  # a deadlock or a full disk: the server answered
            raise self._unreachable(failed) from None

    def _taken(self) -> AnyConnection | None:
        with self._lock:
            if self._process != os.getpid():
                self._idle, self._process = [], os.getpid()
            connection, since = self._idle.pop() if self._idle else (None, 0.0)
        if connection is None:
            return None
        if time.monotonic() - since > _IDLE_S and not _lives(connection):
            return None
        return connection

    def _opened(self) -> AnyConnection:
        defaults = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "market-assets"}
        return psycopg.connect(**{**defaults, **self._given, "client_encoding": "utf8"})

    def _give_back(self, connection: AnyConnection) -> None:
        if connection.closed or connection.broken:
            connection.close()
            return
        with self._lock:
            self._idle.append((connection, time.monotonic()))

    def _unreachable(self, failed: psycopg.OperationalError) -> StoreUnreachable:
        said = " ".join(str(failed).split())
        password = self._given.get("password")
        if password:
            said = said.replace(str(password), "***")
        return StoreUnreachable(
            f"the Postgres store must answer at {self.location}; it said: {said}. Check that the server runs and that "
            f"MARKET_ASSETS_POSTGRES_URL names its user, password and database."
        )


def _parsed(url: str) -> dict[str, Any]:
    unreadable = MarketAssetsError(
        "MARKET_ASSETS_POSTGRES_URL must be an address like postgresql://user:password@host:5432/database "
        "(special characters in the password written as %XX); it cannot be read as one."
    )
    try:
        given = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        # what libpq says about it may quote the password
        raise unreadable from None
    # a slash in the password ends the part with the server: the password would be taken for its port, and be told
    behind = url.partition("://")[2].partition("/")[2].partition("?")[0]
    if str(given.get("port", "")).strip("0123456789,") or "@" in behind:
        raise unreadable
    return given


def _lives(connection: AnyConnection) -> bool:
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.OperationalError:
        connection.close()
        return False
    return True
