"""What an asset's last runs took, by Dagster's event log: time and size of a partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import dagster as dg
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from market_assets.core import partitions

#: newest materialisations that are looked at, and runs that they may be of
_RECORDS, _RUNS = 100, 5


@dataclass(frozen=True)
class Cost:
    """Of one partition, on average; None where no event tells."""

    seconds: float | None = None
    bytes: float | None = None
    rows: float | None = None


def last_cost(instance: dg.DagsterInstance, asset: str, order: Sequence[Sequence[str]]) -> Cost:
    """What a partition took in the last runs; `order` lists the keys of each of the asset's dimensions.

    The time of a step is shared by the partitions of its run. A step that failed, or whose events are pruned, says
    nothing of time.
    """
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=_RECORDS).records
    told = [found.metadata for record in records if (found := record.asset_materialization) is not None]
    steps: dict[str, str] = {}
    for record in records:
        if (step := record.event_log_entry.step_key) is not None:
            steps.setdefault(record.run_id, step)
    times = [_time(instance, run_id, step, order) for run_id, step in list(steps.items())[:_RUNS]]
    known = [time for time in times if time is not None]
    n_partitions = sum(n for _, n in known)
    return Cost(
        seconds=sum(seconds for seconds, _ in known) / n_partitions if n_partitions else None,
        bytes=_mean(told, "bytes"),
        rows=_mean(told, "dagster/row_count"),
    )


def _time(
    instance: dg.DagsterInstance, run_id: str, step: str, order: Sequence[Sequence[str]]
) -> tuple[float, int] | None:
    """Seconds of a run's step that succeeded, and the partitions they were spent on."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return None
    ended = [
        entry.dagster_event.event_specific_data
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
        if entry.step_key == step and entry.dagster_event is not None
    ]
    n_partitions = _n_partitions(run.tags, order)
    if not ended or not n_partitions or not isinstance(ended[-1], StepSuccessData):
        return None
    return ended[-1].duration_ms / 1000, n_partitions


def _n_partitions(tags: Mapping[str, str], order: Sequence[Sequence[str]]) -> int:
    """Partitions of a run; 0 where some of them do not exist any more."""
    first, last = tags.get(ASSET_PARTITION_RANGE_START_TAG), tags.get(ASSET_PARTITION_RANGE_END_TAG)
    if first is None or last is None or not order:
        return 1
    try:
        return len(partitions.covered((first, last), order))
    except ValueError:
        return 0


def _mean(told: Sequence[Mapping[str, dg.MetadataValue[Any]]], name: str) -> float | None:
    values = [one[name].value for one in told if name in one]
    return fmean(values) if values else None
