"""What may explain that a table is not as it should be: tables before it, and the vendors that they ask."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from market_assets.core import partitions
from market_assets.core.contracts import WHOLE
from market_assets.settings import Settings
from market_assets.tables import TABLES
from resources.alerting.asked import asked_by, named_in

_EXCHANGE = "exchange"


class Lineage:
    """The ancestors of every asset of a graph, and the vendors."""

    def __init__(self, graph: AssetGraph, settings: Settings) -> None:
        self._graph = graph
        self._asked = asked_by(settings)
        self._exchanges = frozenset(settings.funding.enabled)

    def upstream(self, asset: str, keys: Iterable[str], error: str = "") -> frozenset[str]:
        """Subjects whose incident explains what is wrong with these partitions of an asset.

        Of an error that names vendors these alone are to blame; of partitions of exchanges theirs.
        """
        before = self._before(asset)
        vendors = frozenset(vendor for name in (asset, *before) for vendor in self._asked.get(name, ()))
        vendors = named_in(error, vendors) or vendors - (self._exchanges - self._of(asset, keys))
        return before | {f"source:{vendor}" for vendor in vendors}

    def _before(self, asset: str) -> frozenset[str]:
        key = dg.AssetKey.from_user_string(asset)
        found = self._graph.get_ancestor_asset_keys(key) if self._graph.has(key) else ()
        return frozenset(one.to_user_string() for one in found) - {asset}

    def _of(self, asset: str, keys: Iterable[str]) -> frozenset[str]:
        """The exchanges that partitions are of; all where the table is not cut by exchange."""
        table = TABLES.get(asset)
        dimensions = table.dimensions if table else ()
        if _EXCHANGE not in dimensions:
            return self._exchanges
        of_keys = [key for key in keys if key != WHOLE]
        return frozenset(partitions.split_key(key, dimensions)[_EXCHANGE] for key in of_keys) or self._exchanges
