"""What stands before every route: who may read, and how often. Pure ASGI.

On a loopback bind anyone who reaches the port may read, by a name that is this machine's: a page of another site can
have its own name point here and would read as if it were ours. On any other bind every read needs a key, by `X-API-Key`
or, in a browser, as the password of HTTP Basic. Writes always need `X-API-Key` (`rest/auth.py`): a browser sends Basic
credentials by itself, so they must not be able to write.
"""

import base64
import binascii
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.keys import ApiKeys
from dashboards.rest import btc_errors
from dashboards.rest.errors import error_answer, retry_after
from market_assets.core.errors import InvalidRequest

#: paths that are counted against a client; pages and their assets are not
_LIMITED = ("/api/", "/observability/", "/performance/", "/metrics")
#: liveness probes answer without a key: they carry no stored data
_OPEN = ("/api/health",)
_CLIENTS = 10_000


def is_loopback(host: str) -> bool:
    """Whether a bind address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_ours(host: str, origins: Collection[str]) -> bool:
    """Whether a `Host` header names this machine by what no other site can own.

    An address, a name without a dot, one under `.localhost`, or the host of an allowed origin.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if "." not in name or name.endswith(".localhost") or name in {urlsplit(one).hostname for one in origins}:
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def refuse_open_bind(host: str, keys: ApiKeys) -> None:
    """Raise InvalidRequest where `host` is reachable from outside and no key exists."""
    if is_loopback(host) or keys.any_active():
        return
    raise InvalidRequest(
        f"serving on {host} needs an API key, because it is reachable from other machines; there is none. "
        "Set MARKET_ASSETS_API_KEY, or bind to 127.0.0.1."
    )


class RateLimit:
    """A bucket per client: `per_minute` requests at once, refilled evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity, self._clock = float(per_minute), clock
        self._per_second = per_minute / 60
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, client: str) -> float:
        """Take one request; 0 where it may pass, else the seconds until the next one may."""
        now = self._clock()
        with self._lock:
            left, at = self._buckets.get(client, (self._capacity, now))
            left = min(self._capacity, left + (now - at) * self._per_second)
            allowed = left >= 1
            self._buckets[client] = (left - 1 if allowed else left, now)
            self._buckets.move_to_end(client)
            if len(self._buckets) > _CLIENTS:
                self._buckets.popitem(last=False)
            return 0.0 if allowed else (1 - left) / self._per_second


class Guard:
    """ASGI middleware: the key on open binds, our own names on others, the rate, and an audit row for every write.

    The btc routes have a rate of their own, besides the one of all, and refuse in their own shape.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: ApiKeys,
        limit: RateLimit,
        btc_limit: RateLimit,
        *,
        reads_need_key: bool,
        origins: Collection[str] = (),
    ) -> None:
        self._app, self._keys, self._reads_need_key = app, keys, reads_need_key
        self._limit, self._btc_limit, self._origins = limit, btc_limit, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        key = given_key(Headers(scope=scope))
        name = await run_in_threadpool(self._keys.name_of, key) if key else None
        scope.setdefault("state", {})["api_key_name"] = name
        refusal = self._refusal(scope, name)
        if refusal is None and _writes(scope):
            await self._audited(scope, receive, send)
        elif refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4401})
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope, name: str | None) -> ASGIApp | None:
        path = scope["path"]
        is_btc = btc_errors.owns(path)
        answer = btc_errors.btc_error_answer if is_btc else error_answer
        if path in _OPEN:
            return None
        host = Headers(scope=scope).get("host", "")
        if not self._reads_need_key and not is_ours(host, self._origins):
            detail = (
                f"this address is for this machine alone, and {host} is no name of it: ask for 127.0.0.1 or localhost, "
                "or name where the app is shown in api.cors_origins"
            )
            return answer(421, "foreign_host", detail)
        lacks_key = self._reads_need_key and name is None
        # who guesses keys is counted whatever the path
        if lacks_key or path.startswith(_LIMITED):
            client = f"key {name}" if name else scope["client"][0] if scope.get("client") else "unknown"
            wait = self._limit.wait_s(client) or (self._btc_limit.wait_s(client) if is_btc else 0.0)
            if wait > 0:
                detail = f"too many requests from this client; come back in {math.ceil(wait)} s"
                return answer(429, "rate_limited", detail, retry_after(wait))
        if lacks_key:
            detail = "this address needs an API key: send it as X-API-Key, or as the password in the browser's dialog"
            return answer(401, "unauthorized", detail, {"WWW-Authenticate": 'Basic realm="market-assets"'})
        return None

    async def _audited(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            name = scope["state"]["api_key_name"]
            await run_in_threadpool(self._keys.record, name, scope["method"], scope["path"], status)


def _writes(scope: Scope) -> bool:
    changes = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS")
    return changes and scope["path"].startswith("/api/")


def given_key(headers: Headers) -> str | None:
    """The key of a request: `X-API-Key`, or the password of HTTP Basic."""
    if headers.get("x-api-key"):
        return headers["x-api-key"]
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password or None
