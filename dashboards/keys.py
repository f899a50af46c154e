"""API keys: who may write, and on an open bind who may read. Hashes in `<home>/state/api_keys.sqlite`.

A key is 32 random bytes, so a plain SHA-256 of it cannot be searched; the key itself is shown once,
when it is made. Every write call leaves a row in `audit`.
"""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, UnknownName

#: the key that settings hand over (MARKET_ASSETS_API_KEY)
FIRST = "settings"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
  name TEXT PRIMARY KEY, hash TEXT NOT NULL, active INTEGER NOT NULL, created_at TEXT NOT NULL, last_used TEXT);
CREATE TABLE IF NOT EXISTS audit (
  at TEXT NOT NULL, name TEXT, method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class ApiKey:
    """What may be shown of a key."""

    name: str
    active: bool
    created_at: str
    last_used: str | None


class ApiKeys:
    """The keys of one home. Safe for several processes: every call is one SQLite transaction."""

    def __init__(self, home: Path) -> None:
        self._path = home / "state" / "api_keys.sqlite"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            db.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=10)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            with db:
                yield db
        finally:
            db.close()

    def adopt(self, key: str | None) -> None:
        """Make the key of the settings the key named `settings`; without one, that name is closed."""
        with self._open() as db:
            if key is None:
                db.execute("UPDATE keys SET active = 0 WHERE name = ?", (FIRST,))
                return
            db.execute(
                "INSERT INTO keys VALUES (?, ?, 1, ?, NULL) "
                "ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, active = 1",
                (FIRST, _hash(key), _stamp(clock.now())),
            )

    def create(self, name: str) -> str:
        """Make a key and return it; this is the only time it is readable.

        Raises InvalidRequest where the name is taken or is the one kept for the settings.
        """
        if name == FIRST or any(known.name == name for known in self.all()):
            raise InvalidRequest(f"a key name is used once; {name!r} is taken. Choose another name.")
        key = secrets.token_urlsafe(32)
        with self._open() as db:
            db.execute("INSERT INTO keys VALUES (?, ?, 1, ?, NULL)", (name, _hash(key), _stamp(clock.now())))
        return key

    def deactivate(self, name: str) -> None:
        """Close a key. Raises UnknownName with the near names."""
        with self._open() as db:
            if db.execute("UPDATE keys SET active = 0 WHERE name = ?", (name,)).rowcount:
                return
        raise UnknownName("API key", name, [known.name for known in self.all()])

    def all(self) -> list[ApiKey]:
        """Every key by name, without its hash."""
        with self._open() as db:
            rows = db.execute("SELECT name, active, created_at, last_used FROM keys ORDER BY name").fetchall()
        return [ApiKey(name, bool(active), created, used) for name, active, created, used in rows]

    def any_active(self) -> bool:
        """Whether anyone could authenticate at all."""
        return any(key.active for key in self.all())

    def name_of(self, key: str) -> str | None:
        """The name of an active key, or None; notes that it was used."""
        given = _hash(key)
        with self._open() as db:
            rows = db.execute("SELECT name, hash FROM keys WHERE active = 1").fetchall()
            matches = [name for name, stored in rows if hmac.compare_digest(stored, given)]
            if not matches:
                return None
            db.execute("UPDATE keys SET last_used = ? WHERE name = ?", (_stamp(clock.now()), matches[0]))
        return str(matches[0])

    def record(self, name: str | None, method: str, path: str, status: int) -> None:
        """Write an audit row: who called what, and what was answered."""
        with self._open() as db:
            db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?)", (_stamp(clock.now()), name, method, path, status))

    def audit(self, most: int = 100) -> list[dict[str, str | int | None]]:
        """The newest audit rows, newest first: at, name, method, path, status."""
        with self._open() as db:
            db.row_factory = sqlite3.Row
            rows = db.execute("SELECT * FROM audit ORDER BY rowid DESC LIMIT ?", (most,)).fetchall()
        return [dict(row) for row in rows]


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
