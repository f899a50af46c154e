"""What all processes know about the vendors: one SQLite file, `<home>/state/vendors.sqlite`.

Tables: `source_state` (breakers) and `breaker_events`, `budget_use`, `entitlements`, `recent_calls` and `call_totals`,
`raw_responses`. Instants are seconds since 1970 (UTC).
"""

import math
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from resources.shared_file import SharedFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS source_state (
  source TEXT PRIMARY KEY, state TEXT NOT NULL DEFAULT 'closed',
  consecutive_failures INTEGER NOT NULL DEFAULT 0, consecutive_successes INTEGER NOT NULL DEFAULT 0,
  opened_at REAL, probe_lease_until REAL, blocked_until REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS breaker_events (
  source TEXT NOT NULL, at REAL NOT NULL, state TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS breaker_events_of_source ON breaker_events (source, at);
CREATE TABLE IF NOT EXISTS budget_use (
  key TEXT NOT NULL, window TEXT NOT NULL, window_start INTEGER NOT NULL, used INTEGER NOT NULL,
  PRIMARY KEY (key, window)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entitlements (
  source TEXT NOT NULL, symbol TEXT NOT NULL, until REAL NOT NULL, starts_by TEXT NOT NULL,
  PRIMARY KEY (source, symbol)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS call_totals (
  source TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (source, outcome)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recent_calls (
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, at REAL NOT NULL, outcome TEXT NOT NULL, latency_ms REAL
);
CREATE INDEX IF NOT EXISTS recent_calls_of_source ON recent_calls (source, id);
CREATE TABLE IF NOT EXISTS raw_responses (
  id INTEGER PRIMARY KEY, vendor TEXT NOT NULL, sha256 TEXT NOT NULL, url TEXT NOT NULL,
  status INTEGER NOT NULL, received_at REAL NOT NULL, bytes INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS raw_responses_by_time ON raw_responses (received_at);
"""
_KEPT_CALLS = 10_000
_KEPT_TURNS_S = 400 * 86_400.0
_PRUNE_EVERY = 100
#: requests that latencies are taken over
_RECENT = 1000
#: nothing was sent, so nothing succeeded or failed at the vendor
_NOT_SENT = ("circuit_open", "blocked", "budget", "missing_key")


@dataclass(frozen=True)
class CallStats:
    """Requests of one source since the file was made; latency over the newest 1,000."""

    source: str
    total_calls: int
    #: answered and readable, of those that were sent; null before the first
    success_rate: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    outcomes: dict[str, int]
    last_success_at: datetime | None


class VendorState(SharedFile):
    """The shared file. One connection per thread; safe to use from many threads and processes."""

    schema = _SCHEMA

    @classmethod
    def of(cls, home: Path) -> "VendorState":
        """The state of a home."""
        return cls(home / "state" / "vendors.sqlite")

    def refuse(self, source: str, symbol: str, start: date, until: datetime) -> None:
        """Note that `source` refuses windows of `symbol` that start on or before `start`, up to `until`."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO entitlements (source, symbol, until, starts_by) VALUES (?, ?, ?, ?)",
                (source, symbol, until.timestamp(), start.isoformat()),
            )

    def refused_until(self, source: str, symbol: str, start: date, at: datetime) -> datetime | None:
        """Until when `source` need not be asked for `symbol` from `start` on; None where it may be."""
        found = self.rows(
            "SELECT until FROM entitlements WHERE source = ? AND symbol = ? AND until > ? AND starts_by >= ?",
            source,
            symbol,
            at.timestamp(),
            start.isoformat(),
        )
        return instant(found[0][0]) if found else None

    def record_turn(self, db: sqlite3.Connection, source: str, state: str, at: float) -> None:
        """Note inside a transaction that a breaker turned to another state; turns older than 400 days are forgotten."""
        db.execute("INSERT INTO breaker_events VALUES (?, ?, ?)", (source, at, state))
        db.execute("DELETE FROM breaker_events WHERE source = ? AND at < ?", (source, at - _KEPT_TURNS_S))

    def openings(self, source: str, first: datetime, until: datetime) -> int:
        """How often a breaker opened in [first, until)."""
        found = self.rows(
            "SELECT count(*) FROM breaker_events WHERE source = ? AND state = 'open' AND at >= ? AND at < ?",
            source,
            first.timestamp(),
            until.timestamp(),
        )
        return int(found[0][0])

    def open_since(self, source: str) -> datetime | None:
        """When a breaker opened that has not closed since, however often it was probed; None where it never turned."""
        found = self.rows(
            "SELECT min(at) FROM breaker_events WHERE source = ?1 AND state = 'open' AND at > coalesce("
            "(SELECT max(at) FROM breaker_events WHERE source = ?1 AND state = 'closed'), 0)",
            source,
        )
        return instant(found[0][0]) if found[0][0] is not None else None

    def state_at(self, source: str, at: datetime) -> str:
        """The state of a breaker at an instant; one that never turned is closed."""
        found = self.rows(
            "SELECT state FROM breaker_events WHERE source = ? AND at <= ? ORDER BY at DESC, rowid DESC LIMIT 1",
            source,
            at.timestamp(),
        )
        return str(found[0][0]) if found else "closed"

    def record_call(self, source: str, outcome: str, at: datetime, latency_ms: float | None = None) -> None:
        """Count one request (or one that was not sent) by its outcome."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO call_totals VALUES (?, ?, 1) "
                "ON CONFLICT (source, outcome) DO UPDATE SET count = count + 1",
                (source, outcome),
            )
            inserted = db.execute(
                "INSERT INTO recent_calls (source, at, outcome, latency_ms) VALUES (?, ?, ?, ?)",
                (source, at.timestamp(), outcome, latency_ms),
            ).lastrowid
            if inserted and inserted % _PRUNE_EVERY == 0:
                db.execute("DELETE FROM recent_calls WHERE id <= ?", (inserted - _KEPT_CALLS,))

    def call_stats(self, source: str) -> CallStats:
        """What became of the requests to `source`. Percentiles are the nearest rank."""
        outcomes = dict(self.rows("SELECT outcome, count FROM call_totals WHERE source = ?", source))
        sent = sum(count for outcome, count in outcomes.items() if outcome not in _NOT_SENT)
        latencies = sorted(
            row[0]
            for row in self.rows(
                "SELECT latency_ms FROM recent_calls WHERE source = ? AND latency_ms IS NOT NULL "
                "ORDER BY id DESC LIMIT ?",
                source,
                _RECENT,
            )
        )
        newest = self.rows("SELECT max(at) FROM recent_calls WHERE source = ? AND outcome = 'ok'", source)[0][0]
        return CallStats(
            source=source,
            total_calls=sent,
            success_rate=outcomes.get("ok", 0) / sent if sent else None,
            latency_p50_ms=_nearest_rank(latencies, 0.50),
            latency_p95_ms=_nearest_rank(latencies, 0.95),
            outcomes=outcomes,
            last_success_at=instant(newest) if newest is not None else None,
        )

    def error_share(self, source: str, since: datetime) -> float | None:
        """Share of the requests sent since then that failed; None where none was sent."""
        outcomes = [
            row[0]
            for row in self.rows(
                "SELECT outcome FROM recent_calls WHERE source = ? AND at >= ?", source, since.timestamp()
            )
            if row[0] not in _NOT_SENT
        ]
        return sum(outcome != "ok" for outcome in outcomes) / len(outcomes) if outcomes else None


def fingerprint(vendor: str, key: str | None, lane: str = "") -> str:
    """A name for a vendor's key that does not tell the key; a lane is a budget of its own."""
    from hashlib import sha256

    known_as = f"{vendor}:{sha256(f'{vendor}/{key}'.encode()).hexdigest()[:12]}" if key else vendor
    return f"{known_as}/{lane}" if lane else known_as


def instant(seconds: float) -> datetime:
    """Seconds since 1970 as tz-aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _nearest_rank(ordered: list[float], share: float) -> float | None:
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
