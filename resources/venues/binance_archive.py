"""Binance's archive of settled funding: one zip a contract and month, each with its checksum beside it.

The CSV in it states the interval of every row, and no mark price; older files have no header line. A month
appears some days after its end; a file that does not exist is no error.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.client import VendorClient
from resources.http.errors import Malformed, VendorError
from resources.http.transport import Timing
from resources.venues import binance_files
from resources.venues.pager import TOLERANCE, in_order
from resources.venues.rows import Rows, frame
from resources.venues.venue import EVENTS

NAME = binance_files.NAME
#: exchange -> its folder
MARKETS = {"binance_usdm": "um", "binance_coinm": "cm"}
_COLUMNS = ("calc_time", "funding_interval_hours", "last_funding_rate")
_AT = "funding_time_native"


@dataclass(frozen=True)
class Archive:
    """Asks for the months of one exchange. Threads may share it."""

    http: VendorClient
    #: `um` or `cm`
    market: str

    @classmethod
    def connect(
        cls, settings: Settings, exchange: str, *, rates: RateBudget | None = None, timing: Timing | None = None
    ) -> Self:
        """The archive of an exchange of MARKETS by the settings."""
        http = binance_files.client(settings, rates=rates, timing=timing)
        return cls(http, MARKETS[exchange])

    def month(self, native_symbol: str, year: int, month: int) -> pl.DataFrame | None:
        """EVENTS of a contract's month, unique and sorted by time; None where there is no file of it.

        Raises Malformed where the file is not what its checksum says, is no zip, or holds another month.
        """
        name = f"{native_symbol}-fundingRate-{year}-{month:02d}.zip"
        context = f"{native_symbol} {year}-{month:02d}"
        path = f"/data/futures/{self.market}/monthly/fundingRate/{quote(native_symbol)}/{quote(name)}"
        found = binance_files.packed(self.http, path, context)
        if found is None:
            return None
        try:
            return month_of(found.content, found.checksum, native_symbol, year, month)
        except VendorError as refused:
            raise refused.located(path, context) from None


def month_of(packed: bytes, checksum: bytes, native_symbol: str, year: int, month: int) -> pl.DataFrame:
    """EVENTS out of a zip and the line of its checksum. Raises Malformed."""
    events = events_of(binance_files.unpacked(packed, checksum), native_symbol)
    first = datetime(year, month, 1, tzinfo=UTC)
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    times = events[_AT]
    others = times.filter((times < first - TOLERANCE) | (times >= after))
    if len(others):
        raise Malformed(NAME, f"the file of {first:%Y-%m} holds {len(others)} rows of other months: {others[0]}")
    return in_order(events)


def events_of(table: bytes, native_symbol: str) -> pl.DataFrame:
    """EVENTS out of the CSV of a month, in its order; its header line may be absent. Raises Malformed."""
    lines = binance_files.lines(table)
    has_header = binance_files.has_header(lines)
    columns = lines[0] if has_header else list(_COLUMNS)
    if missing := [name for name in _COLUMNS if name not in columns]:
        raise Malformed(NAME, f"the table must have a column {missing[0]}; present: {', '.join(columns)}")
    for number, line in enumerate(lines, 1):
        if len(line) != len(columns):
            raise Malformed(NAME, f"line {number} must have {len(columns)} values, has {len(line)}")
    rows = Rows.of(NAME, [dict(zip(columns, line, strict=True)) for line in lines[has_header:]], "rows")
    return frame(
        EVENTS,
        native_symbol=native_symbol,
        funding_time_native=rows.instants("calc_time", "ms", required=True),
        rate_native=rows.numbers("last_funding_rate"),
        interval_hours=rows.numbers("funding_interval_hours"),
    )
