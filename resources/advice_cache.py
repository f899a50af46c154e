"""What a model has said already: `<home>/state/advice.sqlite`, by the hash of what it was asked.

Asked the same again, it is not asked: a partition made again has the same rows. Kept longer than raw responses.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from resources.http.state import instant
from resources.vendors.advisor import Said

_SCHEMA = """
CREATE TABLE IF NOT EXISTS replies (
  prompt_hash TEXT PRIMARY KEY, content TEXT NOT NULL, raw_reply_ref TEXT NOT NULL,
  latency_ms REAL NOT NULL, received_at REAL NOT NULL
) WITHOUT ROWID"""
_BUSY_S = 30.0


class AdviceCache:
    """Replies by prompt hash. Safe to share between processes and threads."""

    def __init__(self, home: Path) -> None:
        self._path = home / "state" / "advice.sqlite"

    def get(self, prompt_hash: str) -> Said | None:
        """The reply to that question; None where it was never answered."""
        if not self._path.exists():
            return None
        with self._open() as db:
            found = db.execute(
                "SELECT content, raw_reply_ref, latency_ms, received_at FROM replies WHERE prompt_hash = ?",
                (prompt_hash,),
            ).fetchone()
        if found is None:
            return None
        content, raw_reply_ref, latency_ms, received_at = found
        return Said(content, raw_reply_ref, latency_ms, instant(received_at))

    def put(self, prompt_hash: str, said: Said) -> Said:
        """Keep a reply; of two processes that asked at once the first one's stands, and is returned to both."""
        with self._open() as db:
            db.execute(
                "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?)",
                (prompt_hash, said.content, said.raw_reply_ref, said.latency_ms, said.received_at.timestamp()),
            )
        kept = self.get(prompt_hash)
        assert kept is not None
        return kept

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=_BUSY_S)) as db, db:
            db.execute(_SCHEMA)
            yield db
