"""How the sandbox's tests ask: the instant they ask at, headers, and the usual questions."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

#: a Friday evening in New York: the session is closed
EVENING = datetime(2024, 6, 14, 23, tzinfo=UTC)
BROWSER = {"User-Agent": "Mozilla/5.0 (compatible; tests)"}
HEADERS = {"Authorization": "Bearer some-key", **BROWSER}

#: headers and paths of Glassnode
GLASSNODE = {"X-Api-Key": "some-key"}
CLOSE, OHLC = (f"/glassnode/v1/metrics/market/price_usd_{name}" for name in ("close", "ohlc"))
LONG, SHORT = (f"/glassnode/v1/metrics/derivatives/futures_liquidated_volume_{side}_sum" for side in ("long", "short"))

Serve = Callable[..., str]


def get(http: httpx.Client, path: str, **options: Any) -> dict[str, Any]:
    """The JSON of a successful answer."""
    answer = http.get(path, params=options or None)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def aggregates(http: httpx.Client, ticker: str, start: str, end: str, **options: Any) -> dict[str, Any]:
    """The first page of raw daily aggregates."""
    path = f"/polygon/v2/aggs/ticker/{ticker}/range/1/day/{start}/{end}"
    return get(http, path, **{"adjusted": "false", **options})


def chart(http: httpx.Client, symbol: str, start: datetime, end: datetime, **options: Any) -> dict[str, Any]:
    """The one result of a Yahoo chart."""
    span = {"period1": int(start.timestamp()), "period2": int(end.timestamp()), "interval": "1d"}
    body = get(http, f"/yahoo/v8/finance/chart/{symbol}", **{**span, "events": "div,splits", **options})
    result: dict[str, Any] = body["chart"]["result"][0]
    return result


def epoch(at: datetime) -> int:
    """Whole seconds since 1970."""
    return int(at.timestamp())


def metric(http: httpx.Client, path: str, since: datetime, until: datetime, **options: Any) -> list[dict[str, Any]]:
    """The hourly points of a Glassnode metric with since <= t < until."""
    points: Any = get(http, path, **{"a": "BTC", "i": "1h", "s": epoch(since), "u": epoch(until), **options})
    assert isinstance(points, list)
    return points


def shape(value: object) -> object:
    """Keys and types of a JSON value; of a list, the shape of its first element."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
