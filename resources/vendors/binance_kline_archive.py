"""Binance's archive of minute candles: one zip a symbol and day, each with its checksum beside it.

Quirks (crypto.md 2): some files begin with a line of column names; spot files count in microseconds from 2025-01-01
on, others in milliseconds; a day appears about a day after its end, and a file that does not exist is no error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from urllib.parse import quote

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.client import VendorClient
from resources.http.errors import Malformed, VendorError
from resources.http.transport import Timing
from resources.vendors.binance_klines import COLUMNS, FetchedKlines, parse
from resources.venues import binance_files
from resources.venues.binance_files import NAME
from resources.venues.rows import show

#: an instant above it counts microseconds: as milliseconds it would be after the year 5000
_MICROSECONDS_ABOVE = 10**14


@dataclass(frozen=True)
class BinanceKlineArchive:
    """Asks for days of one market. Threads may share it."""

    http: VendorClient
    #: path of the market's daily candles
    folder: str

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The archive of the market in use by the settings; its budget is shared with that of settled funding."""
        return cls(binance_files.client(settings, rates=rates, timing=timing), settings.crypto.venue.archive)

    def day(self, symbol: str, day: date) -> FetchedKlines | None:
        """The candles of a UTC day; None where there is no file of it.

        Raises Malformed where the file is not what its checksum says, is no zip, or holds another day.
        """
        name, context = f"{symbol}-1m-{day}.zip", f"{symbol} {day}"
        path = f"{self.folder}/{quote(symbol)}/1m/{quote(name)}"
        found = binance_files.packed(self.http, path, context)
        if found is None:
            return None
        try:
            frame = day_of(found.content, found.checksum, day)
        except VendorError as refused:
            raise refused.located(path, context) from None
        return FetchedKlines(frame, found.received_at, found.requests)


def day_of(content: bytes, checksum: bytes, day: date) -> pl.DataFrame:
    """PARSED out of a zip and the line of its checksum. Raises Malformed."""
    table = binance_files.lines(binance_files.unpacked(content, checksum))
    named = binance_files.has_header(table)
    if named and table[0][0] != COLUMNS[0]:
        raise Malformed(NAME, f"the table must begin with {COLUMNS[0]}, was {show(table[0][0])}")
    candles = parse(NAME, [_in_milliseconds(line) for line in table[named:]], "rows")
    first = datetime.combine(day, time(), UTC)
    others = candles.filter(~pl.col("ts").is_between(first, first + timedelta(days=1), closed="left"))["ts"]
    if len(others):
        raise Malformed(NAME, f"the file of {day} holds {len(others)} candles of other days: {others[0]}")
    return candles


def _in_milliseconds(line: Sequence[str]) -> list[str]:
    opened, *values = line
    if opened.isdecimal() and int(opened) > _MICROSECONDS_ABOVE:
        opened = str(int(opened) // 1000)
    return [opened, *values]
