"""What finds the holes of each domain, and how those of each observed table are asked for again.

A domain's finder reads what is stored and what was noted of its fetches; it asks no vendor.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from market_assets.bars import gaps as bars_gaps
from market_assets.btc import gaps as btc_gaps
from market_assets.core.gaps import FOUND
from market_assets.crypto import gaps as crypto_gaps
from market_assets.equities import gaps as equities_gaps
from market_assets.funding import gaps as funding_gaps
from market_assets.ops.transforms import gaps
from market_assets.settings import Settings
from resources.fetch_log import FetchLog
from resources.funding_fetch import ONLY_GAPS_TAG
from resources.plans import asks_of, by_vendor
from resources.plans.asking import Asking
from resources.stores.protocol import PartitionStore
from resources.vendors.registry import Vendors

Finder = Callable[[PartitionStore, Settings, datetime], pl.DataFrame]

#: domain -> what finds its holes
FINDERS: Mapping[str, Finder] = {
    "equities": equities_gaps.typed_gaps,
    "btc": btc_gaps.typed_gaps,
    "funding": funding_gaps.typed_gaps,
    "crypto": crypto_gaps.typed_gaps,
    "bars": bars_gaps.typed_gaps,
}


@dataclass(frozen=True)
class Repair:
    """How partitions of one table are asked for again. Rules of the settings are read when they are needed."""

    table: str
    #: repairs of a partition after which its holes are given up
    tries: Callable[[Settings], int] = lambda found: found.gaps.repair_tries
    #: between two repairs of a partition
    pause: Callable[[Settings], timedelta] = lambda found: timedelta(hours=found.gaps.repair_pause_h)
    #: partitions of one round
    most: Callable[[Settings], int] = lambda found: found.gaps.repair_partitions
    #: whether anyone can be asked
    is_asked: Callable[[Settings], bool] = lambda _: True
    #: tags of its runs
    tags: Mapping[str, str] = field(default_factory=dict)
    #: whether partitions that are not stored come whole: without the tags, and as one backfill whatever `most` says
    is_new_whole: bool = False
    #: table, cut by the year in the partition's key, that is made anew once a partition is given up
    settled_in: str | None = None


#: table -> how it is repaired
REPAIRS: Mapping[str, Repair] = {
    one.table: one
    for one in (
        Repair(
            "equities_daily_bars",
            tries=lambda found: found.equities.repair_days,
            pause=lambda _: timedelta(days=1),
            is_asked=lambda found: found.vendors == "sandbox" or found.polygon_api_key is not None,
            settled_in="equities_gaps",
        ),
        *(
            Repair(name, is_asked=lambda found: found.vendors == "sandbox" or found.glassnode_api_key is not None)
            for name in ("btc_price", "btc_liquidations")
        ),
        Repair(
            "funding_rates",
            tries=lambda found: found.funding.repair_tries,
            pause=lambda found: timedelta(hours=found.funding.repair_hours),
            most=lambda found: found.funding.repair_partitions,
            tags={ONLY_GAPS_TAG: "yes"},
            is_new_whole=True,
        ),
        Repair("crypto_klines"),
        Repair("bars_minute"),
    )
}


def found_gaps(store: PartitionStore, found: Settings, now: datetime) -> pl.DataFrame:
    """FOUND: the holes of every domain."""
    return pl.concat([FOUND.to_frame(), *(find(store, found, now) for find in FINDERS.values())])


def tried(log: FetchLog) -> pl.DataFrame:
    """TRIED: the repairs that were asked for, of every table."""
    rows = [(table, key, at, n) for table in REPAIRS for key, (at, n) in log.repair_tries(table).items()]
    return pl.DataFrame(rows, schema=gaps.TRIED, orient="row")


def known_gaps(store: PartitionStore, found: Settings, now: datetime) -> pl.DataFrame:
    """OpsGaps: the holes of every domain with their repairs, and what those that are due take at most."""
    holes, repairs = found_gaps(store, found, now), tried(FetchLog(found.home))
    tries = {table: repair.tries(found) for table, repair in REPAIRS.items()}
    open_ones = gaps.repairable(holes, repairs).filter(
        pl.col("n_tries") < pl.col("table").replace_strict(tries, return_dtype=pl.Int64)
    )
    with contextlib.closing(Vendors(found)) as vendors:
        asking = Asking(found, store, vendors, now)
        asks = {
            (table, key): by_vendor(asks_of(asking, table, [key]))
            for table, key in open_ones.select("table", "partition").iter_rows()
        }
    costs = [(*of, sum(told.values()), list(told)) for of, told in asks.items()]
    return gaps.told(holes, repairs, tries, pl.DataFrame(costs, schema=gaps.COSTS, orient="row"))
