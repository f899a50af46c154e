"""What an HTTP status means, for every vendor; a vendor's file says only where its own differs."""

from collections.abc import Callable, Mapping

import orjson

from resources.http import redact
from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.http.retry import retry_after
from resources.http.transport import Reply

_SHOWN = 200


def refuse(vendor: str, reply: Reply, own: Mapping[int, Callable[[str], VendorError]] | None = None) -> None:
    """Raise what a status other than 2xx means, with the vendor's words; `own` are the vendor's own meanings.

    429, 418 and 5xx carry the seconds of Retry-After.
    """
    status = reply.status
    if 200 <= status < 300:
        return
    # redacted before it is cut: of a key cut in two the first half would not be known as one
    said = redact.text(words(reply.body))
    detail = f"HTTP {status}" + (f": {said[:_SHOWN]}" if said else "")
    if own and status in own:
        raise own[status](detail)
    if status in {418, 429}:
        raise RateLimited(
            vendor, detail, retry_after_s=retry_after(reply.headers.get("retry-after"), reply.received_at)
        )
    if status >= 500:
        raise Unavailable(
            vendor, detail, retry_after_s=retry_after(reply.headers.get("retry-after"), reply.received_at)
        )
    if status == 404:
        raise NotFound(vendor, detail)
    if 300 <= status < 400:
        raise Malformed(vendor, f"{detail} to {reply.headers.get('location', 'nowhere')}; redirects are not followed")
    raise BadRequest(vendor, detail)


def words(body: bytes) -> str:
    """A vendor's own words in an error body, which may be empty, plain text, or JSON of several shapes."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace").strip()
    for name in ("chart", "spark", "message", "error_message", "error", "description", "msg", "code"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return "" if isinstance(found, dict | list) or found is None else str(found)
