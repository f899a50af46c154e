"""Binance's archive of settled funding: one zip a contract and month, each with its checksum beside it.

The CSV in it states the interval of every row, and no mark price; older files have no header line. A month
appears some days after its end; a file that does not exist is no error.
"""

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Self
from urllib.parse import quote

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import Malformed, NotFound, VendorError
from resources.http.transport import Reply, Timing
from resources.venues.exchange import patient
from resources.venues.pager import TOLERANCE, in_order
from resources.venues.rows import Rows, frame
from resources.venues.venue import EVENTS

NAME = "binance_archive"
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
        http = connect(
            settings,
            NAME,
            fetch=patient(settings, settings.funding.venues.binance_archive.budget),
            rates=rates,
            budget_setting=f"funding.venues.{NAME}.budget",
            timing=timing,
        )
        return cls(http, MARKETS[exchange])

    def month(self, native_symbol: str, year: int, month: int) -> pl.DataFrame | None:
        """EVENTS of a contract's month, unique and sorted by time; None where there is no file of it.

        Raises Malformed where the file is not what its checksum says, is no zip, or holds another month.
        """
        name = f"{native_symbol}-fundingRate-{year}-{month:02d}.zip"
        context = f"{native_symbol} {year}-{month:02d}"
        folder = f"/data/futures/{self.market}/monthly/fundingRate/{quote(native_symbol)}"
        try:
            packed, _ = self.http.get(f"{folder}/{quote(name)}", read=_body, context=context)
        except NotFound:
            return None
        try:
            stated, _ = self.http.get(f"{folder}/{quote(name)}.CHECKSUM", read=_body, context=context)
            return month_of(packed, stated, native_symbol, year, month)
        except NotFound:
            raise Malformed(NAME, f"{name} has no checksum", endpoint=folder, context=context) from None
        except VendorError as refused:
            raise refused.located(f"{folder}/{name}", context) from None


def month_of(packed: bytes, checksum: bytes, native_symbol: str, year: int, month: int) -> pl.DataFrame:
    """EVENTS out of a zip and the line of its checksum. Raises Malformed."""
    stated, own = checksum.decode("ascii", "replace").split(), sha256(packed).hexdigest()
    if not stated or stated[0].lower() != own:
        raise Malformed(NAME, f"its checksum must be {stated[0] if stated else 'stated'}, was {own}")
    events = events_of(_unpacked(packed), native_symbol)
    first = datetime(year, month, 1, tzinfo=UTC)
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    times = events[_AT]
    others = times.filter((times < first - TOLERANCE) | (times >= after))
    if len(others):
        raise Malformed(NAME, f"the file of {first:%Y-%m} holds {len(others)} rows of other months: {others[0]}")
    return in_order(events)


def events_of(table: bytes, native_symbol: str) -> pl.DataFrame:
    """EVENTS out of the CSV of a month, in its order; its header line may be absent. Raises Malformed."""
    try:
        lines = [line for line in csv.reader(io.StringIO(table.decode())) if line]
    except (UnicodeDecodeError, csv.Error) as broken:
        raise Malformed(NAME, f"the table is no CSV ({broken})") from None
    has_header = bool(lines) and not lines[0][0].isdigit()
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


def _unpacked(packed: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise Malformed(NAME, f"the zip must hold one table, holds {len(names)} files")
            return archive.read(names[0])
    except zipfile.BadZipFile as broken:
        raise Malformed(NAME, f"no zip ({broken})") from None


def _body(reply: Reply) -> bytes:
    judge.refuse(NAME, reply)
    return reply.body
