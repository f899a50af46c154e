"""FRED on the wire: daily macro series as JSON for a key, and as CSV files without one. The values are simulated.

Series have a row on every weekday; on one without trading its value is "." in JSON and nothing in a file. Yields and
the volatility index are published on the next weekday, the dollar index of a week on the Monday after it, at 20:15
UTC each.
"""

import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from resources.sandbox import perpetual_paths as paths
from resources.sandbox import sessions
from resources.sandbox.backend import DEFAULT_SEED
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault
from resources.sandbox.keys import UNKNOWN, Budget, Plan

VENDOR = "fred"
_FIRST_DAY = date(2006, 1, 2)
_PUBLISHED = time(20, 15)
_MOST = 100_000
_END = "9999-12-31"


@dataclass(frozen=True)
class Series:
    """What a series is drawn from."""

    level: float
    #: time scale (days) -> standard deviation around the level
    moves: dict[int, float]
    decimals: int = 2
    lowest: float = 0.05
    #: whether a week's values come on the Monday after it
    weekly: bool = False


SERIES = {
    "DTWEXBGS": Series(121.0, {1: 0.25, 10: 0.8, 60: 2.5, 400: 3.5}, decimals=4, weekly=True),
    "VIXCLS": Series(18.0, {1: 0.7, 5: 1.6, 30: 2.8, 250: 2.5}, lowest=9.0),
    "DGS10": Series(4.2, {1: 0.03, 10: 0.08, 60: 0.2, 400: 0.4}),
    "DGS2": Series(3.9, {1: 0.03, 10: 0.09, 60: 0.25, 400: 0.6}),
}


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.status, self.message = status, message
        super().__init__(message)


def router(desk: Desk, seed: int = DEFAULT_SEED) -> APIRouter:
    """Both of the vendor's services, under `/fred`."""
    vendor = Fred(desk, seed)
    routes = APIRouter()
    routes.add_route(f"/{VENDOR}/fred/series/observations", vendor.observations, methods=["GET"])
    routes.add_route(f"/{VENDOR}/graph/fredgraph.csv", vendor.file, methods=["GET"])
    return routes


class Fred:
    """FRED's answers."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.seed = desk, seed
        self.used = Budget(desk.now())

    async def observations(self, request: Request) -> Response:
        """`/fred/series/observations?series_id=&api_key=&file_type=json`: whole, or by `limit` and `offset`."""
        options = dict(request.query_params)

        def respond(_: list[Fault]) -> Response:
            try:
                return json_response(self._observed(options))
            except Refused as refusal:
                return _error(refusal.status, refusal.message)

        names = [options["series_id"]] if "series_id" in options else []
        return await self.desk.answer(VENDOR, request, names, respond, _error)

    async def file(self, request: Request) -> Response:
        """`/graph/fredgraph.csv?id=&cosd=&coed=`, without a key; 404 for an unknown series."""
        options = dict(request.query_params)
        series_id = options.get("id", "")

        def respond(_: list[Fault]) -> Response:
            if series_id not in SERIES:
                return _page(404)
            try:
                rows = self._rows(series_id, _day(options, "cosd", date.min), _day(options, "coed", date.max))
            except Refused:
                return _page(400)
            lines = [f"observation_date,{series_id}", *(f"{day},{value or ''}" for day, value in rows)]
            return Response("\n".join(lines) + "\n", media_type="application/csv")

        return await self.desk.answer(VENDOR, request, [series_id] * bool(series_id), respond, _page)

    def _observed(self, options: dict[str, str]) -> dict[str, Any]:
        key, series_id = options.get("api_key", ""), options.get("series_id", "")
        if key in UNKNOWN:
            word = "is not registered" if key else "is not set"
            raise Refused(f"Bad Request.  The value for variable api_key {word}.")
        if not self.used.spend(key, Plan.of(key).per_minute):
            raise Refused("Too Many Requests.  Exceeded Rate Limit", 429)
        if series_id not in SERIES:
            raise Refused("Bad Request.  The series does not exist.")
        if options.get("file_type") != "json":
            raise Refused("Bad Request.  The sandbox serves file_type=json.")
        first, last = _day(options, "observation_start", _FIRST_DAY), _day(options, "observation_end", date.max)
        limit, offset = _whole(options, "limit", _MOST), _whole(options, "offset", 0)
        rows = self._rows(series_id, first, last)
        if options.get("sort_order", "asc") == "desc":
            rows = rows[::-1]
        today = self.desk.now().date().isoformat()
        real = {"realtime_start": today, "realtime_end": today}
        return {
            **real,
            "observation_start": first.isoformat(),
            "observation_end": _END if last == date.max else last.isoformat(),
            "units": "lin",
            "output_type": 1,
            "file_type": "json",
            "order_by": "observation_date",
            "sort_order": options.get("sort_order", "asc"),
            "count": len(rows),
            "offset": offset,
            "limit": limit,
            "observations": [
                {**real, "date": day, "value": value or "."} for day, value in rows[offset : offset + limit]
            ],
        }

    def _rows(self, series_id: str, first: date, last: date) -> list[tuple[str, str | None]]:
        """Days that are published by now, with their values as text."""
        known = _last_published(SERIES[series_id].weekly, self.desk.now())
        days, values = _drawn(self.seed, series_id, known)
        inside = slice(
            *np.searchsorted(days, [np.datetime64(max(first, _FIRST_DAY)), np.datetime64(min(last, known)) + 1])
        )
        return list(zip(days[inside].astype(str).tolist(), values[inside], strict=True))


@functools.lru_cache(maxsize=32)
def _drawn(seed: int, series_id: str, until: date) -> tuple[Any, list[str | None]]:
    """Weekdays up to `until`, and their values."""
    series = SERIES[series_id]
    days = np.arange(np.datetime64(_FIRST_DAY), np.datetime64(until) + 1)
    days = days[np.is_busday(days)]
    number = days.astype(np.int64)
    drawn = series.level + paths.noise(paths.key(seed, f"fred/{series_id}", "value"), number, series.moves)
    traded = np.isin(days, sessions.days("XNYS", until))
    texts = [f"{value:.{series.decimals}f}" for value in np.maximum(drawn, series.lowest).tolist()]
    return days, [text if is_traded else None for text, is_traded in zip(texts, traded.tolist(), strict=True)]


def _last_published(weekly: bool, at: datetime) -> date:
    """The newest day whose value is out."""
    today = at.astimezone(UTC).date()
    out = at.astimezone(UTC).time() >= _PUBLISHED
    if weekly:
        monday = today - timedelta(days=today.weekday())
        return monday - timedelta(days=3 if out or today > monday else 10)
    # of Friday on Monday; at weekends nothing comes out
    last_out = np.datetime64(today if out else today - timedelta(days=1), "D")
    return date.fromisoformat(str(np.busday_offset(np.busday_offset(last_out, 0, "backward"), -1)))


def _day(options: dict[str, str], name: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(options[name]) if name in options else otherwise
    except ValueError:
        raise Refused(f"Bad Request.  Variable {name} is not a YYYY-MM-DD date.") from None


def _whole(options: dict[str, str], name: str, otherwise: int) -> int:
    text = options.get(name, str(otherwise))
    if not text.isdecimal() or int(text) > _MOST:
        raise Refused(f"Bad Request.  Variable {name} is not between 0 and {_MOST}.")
    return int(text)


def _error(status: int, message: str | None = None) -> Response:
    words = {429: "Too Many Requests.  Exceeded Rate Limit", 400: "Bad Request."}
    return json_response(
        {"error_code": status, "error_message": message or words.get(status, "Internal Server Error")}, status
    )


def _page(status: int) -> Response:
    return PlainTextResponse(f"<html><body>Error {status}</body></html>", status, media_type="text/html")
