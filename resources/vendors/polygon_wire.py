"""What all of Polygon's routes have in common: the client, what an answer means, and its pages.

Quirks (seen 2022 to 2026, see vendors.md): status DELAYED is as good as OK; no data is an absent `results`;
`next_url` is absolute, may name the vendor's other host and lacks the key.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

import orjson

from market_assets.core.settings import FetchSettings, RateBudget
from market_assets.settings import Settings
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, Unauthorized, VendorError
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape

NAME: Final = "polygon"
KEY_VARIABLE = "POLYGON_API_KEY"
#: base aggregates (days or minutes) that one request may cover
MOST_AGGREGATES = 50_000
_MOST_PAGES = 1000

Row = Mapping[str, Any]
Page = TypeVar("Page")
#: a path below the base URL and its query
Link = tuple[str, Mapping[str, str | int]]


def client(
    settings: Settings,
    *,
    fetch: FetchSettings | None = None,
    rates: RateBudget | None = None,
    timing: Timing | None = None,
) -> VendorClient:
    """The client by the settings: all routes share the key's budget and one breaker.

    A missing key is told by the first request, before it is sent.
    """
    secret = settings.polygon_api_key
    key = secret.get_secret_value() if secret else None
    return connect(settings, NAME, key_variable=KEY_VARIABLE, key=key, fetch=fetch, rates=rates, timing=timing)


def read_body(reply: Reply) -> Row:
    """The JSON object of an answer that is a success. Raises what anything else means."""
    judge.refuse(NAME, reply, {401: _bad_key, 403: _not_entitled})
    found: Any = json_shape.parse(NAME, reply.body)
    if not isinstance(found, dict):
        raise Malformed(NAME, f"the body must be an object, was {type(found).__name__}")
    if json_shape.text(NAME, found, "status") in {"OK", "DELAYED"}:
        return found
    raise _refusal(found)


def check_asked(body: Row, vendor_id: str, *, adjusted: bool) -> None:
    """Raise Malformed where aggregates are of another ticker, or on another basis, than was asked."""
    check_basis(body, adjusted)
    if body.get("ticker", vendor_id) != vendor_id:
        raise Malformed(NAME, f"ticker must be {vendor_id!r}, as asked, was {body['ticker']!r}")


def check_basis(body: Row, adjusted: bool) -> None:
    """Raise Malformed where prices are adjusted for splits, or are not, against what was asked."""
    if body.get("adjusted", adjusted) is not adjusted:
        raise Malformed(NAME, f"adjusted must be {adjusted}, as asked, was {body['adjusted']}")


def next_page(body: Row, base_url: str) -> Link | None:
    """Path (below the base URL) and query of the page after this one; None on the last.

    Only path and query of `next_url` are used: the key goes to the configured host alone.
    """
    following = body.get("next_url")
    if following is None:
        return None
    try:
        parts = urlsplit(following if isinstance(following, str) else "")
    except ValueError:
        parts = urlsplit("")
    path = parts.path.removeprefix(urlsplit(base_url).path.rstrip("/"))
    # without the slash, `@elsewhere/` after our host would make it a user name at another host
    if not path.startswith("/"):
        raise Malformed(NAME, f"next_url must be an address, was {following!r}")
    query: dict[str, str | int] = {name: value for name, value in parse_qsl(parts.query) if name.lower() != "apikey"}
    return path, query


def pages(
    http: VendorClient,
    path: str,
    params: Mapping[str, str | int],
    context: str,
    parse: Callable[[Row, datetime], Page],
    *,
    record: bool = True,
) -> list[tuple[Page, Reply]]:
    """Every page from `path` on, as `parse` makes it of a body and its instant of arrival.

    Raises Malformed where the vendor leads in a circle.
    """
    found: list[tuple[Page, Reply]] = []
    seen: set[str] = set()
    here: Link | None = (path, params)
    while here is not None:
        (page, following, digest), reply = http.get(
            here[0],
            here[1],
            read=lambda reply: _read_page(reply, http.base_url, seen, parse),
            context=context,
            record=record,
        )
        seen.update(digest)
        found.append((page, reply))
        here = following
    return found


def _read_page(
    reply: Reply, base_url: str, seen: set[str], parse: Callable[[Row, datetime], Page]
) -> tuple[Page, Link | None, set[str]]:
    body = read_body(reply)
    following = next_page(body, base_url)
    # an empty page may repeat; rows or the way onwards may not
    marks = {sha256(orjson.dumps(part)).hexdigest() for part in (body.get("results"), following) if part}
    if marks & seen or len(seen) > 2 * _MOST_PAGES:
        raise Malformed(NAME, f"next_url leads in a circle: page {len(seen) // 2 + 1} was there before")
    return parse(body, reply.received_at), following, marks


def _refusal(body: Row) -> VendorError:
    """What a body with another status than OK means, although HTTP said 200."""
    status, said = body.get("status"), str(body.get("error") or body.get("message") or "")
    text = f"status {status}: {said}"
    if status == "NOT_AUTHORIZED":
        return _not_entitled(text)
    if status == "NOT_FOUND":
        return NotFound(NAME, text)
    if "exceeded the maximum requests" in said:
        return RateLimited(NAME, text)
    if "api key" in said.lower():
        return _bad_key(text)
    if status == "ERROR":
        return BadRequest(NAME, text)
    return Malformed(NAME, f"status must be OK or DELAYED, was {status!r}")


def _bad_key(detail: str) -> VendorError:
    return Unauthorized.of_key(NAME, KEY_VARIABLE, detail)


def _not_entitled(detail: str) -> VendorError:
    return NotEntitled(NAME, f"the plan does not include this history ({detail})")
