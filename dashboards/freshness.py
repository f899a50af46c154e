"""How overdue each symbol's newest session is. Pure but for the exchange's calendar."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.core import calendars
from market_assets.equities.settings import CALENDAR_OF


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
