"""Holes of observed tables are asked for again: bounded, in pauses, and no longer than that may help.

Each tick looks for the holes itself, so that it never acts on what was known once. Those of our own doing are asked
for again by their partitions, the newest first: so many of a table and round, within a share of what is left of each
vendor's day, and never while a run of the partition is queued or under way. A partition that stays incomplete is
given up after so many tries (`ops.transforms.gaps`). Once a repair has ended, well or not, `ops_gaps` is asked for
once, which tells what is left.
"""

import contextlib
import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import dagster as dg
import polars as pl
from dagster._core.storage.dagster_run import FINISHED_STATUSES, RunsFilter

from market_assets.btc.checks import POINT_IN_TIME
from market_assets.core import clock, partitions
from market_assets.core.errors import MarketAssetsError
from market_assets.core.gaps import FOUND
from market_assets.gap_finders import FINDERS, REPAIRS, Repair, tried
from market_assets.ops.transforms import gaps
from market_assets.settings import Settings
from market_assets.tables import contract
from resources.fetch_log import FetchLog
from resources.plans import asks_of
from resources.plans.asking import Asking
from resources.plans.budgets import needs
from resources.stores import open_store
from resources.stores.protocol import PartitionStore
from resources.vendors.registry import Vendors
from sensors.under_way import UnderWay, every_key

#: on repairs: the table
REPAIR_TAG = "market_assets/repair"
#: on repairs: what they take of each budget at most (`vendor/lane` -> credits, as JSON)
COST_TAG = "market_assets/repair_cost"
_GAPS = "ops_gaps"
#: runs of one table that a tick asks for; what is left is due at the next
_RUNS = 20
#: repairs that ended are looked for among so many, which is more than two ticks ask for
_NEWEST_RUNS = 400


def gap_repair_sensor(settings: Settings, *, default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor that asks for partitions with holes again."""

    @dg.sensor(
        name="gap_repair",
        asset_selection=dg.AssetSelection.assets(*REPAIRS, *_settled_in(), _GAPS),
        minimum_interval_seconds=900,
        default_status=default_status,
        description="Asks for partitions with holes of our own doing again, and tells what became of it.",
    )
    def gap_repair(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        ended, seen = _ended(context.instance, context.cursor)
        looks = [_asked(_GAPS, f"repaired:{min(ended)}")] if ended else []
        if not settings.gaps.repair:
            return _result(looks, "gaps.repair is off", seen)
        assert context.repository_def is not None
        now, log, store = clock.now(), FetchLog(settings.home), open_store(settings)
        found, failed = _found(store, settings, now)
        for why in failed:
            context.log.error(f"its holes are not looked for: {why}")
        # what could not be looked at is neither closed nor due
        known = [table for table in REPAIRS if table.split("_")[0] not in {why.domain for why in failed}]
        before = tried(log).filter(pl.col("table").is_in(known))
        for table, key in gaps.closed(found, before).select("table", "partition").iter_rows():
            log.repaired(table, [key])
        under_way = UnderWay(context.instance, context.repository_def)
        with contextlib.closing(Vendors(settings)) as vendors:
            asking = Asking(settings, store, vendors, now)
            one = _Round(context, asking, log, gaps.repairable(found, before), under_way)
            requests = [request for table in known for request in one.requests(REPAIRS[table])]
        n_open = one.repairable.height
        return _result(
            [*requests, *looks], f"{n_open} partitions have holes of ours, none is due for another try", seen
        )

    return gap_repair


@dataclass(frozen=True)
class _Unseen:
    """A domain whose holes could not be looked for."""

    domain: str
    error: Exception

    def __str__(self) -> str:
        return f"{self.domain}: {self.error}"


@dataclass
class _Round:
    """One tick."""

    context: dg.SensorEvaluationContext
    asking: Asking
    log: FetchLog
    #: of every table, see ops.transforms.gaps
    repairable: pl.DataFrame
    under_way: UnderWay
    #: `vendor/lane` -> credits of repairs that were asked for and have not ended
    reserved: Counter[str] = field(default_factory=Counter)
    #: `vendor/lane` -> credits that may be taken now, where its day is limited
    _left: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for run in self.under_way.runs:
            self.reserved.update(json.loads(run.tags.get(COST_TAG, "{}")))

    def requests(self, repair: Repair) -> list[dg.RunRequest]:
        """The runs for one table."""
        settings, now = self.asking.settings, self.asking.now
        rules = gaps.Rules(repair.tries(settings), repair.pause(settings))
        own = self.repairable.filter(table=repair.table)
        settled = self._settled(repair, gaps.spent(own, rules, now))
        due = gaps.due(own, rules, now)
        if not due or not repair.is_asked(settings):
            return settled
        order = self._order(repair.table)
        known = set(every_key(order)) - self.under_way.partitions(repair.table, order)
        due = [key for key in due if key in known]
        most = repair.most(settings)
        if not repair.is_new_whole:
            return [*self._runs(repair, due[:most], repair.tags, order), *settled]
        stored = set(self.asking.store.partitions(contract(repair.table)))
        requests = self._runs(repair, [key for key in due if key not in stored], {}, order)
        lacking = [key for key in due if key in stored][:most]
        return [*requests, *self._runs(repair, lacking, repair.tags, order, _RUNS - len(requests)), *settled]

    def _runs(
        self,
        repair: Repair,
        keys: Sequence[str],
        tags: Mapping[str, str],
        order: list[list[str]],
        most: int = _RUNS,
    ) -> list[dg.RunRequest]:
        """Runs over ranges of these keys, as far as the budgets allow; notes the tries."""
        table, now, requests = repair.table, self.asking.now, list[dg.RunRequest]()
        tries = dict(self.repairable.filter(table=table).select("partition", "n_tries").iter_rows())
        for span in partitions.ranges(self._affordable(table, keys, order), order)[:most]:
            covered = partitions.covered(span, order)
            cost = self._cost(table, [span], order)
            self.reserved.update(cost)
            # counted anew where slots are missing that were not over at the last try
            self.log.repaired(table, [key for key in covered if not tries[key]])
            self.log.repair_asked_at(table, covered, now)
            if repair.settled_in:
                self.log.repair_asked(table, covered, now.date())
            n_try = max(tries[key] for key in covered) + 1
            told = {**partitions.range_tags(*span), **tags, REPAIR_TAG: table, COST_TAG: json.dumps(cost)}
            run_key = f"repair:{table}:{':'.join(span)}:{n_try}:{now:%FT%TZ}"
            requests.append(_asked(table, run_key, told, self._checks(table)))
        return requests

    def _affordable(self, table: str, keys: Sequence[str], order: list[list[str]]) -> Sequence[str]:
        """The first of these keys, as many as fit into the share of what is left of each vendor's day."""
        fits, too_many = 0, len(keys) + 1
        n = len(keys)
        while too_many - fits > 1:
            if self._fits(table, keys[:n], order):
                fits = n
            else:
                too_many = n
            n = (fits + too_many) // 2
        if fits < len(keys):
            self.context.log.info(f"{table}: {len(keys) - fits} of {len(keys)} partitions wait for a vendor's budget")
        return keys[:fits]

    def _fits(self, table: str, keys: Sequence[str], order: list[list[str]]) -> bool:
        cost = self._cost(table, partitions.ranges(keys, order), order)
        return all(
            cost[budget] <= self._left[budget] - self.reserved[budget] for budget in cost if budget in self._left
        )

    def _cost(self, table: str, spans: Sequence[tuple[str, str]], order: list[list[str]]) -> dict[str, int]:
        """`vendor/lane` -> credits that runs over these ranges take at most; notes what they may be taken from."""
        share, found = self.asking.settings.gaps.repair_budget, Counter[str]()
        for span in spans:
            asks = asks_of(self.asking, table, partitions.covered(span, order))
            for need in needs(self.asking, asks):
                budget = f"{need.vendor}/{need.lane}"
                found[budget] += need.credits
                if need.left_today is not None:
                    self._left[budget] = math.floor(share * need.left_today)
        return dict(found)

    def _settled(self, repair: Repair, spent: pl.DataFrame) -> list[dg.RunRequest]:
        """The year of what is given up is judged once more; the run key stays the same, so that is done once."""
        if repair.settled_in is None:
            return []
        years = {
            (key.rpartition(partitions.SEPARATOR)[2], at) for key, at in spent.select("partition", "tried_at").rows()
        }
        return [
            _asked(repair.settled_in, f"given-up:{year}:{at:%FT%TZ}", partitions.range_tags(year, year))
            for year, at in sorted(years)
        ]

    def _checks(self, table: str) -> list[dg.AssetCheckKey]:
        """Its checks, without the one that asks the vendor."""
        assert self.context.repository_def is not None
        every = self.context.repository_def.asset_graph.get(dg.AssetKey(table)).check_keys
        return sorted(key for key in every if key.name != POINT_IN_TIME)

    def _order(self, table: str) -> list[list[str]]:
        assert self.context.repository_def is not None
        definition = self.context.repository_def.asset_graph.get(dg.AssetKey(table)).partitions_def
        assert definition is not None
        return partitions.dimension_keys(definition, self.context.instance)


def _found(store: PartitionStore, settings: Settings, now: datetime) -> tuple[pl.DataFrame, list[_Unseen]]:
    """FOUND of every domain, and those that could not be looked at: they must not hold up the others."""
    parts, failed = [FOUND.to_frame()], list[_Unseen]()
    for domain, find in FINDERS.items():
        try:
            parts.append(find(store, settings, now))
        except (MarketAssetsError, pl.exceptions.PolarsError, OSError) as error:
            failed.append(_Unseen(domain, error))
    return pl.concat(parts), failed


def _ended(instance: dg.DagsterInstance, cursor: str | None) -> tuple[set[str], str]:
    """Repairs that have ended since the last tick, and the cursor of this one: the ended ones that it knows."""
    wanted = RunsFilter(tags={REPAIR_TAG: list(REPAIRS)}, statuses=FINISHED_STATUSES)
    ended = {record.dagster_run.run_id for record in instance.get_run_records(wanted, limit=_NEWEST_RUNS)}
    return ended - set(json.loads(cursor or "[]")), json.dumps(sorted(ended))


def _result(requests: list[dg.RunRequest], else_said: str, cursor: str) -> dg.SensorResult:
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    return dg.SensorResult(skip_reason=else_said, cursor=cursor)


def _asked(
    asset: str,
    run_key: str,
    tags: dict[str, str] | None = None,
    checks: list[dg.AssetCheckKey] | None = None,
) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=run_key, asset_selection=[dg.AssetKey(asset)], asset_check_keys=checks, tags=tags or {}
    )


def _settled_in() -> Collection[str]:
    return {repair.settled_in for repair in REPAIRS.values() if repair.settled_in is not None}
