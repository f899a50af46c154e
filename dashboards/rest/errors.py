"""Every failure as `{"detail": str, "code": str}`, with the status its kind deserves."""

import math
import sys
from collections.abc import Iterable
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.rest.answers import json_answer
from market_assets.core.errors import InvalidRequest, MarketAssetsError, NotMaterialised, UnknownName
from resources.http.errors import NotFound, VendorError
from resources.stores.errors import StoreError, VersionPruned

_log = structlog.get_logger(__name__)

_STATUS_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    410: "gone",
    413: "too_large",
    422: "invalid_request",
    429: "rate_limited",
}


#: our own errors, first match wins
_KINDS: tuple[tuple[type[MarketAssetsError], int, str], ...] = (
    (NotMaterialised, 503, "not_materialised"),
    (OrchestratorUnavailable, 503, "orchestrator_unavailable"),
    (UnknownName, 404, "unknown_name"),
    (VersionPruned, 410, "version_pruned"),
    (StoreError, 503, "store_unavailable"),
    (NotFound, 422, "refused_by_vendor"),
    (VendorError, 503, "vendor_unavailable"),
    (InvalidRequest, 422, "invalid_request"),
)


class ErrorBody(BaseModel):
    """What every failure answers."""

    detail: str = Field(description="What must hold, what was, what to do next")
    code: str = Field(description="Stable name of the kind of failure")


class ApiError(MarketAssetsError):
    """A failure with a status of its own."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.headers = status, code, headers or {}
        super().__init__(detail)


def error_answer(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """The body of a failure."""
    return json_answer({"detail": detail, "code": code}, status, headers)


#: documented on every route, so that OpenAPI tells the truth about failures
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": description}
    for status, description in {
        401: "An API key is needed",
        404: "No such thing; the nearest names are listed",
        410: "Removed on purpose, or a version that is no longer kept",
        421: "On loopback: asked for by a name that is not this machine's",
        422: "The request cannot be answered as it was put",
        429: "Too many requests; see Retry-After",
        503: "Nothing stored yet, or a store does not answer",
    }.items()
}

#: the same of routes that read a body
BAD_BODY: dict[int | str, dict[str, Any]] = {400: {"model": ErrorBody, "description": "A body that is no JSON text"}}


def register(app: FastAPI) -> None:
    """Install the handlers, and have failures logged without the values of variables."""
    _log_plainly()
    app.exception_handler(ApiError)(_api_error)
    app.exception_handler(MarketAssetsError)(_known)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(Exception)(_unexpected)


def _log_plainly() -> None:
    """Plain tracebacks: structlog's own show every variable, keys among them, and take seconds a failure."""
    if not structlog.is_configured():
        *processors, _ = structlog.get_config()["processors"]
        plain = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        structlog.configure(processors=[*processors, plain])


async def _api_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return error_answer(error.status, error.code, str(error), error.headers)


async def _known(_request: Request, error: Exception) -> Response:
    for kind, status, code in _KINDS:
        if isinstance(error, kind):
            named = f"unknown_{error.kind.split()[0].lower()}" if isinstance(error, UnknownName) else code
            return error_answer(status, named, str(error))
    _log.error("request failed", error=type(error).__name__, exc_info=error)
    return error_answer(500, "internal_error", "the server failed; its log names the cause")


async def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = _STATUS_CODES.get(error.status_code, "error")
    return error_answer(error.status_code, code, str(error.detail), dict(error.headers or {}))


async def _invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    parts = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
    return error_answer(422, "invalid_request", "; ".join(parts))


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request failed", path=request.url.path, error=type(error).__name__, exc_info=error)
    return error_answer(500, "internal_error", "the server failed; its log names the cause")


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to come back; at least one second."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def known_timeframe(name: str, known: Iterable[str]) -> str:
    """The timeframe. Raises ApiError 404 with those there are."""
    names = list(known)
    if name not in names:
        raise ApiError(404, "unknown_timeframe", f"no timeframe {name!r} here; available: {', '.join(names)}")
    return name
