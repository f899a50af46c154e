"""What the checks of every domain read: the run's partitions and rows, and what the fetch noted of them."""

from collections.abc import Collection, Mapping, Sequence

import dagster as dg
import polars as pl

from market_assets.core import clock
from market_assets.core.checks import Check, Reader, asset_checks, contract_holds, run_partitions
from market_assets.core.contracts import Table
from market_assets.settings import settings
from resources.stores.protocol import PartitionStore


def table_checks(
    table: type[Table],
    own: Sequence[Check],
    reads: Mapping[str, Reader] | None = None,
    *,
    resources: Collection[str] = (),
) -> dg.AssetChecksDefinition:
    """The checks of a table: its contract and its own.

    `reads` gives the arguments of its judgements, beside those that every table has: frame (the run's rows), now,
    today, sandboxed. `resources` are needed beside the store.
    """
    contract = table.contract()
    every: dict[str, Reader] = {
        "frame": rows_of(table),
        "now": lambda _: clock.now(),
        "today": lambda _: clock.today(),
        "sandboxed": lambda _: settings().vendors == "sandbox",
    }
    return asset_checks(
        table,
        [contract_holds(contract), *own],
        reads=every | dict(reads or {}),
        required_resource_keys={"store", *resources},
    )


def store_of(context: dg.AssetCheckExecutionContext) -> PartitionStore:
    """The store that the checks read."""
    store: PartitionStore = context.resources.store
    return store


def keys_to_judge(context: dg.AssetCheckExecutionContext, table: type[Table]) -> list[str]:
    """The partitions of the run, or all that are stored where the checks are run over everything."""
    return run_partitions(context) or sorted(store_of(context).partitions(table.contract()))


def rows_of(table: type[Table], columns: Sequence[str] | None = None) -> Reader:
    """Reads a table's rows of the run's partitions; of all partitions where the checks are run over everything."""

    def read(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
        return store_of(context).read(table.contract(), run_partitions(context), columns=columns)

    return read


def quarantined(table: type[Table]) -> Reader:
    """Reads what was rejected of the run's partitions."""
    return lambda context: store_of(context).read(table.contract().quarantine(), run_partitions(context))


def whole(table: type[Table], columns: Sequence[str] | None = None) -> Reader:
    """Reads all rows of a table, whatever the run."""
    return lambda context: store_of(context).read(table.contract(), columns=columns)


def noted(
    context: dg.AssetCheckExecutionContext, table: type[Table], counts: Sequence[str], keys: Sequence[str] | None = None
) -> Mapping[str, int]:
    """Counts that the fetch noted on this run's materialisations of a table, summed; of `keys` alone where named."""
    judged = list((run_partitions(context) or []) if keys is None else keys)
    if not judged:
        return dict.fromkeys(counts, 0)
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(table.contract().name), asset_partitions=judged),
        limit=len(judged),
    ).records
    of_run = [record.asset_materialization for record in records if record.run_id == context.run.run_id]
    facts = [one.metadata for one in of_run if one is not None]
    return {name: sum(int(told[name].value or 0) for told in facts if name in told) for name in counts}


def first_with_rows(store: PartitionStore, table: type[Table], keys: Sequence[str]) -> str | None:
    """The first of these partitions of which a table has rows."""
    manifests = ((key, store.manifest(table.contract(), key)) for key in keys)
    return next((key for key, manifest in manifests if manifest is not None and manifest.rows > 0), None)
