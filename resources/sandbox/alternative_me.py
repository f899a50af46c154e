"""The Fear & Greed index of alternative.me on the wire: one value a day since 2018-02-01, published at midnight (UTC).

Numbers are texts, newest first; only the newest says when the next one comes. The values are simulated.
"""

from datetime import datetime

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from resources.sandbox import perpetual_paths as paths
from resources.sandbox.backend import DEFAULT_SEED
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault

VENDOR = "alternative_me"

_DAY_S = 86_400
#: 2018-02-01
_FIRST_DAY = 17_563
#: time scale (days) -> standard deviation of the index around its middle
_MOODS = {1: 3.0, 4: 6.0, 21: 14.0, 180: 12.0}
_MIDDLE, _LOWEST, _HIGHEST = 48.0, 5.0, 95.0
#: the highest value of each label (seen 2026-06)
_LABELS = ((24, "Extreme Fear"), (46, "Fear"), (54, "Neutral"), (75, "Greed"), (100, "Extreme Greed"))


def router(desk: Desk, seed: int = DEFAULT_SEED) -> APIRouter:
    """The vendor's one route, under `/alternative_me`."""
    routes = APIRouter()

    async def fng(request: Request) -> Response:
        at = desk.now()

        def respond(_: list[Fault]) -> Response:
            limit = request.query_params.get("limit", "1")
            rows = _rows(seed, at)[: (int(limit) if limit.isdecimal() else 1) or None]
            return json_response({"name": "Fear and Greed Index", "data": rows, "metadata": {"error": None}})

        return await desk.answer(VENDOR, request, [], respond, _refused)

    for path in ("/fng", "/fng/"):
        routes.add_route(f"/{VENDOR}{path}", fng, methods=["GET"])
    return routes


def _rows(seed: int, at: datetime) -> list[dict[str, str]]:
    """Every value published by `at`, newest first."""
    today, passed_s = divmod(int(at.timestamp()), _DAY_S)
    days = np.arange(today, _FIRST_DAY - 1, -1, dtype=np.int64)
    drawn = _MIDDLE + paths.noise(paths.key(seed, "fear and greed", "index"), days, _MOODS)
    values = np.clip(np.round(drawn), _LOWEST, _HIGHEST).astype(np.int64)
    rows = [
        {"value": str(value), "value_classification": _label(value), "timestamp": str(day * _DAY_S)}
        for day, value in zip(days.tolist(), values.tolist(), strict=True)
    ]
    if rows:
        rows[0]["time_until_update"] = str(_DAY_S - passed_s)
    return rows


def _label(value: int) -> str:
    return next(label for highest, label in _LABELS if value <= highest)


def _refused(status: int) -> Response:
    return PlainTextResponse("Too Many Requests" if status == 429 else "Internal Server Error", status)
