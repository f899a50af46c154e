"""How overdue each symbol's newest session is, and when its newest candle closed. Pure but for calendars."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from market_assets.core import calendars
from market_assets.equities.settings import CALENDAR_OF
from resources.stores.protocol import Manifest


def overdue_seconds(status: pl.DataFrame, at: datetime, vendor_delay_min: int) -> dict[str, float | None]:
    """Symbol -> seconds since its first missing session was due; 0 while none is, None without any session.

    `status` has symbol, asset_class and latest_session. A session is due once it has closed and the
    vendor's delay has passed, so nights, weekends and holidays never age.
    """
    delay = timedelta(minutes=vendor_delay_min)
    overdue: dict[str, float | None] = {}
    for row in status.iter_rows(named=True):
        if row["latest_session"] is None:
            overdue[row["symbol"]] = None
            continue
        calendar = CALENDAR_OF[row["asset_class"]]
        missing = calendars.next_session(calendar, row["latest_session"])
        due = calendars.session_close(calendar, missing) + delay
        overdue[row["symbol"]] = max((at - due).total_seconds(), 0.0)
    return overdue


def newest_close(manifests: Iterable[Manifest], length: timedelta) -> dict[str, datetime]:
    """Symbol -> when its newest stored candle closed, of a table by day and symbol; one without rows is left out.

    The newest row of a table with several timeframes is of the shortest: `length` is that one's.
    """
    found: dict[str, datetime] = {}
    for manifest in manifests:
        if manifest.max_time is None:
            continue
        symbol = manifest.partition.rpartition("|")[2]
        if symbol not in found or manifest.max_time > found[symbol]:
            found[symbol] = manifest.max_time
    return {symbol: opened + length for symbol, opened in found.items()}
