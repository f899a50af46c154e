"""Dagster's IO managers over the partition stores.

An asset hands over one frame for all partitions of its run (or `Stored`, where it wrote them itself
while it ran); it gets back one frame of all partitions its input maps to. Each partition's event
carries that partition's own numbers.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.execution.context.system import StepExecutionContext

from market_assets import tables
from market_assets.core.contracts import WHOLE, Contract
from market_assets.core.settings import RetentionSettings
from market_assets.settings import Settings
from resources.stores import open_store
from resources.stores.errors import RowsOutsidePartition
from resources.stores.lake import LakeStore
from resources.stores.protocol import PartitionStore, Stored, Written

log = logging.getLogger(__name__)

_PREVIEW_ROWS = 3
_PREVIEW_COLUMNS = 12


class PartitionStoreIOManager(dg.IOManager):
    """Frames in and out of a partition store; the table is the last part of the asset key."""

    def __init__(self, store: PartitionStore, facts: Mapping[str, str] | None = None) -> None:
        self.store = store
        #: put on every event besides the numbers of its partition
        self.facts = dict(facts or {})

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | Stored) -> None:
        """Split by the run's partitions, and write each of them, empty ones included.

        Values were judged by the gate, the asset's Dagster type. Raises ContractViolation (columns) and
        RowsOutsidePartition before anything is written.
        """
        contract = tables.contract(context.asset_key.path[-1])
        partitions = sorted(context.asset_partition_keys) if context.has_asset_partitions else [WHOLE]
        if isinstance(obj, Stored):
            written = _of_run(contract, partitions, obj)
            frames = {name: self.store.read(contract, [name]) for name in partitions}
        else:
            frames = _split(contract, partitions, contract.conform(obj))
            written = {
                name: self.store.write(contract, name, frames[name], run_id=context.run_id) for name in partitions
            }
        rows = sum(one.manifest.rows for one in written.values())
        changed = sum(not one.unchanged for one in written.values())
        span = f"{partitions[0]} ... {partitions[-1]}"
        log.info("%s %s: %d rows stored, %d partitions changed", contract.name, span, rows, changed)
        for name in partitions:
            _attach(
                context,
                contract,
                name,
                {**self.facts, **numbers(contract, written[name]), "preview": _preview(frames[name])},
            )

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame:
        """The rows of every partition the input maps to, sorted by the key; typed and empty without any.

        An input annotated as `pl.LazyFrame` is scanned instead.
        """
        contract = tables.contract(context.asset_key.path[-1])
        partitions = sorted(context.asset_partition_keys) if context.has_asset_partitions else None
        if context.dagster_type.typing_type is pl.LazyFrame:
            return self.store.scan(contract, partitions)
        return self.store.read(contract, partitions)


class DuckDBIOManager(PartitionStoreIOManager):
    """Over the Parquet lake of one home."""

    def __init__(self, home: Path, retention: RetentionSettings) -> None:
        super().__init__(LakeStore(home, retention))


class PostgresIOManager(PartitionStoreIOManager):
    """Over one PostgreSQL database."""

    def __init__(self, url: str, retention: RetentionSettings) -> None:
        from resources.stores.postgres import PostgresStore  # psycopg is loaded by those who use it

        super().__init__(PostgresStore(url, retention))


def io_manager_for(settings: Settings) -> PartitionStoreIOManager:
    """The IO manager over the store that the settings name."""
    return PartitionStoreIOManager(open_store(settings), {"config_hash": settings.config_hash()})


def _split(contract: Contract, partitions: list[str], rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = contract.split(rows)
    outside = sorted(set(parts) - set(partitions))
    if outside:
        shown = {name: parts[name].select(list(contract.key)).row(0) for name in outside[:3]}
        raise RowsOutsidePartition(
            f"every row of {contract.name} belongs to a partition of this run ({_listed(partitions)}); "
            f"{sum(parts[name].height for name in outside)} rows belong to {_listed(outside)}, first keys {shown}. "
            f"Nothing was stored: cut the frame to the run's partitions, or run those too."
        )
    return {name: parts.get(name, contract.empty()) for name in partitions}


def _of_run(contract: Contract, partitions: list[str], stored: Stored) -> Mapping[str, Written]:
    if set(stored.written) == set(partitions):
        return stored.written
    lacking, surplus = set(partitions) - set(stored.written), set(stored.written) - set(partitions)
    raise RowsOutsidePartition(
        f"an asset that writes its own partitions writes those of its run; {contract.name} lacks "
        f"{_listed(sorted(lacking))} and wrote besides {_listed(sorted(surplus))}"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "none"


def _attach(context: dg.OutputContext, contract: Contract, partition: str, metadata: dict[str, Any]) -> None:
    if partition == WHOLE and not contract.partitioned_by:
        context.add_output_metadata(metadata)
        return
    attach(context.step_context, context.asset_key, partition, metadata)


def attach(step: StepExecutionContext, asset: dg.AssetKey, partition: str, metadata: Mapping[str, Any]) -> None:
    """Put `metadata` on one partition's materialisation event of a range run.

    Does what `add_asset_metadata` does, without its check that the run targets the partition: that
    lists the whole range anew for each partition (33 ms a partition at 300 of them, measured on
    1.13.27), and our callers iterate over the run's own partitions.
    """
    step._metadata_accumulator = step._metadata_accumulator.with_additional_asset_metadata(
        asset_key=asset, metadata=metadata, partition_key=partition
    )


def numbers(contract: Contract, written: Written) -> dict[str, Any]:
    """What a partition's materialisation event tells of one write."""
    manifest = written.manifest
    dated = contract.time_column is not None and contract.schema[contract.time_column] == pl.Date
    span = [
        None if moment is None else (moment.date() if dated else moment).isoformat()
        for moment in (manifest.min_time, manifest.max_time)
    ]
    return {
        "dagster/row_count": manifest.rows,
        "partition": manifest.partition,
        "digest": manifest.digest,
        "bytes": manifest.bytes,
        "min_ts": span[0],
        "max_ts": span[1],
        "published_at": manifest.published_at.isoformat(),
        "unchanged": written.unchanged,
        "new_rows": written.new_rows,
        "revised_rows": written.revised_rows,
        "removed_rows": written.removed_rows,
        "revised_max_rel_diff": written.revised_max_rel_diff,
    }


def _preview(rows: pl.DataFrame) -> dg.MetadataValue[Any]:
    """The first and last rows as a Markdown table."""
    columns = rows.columns[:_PREVIEW_COLUMNS]
    if rows.is_empty():
        return dg.MetadataValue.md("no rows")
    ends = rows if rows.height <= 2 * _PREVIEW_ROWS else pl.concat([rows.head(_PREVIEW_ROWS), rows.tail(_PREVIEW_ROWS)])
    lines = [[_cell(value) for value in row] for row in ends.select(columns).iter_rows()]
    if rows.height > ends.height:
        lines.insert(_PREVIEW_ROWS, ["..."] * len(columns))
    table = [columns, ["---"] * len(columns), *lines]
    more = f"\n\n{rows.width - len(columns)} more columns" if rows.width > len(columns) else ""
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in table) + more)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value).replace("|", "\\|")
