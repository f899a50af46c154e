"""Follow new data downstream: one cursor over the event log instead of a sensor per asset.

A tick reads every materialisation since the last one, works out which downstream partitions they
made stale, waits until nothing upstream of an asset is still pending or running, and then asks for
whole ranges. A materialisation whose content did not change makes nothing stale, except what was
never materialised. A partition is asked for only when every partitioned parent has stored data that
agrees with it on the dimensions they share. What is up to date is told by runs, not by the order of
events: a run that began before its input changed has not read the change, however late it stored.
Raw assets are never asked for here: that is the business of schedules and backfills. Inputs that an
asset only looks up (its references) trigger nothing. A live table, rewritten every few minutes, waits
for live inputs alone: a backfill of hours must not hold it up, and its next turn comes soon.
An asset that goes on from its own partition before (it carries) is stale from the first changed one on.
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
from market_assets.core.market_asset import CARRIES_METADATA, REFERENCES_METADATA
from market_assets.tables import TABLES

_EVENTS_PER_TICK = 5000
_RUN_KEY_PREFIX = "follow"


@dataclass
class Cursor:
    """Where the event log was read to, and what is stale: asset -> partition -> event that made it so."""

    event_id: int = 0
    pending: dict[str, dict[str, int]] = field(default_factory=dict)
    #: event -> run that it belongs to and its time, for every event in `pending`
    causes: dict[str, tuple[str, float]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Parse a stored cursor; none means from the beginning."""
        return cls(**json.loads(text)) if text else cls()

    def write(self) -> str:
        """The cursor as it is stored."""
        pending = {name: stale for name, stale in self.pending.items() if stale}
        used = {str(event) for stale in pending.values() for event in stale.values()}
        causes = {event: cause for event, cause in self.causes.items() if event in used}
        return json.dumps({"event_id": self.event_id, "pending": pending, "causes": causes})


class Follower:
    """One tick over an asset graph."""

    def __init__(self, graph: BaseAssetGraph[Any], instance: dg.DagsterInstance, cursor: Cursor) -> None:
        self.graph = graph
        self.instance = instance
        self.cursor = cursor
        self._latest: dict[dg.AssetKey, Mapping[str, int]] = {}

    def collect(self) -> int:
        """Read new materialisations and mark what they make stale. Returns how many were read."""
        # the end is fixed first: what is stored while this reads belongs to the next tick
        until = self.instance.event_log_storage.get_maximum_record_id() or 0
        if until <= self.cursor.event_id:
            return 0
        parents = [
            key for key in self.graph.materializable_asset_keys if self.graph.get(key).child_keys or self._carries(key)
        ]
        read = sum(self._collect_asset(key, until) for key in sorted(parents, key=str))
        self.cursor.event_id = until
        return read

    def _collect_asset(self, key: dg.AssetKey, until: int) -> int:
        changed: dict[str, int] = {}
        seen: dict[str, int] = {}
        storage_cursor: str | None = None
        read = 0
        while True:
            page = self.instance.fetch_materializations(
                dg.AssetRecordsFilter(
                    asset_key=key, after_storage_id=self.cursor.event_id, before_storage_id=until + 1
                ),
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
                self.cursor.causes[str(record.storage_id)] = (record.run_id, record.timestamp)
                unchanged = materialization.metadata.get("unchanged")
                if unchanged is None or not unchanged.value:
                    changed[partition] = record.storage_id
            read += len(page.records)
            if not page.has_more:
                break
            storage_cursor = page.cursor
        for child in sorted(self.graph.get(key).child_keys, key=str):
            self._mark(key, child, seen, changed)
        if self._carries(key) and changed:
            stale = self.cursor.pending.setdefault(key.to_user_string(), {})
            for partition, cause in self._later(key, changed).items():
                stale[partition] = max(stale.get(partition, 0), cause)
        return read

    def _mark(
        self, parent: dg.AssetKey, child: dg.AssetKey, seen: Mapping[str, int], changed: Mapping[str, int]
    ) -> None:
        if not seen or child not in self.graph.materializable_asset_keys or parent in self._references(child):
            return
        stale = self.cursor.pending.setdefault(child.to_user_string(), {})
        newest = max(seen.values())
        for partition in self._downstream(parent, child, seen) - set(self._latest_ids(child)):
            stale[partition] = max(stale.get(partition, 0), newest)
        if not changed:
            return
        newest = max(changed.values())
        for partition in self._outdated(child, self._downstream(parent, child, changed), newest):
            stale[partition] = max(stale.get(partition, 0), newest)
        if stale and self._carries(child):
            later = [key for key in self._latest_ids(child) if key > min(stale)]
            for partition in self._outdated(child, later, newest):
                stale[partition] = max(stale.get(partition, 0), newest)

    def _later(self, key: dg.AssetKey, changed: Mapping[str, int]) -> dict[str, int]:
        """Partitions after a changed one of the same asset that did not go on from it, with what changed.

        Partitions of one run are computed one after another, whatever the order of their events.
        """
        latest = self._latest_ids(key)
        found: dict[str, int] = {}
        cause = 0
        for partition in sorted(latest):
            if latest[partition] < cause and not self._same_run(key, latest[partition], cause):
                found[partition] = cause
            cause = max(cause, changed.get(partition, 0))
        return found

    def _same_run(self, key: dg.AssetKey, event: int, cause: int) -> bool:
        wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=[event])
        runs = [record.run_id for record in self.instance.fetch_materializations(wanted, 1).records]
        return runs == [self.cursor.causes[str(cause)][0]]

    def _outdated(self, child: dg.AssetKey, keys: Iterable[str], cause: int) -> set[str]:
        """Those of the child's partitions whose latest materialisation did not read what `cause` stored."""
        latest = self._latest_ids(child)
        later = {key: latest[key] for key in keys if latest.get(key, 0) > cause}
        blind = self._blind_to(cause, child, set(later.values()))
        return {key for key in keys if key not in later or later[key] in blind}

    def _blind_to(self, cause: int, child: dg.AssetKey, events: set[int]) -> set[int]:
        """Those of the child's events whose run began before `cause`, in another run than its own."""
        if not events or str(cause) not in self.cursor.causes:
            return set()
        cause_run, caused_at = self.cursor.causes[str(cause)]
        wanted = dg.AssetRecordsFilter(asset_key=child, storage_ids=sorted(events))
        run_of = {r.storage_id: r.run_id for r in self.instance.fetch_materializations(wanted, len(events)).records}
        runs = self.instance.get_run_records(RunsFilter(run_ids=sorted(set(run_of.values()))))
        began = {record.dagster_run.run_id: record.start_time or 0.0 for record in runs}
        return {event for event, run in run_of.items() if run != cause_run and began.get(run, caused_at) < caused_at}

    def _downstream(self, parent: dg.AssetKey, child: dg.AssetKey, keys: Iterable[str]) -> set[str]:
        """The child's partitions that the parent's `keys` reach and that can be computed."""
        parent_def, child_def = self.graph.get(parent).partitions_def, self.graph.get(child).partitions_def
        if child_def is None:
            return {WHOLE}
        if parent_def is None:
            return set()  # a reference table (the universe) does not rebuild history
        mapping = self.graph.get_partition_mapping(key=child, parent_asset_key=parent)
        with partition_loading_context(dynamic_partitions_store=self.instance):
            known = [key for key in keys if parent_def.has_partition_key(key)]
            subset = parent_def.subset_with_partition_keys(known)
            reached = mapping.get_downstream_partitions_for_partitions(subset, parent_def, child_def)
            return self._possible(child, child_def, {str(key) for key in reached.get_partition_keys()})

    def _possible(self, child: dg.AssetKey, definition: dg.PartitionsDefinition, keys: set[str]) -> set[str]:
        """Those of `keys` that are partitions and whose partitioned parents have stored what they share with them."""
        dimensions = _dimensions(child)
        # by dimension: there are thousands of pairs, and a tick asks for each parent and child
        known = [set(names) for names in partitions.dimension_keys(definition, self.instance)]
        parts = {key: key.split(partitions.SEPARATOR, len(known) - 1) for key in keys}
        keys = {key for key, own in parts.items() if all(a in names for a, names in zip(own, known, strict=True))}
        for parent in self.graph.get(child).parent_keys:
            shared = [d for d in dimensions if d in _dimensions(parent)]
            if self.graph.get(parent).partitions_def is None or not shared or parent in self._references(child):
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
        self._forget_what_was_done()
        pending = {dg.AssetKey.from_user_string(name): stale for name, stale in self.cursor.pending.items() if stale}
        ready = [
            key for key in sorted(pending, key=str)
            if not (self._awaited(key) | {key}) & running and not self._awaited(key) & set(pending)
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
                own = self.cursor.pending.get(key.to_user_string(), {})
                # a descendant may be stale elsewhere too: the run covers this span of it only
                self.cursor.pending[key.to_user_string()] = {at: by for at, by in own.items() if at not in stale}

    def _forget_what_was_done(self) -> None:
        """Take from what is pending what has been materialised since, for example by the run that made it stale."""
        for name, stale in self.cursor.pending.items():
            key = dg.AssetKey.from_user_string(name)
            due: set[str] = set()
            for cause in set(stale.values()):
                due |= self._outdated(key, [at for at, by in stale.items() if by == cause], cause)
            self.cursor.pending[name] = {at: by for at, by in stale.items() if at in due}

    def _groups(
        self, ready: Sequence[dg.AssetKey], pending: Mapping[dg.AssetKey, Mapping[str, int]]
    ) -> list[list[dg.AssetKey]]:
        """Ready assets that are cut alike and stale in the same partitions share a run.

        Days of two domains begin on different dates: in one run Dagster takes neither for partitioned.
        """
        groups: dict[tuple[Any, ...], list[dg.AssetKey]] = {}
        for key in ready:
            groups.setdefault((self.graph.get(key).partitions_def, *sorted(pending[key])), []).append(key)
        return list(groups.values())

    def _with_descendants(self, group: list[dg.AssetKey], running: set[dg.AssetKey]) -> list[dg.AssetKey]:
        """The group and what can follow it in the same run: same partitions, nothing else awaited.

        What also depends on the group by way of other partitions (bins on weekly models) has to wait for those.
        """
        chosen = list(group)
        definition = self.graph.get(group[0]).partitions_def
        awaited = running | {dg.AssetKey.from_user_string(name) for name, stale in self.cursor.pending.items() if stale}
        while definition is not None:
            children = sorted({child for key in chosen for child in self.graph.get(key).child_keys}, key=str)
            following = [
                child
                for child in children
                if child not in chosen
                and self.graph.get(child).partitions_def == definition
                and not self._references(child) & set(chosen)
                and not (self._ancestors(child) - set(chosen)) & (awaited | self._descendants(chosen))
            ]
            if not following:
                break
            chosen += following
        return chosen

    def _references(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        """The inputs that an asset only looks up."""
        named = self.graph.get(key).metadata.get(REFERENCES_METADATA)
        return {dg.AssetKey(name) for name in named} if isinstance(named, list) else set()

    def _carries(self, key: dg.AssetKey) -> bool:
        return bool(self.graph.get(key).metadata.get(CARRIES_METADATA))

    def _awaited(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        """What must be neither pending nor running before an asset starts: all upstream, of a live table the live."""
        ancestors = self._ancestors(key)
        return {up for up in ancestors if _is_live(up)} if _is_live(key) else ancestors

    def _ancestors(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        found: set[dg.AssetKey] = set()
        frontier = set(self.graph.get(key).parent_keys)
        while frontier:
            found |= frontier
            frontier = {up for at in frontier for up in self.graph.get(at).parent_keys} - found
        return found

    def _descendants(self, keys: Iterable[dg.AssetKey]) -> set[dg.AssetKey]:
        found: set[dg.AssetKey] = set()
        frontier = set(keys)
        while frontier:
            frontier = {down for at in frontier for down in self.graph.get(at).child_keys} - found
            found |= frontier
        return found

    def _running(self) -> set[dg.AssetKey]:
        statuses = [dg.DagsterRunStatus.QUEUED, *IN_PROGRESS_RUN_STATUSES]
        runs = self.instance.get_runs(RunsFilter(statuses=statuses))
        return {key for run in runs for key in (run.asset_selection or ())}


def _dimensions(key: dg.AssetKey) -> tuple[str, ...]:
    table = TABLES.get(key.to_user_string())
    return table.dimensions if table else ()


def _is_live(key: dg.AssetKey) -> bool:
    table = TABLES.get(key.to_user_string())
    return table is not None and table.live


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
