"""What all of Polygon's routes share on the wire: questions with their key's plan, limits, error bodies."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from resources.sandbox import paging
from resources.sandbox.desk import json_response
from resources.sandbox.faults import Fault
from resources.sandbox.keys import Plan

VENDOR = "polygon"
AGGREGATES_DEFAULT, AGGREGATES_MOST = 5000, 50_000
WRONG_TICKER = "WRNG"
NO_DATE = "Could not parse the date. Use YYYY-MM-DD or Unix MS Timestamps"

_ERRORS = {
    401: ("ERROR", "error", "Unknown API Key"),
    403: (
        "NOT_AUTHORIZED",
        "message",
        "Your plan doesn't include this data timeframe. Please upgrade your plan at https://polygon.io/pricing",
    ),
    404: ("NOT_FOUND", "message", "Ticker not found."),
    429: (
        "ERROR",
        "error",
        "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue. "
        "https://polygon.io/pricing",
    ),
}


class Refused(Exception):
    """An answer that is an error body."""

    def __init__(self, status: int, message: str | None = None) -> None:
        self.status, self.message = status, message
        super().__init__(message or str(status))


@dataclass(frozen=True)
class Ask:
    """One authorised request."""

    path: Mapping[str, str]
    #: query options, those of a cursor included
    options: Mapping[str, str]
    plan: Plan
    at: datetime
    struck: Sequence[Fault]
    request_id: str
    #: address of this vendor's routes, for `next_url`
    base: str

    def tail(self) -> dict[str, str]:
        """Status and request id, as every body has them."""
        return {"status": "DELAYED" if self.plan.delayed else "OK", "request_id": self.request_id}


def options(request: Request) -> dict[str, str]:
    """Query options, those of a cursor included, without the key. Raises Refused."""
    query = dict(request.query_params)
    query.pop("apiKey", None)
    cursor = query.pop("cursor", None)
    try:
        return query if cursor is None else {**query, **paging.decode(cursor)}
    except ValueError as wrong:
        raise Refused(400, str(wrong)) from None


def limit(ask: Ask, default: int, most: int) -> int:
    """How many rows a page may have. Raises Refused."""
    text = ask.options.get("limit", str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Refused(400, f"limit must be between 1 and {most}")
    return int(text)


def request_id(request: Request) -> str:
    """The same for the same question, so that equal answers are equal bytes."""
    query = sorted((name, value) for name, value in request.query_params.items() if name != "apiKey")
    return hashlib.blake2b(f"{request.url.path}{query}".encode(), digest_size=16).hexdigest()


def error(refusal: Refused, request_id: str) -> Response:
    """The answer that refuses."""
    word, key, message = _ERRORS.get(refusal.status, ("ERROR", "error", "Internal server error"))
    body = {"status": word, "request_id": request_id, key: refusal.message or message}
    return json_response(body, refusal.status)
