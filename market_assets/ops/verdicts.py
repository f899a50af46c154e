"""The latest verdict of every check, brought up to date when it is asked for."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from resources.check_ledger import CheckLedger


class Verdicts:
    """The check ledger of a home, over the graph that `graph` gives once it is built."""

    def __init__(self, ledger: CheckLedger, graph: Callable[[], BaseAssetGraph[Any]]) -> None:
        self._ledger, self._graph = ledger, graph

    def latest(self, instance: dg.DagsterInstance) -> pl.DataFrame:
        """Columns as `CheckLedger.verdicts`, with what was evaluated up to now."""
        self._ledger.follow(instance, self._graph())
        return self._ledger.verdicts()
