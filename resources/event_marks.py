"""Reading Dagster's event log onwards: which events of a kind are new since the last look.

Ids are handed out before they are committed: on a database with several writers a smaller one may appear after a larger
one was read. So the newest few ids are looked through again, and those that were read are remembered.

SQLAlchemy and Dagster's storage are imported where they are asked: definitions load without them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._serdes import deserialize_value

from market_assets.core.errors import MarketAssetsError

if TYPE_CHECKING:
    from dagster._core.storage.event_log import SqlEventLogStorage
    from sqlalchemy import Select

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


def storage_of(instance: dg.DagsterInstance) -> "SqlEventLogStorage":
    """The event log. Raises UnreadableLog where it is not in SQL."""
    from dagster._core.storage.event_log import SqlEventLogStorage

    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise UnreadableLog(
            f"checks and runs are followed in an SQL event log (SQLite or Postgres), not in {type(storage).__name__}; "
            "see the storage section of dagster.yaml"
        )
    return storage


def newest_id(instance: dg.DagsterInstance) -> int:
    """The largest id of the event log; 0 while it is empty."""
    import sqlalchemy as sql
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    return _rows(instance, sql.select(sql.func.max(Events.c.id)))[0][0] or 0


def is_begun_anew(instance: dg.DagsterInstance, mark: Mark) -> bool:
    """Whether the event log is another one than was read: it ends before the mark."""
    return newest_id(instance) < mark.event_id


def has_news(instance: dg.DagsterInstance, kinds: Sequence[dg.DagsterEventType], mark: Mark) -> bool:
    """Whether there is anything to read: new events of these kinds, or another event log."""
    return is_begun_anew(instance, mark) or bool(unread(instance, kinds, mark))


def unread(instance: dg.DagsterInstance, kinds: Sequence[dg.DagsterEventType], mark: Mark) -> list[int]:
    """Ids of events of these kinds that were not read, ascending."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    found = _rows(instance, _of_kinds(kinds).where(Events.c.id > mark.event_id - _OVERLAP))
    return sorted({row[0] for row in found} - mark.read)


def newest(instance: dg.DagsterInstance, kinds: Sequence[dg.DagsterEventType], most: int) -> list[int]:
    """Ids of the newest events of these kinds, ascending; others of the newest ids are unread afterwards."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    return sorted(row[0] for row in _rows(instance, _of_kinds(kinds).order_by(Events.c.id.desc()).limit(most)))


def entries(instance: dg.DagsterInstance, ids: Sequence[int]) -> list[tuple[int, EventLogEntry]]:
    """The events with these ids, ascending; one that was deleted meanwhile is left out."""
    import sqlalchemy as sql
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    found: list[tuple[int, EventLogEntry]] = []
    for first in range(0, len(ids), _AT_ONCE):
        query = sql.select(Events.c.id, Events.c.event).where(Events.c.id.in_(ids[first : first + _AT_ONCE]))
        found += [(row[0], deserialize_value(row[1], EventLogEntry)) for row in _rows(instance, query)]
    return sorted(found, key=lambda one: one[0])


def last_evaluations(instance: dg.DagsterInstance) -> list[int]:
    """Id of the last evaluation of every check."""
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Executions

    query = _last_evaluation().group_by(Executions.c.asset_key, Executions.c.check_name)
    return [row[0] for row in _rows(instance, query) if row[0] is not None]


def last_evaluation_of(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """Id of the last evaluation of any check of an asset; 0 without one."""
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Executions

    return _rows(instance, _last_evaluation().where(Executions.c.asset_key == key.to_string()))[0][0] or 0


def _of_kinds(kinds: Sequence[dg.DagsterEventType]) -> "Select[Any]":
    import sqlalchemy as sql
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

    return sql.select(Events.c.id).where(Events.c.dagster_event_type.in_([kind.value for kind in kinds]))


def _last_evaluation() -> "Select[Any]":
    import sqlalchemy as sql
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Executions

    ended = Executions.c.execution_status.in_(["SUCCEEDED", "FAILED"])
    return sql.select(sql.func.max(Executions.c.evaluation_event_storage_id)).where(ended)


def _rows(instance: dg.DagsterInstance, query: "Select[Any]") -> list[Any]:
    """What the index of the event log answers."""
    with storage_of(instance).index_connection() as db:
        return list(db.execute(query))
