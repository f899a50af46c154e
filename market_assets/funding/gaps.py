"""The gaps of `funding_rates`: settlements that the newest completeness misses, and days nobody asked for yet."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.core import partitions
from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.schemas import FundingCompleteness, FundingContracts, FundingRates
from market_assets.funding.transforms import gaps
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

_COMPLETENESS = FundingCompleteness.contract()
_CONTRACTS = FundingContracts.contract()
_RATES = FundingRates.contract()
_DAY = timedelta(days=1)
#: settlements of the last hours may still come by themselves
_SETTLING = timedelta(hours=3)


def typed_gaps(store: PartitionStore, found: Settings, now: datetime) -> pl.DataFrame:
    """FOUND: the missing settlements of every exchange in use by contract and day, with their kind."""
    stored = store.partitions(_COMPLETENESS)
    newest = [
        max(own)
        for name in found.funding.enabled
        if (own := [key for key in stored if partitions.day_and_name(key)[1] == name])
    ]
    judged = store.read(_COMPLETENESS, newest)
    return gaps.typed(judged, _with_due(store, never_stored(store, found, now)), before=now - _SETTLING)


def never_stored(store: PartitionStore, found: Settings, now: datetime) -> list[str]:
    """Keys of `funding_rates` within the window before today that are not stored, of exchanges with contracts."""
    mapped = set(store.partitions(_CONTRACTS))
    names = [name for name in found.funding.enabled if name in mapped]
    days = [now.date() - n * _DAY for n in range(found.funding.window_days, 0, -1)]
    stored = set(store.partitions(_RATES))
    keys = partitions.keys_of([day for day in days if day >= found.funding.start_date], names)
    return [key for key in keys if key not in stored]


def _with_due(store: PartitionStore, keys: list[str]) -> pl.DataFrame:
    """exchange, day and n_due: the settlements of its contracts that were due on that day, as far as that is known."""
    days = [partitions.day_and_name(key) for key in keys]
    asked = pl.DataFrame(days, schema={"day": pl.Date, "exchange": pl.String}, orient="row").with_columns(
        begins=pl.col("day").cast(UTC_MICROS)
    )
    listed = store.read(_CONTRACTS, sorted({name for _, name in days}))
    due = (
        asked.join(listed.select("exchange", "interval_hours", "valid_from", "valid_to"), on="exchange", how="left")
        .filter(
            pl.col("valid_from") < pl.col("begins") + _DAY,
            pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("begins")),
        )
        .group_by("exchange", "day")
        .agg(n_due=(24 / pl.col("interval_hours")).sum().round().cast(pl.Int64))
    )
    return (
        asked.drop("begins")
        .join(due, on=["exchange", "day"], how="left", maintain_order="left")
        .with_columns(pl.col("n_due").fill_null(0))
    )
