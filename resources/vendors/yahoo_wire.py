"""What all of Yahoo's routes have in common: the client, what an answer means, and a chart's parallel arrays.

Quirks (seen 2020 to 2026, see vendors.md): arrays hold nulls; a window without bars has no `timestamp`; one
before the first bar is HTTP 400; 429 is text, per address, and curl's User-Agent gets it at once.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import polars as pl

from market_assets.core.settings import FetchSettings, RateBudget
from market_assets.settings import Settings
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import BadRequest, Malformed, NotFound, VendorError
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape

NAME: Final = "yahoo"
#: where a chart's one result stands, as messages show it
RESULT = "chart.result[0]"
_QUOTE = f"{RESULT}.indicators.quote[0]"
_BEFORE_FIRST_BAR = "Data doesn't exist for startDate"
_NUMBERS = ("open", "high", "low", "close", "volume")
_ROWS = pl.Schema([("at", pl.Datetime("ms", "UTC")), *((name, pl.Float64()) for name in _NUMBERS)])


def client(
    settings: Settings,
    *,
    fetch: FetchSettings | None = None,
    rates: RateBudget | None = None,
    timing: Timing | None = None,
) -> VendorClient:
    """The client by the settings: all routes share the address's budget and one breaker."""
    headers = {"User-Agent": settings.yahoo.user_agent}
    return connect(settings, NAME, headers=headers, fetch=fetch, rates=rates, timing=timing)


def chart_path(vendor_id: str) -> str:
    """Where the chart of an id is."""
    return f"/v8/finance/chart/{quote(vendor_id, safe='')}"


def is_before_first_bar(reply: Reply) -> bool:
    """Whether an answer says, by refusing, that the window has no bars."""
    return reply.status == 400 and _BEFORE_FIRST_BAR in judge.words(reply.body)


def read_body(reply: Reply, own: Mapping[int, Callable[[str], VendorError]] | None = None) -> Any:
    """The JSON of an answer that is a success. Raises what any other status means; `own` are a route's meanings."""
    judge.refuse(NAME, reply, own)
    return json_shape.parse(NAME, reply.body)


def chart_result(body: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The one result of a chart answer, and its meta part. Raises what an error told in the body means."""
    chart = json_shape.member(NAME, body, "chart", dict)
    if chart.get("error"):
        raise refusal(chart["error"])
    results = json_shape.member(NAME, chart, "chart.result", list)
    if len(results) != 1:
        raise Malformed(NAME, f"chart.result must have one entry, has {len(results)}")
    return results[0], json_shape.member(NAME, results[0], f"{RESULT}.meta", dict)


def check_asked(meta: Mapping[str, Any], vendor_id: str, interval: str) -> None:
    """Raise Malformed where a chart is of another symbol or interval than was asked."""
    said = str(json_shape.member(NAME, meta, f"{RESULT}.meta.symbol", str))
    if said.casefold() != vendor_id.casefold():
        raise Malformed(NAME, f"meta.symbol must be {vendor_id!r}, as asked, was {said!r}")
    if meta.get("dataGranularity", interval) != interval:
        raise Malformed(NAME, f"meta.dataGranularity must be {interval!r}, as asked, was {meta['dataGranularity']!r}")


def parse_rows(result: Mapping[str, Any]) -> pl.DataFrame:
    """The arrays of a chart, side by side and in their order: at, open, high, low, close, volume; nulls stay."""
    stamps = json_shape.listing(NAME, result, f"{RESULT}.timestamp")
    indicators = json_shape.member(NAME, result, f"{RESULT}.indicators", dict)
    quotes = json_shape.member(NAME, indicators, f"{RESULT}.indicators.quote", list)
    arrays = json_shape.mapping(NAME, {"quote[0]": quotes[0] if quotes else None}, _QUOTE)
    if not stamps and not any(arrays.values()):
        return pl.DataFrame(schema=_ROWS)
    columns: dict[str, pl.Series] = {}
    for name in _NUMBERS:
        values = json_shape.member(NAME, arrays, f"{_QUOTE}.{name}", list)
        if len(values) != len(stamps):
            raise Malformed(NAME, f"{_QUOTE}.{name} must have one value per timestamp: {len(values)} for {len(stamps)}")
        columns[name] = json_shape.number_series(NAME, values, _place(f"{_QUOTE}.{name}"), name)
    at = json_shape.instants(NAME, stamps, _place(f"{RESULT}.timestamp"), "s")
    return pl.DataFrame({"at": at, **columns}, schema=_ROWS)


def refusal(error: Any) -> NotFound | BadRequest:
    """What an error told in a body means."""
    said = f"{error.get('code')}: {error.get('description')}" if isinstance(error, dict) else str(error)
    return NotFound(NAME, said) if said.startswith("Not Found") else BadRequest(NAME, said)


def _place(where: str) -> Callable[[int], str]:
    return lambda index: f"{where}[{index}]"
