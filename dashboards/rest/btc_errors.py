"""Failures of the btc routes: `{"error": {"code", "message"}}`, the shape their clients know.

All other routes answer `{detail, code}` (`errors.py`).
"""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from dashboards.rest.answers import json_answer
from dashboards.rest.errors import ApiError
from market_assets.core.errors import InvalidRequest, NotMaterialised, UnknownName
from resources.stores.errors import StoreError, VersionPruned

_log = structlog.get_logger(__name__)

#: paths that fail in this shape; a plot's path goes on with its name
PATHS = ("/api/features", "/api/latest_signals", "/api/performance", "/api/stats")
_PLOTS = "/api/plots/"

#: our own errors, first match wins
_KINDS: tuple[tuple[type[Exception], int, str], ...] = (
    (NotMaterialised, 503, "not_materialised"),
    (VersionPruned, 410, "version_pruned"),
    (UnknownName, 400, "bad_request"),
    (StoreError, 503, "store_unavailable"),
    (InvalidRequest, 400, "bad_request"),
)


class Failure(BaseModel):
    """Why a btc route did not answer."""

    code: str = Field(description="Stable name of the kind of failure")
    message: str = Field(description="What must hold, what was, what to do next")


class BtcErrorBody(BaseModel):
    """What every failure of a btc route answers."""

    error: Failure


#: documented on the btc routes; 500 is not: it is a defect, not an answer
BTC_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": BtcErrorBody, "description": description}
    for status, description in {
        400: "A parameter that is none, or a range that cannot be",
        401: "An API key is needed",
        404: "No such plot",
        410: "A version that is no longer kept",
        421: "On loopback: asked for by a name that is not this machine's",
        422: "More rows than btc.export.max_records",
        429: "Too many requests; see Retry-After",
        503: "Nothing stored yet, or a store does not answer",
    }.items()
}


def owns(path: str) -> bool:
    """Whether a URL path is one of the btc routes."""
    return path in PATHS or path.startswith(_PLOTS)


def btc_error_answer(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """The body of a failure of a btc route."""
    return json_answer({"error": {"code": code, "message": detail}}, status, headers)


class BtcRoute(APIRoute):
    """A route whose every failure has the btc shape, also that of a parameter FastAPI refuses."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with failures answered."""
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except Exception as failure:  # noqa: BLE001 - every failure is answered in one shape; a defect is logged
                return _answer(request, failure)

        return answered


def _answer(request: Request, failure: Exception) -> Response:
    if isinstance(failure, ApiError):
        return btc_error_answer(failure.status, failure.code, str(failure), failure.headers)
    if isinstance(failure, RequestValidationError):
        parts = [f"{item['loc'][-1]}: {item['msg']}" for item in failure.errors()]
        return btc_error_answer(400, "bad_request", "; ".join(parts))
    for kind, status, code in _KINDS:
        if isinstance(failure, kind):
            return btc_error_answer(status, code, str(failure))
    _log.error("request failed", path=request.url.path, error=type(failure).__name__, exc_info=failure)
    return btc_error_answer(500, "internal_error", "the server failed; its log names the cause")
