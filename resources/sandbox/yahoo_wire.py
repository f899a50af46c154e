"""What all of Yahoo's routes share on the wire: error bodies, windows, prices through float32."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from resources.sandbox.backend import Floats
from resources.sandbox.desk import json_response

VENDOR = "yahoo"
WRONG_SYMBOL = "WRNG"
RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]

_RANGE_DAYS = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827, "10y": 3653}
_ERRORS = {
    404: ("Not Found", "No data found, symbol may be delisted"),
    400: ("Bad Request", "Invalid input"),
    422: ("Unprocessable Entity", "Invalid input"),
}
_UNIX_START = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """An answer that is an error body."""

    def __init__(self, status: int, description: str | None = None) -> None:
        self.status, self.description = status, description
        super().__init__(description or str(status))


def error(status: int, description: str | None = None, root: str = "chart") -> Response:
    """The answer that refuses, under the name of its route."""
    if status == 429:
        return PlainTextResponse("Edge: Too Many Requests", 429, media_type="text/html")
    code, text = _ERRORS.get(status, ("Internal Server Error", "Internal server error"))
    return json_response({root: {"result": None, "error": {"code": code, "description": description or text}}}, status)


def is_browser(request: Request) -> bool:
    """Whether it says so; others get 429, as seen in 2026."""
    return request.headers.get("User-Agent", "").startswith("Mozilla/5.0")


def span(request: Request, at: datetime) -> tuple[datetime, datetime]:
    """The window asked for: `period1` and `period2`, or `range`. Raises Refused."""
    query = request.query_params
    if "period1" in query:
        try:
            start, end = int(query["period1"]), int(query.get("period2", int(at.timestamp()) + 1))
        except ValueError:
            raise Refused(400, "Invalid input - period1 and period2 are epoch seconds") from None
        if start >= end:
            raise Refused(400, f"Invalid input - start date cannot be after end date. startDate = {start}")
        return _UNIX_START + timedelta(seconds=start), _UNIX_START + timedelta(seconds=end)
    asked = query.get("range", "1mo")
    if asked not in RANGES:
        raise Refused(422, f"Invalid input - range={asked} is not supported. Valid ranges: {RANGES}")
    new_year = datetime(at.year, 1, 1, tzinfo=UTC)
    start_at = new_year if asked == "ytd" else at - timedelta(days=_RANGE_DAYS.get(asked, 365 * 60))
    return start_at, at + timedelta(seconds=1)


def float32(values: Floats) -> Floats:
    """Prices as Yahoo sends them: through float32."""
    return values.astype(np.float32).astype(np.float64)


def wire(values: Floats) -> list[Any]:
    """The same as a list; NaN is written as null."""
    prices: list[Any] = float32(values).tolist()
    return prices
