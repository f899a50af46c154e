"""Binance's archive on the wire: a zipped CSV of settled funding for each contract and complete month.

Beside every file stands its SHA-256 under the same name with `.CHECKSUM`.
"""

import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.responses import Response

from resources.sandbox.binance_futures import COINM, USDM
from resources.sandbox.desk import Desk
from resources.sandbox.exchange_desk import Endpoints, Listings, Question, milliseconds, texts
from resources.sandbox.fault_events import Part

VENDOR = "binance_archive"

_EXCHANGES = {"um": USDM, "cm": COINM}
_HEADER = "calc_time,funding_interval_hours,last_funding_rate"
_CHECKSUM = ".CHECKSUM"
#: of every file in a zip, so that the same rows are the same bytes
_PACKED = (2020, 1, 1, 0, 0, 0)
_MOST_ROWS = 31 * 24 * 2


def router(desk: Desk) -> APIRouter:
    """The files, under `/binance_archive/data/futures/{um,cm}/monthly/fundingRate`."""
    routes = APIRouter()
    listings = Listings(desk)
    for market, exchange in _EXCHANGES.items():
        path = f"/{VENDOR}/data/futures/{market}/monthly/fundingRate/{{symbol}}/{{file}}"
        counter = Endpoints(listings=listings, exchange=exchange, refuse=_refused, vendor=VENDOR)
        counter.serve(routes, {path: month_file})
    return routes


def month_file(question: Question) -> Response:
    """`<symbol>-fundingRate-YYYY-MM.zip`, or its checksum."""
    symbol, file = question.path["symbol"], question.path["file"]
    name = re.fullmatch(rf"{re.escape(symbol)}-fundingRate-(20\d\d)-(0[1-9]|1[0-2])\.zip", file.removesuffix(_CHECKSUM))
    packed = None if name is None else _packed(question, symbol, int(name[1]), int(name[2]))
    if packed is None:
        return _refused(404)
    if file.endswith(_CHECKSUM):
        line = f"{hashlib.sha256(packed).hexdigest()}  {file.removesuffix(_CHECKSUM)}\n"
        return Response(line, media_type="binary/octet-stream")
    return Response(packed, media_type="application/zip")


def _packed(question: Question, symbol: str, year: int, month: int) -> bytes | None:
    """The zip of a month; None where the month is not over or has no rows."""
    first = datetime(year, month, 1, tzinfo=UTC)
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    if after > question.at or symbol not in question.contracts:
        return None
    part = Part(first_ms=milliseconds(first), until_ms=milliseconds(after), rows=_MOST_ROWS)
    page = question.page(symbol, part)
    if not len(page):
        return None
    rates = texts(page.rate, 8, "")
    columns = zip(page.time_ms.tolist(), page.interval_hours.tolist(), rates, strict=True)
    rows = [f"{time},{hours:g},{rate}" for time, hours, rate in columns]
    table = "\n".join((_HEADER, *rows, ""))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(f"{symbol}-fundingRate-{year}-{month:02d}.csv", date_time=_PACKED)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, table)
    return buffer.getvalue()


def _refused(status: int) -> Response:
    code, message = ("NoSuchKey", "The specified key does not exist.") if status == 404 else ("SlowDown", "Slow down.")
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}', status, media_type="application/xml")
