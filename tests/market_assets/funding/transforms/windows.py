"""The window of thirty days that begins at T0, judged by `completeness`."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.schemas import FundingCompleteness
from market_assets.funding.transforms.completeness import completeness
from tests.market_assets.funding.transforms.histories import LONG_AGO, at, contracts, seen, settled

#: the window of thirty days that ends with it begins at T0
LAST = date(2025, 3, 30)
END = 30 * 24
LATER = at(END + 100)
FLOORS = {"exchange": pl.String(), "native_symbol": pl.String(), "history_floor": UTC_MICROS}


def found(
    rows: list[dict[str, Any]],
    known: pl.DataFrame | None = None,
    *,
    now: datetime = LATER,
    floor: datetime | None = None,
) -> dict[str, Any]:
    """The one row of the window that begins at T0."""
    table = judged(rows, known, now=now, floor=floor)
    assert table.height == 1
    return table.row(0, named=True)


def judged(
    rows: list[dict[str, Any]],
    known: pl.DataFrame | None = None,
    *,
    now: datetime = LATER,
    floor: datetime | None = None,
    days: Iterable[date] = (LAST,),
    start: date | None = None,
) -> pl.DataFrame:
    """The table of these events."""
    table = listed(8.0) if known is None else known
    floors = [] if floor is None else [("gate", "BTC_USDT", floor)]
    frame = completeness(
        settled(rows, table),
        table,
        pl.DataFrame(floors, schema=FLOORS, orient="row"),
        days=list(days),
        window_days=30,
        now=now,
        start=start,
    )
    return FundingCompleteness.contract().validate(frame)


def listed(interval: float | None, **stated: Any) -> pl.DataFrame:
    """BTC, listed long ago with this interval and still."""
    return contracts(seen(**({"listed_at": LONG_AGO, "interval_hours": interval} | stated)))
