"""The outbox: every message, who took it, and every attempt to hand it over.

A message is handed over at least once. That a channel took it is noted at once, before anything else is sent, so no
message that is noted as taken is sent again, whenever the process ends. Only the one that was being handed over when
it did may come twice: twice is better than never. Its attempt without an end is kept and shows it.
"""

import sqlite3
from datetime import datetime
from typing import Any

from market_assets.core import clock
from market_assets.ops.transforms.incidents import Due
from resources.alerting.records import Attempt, Message, MessageState, Text
from resources.shared_file import SharedFile

_SELECT = (
    "SELECT id, incident_id, kind, route, severity, title, body, made_at, state, channel, ended_at, tries FROM messages"
)


class Outbox:
    """The messages of a book."""

    def __init__(self, file: SharedFile) -> None:
        self._file = file

    def add(self, db: sqlite3.Connection, incident_id: int, due: Due, text: Text, at: datetime) -> None:
        """Put a message in, within the transaction that changes its incident."""
        db.execute(
            "INSERT INTO messages (incident_id, kind, route, severity, title, body, made_at, state) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')",
            (incident_id, due.kind, due.route, due.severity, text.title, text.body, at.isoformat()),
        )

    def pending(self) -> list[Message]:
        """What is to be sent now: those that failed least often first, and of an incident one after the other."""
        first: dict[tuple[int, str], Message] = {}
        for message in _messages(self._file.rows(f"{_SELECT} WHERE state = 'pending' ORDER BY id")):
            first.setdefault((message.incident_id, message.route), message)
        return sorted(first.values(), key=lambda message: (message.tries, message.id))

    def n_pending(self) -> int:
        """How many messages are still to be sent."""
        return int(self._file.rows("SELECT count(*) FROM messages WHERE state = 'pending'")[0][0])

    def of_incident(self, incident_id: int) -> list[Message]:
        """The messages of an incident, oldest first."""
        return _messages(self._file.rows(f"{_SELECT} WHERE incident_id = ? ORDER BY id", incident_id))

    def attempts(self, message_id: int) -> list[Attempt]:
        """How a message was handed over, oldest first."""
        found = self._file.rows(
            "SELECT channel, begun_at, ended_at, taken, said FROM attempts WHERE message_id = ? ORDER BY id", message_id
        )
        return [
            Attempt(channel, clock.instant(begun), _instant(ended), None if taken is None else bool(taken), said)
            for channel, begun, ended, taken, said in found
        ]

    def begun(self, message_id: int, channel: str, at: datetime) -> int:
        """Note that a message is handed to a channel; the number of the attempt."""
        with self._file.transaction() as db:
            made = db.execute(
                "INSERT INTO attempts (message_id, channel, begun_at) VALUES (?, ?, ?) RETURNING id",
                (message_id, channel, at.isoformat()),
            ).fetchone()
        return int(made[0])

    def ended(self, attempt_id: int, *, taken: bool, said: str, at: datetime) -> None:
        """Note how the attempt ended; the message whose channel took it is sent."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE attempts SET ended_at = ?, taken = ?, said = ? WHERE id = ?",
                (at.isoformat(), taken, said, attempt_id),
            )
            if taken:
                db.execute(
                    "UPDATE messages SET state = 'sent', ended_at = ?, channel = attempts.channel FROM attempts "
                    "WHERE attempts.id = ? AND messages.id = attempts.message_id",
                    (at.isoformat(), attempt_id),
                )

    def not_taken(self, message_id: int) -> None:
        """Note that no channel took a message in this round."""
        with self._file.transaction() as db:
            db.execute("UPDATE messages SET tries = tries + 1 WHERE id = ?", (message_id,))

    def closed(self, message_id: int, state: MessageState, at: datetime) -> None:
        """Note that a message is not sent: there is no channel for it, or it was tried for long enough."""
        with self._file.transaction() as db:
            db.execute("UPDATE messages SET state = ?, ended_at = ? WHERE id = ?", (state, at.isoformat(), message_id))


def _messages(rows: list[tuple[Any, ...]]) -> list[Message]:
    return [
        Message(
            id=id,
            incident_id=incident_id,
            kind=kind,
            route=route,
            severity=severity,
            text=Text(title, body),
            made_at=clock.instant(made_at),
            state=state,
            channel=channel,
            ended_at=_instant(ended_at),
            tries=tries,
        )
        for (
            id,
            incident_id,
            kind,
            route,
            severity,
            title,
            body,
            made_at,
            state,
            channel,
            ended_at,
            tries,
        ) in rows
    ]


def _instant(text: str | None) -> datetime | None:
    return None if text is None else clock.instant(text)
