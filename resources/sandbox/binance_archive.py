"""Binance's archive on the wire: a zipped CSV of settled funding for each contract and complete month, and one of
minute candles for each symbol and complete day.

Beside every file stands its SHA-256 under the same name with `.CHECKSUM`.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.responses import Response

from resources.sandbox import kline_files
from resources.sandbox.binance_futures import COINM, USDM
from resources.sandbox.desk import Desk
from resources.sandbox.exchange_desk import Endpoints, Listings, Question, milliseconds, texts
from resources.sandbox.fault_events import Part
from resources.sandbox.minutes import SPOT

VENDOR = "binance_archive"

#: folder of daily candles -> market
_DAYS = {"futures/um": USDM, "spot": SPOT}
_EXCHANGES = {"um": USDM, "cm": COINM}
_HEADER = "calc_time,funding_interval_hours,last_funding_rate"
_CHECKSUM = ".CHECKSUM"
#: of every file in a zip, so that the same rows are the same bytes
_PACKED = (2020, 1, 1, 0, 0, 0)
_MOST_ROWS = 31 * 24 * 2


def router(desk: Desk) -> APIRouter:
    """The files, under `/binance_archive/data`: `futures/{um,cm}/monthly/fundingRate`, `.../daily/klines`."""
    routes = APIRouter()
    listings = Listings(desk)
    for folder, market in _DAYS.items():
        counter = Endpoints(listings=listings, exchange=market, refuse=_refused, vendor=VENDOR)
        counter.serve(routes, {f"/{VENDOR}/data/{folder}/daily/klines/{{symbol}}/1m/{{file}}": day_file})
    for market, exchange in _EXCHANGES.items():
        path = f"/{VENDOR}/data/futures/{market}/monthly/fundingRate/{{symbol}}/{{file}}"
        counter = Endpoints(listings=listings, exchange=exchange, refuse=_refused, vendor=VENDOR)
        counter.serve(routes, {path: month_file})
    return routes


def month_file(question: Question) -> Response:
    """`<symbol>-fundingRate-YYYY-MM.zip`, or its checksum."""
    return _file(question, _month)


def day_file(question: Question) -> Response:
    """`<symbol>-1m-YYYY-MM-DD.zip`, or its checksum."""
    return _file(question, kline_files.table)


def _file(question: Question, table_of: Callable[[Question, str], str | None]) -> Response:
    """The zip of the table that the file asked for names, or the checksum of that zip."""
    file = question.path["file"]
    zipped = file.removesuffix(_CHECKSUM)
    name = zipped.removesuffix(".zip")
    table = table_of(question, name) if name != zipped else None
    if table is None:
        return _refused(404)
    packed = _packed(f"{name}.csv", table)
    if file.endswith(_CHECKSUM):
        return Response(f"{hashlib.sha256(packed).hexdigest()}  {zipped}\n", media_type="binary/octet-stream")
    return Response(packed, media_type="application/zip")


def _month(question: Question, name: str) -> str | None:
    """The settlements of a month; None where the month is not over or has no rows."""
    symbol = question.path["symbol"]
    named = re.fullmatch(rf"{re.escape(symbol)}-fundingRate-(20\d\d)-(0[1-9]|1[0-2])", name)
    if named is None or symbol not in question.contracts:
        return None
    year, month = int(named[1]), int(named[2])
    first = datetime(year, month, 1, tzinfo=UTC)
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    if after > question.at:
        return None
    part = Part(first_ms=milliseconds(first), until_ms=milliseconds(after), rows=_MOST_ROWS)
    page = question.page(symbol, part)
    if not len(page):
        return None
    rates = texts(page.rate, 8, "")
    columns = zip(page.time_ms.tolist(), page.interval_hours.tolist(), rates, strict=True)
    rows = [f"{time},{hours:g},{rate}" for time, hours, rate in columns]
    return "\n".join((_HEADER, *rows, ""))


def _packed(name: str, table: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name, date_time=_PACKED)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, table)
    return buffer.getvalue()


def _refused(status: int) -> Response:
    code, message = ("NoSuchKey", "The specified key does not exist.") if status == 404 else ("SlowDown", "Slow down.")
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}', status, media_type="application/xml")
