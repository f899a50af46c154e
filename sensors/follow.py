"""Follow new data downstream: one cursor over the event log instead of a sensor per asset.

A tick reads every materialisation since the last one, works out which downstream partitions they
made stale, waits until nothing upstream of an asset is still pending or running, and then asks for
whole ranges. A materialisation whose content did not change makes nothing stale, except what was
never materialised. A partition is asked for only when every partitioned parent has stored data that
agrees with it on the dimensions they share. Raw assets are never asked for here: that is the
business of schedules and backfills.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES, RunsFilter

from market_assets.core import partitions
from market_assets.core.contracts import WHOLE
from market_assets.tables import TABLES

_EVENTS_PER_TICK = 5000
_RUN_KEY_PREFIX = "follow"


@dataclass
class Cursor:
    """Where the event log was read to, and what is stale: asset -> partition -> event that made it so."""

    event_id: int = 0
    pending: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Parse a stored cursor; none means from the beginning."""
        return cls(**json.loads(text)) if text else cls()

    def write(self) -> str:
        """The cursor as it is stored."""
        return json.dumps({"event_id": self.event_id, "pending": {k: v for k, v in self.pending.items() if v}})


class Follower:
    """One tick over an asset graph."""

    def __init__(self, graph: BaseAssetGraph[Any], instance: dg.DagsterInstance, cursor: Cursor) -> None:
        self.graph = graph
        self.instance = instance
        self.cursor = cursor
        self._latest: dict[dg.AssetKey, Mapping[str, int]] = {}

    def collect(self) -> int:
        """Read new materialisations and mark what they make stale. Returns how many were read."""
        read = 0
        for key in sorted(self.graph.materializable_asset_keys, key=str):
            if not self.graph.get(key).child_keys:
                continue
            read += self._collect_asset(key)
        newest = self.instance.event_log_storage.get_maximum_record_id()
        self.cursor.event_id = max(self.cursor.event_id, newest or 0)
        return read

    def _collect_asset(self, key: dg.AssetKey) -> int:
        changed: dict[str, int] = {}
        seen: dict[str, int] = {}
        storage_cursor: str | None = None
        read = 0
        while True:
            page = self.instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=key, after_storage_id=self.cursor.event_id),
                limit=_EVENTS_PER_TICK,
                cursor=storage_cursor,
                ascending=True,
            )
            for record in page.records:
                materialization = record.asset_materialization
                if materialization is None:
                    continue
                partition = materialization.partition or WHOLE
                seen[partition] = record.storage_id
                unchanged = materialization.metadata.get("unchanged")
                if unchanged is None or not unchanged.value:
                    changed[partition] = record.storage_id
            read += len(page.records)
            if not page.has_more:
                break
            storage_cursor = page.cursor
        for child in sorted(self.graph.get(key).child_keys, key=str):
            self._mark(key, child, seen, changed)
        return read

    def _mark(
        self, parent: dg.AssetKey, child: dg.AssetKey, seen: Mapping[str, int], changed: Mapping[str, int]
    ) -> None:
        if not seen or child not in self.graph.materializable_asset_keys:
            return
        materialized = self._latest_ids(child)
        stale = self.cursor.pending.setdefault(child.to_user_string(), {})
        for partition in self._downstream(parent, child, seen) - set(materialized):
            stale[partition] = max(stale.get(partition, 0), *seen.values())
        if not changed:
            return
        newest = max(changed.values())
        for partition in self._downstream(parent, child, changed):
            if materialized.get(partition, 0) < newest:
                stale[partition] = max(stale.get(partition, 0), newest)

    def _downstream(self, parent: dg.AssetKey, child: dg.AssetKey, keys: Iterable[str]) -> set[str]:
        """The child's partitions that the parent's `keys` reach and that can be computed."""
        parent_def, child_def = self.graph.get(parent).partitions_def, self.graph.get(child).partitions_def
        if child_def is None:
            return {WHOLE}
        if parent_def is None:
            return set()  # a reference table (the universe) does not rebuild history
        possible = self._possible(child)
        mapping = self.graph.get_partition_mapping(key=child, parent_asset_key=parent)
        with partition_loading_context(dynamic_partitions_store=self.instance):
            known = [key for key in keys if parent_def.has_partition_key(key)]
            subset = parent_def.subset_with_partition_keys(known)
            reached = mapping.get_downstream_partitions_for_partitions(subset, parent_def, child_def)
            return possible & {str(key) for key in reached.get_partition_keys()}

    def _possible(self, child: dg.AssetKey) -> set[str]:
        """The child's partitions whose partitioned parents have stored what they share with them."""
        definition = self.graph.get(child).partitions_def
        if definition is None:
            return {WHOLE}
        dimensions = _dimensions(child)
        keys = set(definition.get_partition_keys(dynamic_partitions_store=self.instance))
        for parent in self.graph.get(child).parent_keys:
            shared = [d for d in dimensions if d in _dimensions(parent)]
            if self.graph.get(parent).partitions_def is None or not shared:
                continue
            stored = {_project(key, _dimensions(parent), shared) for key in self._latest_ids(parent)}
            keys = {key for key in keys if _project(key, dimensions, shared) in stored}
        return keys

    def _latest_ids(self, key: dg.AssetKey) -> Mapping[str, int]:
        """Partition -> storage id of its latest materialisation (WHOLE for an unpartitioned asset)."""
        if key not in self._latest:
            if self.graph.get(key).partitions_def is None:
                event = self.instance.get_latest_materialization_event(key)
                records = self.instance.fetch_materializations(key, limit=1).records if event else []
                self._latest[key] = {WHOLE: records[0].storage_id} if records else {}
            else:
                self._latest[key] = self.instance.event_log_storage.get_latest_storage_id_by_partition(
                    key, dg.DagsterEventType.ASSET_MATERIALIZATION
                )
        return self._latest[key]

    def requests(self) -> Iterator[dg.RunRequest]:
        """Runs for what is stale and has nothing pending or running upstream."""
        running = self._running()
        pending = {dg.AssetKey.from_user_string(name): stale for name, stale in self.cursor.pending.items() if stale}
        ready = [
            key for key in sorted(pending, key=str)
            if not (self._ancestors(key) | {key}) & running and not self._ancestors(key) & set(pending)
        ]  # fmt: skip
        for group in self._groups(ready, pending):
            first = group[0]
            stale = pending[first]
            cause = max(stale.values())
            keys = self._with_descendants(group, running)
            names = ",".join(key.to_user_string() for key in keys)
            definition = self.graph.get(first).partitions_def
            spans = (
                [None]
                if definition is None
                else partitions.ranges(stale, partitions.dimension_keys(definition, self.instance))
            )
            for span in spans:
                yield dg.RunRequest(
                    run_key=f"{_RUN_KEY_PREFIX}:{names}:{span}:{cause}",
                    asset_selection=keys,
                    tags=partitions.range_tags(*span) if span else {},
                )
            for key in keys:
                self.cursor.pending.pop(key.to_user_string(), None)

    def _groups(
        self, ready: Sequence[dg.AssetKey], pending: Mapping[dg.AssetKey, Mapping[str, int]]
    ) -> list[list[dg.AssetKey]]:
        """Ready assets that are stale in the same partitions share a run."""
        groups: dict[tuple[str, ...], list[dg.AssetKey]] = {}
        for key in ready:
            groups.setdefault((str(_dimensions(key)), *sorted(pending[key])), []).append(key)
        return list(groups.values())

    def _with_descendants(self, group: list[dg.AssetKey], running: set[dg.AssetKey]) -> list[dg.AssetKey]:
        """The group and what can follow it in the same run: same partitions, nothing else awaited."""
        chosen = list(group)
        dimensions = _dimensions(group[0])
        awaited = running | {dg.AssetKey.from_user_string(name) for name, stale in self.cursor.pending.items() if stale}
        while dimensions:
            children = sorted({child for key in chosen for child in self.graph.get(key).child_keys}, key=str)
            following = [
                child
                for child in children
                if child not in chosen
                and _dimensions(child) == dimensions
                and not (self._ancestors(child) - set(chosen)) & awaited
            ]
            if not following:
                break
            chosen += following
        return chosen

    def _ancestors(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        found: set[dg.AssetKey] = set()
        frontier = set(self.graph.get(key).parent_keys)
        while frontier:
            found |= frontier
            frontier = {up for at in frontier for up in self.graph.get(at).parent_keys} - found
        return found

    def _running(self) -> set[dg.AssetKey]:
        runs = self.instance.get_runs(RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES)))
        return {key for run in runs for key in (run.asset_selection or ())}


def _dimensions(key: dg.AssetKey) -> tuple[str, ...]:
    table = TABLES.get(key.to_user_string())
    return table.dimensions if table else ()


def _project(key: str, dimensions: Sequence[str], shared: Sequence[str]) -> tuple[str, ...]:
    parts = partitions.split_key(key, dimensions)
    return tuple(parts[d] for d in shared)


def follow_sensor(*, default_status: dg.DefaultSensorStatus, interval_s: int = 10) -> dg.SensorDefinition:
    """The sensor that keeps everything downstream of new data up to date."""

    @dg.sensor(
        name="follow",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=interval_s,
        default_status=default_status,
        description="Materialises what new data made stale, in dependency order, as ranges.",
    )
    def follow(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        assert context.repository_def is not None
        follower = Follower(context.repository_def.asset_graph, context.instance, Cursor.read(context.cursor))
        read = follower.collect()
        requests = list(follower.requests())
        waiting = {name: len(stale) for name, stale in follower.cursor.pending.items() if stale}
        if not requests:
            context.update_cursor(follower.cursor.write())
            return dg.SkipReason(
                f"{read} new materialisations; waiting for what runs upstream of {waiting}"
                if waiting
                else f"{read} new materialisations, nothing stale"
            )
        return dg.SensorResult(run_requests=requests, cursor=follower.cursor.write())

    return follow
