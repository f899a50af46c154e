"""Reading Dagster's event log onwards: which events of a kind are new since the last look.

Ids are handed out before they are committed: on a database with several writers a smaller one may appear after a larger
one was read. So the newest few ids are looked through again, and those that were read are remembered.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import dagster as dg
import sqlalchemy as sql
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
from dagster._serdes import deserialize_value

from market_assets.core.errors import MarketAssetsError

#: so many ids before the newest one may still appear
_OVERLAP = 500
#: values that one statement names at most; SQLite allows 999 in old versions
_AT_ONCE = 500


class UnreadableLog(MarketAssetsError):
    """An instance whose event log is in no SQL database."""


@dataclass(frozen=True)
class Mark:
    """How far events were read: the largest id, and the ids shortly before it that were."""

    event_id: int = 0
    read: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """A mark as it was written."""
        event_id, read = json.loads(text)
        return cls(event_id, frozenset(read))

    def write(self) -> str:
        """The mark as it is stored."""
        return json.dumps([self.event_id, sorted(self.read)])

    def after(self, ids: Sequence[int]) -> Self:
        """The mark once these were read as well."""
        newest = max([self.event_id, *ids])
        return type(self)(newest, frozenset(one for one in {*self.read, *ids} if one > newest - _OVERLAP))


def storage_of(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    """The event log. Raises UnreadableLog where it is not in SQL."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise UnreadableLog(
            f"checks and runs are followed in an SQL event log (SQLite or Postgres), not in {type(storage).__name__}; "
            "see the storage section of dagster.yaml"
        )
    return storage


def newest_id(instance: dg.DagsterInstance) -> int:
    """The largest id of the event log; 0 while it is empty."""
    with storage_of(instance).index_connection() as db:
        return db.execute(sql.select(sql.func.max(Events.c.id))).scalar() or 0


def is_begun_anew(instance: dg.DagsterInstance, mark: Mark) -> bool:
    """Whether the event log is another one than was read: it ends before the mark."""
    return newest_id(instance) < mark.event_id


def has_news(instance: dg.DagsterInstance, kinds: Sequence[dg.DagsterEventType], mark: Mark) -> bool:
    """Whether there is anything to read: new events of these kinds, or another event log."""
    return is_begun_anew(instance, mark) or bool(unread(instance, kinds, mark))


def unread(instance: dg.DagsterInstance, kinds: Sequence[dg.DagsterEventType], mark: Mark) -> list[int]:
    """Ids of events of these kinds that were not read, ascending."""
    wanted = [kind.value for kind in kinds]
    query = sql.select(Events.c.id).where(
        Events.c.dagster_event_type.in_(wanted), Events.c.id > mark.event_id - _OVERLAP
    )
    with storage_of(instance).index_connection() as db:
        found = db.execute(query).scalars().all()
    return sorted(set(found) - mark.read)


def newest(instance: dg.DagsterInstance, kinds: Sequence[dg.DagsterEventType], most: int) -> list[int]:
    """Ids of the newest events of these kinds, ascending; others of the newest ids are unread afterwards."""
    wanted = [kind.value for kind in kinds]
    query = (
        sql.select(Events.c.id).where(Events.c.dagster_event_type.in_(wanted)).order_by(Events.c.id.desc()).limit(most)
    )
    with storage_of(instance).index_connection() as db:
        return sorted(db.execute(query).scalars().all())


def entries(instance: dg.DagsterInstance, ids: Sequence[int]) -> list[tuple[int, EventLogEntry]]:
    """The events with these ids, ascending; one that was deleted meanwhile is left out."""
    found: list[tuple[int, EventLogEntry]] = []
    with storage_of(instance).index_connection() as db:
        for first in range(0, len(ids), _AT_ONCE):
            query = sql.select(Events.c.id, Events.c.event).where(Events.c.id.in_(ids[first : first + _AT_ONCE]))
            found += [(row[0], deserialize_value(row[1], EventLogEntry)) for row in db.execute(query)]
    return sorted(found, key=lambda one: one[0])
