"""Gaps that asking again may close: once a day for a few days, then no more.

A gap is repaired by materialising its partition of `equities_daily_bars` anew. What was never asked
for is a backfill, which is a person's choice, and what is explained needs no repair. After
`equities.repair_days` days the gap's cause becomes `unknown` and a person is needed.
"""

import dagster as dg

from market_assets.core import clock, partitions
from market_assets.equities.partitions import SYMBOL_YEAR
from market_assets.equities.schemas import EquitiesGaps
from market_assets.settings import Settings
from resources.fetch_log import FetchLog
from resources.stores import open_store

REPAIRABLE = ("fetch_failed", "clipped", "quarantined", "vendor_missing", "unknown")
_BARS, _GAPS = "equities_daily_bars", "equities_gaps"


def repair_sensor(settings: Settings, *, default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor that fetches partitions with open gaps again."""

    @dg.sensor(
        name="equities_repair",
        asset_selection=dg.AssetSelection.assets(_BARS, _GAPS),
        minimum_interval_seconds=1800,
        default_status=default_status,
        description="Fetches partitions with open gaps again, once a day for a few days.",
    )
    def equities_repair(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        today, log = clock.today(), FetchLog(settings.home)
        gaps = open_store(settings).read(EquitiesGaps.contract(), where={"status": "open", "cause": list(REPAIRABLE)})
        known = set(SYMBOL_YEAR.get_partition_keys(dynamic_partitions_store=context.instance))
        open_keys = known & {
            f"{name}{partitions.SEPARATOR}{year}" for name, year in gaps.select("symbol", "year").rows()
        }
        asked = log.repair_days(_BARS)
        log.repaired(_BARS, set(asked) - open_keys)
        limit = settings.equities.repair_days
        due = {key for key in open_keys if today not in asked.get(key, []) and len(asked.get(key, [])) < limit}
        spent = {key for key in open_keys if today not in asked.get(key, []) and len(asked.get(key, [])) >= limit}
        spans = partitions.ranges(due, partitions.dimension_keys(SYMBOL_YEAR, context.instance))
        log.repair_asked(_BARS, due, today)
        # the run key stays the same, so the cause is settled once
        settled = {(key.rsplit(partitions.SEPARATOR, 1)[1], max(asked[key])) for key in spent}
        requests = [
            *(_request(_BARS, f"repair:{first}:{last}:{today}", first, last) for first, last in spans),
            *(_request(_GAPS, f"given-up:{year}:{last_try}", year, year) for year, last_try in sorted(settled)),
        ]
        if not requests:
            return dg.SkipReason(f"{len(open_keys)} partitions have open gaps, none is due for another try")
        return dg.SensorResult(run_requests=requests)

    return equities_repair


def _request(asset: str, run_key: str, first: str, last: str) -> dg.RunRequest:
    return dg.RunRequest(run_key=run_key, asset_selection=[dg.AssetKey(asset)], tags=partitions.range_tags(first, last))
