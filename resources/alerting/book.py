"""The book of incidents: what opened, what explains it, what was said of it, and what nobody wants to hear.

SQLite in `<home>/state`, shared by the daemon, the app and the command line. How incidents change and the messages
that follow from it are written in one transaction: there is no change without its message and no message twice.
"""

import fcntl
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.ops.transforms.incidents import Decision, Due, Incident, Silence
from resources.alerting.outbox import Outbox
from resources.alerting.records import SCHEMA, Entry, KeptSilence, Text
from resources.shared_file import SharedFile

Decide = Callable[[Sequence[Incident], Sequence[Silence]], Decision]
Write = Callable[[Due, Entry, Sequence[Entry]], Text]

_SELECT = "SELECT id, state, root_id FROM incidents"


@dataclass(frozen=True)
class Changes:
    """What a round changed."""

    opened: tuple[Entry, ...]
    recovered: tuple[Entry, ...]
    #: messages that follow from it
    n_due: int


class IncidentBook:
    """Incidents, silences and the outbox of one home. Safe to share between processes and threads."""

    def __init__(self, home: Path) -> None:
        self._file = _BookFile(home / "state" / "incidents.sqlite")
        self.outbox = Outbox(self._file)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this is the only round now. The lock ends with the process, whatever ends it."""
        path = self._file.path.with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def change(self, decide: Decide, write: Write, now: datetime) -> Changes:
        """Have the open incidents changed as `decide` says, and put what `write` makes of each message due into
        the outbox.
        """
        with self._file.transaction() as db:
            before = {entry.incident.fingerprint: entry for entry in _entries(db, "WHERE recovered_at IS NULL")}
            silences = [kept.silence for kept in _silences(db, now)]
            decision = decide([entry.incident for entry in before.values()], silences)
            after = _saved(db, before, decision.incidents)
            for due in decision.due:
                entry = after[due.fingerprint]
                attached = [one for one in after.values() if one.root_id == entry.id]
                text = write(due, entry, [one for one in attached if one.incident.recovered_at is None])
                self.outbox.add(db, entry.id, due, text, now)
        return Changes(
            opened=tuple(entry for key, entry in after.items() if key not in before),
            recovered=tuple(entry for entry in after.values() if entry.incident.recovered_at is not None),
            n_due=len(decision.due),
        )

    def open(self) -> list[Entry]:
        """The incidents that have not recovered, newest first."""
        return _decoded(self._file.rows(f"{_SELECT} WHERE recovered_at IS NULL ORDER BY opened_at DESC, id DESC"))

    def all(self, limit: int = 200) -> list[Entry]:
        """The newest incidents, newest first."""
        return _decoded(self._file.rows(f"{_SELECT} ORDER BY opened_at DESC, id DESC LIMIT ?", limit))

    def recovered(self, limit: int = 200) -> list[Entry]:
        """Those of the incidents that have recovered, newest first."""
        where = "WHERE recovered_at IS NOT NULL ORDER BY opened_at DESC, id DESC LIMIT ?"
        return _decoded(self._file.rows(f"{_SELECT} {where}", limit))

    def one(self, id: int) -> Entry:
        """An incident. Raises UnknownName."""
        found = _decoded(self._file.rows(f"{_SELECT} WHERE id = ?", id))
        if not found:
            raise UnknownName("incident", str(id), [])
        return found[0]

    def attached(self, id: int) -> list[Entry]:
        """What an incident explains, or explained, newest first."""
        return _decoded(self._file.rows(f"{_SELECT} WHERE root_id = ? ORDER BY opened_at DESC, id DESC", id))

    def acknowledge(self, id: int, by: str) -> Entry:
        """Note that somebody is at it, so that it does not escalate; of an attached one its first cause is meant.

        Raises UnknownName, and InvalidRequest for one that has recovered.
        """
        root_id = self.one(id).root_id
        with self._file.transaction() as db:
            entry = _entries(db, "WHERE id = ?", root_id or id)[0]
            if entry.incident.recovered_at is not None:
                raise InvalidRequest(
                    f"only an open incident can be acknowledged: {entry.id} recovered at "
                    f"{entry.incident.recovered_at.isoformat()}; `market-assets alerts` lists those that are open"
                )
            if entry.incident.acknowledged_at is None:
                known = replace(entry.incident, acknowledged_at=clock.now(), acknowledged_by=by)
                entry = replace(entry, incident=known)
                db.execute("UPDATE incidents SET state = ? WHERE id = ?", (_as_json(known), entry.id))
        return entry

    def silence(self, pattern: str, until: datetime, reason: str = "", by: str = "") -> KeptSilence:
        """Say nothing of what a glob over `subject/check` covers until an instant; without a slash, over the subject.

        Raises InvalidRequest for an instant that has passed, and for a pattern without a character.
        """
        now, ends = clock.now(), clock.instant(until)
        if not pattern.strip() or ends <= now:
            raise InvalidRequest(
                f"a silence covers something and ends later than now: got {pattern!r} until {ends.isoformat()}, now is "
                f"{now.isoformat()}; give a pattern such as 'bars_*' or 'source:polygon/breaker_open'"
            )
        with self._file.transaction() as db:
            made = db.execute(
                "INSERT INTO silences (pattern, until, reason, made_by, made_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (pattern, ends.isoformat(), reason, by, now.isoformat()),
            ).fetchone()
        return KeptSilence(made[0], Silence(pattern, ends), reason, by, now)

    def unsilence(self, id: int) -> KeptSilence:
        """End a silence now. Raises UnknownName where none of this number is in force."""
        now = clock.now()
        with self._file.transaction() as db:
            found = [kept for kept in _silences(db, now) if kept.id == id]
            if not found:
                raise UnknownName("silence in force", str(id), [str(kept.id) for kept in _silences(db, now)])
            db.execute("UPDATE silences SET until = ? WHERE id = ?", (now.isoformat(), id))
        return replace(found[0], silence=replace(found[0].silence, until=now))

    def silences(self, now: datetime) -> list[KeptSilence]:
        """Those in force."""
        with self._file.transaction() as db:
            return _silences(db, now)

    def last_round_at(self) -> datetime | None:
        """When a round ended last; None where none ever did."""
        found = self._file.rows("SELECT ended_at FROM rounds")
        return clock.instant(found[0][0]) if found else None

    def round_ended(self, at: datetime) -> None:
        """Note that a round ended."""
        with self._file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO rounds VALUES (1, ?)", (at.isoformat(),))


class _BookFile(SharedFile):
    schema = SCHEMA


def _saved(db: sqlite3.Connection, before: dict[str, Entry], incidents: Sequence[Incident]) -> dict[str, Entry]:
    """Write these incidents; fingerprint -> entry."""
    ids = {key: entry.id for key, entry in before.items()}
    for one in incidents:
        if one.fingerprint not in ids:
            values = (one.fingerprint, one.opened_at.isoformat(), _as_json(one))
            insert = "INSERT INTO incidents (fingerprint, opened_at, state) VALUES (?, ?, ?) RETURNING id"
            ids[one.fingerprint] = db.execute(insert, values).fetchone()[0]
    entries = {one.fingerprint: Entry(ids[one.fingerprint], one, ids.get(one.root)) for one in incidents}
    db.executemany(
        "UPDATE incidents SET state = ?, root_id = ?, recovered_at = ? WHERE id = ?",
        [
            (
                _as_json(entry.incident),
                entry.root_id,
                entry.incident.recovered_at.isoformat() if entry.incident.recovered_at else None,
                entry.id,
            )
            for entry in entries.values()
        ],
    )
    return entries


def _entries(db: sqlite3.Connection, where: str, *values: Any) -> list[Entry]:
    return _decoded(db.execute(f"{_SELECT} {where}", values).fetchall())


def _decoded(rows: Sequence[tuple[Any, ...]]) -> list[Entry]:
    return [Entry(id, _codec().validate_json(state), root_id) for id, state, root_id in rows]


def _silences(db: sqlite3.Connection, now: datetime) -> list[KeptSilence]:
    found = db.execute("SELECT id, pattern, until, reason, made_by, made_at FROM silences ORDER BY id").fetchall()
    kept = [
        KeptSilence(id, Silence(pattern, clock.instant(until)), reason, by, clock.instant(at))
        for id, pattern, until, reason, by, at in found
    ]
    return [one for one in kept if one.silence.until > now]


@cache
def _codec() -> TypeAdapter[Incident]:
    return TypeAdapter(Incident)


def _as_json(incident: Incident) -> str:
    return _codec().dump_json(incident).decode()
