"""Handing Dagster a backfill, and what one has left undone. `orchestrator` asks; nobody else imports this.

A backfill is a record that Dagster's daemon works off: it names an asset and its partitions. The graph of
definitions is not needed to write one, only the asset's name and how it is cut.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from market_assets.core import clock
from market_assets.core.errors import UnknownName

_RUNNING = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)
#: how far back a backfill is looked for
_LOOKED_AT = 200


@dataclass(frozen=True)
class Unfinished:
    """A backfill and its partitions of one asset that are not stored: failed, cancelled, or never begun."""

    id: str
    running: bool
    keys: tuple[str, ...]


def launch(
    instance: dg.DagsterInstance, asset: str, definition: dg.PartitionsDefinition, keys: Sequence[str], title: str
) -> str:
    """Record a backfill of these partitions; the daemon takes it up. Returns its id."""
    key = dg.AssetKey(asset)
    graph = dg.Definitions(assets=[dg.AssetSpec(key, partitions_def=definition)]).resolve_asset_graph()
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id=uuid.uuid4().hex[:8],
        asset_graph=graph,
        partition_names=list(keys),
        asset_selection=[key],
        backfill_timestamp=clock.wall().timestamp(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=title,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def unfinished(instance: dg.DagsterInstance, asset: str, backfill_id: str | None) -> Unfinished | None:
    """What a backfill of `asset` has left undone; of the newest one where no id is given, None without any.

    Raises UnknownName where there is none of that id.
    """
    key = dg.AssetKey(asset)
    of_asset = [one for one in instance.get_backfills(limit=_LOOKED_AT) if key in (one.asset_selection or ())]
    found = next((one for one in of_asset if backfill_id in (None, one.backfill_id)), None)
    if found is None:
        if backfill_id is None:
            return None
        raise UnknownName(f"backfill of {asset}", backfill_id, [one.backfill_id for one in of_asset])
    data = found.asset_backfill_data
    left: tuple[str, ...] = ()
    if data is not None:
        undone = data.target_subset - data.materialized_subset
        left = tuple(
            sorted(one.partition_key or "" for one in undone.iterate_asset_partitions() if one.asset_key == key)
        )
    return Unfinished(found.backfill_id, found.status in _RUNNING, left)
