"""What an incremental day continues from: the last stored hour before it, or nothing at the start of history."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.core.errors import MarketAssetsError

HOUR = timedelta(hours=1)


class MissingStateError(MarketAssetsError):
    """An hour that a row continues from or looks back at is not stored, or was made with other settings."""


class MissingModelError(MarketAssetsError):
    """No bin model, of any status, is stored for the week of an hour to write."""


class RowsNotReady(MarketAssetsError):
    """A model's training rows are not all there yet."""


def last_row(own: pl.DataFrame, settings: BtcSettings, first: datetime, table: str) -> dict[str, object] | None:
    """The stored row of the hour before `first`; None at the start of history, where filters are initialised.

    Raises MissingStateError where that row is absent, or was made with other settings.
    """
    if first == settings.start:
        return None
    before = own.filter(pl.col("ts") == first - HOUR)
    if before.is_empty():
        raise MissingStateError(
            f"{table} from {first:%Y-%m-%d %H:%M}Z continues from the stored row of {first - HOUR:%Y-%m-%d %H:%M}Z, "
            f"which is not there. Nothing was stored: materialise {table} from the first missing day on, in order."
        )
    row = before.row(0, named=True)
    if row["feature_version"] != settings.feature_version:
        raise MissingStateError(
            f"{table} from {first:%Y-%m-%d %H:%M}Z must continue rows of feature_version {settings.feature_version}; "
            f"the hour before is of {row['feature_version']}: the settings or the code changed. Nothing was stored: "
            f"backfill {table} and what follows it from {settings.start:%Y-%m-%d} on."
        )
    return row
