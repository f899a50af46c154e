"""Which runs have nothing that is the latest of its kind.

The materialisations of a run are superseded where each of their partitions was materialised by another run later. Its
evaluations of checks are where the runs that superseded its partitions evaluated the same checks later, or where a
later run judged everything. A run that neither materialised nor evaluated has nothing to keep.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import dagster as dg
import sqlalchemy as sql
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
from dagster._core.storage.dagster_run import RunsFilter
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_START_TAG, PARTITION_NAME_TAG
from dagster._serdes import deserialize_value
from sqlalchemy.engine import Connection

from resources.event_marks import storage_of

_MATERIALISED = dg.DagsterEventType.ASSET_MATERIALIZATION.value
_EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
#: newest evaluations of a check among which one over everything is looked for
_LOOKED_THROUGH = 50
#: runs that one statement names at most
_AT_ONCE = 500
_PARTITIONED = (PARTITION_NAME_TAG, ASSET_PARTITION_RANGE_START_TAG)


class _Made(NamedTuple):
    """A partition that a run materialised, and the run that did so last."""

    run_id: str
    asset: dg.AssetKey
    latest_run: str


#: when a run evaluated each check, in seconds since 1970
_Evaluated = dict[dg.AssetCheckKey, float]


class Latest:
    """What is the latest in one event log. What was found of checks is kept for as long as this is: one call."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance, self._storage = instance, storage_of(instance)
        self._over_everything: dict[dg.AssetCheckKey, float] = {}

    def superseded(self, run_ids: Sequence[str]) -> set[str]:
        """Those of the runs that nothing is the latest of. Takes as many as one statement may name."""
        if not run_ids:
            return set()
        with self._storage.index_connection() as db:
            made = [*_made(db, run_ids, partitioned=True), *_made(db, run_ids, partitioned=False)]
            followers = sorted({one.latest_run for one in made} - set(run_ids))
            evaluated = _evaluated(db, run_ids) | _evaluated(db, followers)
        held = {one.run_id for one in made if one.latest_run == one.run_id}
        of_run: dict[str, list[_Made]] = {}
        for one in made:
            of_run.setdefault(one.run_id, []).append(one)
        return {
            run_id
            for run_id in run_ids
            if run_id not in held
            and all(
                self._is_judged_again(check, at, of_run.get(run_id, []), evaluated)
                for check, at in evaluated.get(run_id, {}).items()
            )
        }

    def _is_judged_again(
        self, check: dg.AssetCheckKey, at: float, made: Sequence[_Made], evaluated: Mapping[str, _Evaluated]
    ) -> bool:
        """Whether a check was evaluated later, on all that a run evaluated it on at `at`."""
        runs = {one.latest_run for one in made if one.asset == check.asset_key}
        if runs and all(evaluated.get(run, {}).get(check, at) > at for run in runs):
            return True
        if check not in self._over_everything:
            self._over_everything[check] = self._judged_everything_at(check)
        return self._over_everything[check] > at

    def _judged_everything_at(self, check: dg.AssetCheckKey) -> float:
        """When a run over no partitions in particular last evaluated a check; long ago where none did lately."""
        done = set(COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES)
        history = self._storage.get_asset_check_execution_history(check, _LOOKED_THROUGH, status=done)
        found = {one.run_id: one.event.timestamp for one in history if one.event is not None and one.run_id}
        runs = self._instance.get_runs(RunsFilter(run_ids=sorted(found))) if found else []
        whole = [found[run.run_id] for run in runs if not any(tag in run.tags for tag in _PARTITIONED)]
        return max(whole, default=float("-inf"))


def newest_run(instance: dg.DagsterInstance) -> str | None:
    """The run of the newest event there is."""
    with storage_of(instance).index_connection() as db:
        return db.execute(sql.select(Events.c.run_id).order_by(Events.c.id.desc()).limit(1)).scalar()


def _made(db: Connection, run_ids: Sequence[str], *, partitioned: bool) -> list[_Made]:
    """What runs materialised. What was once not partitioned is superseded by any later partition of it."""
    later = Events.alias()
    latest = (
        sql.select(later.c.run_id)
        .where(later.c.asset_key == Events.c.asset_key, later.c.dagster_event_type == _MATERIALISED)
        .order_by(later.c.id.desc())
        .limit(1)
    )
    own = sql.select(Events.c.run_id, Events.c.asset_key).where(
        Events.c.run_id.in_(run_ids), Events.c.dagster_event_type == _MATERIALISED
    )
    if partitioned:
        latest = latest.where(later.c.partition == Events.c.partition)
        own = own.where(Events.c.partition.is_not(None))
    else:
        own = own.where(Events.c.partition.is_(None))
    rows = db.execute(own.add_columns(latest.scalar_subquery())).all()
    keys = {name: dg.AssetKey.from_db_string(name) for name in {asset for _, asset, _ in rows}}
    return [_Made(run, key, last) for run, asset, last in rows if (key := keys[asset]) is not None]


def _evaluated(db: Connection, run_ids: Sequence[str]) -> dict[str, _Evaluated]:
    """Run -> its evaluations."""
    found: dict[str, _Evaluated] = {}
    for chunk in (run_ids[at : at + _AT_ONCE] for at in range(0, len(run_ids), _AT_ONCE)):
        wanted = sql.select(Events.c.event).where(Events.c.run_id.in_(chunk), Events.c.dagster_event_type == _EVALUATED)
        for text in db.execute(wanted).scalars():
            event = deserialize_value(text, EventLogEntry)
            check = event.get_dagster_event().asset_check_evaluation_data.asset_check_key
            of_run = found.setdefault(event.run_id, {})
            of_run[check] = max(of_run.get(check, event.timestamp), event.timestamp)
    return found
