"""The gaps of `btc_price` and `btc_liquidations`: hours without a value, and days lost between stored ones."""

from datetime import date, datetime

import polars as pl

from market_assets.btc.schemas import BtcLiquidations, BtcPrice
from market_assets.btc.transforms import gaps
from market_assets.core.contracts import Contract
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

#: tables and their values
_OBSERVED: tuple[tuple[Contract, tuple[str, ...]], ...] = (
    (BtcPrice.contract(), ("price",)),
    (BtcLiquidations.contract(), ("long_liquidations", "short_liquidations")),
)


def typed_gaps(store: PartitionStore, found: Settings, now: datetime) -> pl.DataFrame:
    """FOUND: the runs of hours without a value, of each observed column, with their kind."""
    return pl.concat([_of_table(store, contract, columns, found, now) for contract, columns in _OBSERVED])


def _of_table(
    store: PartitionStore, contract: Contract, columns: tuple[str, ...], found: Settings, now: datetime
) -> pl.DataFrame:
    versions = store.read(contract, columns=["ts", "ingested_at", "is_late", *columns])
    stored = {date.fromisoformat(key) for key in store.partitions(contract)}
    return gaps.hours_without_value(contract, versions, columns, stored, found.btc, now)
