"""What Dagster says a partition reads, by the graph over default settings."""

import functools
from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from market_assets.core import partitions
from market_assets.definitions import build_defs


@functools.cache
def asset_graph() -> BaseAssetGraph:
    """The graph: building it takes longer than asking it."""
    return build_defs().resolve_asset_graph()


def upstream(child: str, parent: str, key: str) -> list[str]:
    """The parent's partitions that one partition of the child reads, sorted."""
    graph = asset_graph()
    at, above = dg.AssetKey(child), dg.AssetKey(parent)
    own, theirs = graph.get(at).partitions_def, graph.get(above).partitions_def
    assert own is not None
    assert theirs is not None
    mapping = graph.get_partition_mapping(key=at, parent_asset_key=above)
    subset = own.subset_with_partition_keys([key])
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, own, theirs)
    return sorted(found.partitions_subset.get_partition_keys())


def cut(keys: Iterable[str]) -> tuple[str, str, int, set[str]]:
    """First and last day, number of days, and the second parts (symbols, exchanges) of keys."""
    pairs = [key.split(partitions.SEPARATOR) for key in keys]
    days = sorted({pair[0] for pair in pairs})
    return days[0], days[-1], len(days), {pair[1] for pair in pairs}
