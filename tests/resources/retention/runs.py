"""Runs that ended long ago, as Dagster stores them: no step is executed, the storage is real."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.test_utils import create_run_for_test

CHECK = "complete"
JOB = "__ASSET_JOB"


@dataclass
class Past:
    """Runs of one instance, each at an instant of its own."""

    instance: dg.DagsterInstance

    def run(
        self,
        at: datetime,
        made: Mapping[str, Sequence[str | None]] | None = None,
        judged: Sequence[str] = (),
        *,
        status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """A run that materialised partitions of assets, then judged assets; returns its id."""
        keys = [key for of_asset in (made or {}).values() for key in of_asset if key is not None]
        of = {PARTITION_NAME_TAG: keys[0]} if keys else {}
        run_id = create_run_for_test(self.instance, job_name=JOB, status=status, tags={**of, **(tags or {})}).run_id
        for asset, of_asset in (made or {}).items():
            for key in of_asset:
                stored = StepMaterializationData(dg.AssetMaterialization(asset, partition=key))
                self._tell(run_id, at, DagsterEventType.ASSET_MATERIALIZATION, stored)
        for asset in judged:
            found = dg.AssetCheckEvaluation(asset_key=dg.AssetKey(asset), check_name=CHECK, passed=True, metadata={})
            self._tell(run_id, at, DagsterEventType.ASSET_CHECK_EVALUATION, found)
        self._age(run_id, at)
        return run_id

    def runs(self) -> set[str]:
        """The runs that are there still."""
        return {run.run_id for run in self.instance.get_runs()}

    def _tell(self, run_id: str, at: datetime, kind: DagsterEventType, data: Any) -> None:
        event = DagsterEvent(kind.value, JOB, event_specific_data=data)
        entry = EventLogEntry(None, 10, "", run_id, at.timestamp(), None, JOB, event)
        self.instance.event_log_storage.store_event(entry)

    def _age(self, run_id: str, at: datetime) -> None:
        """Storage has the clock of its database: when a run ended is written over."""
        storage = self.instance.run_storage
        assert isinstance(storage, SqlRunStorage)
        with storage.connect() as db:
            db.execute(RunsTable.update().where(RunsTable.c.run_id == run_id).values(update_timestamp=at))
