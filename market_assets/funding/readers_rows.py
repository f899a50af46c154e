"""How the readers ask: instants, the newest partitions, and what to run where there are none. See `readers`."""

from datetime import datetime
from functools import partial

import polars as pl

from market_assets import reading
from market_assets.core.contracts import Contract
from market_assets.funding import schemas
from market_assets.reading import SEPARATOR
from resources.stores.protocol import PartitionStore

CONTRACTS: Contract = schemas.FundingContracts.contract()
RATES: Contract = schemas.FundingRates.contract()
SNAPSHOT: Contract = schemas.FundingSnapshot.contract()
COMPLETENESS: Contract = schemas.FundingCompleteness.contract()
STATISTICS: Contract = schemas.FundingStatistics.contract()
SPREADS: Contract = schemas.FundingSpreads.contract()
OPPORTUNITIES: Contract = schemas.FundingOpportunities.contract()

#: the store to ask; raises NotMaterialised for the first contract that holds nothing
filled = partial(reading.filled, examples={"exchange": "bybit", "day": "2026-10-05"})


def newest_days(store: PartitionStore, contract: Contract, as_of: datetime | None) -> list[str]:
    """Each exchange's newest partition of a table by day; the two up to `as_of`, as its day may have begun later.

    A table by day alone counts as one exchange.
    """
    last, most = ("9999", 1) if as_of is None else (f"{as_of:%Y-%m-%d}", 2)
    of_exchange: dict[str, list[str]] = {}
    for key in reversed(store.partitions(contract)):
        day, _, exchange = key.partition(SEPARATOR)
        if day <= last:
            of_exchange.setdefault(exchange, []).append(key)
    return [key for keys in of_exchange.values() for key in keys[:most]]


def of_newest_day(store: PartitionStore, contract: Contract, as_of: datetime | None) -> pl.DataFrame:
    """The rows of each exchange's newest day that was published at `as_of`."""
    rows = store.read(contract, newest_days(store, contract, as_of), as_of=as_of)
    return rows.filter(pl.col("day") == pl.col("day").max().over("exchange"))


def newest_looks(store: PartitionStore, as_of: datetime | None) -> pl.DataFrame:
    """FundingSnapshot: the newest look at each exchange, however old, of those that had arrived at `as_of`.

    Snapshots are only ever added to a day, so what had arrived tells what was published.
    """
    if as_of is not None:
        arrived = pl.col("ingested_at") <= as_of
        rows = store.read(SNAPSHOT, newest_days(store, SNAPSHOT, as_of), where=arrived)
        return rows.filter(pl.col("snapshot_at") == pl.col("snapshot_at").max().over("exchange"))
    newest = {part.partition.partition(SEPARATOR)[2]: part for part in store.manifests(SNAPSHOT) if part.max_time}
    looks = [store.read(SNAPSHOT, [part.partition], start=part.max_time) for part in newest.values()]
    return pl.concat([SNAPSHOT.empty(), *looks])
