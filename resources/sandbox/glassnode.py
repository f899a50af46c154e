"""Glassnode on the wire: hourly metrics as points or CSV, metadata, and a request budget in every answer's headers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from resources.sandbox import fault_hours, glassnode_metrics
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault
from resources.sandbox.glassnode_metrics import ASSET, METRICS, OBJECT, VALUE, Metric
from resources.sandbox.hours import Hours
from resources.sandbox.keys import UNKNOWN, Budget, Plan

VENDOR = "glassnode"
#: what a key may ask a minute unless its plan says otherwise; metadata have a budget of their own
METRICS_A_MINUTE, METADATA_A_MINUTE = 600, 1200

_HOUSE_SYMBOL = "BTC-USD"
_FINER_THAN_A_DAY = ("10m", "1h")
_JSON_ERRORS = {
    401: {"error": "Invalid API key"},
    403: {"message": "Resolution 1h is not allowed. Allowed resolutions: [24h, 1w, 1month]"},
}
_TEXT_ERRORS = {400: "bad request", 404: "metric not found", 429: "Too Many Requests"}


class Refused(Exception):
    """An answer that is an error body."""

    def __init__(self, status: int, text: str | None = None) -> None:
        self.status, self.text = status, text
        super().__init__(text or str(status))


@dataclass(frozen=True)
class Ask:
    """One authorised request."""

    request: Request
    plan: Plan
    at: datetime
    struck: Sequence[Fault]

    def option(self, name: str, default: str) -> str:
        """A query option."""
        return self.request.query_params.get(name, default)

    def has(self, kind: str) -> bool:
        """Whether a fault of this kind strikes."""
        return any(fault.kind == kind for fault in self.struck)


@dataclass(frozen=True)
class Allowance:
    """The budget of one group of routes."""

    budget: Budget
    per_minute: int

    def spend(self, key: str) -> bool:
        """Count a request; whether the key's budget allowed it."""
        return self.budget.spend(key, self._limit(key))

    def state(self, response: Response, key: str) -> None:
        """Say in the headers what is left; a fault's own headers stay."""
        left = 0 if response.status_code == 429 else self.budget.left(key, self._limit(key))
        response.headers.setdefault("x-rate-limit-limit", str(self._limit(key)))
        response.headers.setdefault("x-rate-limit-remaining", str(left))
        response.headers.setdefault("x-rate-limit-reset", str(self.budget.reset_s()))

    def _limit(self, key: str) -> int:
        plan = Plan.of(key)
        return self.per_minute if plan.per_minute is None else plan.per_minute


def router(desk: Desk) -> APIRouter:
    """The vendor's routes, under `/glassnode`."""
    vendor = Glassnode(desk)
    routes = APIRouter()
    metrics = Allowance(Budget(desk.now()), METRICS_A_MINUTE)
    metadata = Allowance(Budget(desk.now()), METADATA_A_MINUTE)
    served: dict[str, tuple[Callable[[Ask], Response], Allowance]] = {
        "/v1/metrics/{path:path}": (vendor.metric, metrics),
        "/v1/metadata/metric": (vendor.description, metadata),
        "/v1/metadata/metrics": (vendor.listing, metadata),
        "/v1/metadata/assets": (vendor.assets, metadata),
    }
    for path, (respond, allowance) in served.items():
        routes.add_route(f"/{VENDOR}{path}", vendor.endpoint(respond, allowance), methods=["GET"])
    return routes


class Glassnode:
    """Glassnode's answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def endpoint(self, respond: Callable[[Ask], Response], allowance: Allowance) -> Callable[[Request], Any]:
        """An endpoint: faults, then key and budget, then the answer; the budget's state is in every header."""

        async def answer(request: Request) -> Response:
            key = request.headers.get("X-Api-Key") or request.query_params.get("api_key", "")
            asset = request.query_params.get("a", "")
            names = [ASSET, _HOUSE_SYMBOL] if asset == ASSET else [asset] * bool(asset)
            response = await self.desk.answer(
                VENDOR,
                request,
                names,
                lambda struck: self._authorised(request, key, struck, respond, allowance),
                lambda status: _error(Refused(status)),
            )
            allowance.state(response, key)
            return response

        return answer

    def metric(self, ask: Ask) -> Response:
        """`/v1/metrics/<category>/<metric>`: published hours, and the running one as an extra last point."""
        metric = _known(ask.request.path_params["path"])
        since, until = _checked(ask, metric)
        in_usd = ask.option("c", "native").lower() == "usd" or ask.has("usd")
        begun = metric.hours(self.desk.backend, ask.at, in_usd)
        shown = fault_hours.published(begun, ask.at.timestamp(), ask.struck)
        rows = fault_hours.order(fault_hours.window(shown, since, until, ask.struck), ask.struck)
        stamps = _stamps(rows, ask.option("timestamp_format", "unix"))
        if ask.option("f", "json") == "csv":
            return Response(_csv(rows, stamps), media_type="text/csv")
        return json_response(_points(rows, stamps))

    def description(self, ask: Ask) -> Response:
        """`/v1/metadata/metric?path=...`."""
        path = ask.option("path", "")
        if not path:
            raise Refused(400, 'missing parameter "path"')
        metric = _known(path.strip("/").removeprefix("v1/metrics/"))
        return json_response(metric.describe(self.desk.backend, ask.at, f"/v1/metrics{metric.path}"))

    def listing(self, ask: Ask) -> Response:
        """`/v1/metadata/metrics`: every path."""
        return json_response(list(METRICS))

    def assets(self, ask: Ask) -> Response:
        """`/v1/metadata/assets`."""
        return json_response(glassnode_metrics.assets())

    def _authorised(
        self,
        request: Request,
        key: str,
        struck: Sequence[Fault],
        respond: Callable[[Ask], Response],
        allowance: Allowance,
    ) -> Response:
        try:
            if key in UNKNOWN:
                raise Refused(401)
            if not allowance.spend(key):
                raise Refused(429)
            return respond(Ask(request, Plan.of(key), self.desk.now(), struck))
        except Refused as refusal:
            return _error(refusal)


def _known(path: str) -> Metric:
    found = METRICS.get(f"/{path.strip('/')}")
    if found is None:
        raise Refused(404)
    return found


def _checked(ask: Ask, metric: Metric) -> tuple[int, int]:
    """Since and until (epoch seconds, until excluded) of a question that the vendor and the plan accept."""
    for option in ask.request.query_params:
        if not metric.takes(option):
            raise Refused(400, f'unexpected parameter "{option}"')
    if "a" not in ask.request.query_params:
        raise Refused(400, 'missing parameter "a"')
    interval = ask.option("i", "24h")
    if (ask.plan.daily or ask.has("daily_plan")) and interval in _FINER_THAN_A_DAY:
        raise Refused(403, f"Resolution {interval} is not allowed. Allowed resolutions: [24h, 1w, 1month]")
    if interval != "1h":
        raise Refused(400, "the sandbox serves i=1h")
    allowed = {**metric.parameters, "timestamp_format": ["unix", "humanized"]}
    for option, values in allowed.items():
        given = ask.option(option, values[0])
        if (given.lower() if option == "c" else given) not in values:
            raise Refused(400, f'invalid value "{given}" for parameter "{option}"')
    return _seconds(ask, "s", 0), _seconds(ask, "u", math.floor(ask.at.timestamp()) + 1)


def _seconds(ask: Ask, option: str, default: int) -> int:
    text = ask.option(option, str(default))
    if not text.isdecimal() or len(text) > 12:
        raise Refused(400, f'invalid value "{text}" for parameter "{option}"')
    return int(text)


def _stamps(rows: Hours, form: str) -> list[Any]:
    if form == "unix":
        unix: list[Any] = rows.start.tolist()
        return unix
    return [f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%M:%SZ}" for start in rows.start.tolist()]


def _points(rows: Hours, stamps: Sequence[Any]) -> list[dict[str, Any]]:
    """`{"t", "v"}` each, or `{"t", "o": {...}}` where a point has several values; NaN is written as null."""
    columns = {name: column.tolist() for name, column in rows.values.items()}
    if OBJECT not in columns:
        return [{"t": t, "v": v} for t, v in zip(stamps, columns[VALUE], strict=True)]
    values = zip(stamps, *(columns[name] for name in "chlo"), strict=True)
    return [{"t": t, "o": {"c": c, "h": h, "l": low, "o": o}} for t, c, h, low, o in values]


def _csv(rows: Hours, stamps: Sequence[Any]) -> str:
    """`timestamp,value`, or a column for each field; nothing for null."""
    names = list(rows.values) if OBJECT in rows.values else ["value"]
    columns = [np.where(np.isnan(c), "", c.astype(str)).tolist() for c in rows.values.values()]
    lines = [",".join(map(str, line)) for line in zip(stamps, *columns, strict=True)]
    return "\n".join([",".join(["timestamp", *names]), *lines]) + "\n"


def _error(refusal: Refused) -> Response:
    status, text = refusal.status, refusal.text
    if status in _JSON_ERRORS:
        body = _JSON_ERRORS[status]
        return json_response(dict.fromkeys(body, text) if text else body, status)
    return PlainTextResponse(text or _TEXT_ERRORS.get(status, "Internal Server Error"), status)
