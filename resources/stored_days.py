"""What is stored of one day, table by table."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

import polars as pl

from market_assets.core.contracts import TIME_FORMATS, Contract
from market_assets.core.partitions import split_key
from market_assets.ops.transforms.condition import Held
from resources.stores.protocol import Manifest, PartitionStore


def held(
    store: PartitionStore, contracts: Iterable[Contract], day: date, today: date, daily: Collection[str]
) -> dict[str, Held]:
    """Table -> what it holds of a day; of tables that no time cuts what they hold today. Others are left out.

    Those in `daily` should have rows of every day: a year of them holds a day only where it has rows of it.
    """
    found = {contract.name: _held(store, contract, day, today, contract.name in daily) for contract in contracts}
    return {name: one for name, one in found.items() if one is not None}


def _held(store: PartitionStore, contract: Contract, day: date, today: date, is_daily: bool) -> Held | None:
    manifests = store.manifests(contract)
    cut = next((name for name in contract.dimensions if name in TIME_FORMATS), None)
    if not manifests or (cut is None and day != today):
        return None
    if cut is None:
        return Held({one.partition: one.rows for one in manifests}, _newest(manifests), None)
    times = {one.partition: split_key(one.partition, contract.dimensions)[cut] for one in manifests}
    own = [one for one in manifests if times[one.partition] == _key(cut, day)]
    since = _first(cut, min(times.values()))
    by_row = cut == "year" and is_daily
    rows = _rows(store, contract, own, day) if by_row else {one.partition: one.rows for one in own}
    return Held(rows, _newest([one for one in own if one.partition in rows]), since)


def _rows(store: PartitionStore, contract: Contract, own: list[Manifest], day: date) -> dict[str, int]:
    if not own or contract.time_column is None:
        return {}
    keys = [one.partition for one in own]
    columns = list({*contract.key, *contract.partitioned_by.values()})
    found = store.read(contract, keys, columns=columns, start=day, end=day)
    counted = found.group_by(partition=contract.partition_expr()).agg(n=pl.len()).sort("partition")
    return dict(counted.iter_rows())


def _key(cut: str, day: date) -> str:
    # a week is named by its Monday
    at = day - timedelta(days=day.weekday()) if cut == "week" else day
    return at.strftime(TIME_FORMATS[cut])


def _first(cut: str, key: str) -> date:
    parts = [*map(int, key.split("-")), 1, 1]
    return date(*parts[:3])


def _newest(manifests: Iterable[Manifest]) -> datetime | None:
    return max((one.published_at for one in manifests), default=None)
