"""A small SQLite file that all processes of a home read and write at once.

Writers take the write lock first (BEGIN IMMEDIATE), so what a transaction reads is still true when it writes. The file
is made on first use.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

_BUSY_S = 30.0


class SharedFile:
    """The file. One connection per thread; safe to use from many threads and processes."""

    #: statements that make its tables, each CREATE TABLE IF NOT EXISTS
    schema: ClassVar[str]

    #: (process, file) -> the lock its threads queue at: SQLite's own waiting is a poll that lets some of them wait
    #: ten times as long. A child of a fork has one of its own, whatever its parent's threads were doing
    _turns: ClassVar[dict[tuple[int, Path], threading.Lock]] = {}

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction that holds the write lock from its first statement; rolled back on error."""
        with self._turns.setdefault((os.getpid(), self.path), threading.Lock()):
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a read-only query."""
        return self._connection().execute(query, values).fetchall()

    def close(self) -> None:
        """Close this thread's connection. The next use opens another."""
        if (opened := getattr(self._local, "opened", None)) is not None:
            opened[1].close()
            self._local.opened = None

    def _connection(self) -> sqlite3.Connection:
        opened = getattr(self._local, "opened", None)
        # a connection must not cross a fork
        if opened is None or opened[0] != os.getpid():
            # kept, not closed: SQLite forbids closing a parent's connection in the child
            self._local.inherited = opened
            opened = self._local.opened = (os.getpid(), self._open())
        connection: sqlite3.Connection = opened[1]
        return connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        give_up = time.monotonic() + _BUSY_S
        while True:
            db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                # switching to WAL does not wait for other openers, whatever the busy timeout
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                made = db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
                if made < self.schema.count("CREATE TABLE"):
                    db.executescript(f"BEGIN IMMEDIATE; {self.schema} COMMIT;")
            except sqlite3.OperationalError as busy:
                db.close()
                if "locked" not in str(busy) or time.monotonic() > give_up:
                    raise
                time.sleep(0.02)
            else:
                return db
