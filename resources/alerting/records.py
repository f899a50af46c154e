"""What the book of incidents holds: its tables, and a record of each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from market_assets.ops.transforms.incidents import Incident, Kind, Route, Severity, Silence

SCHEMA = """
CREATE TABLE IF NOT EXISTS incidents (
  id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL, opened_at TEXT NOT NULL, recovered_at TEXT,
  root_id INTEGER REFERENCES incidents (id), state TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS open_once ON incidents (fingerprint) WHERE recovered_at IS NULL;
CREATE INDEX IF NOT EXISTS by_root ON incidents (root_id) WHERE root_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, incident_id INTEGER NOT NULL REFERENCES incidents (id), kind TEXT NOT NULL,
  route TEXT NOT NULL, severity TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, made_at TEXT NOT NULL,
  state TEXT NOT NULL, channel TEXT, ended_at TEXT, tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS of_incident ON messages (incident_id);
CREATE INDEX IF NOT EXISTS still_pending ON messages (id) WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER NOT NULL REFERENCES messages (id), channel TEXT NOT NULL,
  begun_at TEXT NOT NULL, ended_at TEXT, taken INTEGER, said TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS of_message ON attempts (message_id);
CREATE TABLE IF NOT EXISTS silences (
  id INTEGER PRIMARY KEY AUTOINCREMENT, pattern TEXT NOT NULL, until TEXT NOT NULL, reason TEXT NOT NULL,
  made_by TEXT NOT NULL, made_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS rounds (
  one INTEGER PRIMARY KEY CHECK (one = 1), ended_at TEXT NOT NULL
);
"""

#: pending: to be sent; sent: a channel took it; inbox: its route has no channel; given_up: no channel took it for a day
MessageState = Literal["pending", "sent", "inbox", "given_up"]


@dataclass(frozen=True)
class Entry:
    """One incident of the book."""

    id: int
    incident: Incident
    #: the entry of its first cause, also after both have recovered
    root_id: int | None


@dataclass(frozen=True)
class Text:
    """What a message says."""

    title: str
    body: str


@dataclass(frozen=True)
class Message:
    """One message of the outbox, sent or not."""

    id: int
    incident_id: int
    kind: Kind
    route: Route
    severity: Severity
    text: Text
    made_at: datetime
    state: MessageState
    #: who took it
    channel: str | None
    #: when it was sent or given up
    ended_at: datetime | None
    #: rounds in which no channel took it
    tries: int


@dataclass(frozen=True)
class Attempt:
    """One message handed to one channel."""

    channel: str
    begun_at: datetime
    #: None where the process ended while it was handed over: whether it was taken is not known
    ended_at: datetime | None
    is_taken: bool | None
    said: str


@dataclass(frozen=True)
class KeptSilence:
    """A silence of the book."""

    id: int
    silence: Silence
    reason: str
    made_by: str
    made_at: datetime
