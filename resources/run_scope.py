"""Which partitions of an asset a run is about, by the run's tags."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from market_assets.core import partitions
from market_assets.core.contracts import WHOLE

_SHOWN = 3


class Scopes:
    """The keys of an asset graph's partitions, listed once: for one round of reading."""

    def __init__(self, graph: BaseAssetGraph[Any], instance: dg.DagsterInstance) -> None:
        self._graph, self._instance = graph, instance
        self._keys: dict[str, list[list[str]] | None] = {}

    def keys(self, asset: str) -> list[list[str]] | None:
        """The keys of each dimension; None of an asset that is not partitioned, or not in the graph."""
        if asset not in self._keys:
            key = dg.AssetKey.from_user_string(asset)
            definition = self._graph.get(key).partitions_def if self._graph.has(key) else None
            self._keys[asset] = definition and partitions.dimension_keys(definition, self._instance)
        return self._keys[asset]

    def of_run(self, asset: str, tags: Mapping[str, str]) -> list[str]:
        """The asset's partitions that a run with these tags covers and that exist; WHOLE where it names none."""
        order = self.keys(asset)
        span = (tags.get(ASSET_PARTITION_RANGE_START_TAG), tags.get(ASSET_PARTITION_RANGE_END_TAG))
        one = tags.get(PARTITION_NAME_TAG)
        if order is None or (one is None and None in span):
            return [WHOLE]
        first, last = (one, one) if one is not None else span
        assert first is not None and last is not None
        return _covered(first, last, order)

    def is_all(self, asset: str, keys: Sequence[str]) -> bool:
        """Whether these are all the partitions that there are."""
        order = self.keys(asset)
        return order is None or len(set(keys)) >= prod(len(names) for names in order)

    def existing(self, asset: str, keys: Sequence[str]) -> list[str]:
        """Those of `keys` that are partitions of the asset still, WHOLE among them."""
        order = self.keys(asset)
        if order is None:
            return [key for key in keys if key == WHOLE]
        known = [set(names) for names in order]
        return [key for key in keys if key == WHOLE or _is_one(key, known)]

    def shown(self, asset: str, keys: Sequence[str]) -> str:
        """The partitions for a person: as ranges, the first few of them."""
        order, own = self.keys(asset), [key for key in self.existing(asset, keys) if key != WHOLE]
        if order is None or not own:
            return "" if order is None else WHOLE
        spans = partitions.ranges(own, order)
        told = ", ".join(first if first == last else f"{first} ... {last}" for first, last in spans[:_SHOWN])
        return f"{told} and {len(spans) - _SHOWN} more ranges" if len(spans) > _SHOWN else told


def _is_one(key: str, known: Sequence[set[str]]) -> bool:
    parts = key.split(partitions.SEPARATOR, len(known) - 1) if len(known) > 1 else [key]
    return len(parts) == len(known) and all(part in names for part, names in zip(parts, known, strict=True))


def _covered(first: str, last: str, order: Sequence[Sequence[str]]) -> list[str]:
    """The range; where an end of it is no partition any more, what lies between its ends by name."""
    ends = [end.split(partitions.SEPARATOR, len(order) - 1) for end in (first, last)]
    if any(len(end) != len(order) for end in ends):
        return []
    kept = [
        names if a in names and b in names else [name for name in names if a <= name <= b]
        for names, a, b in zip(order, *ends, strict=True)
    ]
    if not all(kept):
        return []
    clipped = [
        (a if a in names else names[0], b if b in names else names[-1]) for names, a, b in zip(kept, *ends, strict=True)
    ]
    return partitions.covered(
        (partitions.SEPARATOR.join(a for a, _ in clipped), partitions.SEPARATOR.join(b for _, b in clipped)), kept
    )
