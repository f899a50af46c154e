"""Which partitions of a table unfinished runs are about to make, whoever asked for them."""

import itertools
from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.definitions.repository_definition import RepositoryDefinition
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES, DagsterRun, RunsFilter
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from market_assets.core import partitions


class UnderWay:
    """The unfinished runs of an instance, as they were when this was made."""

    def __init__(self, instance: dg.DagsterInstance, repository: RepositoryDefinition) -> None:
        self._repository = repository
        self.runs: Sequence[DagsterRun] = instance.get_runs(RunsFilter(statuses=NOT_FINISHED_STATUSES))

    def partitions(self, table: str, order: Sequence[Sequence[str]]) -> set[str]:
        """Keys of a table that these runs make. `order`: the keys of each of its dimensions."""
        found: set[str] = set()
        for run in self.runs:
            if dg.AssetKey(table) in self._assets(run):
                found.update(_keys(run.tags, order))
        return found

    def _assets(self, run: DagsterRun) -> set[dg.AssetKey]:
        """What a run makes: what it names, else everything of its job."""
        if run.asset_selection is not None:
            return set(run.asset_selection)
        if not self._repository.has_job(run.job_name):
            return set()
        return set(self._repository.get_job(run.job_name).asset_layer.executable_asset_keys)


def every_key(order: Sequence[Sequence[str]]) -> list[str]:
    """Every partition of a table. `order`: the keys of each of its dimensions."""
    return [partitions.SEPARATOR.join(key) for key in itertools.product(*order)]


def _keys(tags: Mapping[str, str], order: Sequence[Sequence[str]]) -> list[str]:
    """Those that the tags of a run name; all of them where they name none."""
    if PARTITION_NAME_TAG in tags:
        return [tags[PARTITION_NAME_TAG]]
    if ASSET_PARTITION_RANGE_START_TAG in tags:
        return partitions.covered((tags[ASSET_PARTITION_RANGE_START_TAG], tags[ASSET_PARTITION_RANGE_END_TAG]), order)
    return every_key(order)
