"""The circuit breaker of one source. All processes share its state.

    closed     calls pass; 5 failed calls in a row open it
    open       nothing passes for 60 s
    half_open  one probe at a time (a lease of 30 s); 2 good ones close it, a bad one opens it again

A call that was under way when the state changed has no vote any more.
"""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from market_assets.core import clock
from resources.http.errors import CircuitOpen, RateLimited
from resources.http.state import VendorState, instant

log = logging.getLogger(__name__)

LEASE_S = 30.0
State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class BreakerStatus:
    """A breaker as health pages show it."""

    source: str
    state: State
    consecutive_failures: int
    opened_at: datetime | None
    blocked_until: datetime | None


@dataclass(frozen=True)
class Breaker:
    """Decides whether a call may be made, and learns from how it ended."""

    source: str
    state: VendorState
    failures: int = 5
    open_s: float = 60.0
    successes: int = 2
    lease_s: float = LEASE_S
    now: Callable[[], datetime] = clock.now

    def admit(self) -> bool:
        """Let a call through; True where it is the probe of a half-open breaker.

        Raises CircuitOpen, or RateLimited while the vendor's own Retry-After lasts.
        """
        status = self.status()
        if status.state == "closed" and status.blocked_until is None:
            return False
        with self.state.transaction() as db:
            return self._admit(db, self.now().timestamp())

    def _admit(self, db: sqlite3.Connection, at: float) -> bool:
        state, _, _, opened_at, lease_until, blocked_until = self._row(db)
        if blocked_until is not None and blocked_until > at:
            raise RateLimited(
                self.source,
                f"blocked by the vendor until {_show(blocked_until)}",
                retry_at=instant(blocked_until),
                advice=f"Retry after {_show(blocked_until)}",
            )
        if state == "closed":
            return False
        free_at = opened_at + self.open_s if state == "open" else lease_until or 0.0
        if at < free_at:
            raise CircuitOpen(
                self.source,
                f"circuit open until {_show(free_at)} after repeated failures",
                retry_at=instant(free_at),
                advice=f"Retry after {_show(free_at)}",
            )
        if state == "open":
            log.warning("%s: breaker half open, one probe goes out", self.source)
            db.execute(
                "UPDATE source_state SET state='half_open', consecutive_successes=0 WHERE source=?", (self.source,)
            )
            self.state.record_turn(db, self.source, "half_open", at)
        db.execute("UPDATE source_state SET probe_lease_until=? WHERE source=?", (at + self.lease_s, self.source))
        return True

    def succeeded(self, probe: bool) -> None:
        """A call got a usable answer."""
        if not probe and self.status().consecutive_failures == 0:
            return
        with self.state.transaction() as db:
            state, _, good, *_ = self._row(db)
            if state == "closed":
                db.execute("UPDATE source_state SET consecutive_failures=0 WHERE source=?", (self.source,))
            elif probe and state == "half_open" and good + 1 < self.successes:
                db.execute(
                    "UPDATE source_state SET consecutive_successes=?, probe_lease_until=NULL WHERE source=?",
                    (good + 1, self.source),
                )
            elif probe and state == "half_open":
                log.warning("%s: breaker closed again", self.source)
                db.execute(
                    "UPDATE source_state SET state='closed', consecutive_failures=0, consecutive_successes=0, "
                    "opened_at=NULL, probe_lease_until=NULL WHERE source=?",
                    (self.source,),
                )
                self.state.record_turn(db, self.source, "closed", self.now().timestamp())

    def failed(self, probe: bool) -> None:
        """A call failed in a way that counts, after its retries."""
        with self.state.transaction() as db:
            state, bad, *_ = self._row(db)
            opens = bad + 1 >= self.failures if state == "closed" else probe and state == "half_open"
            if opens:
                log.warning(
                    "%s: breaker opened for %.0f s after %d failures in a row", self.source, self.open_s, bad + 1
                )
                db.execute(
                    "UPDATE source_state SET state='open', consecutive_failures=?, consecutive_successes=0, "
                    "opened_at=?, probe_lease_until=NULL WHERE source=?",
                    (bad + 1, self.now().timestamp(), self.source),
                )
                self.state.record_turn(db, self.source, "open", self.now().timestamp())
            elif state == "closed":
                db.execute("UPDATE source_state SET consecutive_failures=? WHERE source=?", (bad + 1, self.source))

    def released(self, probe: bool) -> None:
        """A call ended without saying anything about the source's health: nothing is counted."""
        if probe:
            with self.state.transaction() as db:
                db.execute("UPDATE source_state SET probe_lease_until=NULL WHERE source=?", (self.source,))

    def block(self, until: datetime) -> None:
        """Send nothing before `until`: the vendor said so."""
        log.warning("%s: blocked until %s by Retry-After", self.source, _show(until.timestamp()))
        with self.state.transaction() as db:
            self._row(db)
            db.execute("UPDATE source_state SET blocked_until=? WHERE source=?", (until.timestamp(), self.source))

    def status(self) -> BreakerStatus:
        """The breaker now."""
        found = self.state.rows(
            "SELECT state, consecutive_failures, opened_at, blocked_until FROM source_state WHERE source=?", self.source
        )
        if not found:
            return BreakerStatus(self.source, "closed", 0, None, None)
        state, bad, opened_at, blocked_until = found[0]
        lasting = blocked_until is not None and blocked_until > self.now().timestamp()
        return BreakerStatus(
            self.source,
            state,
            bad,
            instant(opened_at) if opened_at else None,
            instant(blocked_until) if lasting else None,
        )

    def _row(self, db: sqlite3.Connection) -> tuple[State, int, int, float, float | None, float | None]:
        db.execute("INSERT OR IGNORE INTO source_state (source) VALUES (?)", (self.source,))
        row: tuple[State, int, int, float, float | None, float | None] = db.execute(
            "SELECT state, consecutive_failures, consecutive_successes, opened_at, probe_lease_until, blocked_until "
            "FROM source_state WHERE source=?",
            (self.source,),
        ).fetchone()
        return row


def _show(seconds: float) -> str:
    return f"{instant(seconds):%Y-%m-%d %H:%M:%SZ}"
