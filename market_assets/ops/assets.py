"""The graph's own upkeep, from stored data, Dagster's memory and the home: nothing here asks a vendor."""

from datetime import date

import dagster as dg
import polars as pl

from market_assets.core import clock
from market_assets.core.market_asset import market_asset
from market_assets.due_days import due
from market_assets.gap_finders import known_gaps
from market_assets.ops import schemas
from market_assets.ops.partitions import DAY
from market_assets.ops.transforms.condition import conditions
from market_assets.ops.verdicts import Verdicts
from market_assets.restore_proofs import PROOFS
from market_assets.settings import settings
from market_assets.tables import TABLES
from resources.backup.drill import drill
from resources.backup.inventory import take_and_list
from resources.retention import thin_out
from resources.stored_days import held
from resources.stores.protocol import PartitionStore

_OWN = {table.contract().name for table in schemas.TABLES}
_KINDS = {"polars", "dagster"}


@market_asset(schemas.OpsGaps)
def ops_gaps(store: dg.ResourceParam[PartitionStore]) -> pl.DataFrame:
    return known_gaps(store, settings(), clock.now())


@market_asset(schemas.OpsCondition, partitions_def=DAY, kinds=_KINDS)
def ops_condition(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    verdicts: dg.ResourceParam[Verdicts],
) -> pl.DataFrame:
    judged, now = verdicts.latest(context.instance), clock.now()
    return pl.concat(_of_day(store, date.fromisoformat(key), judged) for key in sorted(context.partition_keys)).filter(
        pl.col("day") <= now.date()
    )


def _of_day(store: PartitionStore, day: date, judged: pl.DataFrame) -> pl.DataFrame:
    now, wanted = clock.now(), due(store, settings(), day)
    contracts = [contract for name, contract in TABLES.items() if name not in _OWN]
    return conditions(day, now, held(store, contracts, day, now.date(), wanted), wanted, judged)


@market_asset(schemas.OpsBackup, kinds=_KINDS, pool="ops_backup")
def ops_backup() -> pl.DataFrame:
    return take_and_list(settings())


@market_asset(schemas.OpsRestoreDrill, kinds=_KINDS, pool="ops_backup")
def ops_restore_drill() -> pl.DataFrame:
    return drill(settings(), PROOFS)


@market_asset(schemas.OpsRetention, kinds=_KINDS)
def ops_retention(context: dg.AssetExecutionContext) -> pl.DataFrame:
    return thin_out(settings(), context.instance, clock.now(), dry_run=False)


ASSETS = [ops_gaps, ops_condition, ops_backup, ops_restore_drill, ops_retention]
