"""The stack assembled: breaker > retry (with budget) > meter > read > record > wire.

The budget stands inside the retry, because every request costs, also the second and third of a
call; its waits do not count against the call's deadline. A breaker's probe is a single request.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from market_assets.core.settings import FetchSettings, RateBudget
from market_assets.settings import Settings
from resources.http import redact
from resources.http.breaker import Breaker
from resources.http.budget import Budget
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    MissingKey,
    Truncated,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.http.raw import RawStore
from resources.http.retry import Retried
from resources.http.state import VendorState, fingerprint
from resources.http.transport import Reply, Request, Timing, Transport

if TYPE_CHECKING:
    import httpx

Value = TypeVar("Value")
#: the key that the sandbox is asked with where none is set
SANDBOX_KEY = "sandbox"
_NO_LIMIT = RateBudget(per_second=0, per_minute=0, per_day=0)


class Wire:
    """httpx, one connection pool. Redirects are answers, not instructions."""

    def __init__(self, vendor: str, base_url: str, timing: Timing) -> None:
        import httpx

        redact.guard_logs()
        self._vendor, self._timing, self._httpx = vendor, timing, httpx
        local = urlsplit(base_url).hostname in {"127.0.0.1", "localhost", "::1"}
        self._client = httpx.Client(follow_redirects=False, trust_env=not local)

    def send(self, request: Request) -> Reply:
        """Send one request. Raises Unavailable where no whole answer arrives within its timeout."""
        ends = self._timing.monotonic() + request.timeout_s
        try:
            with self._client.stream("GET", request.url, headers=request.headers, timeout=request.timeout_s) as answer:
                body = self._read(answer, ends, request)
                return Reply(answer.status_code, body, dict(answer.headers), self._timing.now())
        except self._httpx.TimeoutException:
            raise self._late(request) from None
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as lost:
            raise Unavailable(
                self._vendor,
                f"no answer ({type(lost).__name__}: {lost})",
                endpoint=request.endpoint,
                context=request.context,
            ) from None

    def close(self) -> None:
        """Close the pool."""
        self._client.close()

    def _read(self, answer: "httpx.Response", ends: float, request: Request) -> bytes:
        # httpx's read timeout starts anew with every chunk: a dripping body would never end
        chunks: list[bytes] = []
        try:
            for chunk in answer.iter_bytes():
                chunks.append(chunk)
                if self._timing.monotonic() > ends:
                    raise self._late(request)
        except (self._httpx.RemoteProtocolError, self._httpx.ReadError):
            raise Truncated(
                self._vendor,
                f"the body ends after {sum(map(len, chunks))} bytes, announced were "
                f"{answer.headers.get('content-length', 'more')}",
                endpoint=request.endpoint,
                context=request.context,
            ) from None
        return b"".join(chunks)

    def _late(self, request: Request) -> Unavailable:
        return Unavailable(
            self._vendor,
            f"no whole answer within {request.timeout_s:.1f} s",
            endpoint=request.endpoint,
            context=request.context,
        )


@dataclass(frozen=True)
class Recorded:
    """Stores every body before anything reads it."""

    below: Transport
    vendor: str
    raw: RawStore

    def send(self, request: Request) -> Reply:
        """Pass on, then keep the body."""
        reply = self.below.send(request)
        digest = self.raw.put(
            self.vendor, reply.body, url=request.url, status=reply.status, received_at=reply.received_at
        )
        return replace(reply, digest=digest)


@dataclass(frozen=True)
class Reading:
    """Has the vendor's reader judge the answer: a status of 200 is not success."""

    below: Transport

    def send(self, request: Request) -> Reply:
        """Pass on, then read. Errors of the reader are given the place they happened at."""
        reply = self.below.send(request)
        try:
            return replace(reply, value=request.read(reply))
        except VendorError as refused:
            raise refused.located(request.endpoint, request.context) from None


@dataclass(frozen=True)
class Metered:
    """Counts outcome and latency of each request."""

    below: Transport
    vendor: str
    state: VendorState
    timing: Timing

    def send(self, request: Request) -> Reply:
        """Pass on, and note how it went."""
        began = time.perf_counter()
        outcome = "ok"
        try:
            return self.below.send(request)
        except VendorError as failed:
            outcome = failed.outcome
            raise
        finally:
            latency_ms = (time.perf_counter() - began) * 1000
            self.state.record_call(self.vendor, outcome, self.timing.now(), latency_ms)


@dataclass(frozen=True)
class Guarded:
    """Asks the breaker first, and tells it how the call ended."""

    below: Transport
    breaker: Breaker
    state: VendorState
    timing: Timing

    def send(self, request: Request) -> Reply:
        """Pass on where the breaker lets it; a probe is one request only."""
        try:
            probe = self.breaker.admit()
        except VendorError as held:
            outcome = "blocked" if held.counts else held.outcome
            self.state.record_call(self.breaker.source, outcome, self.timing.now())
            raise held.located(request.endpoint, request.context) from None
        try:
            reply = self.below.send(replace(request, attempts=1) if probe else request)
        except VendorError as failed:
            if isinstance(failed, BudgetExhausted):
                self.state.record_call(self.breaker.source, failed.outcome, self.timing.now())
            (self.breaker.failed if failed.counts else self.breaker.released)(probe)
            raise failed.located(request.endpoint, request.context) from None
        except BaseException:
            self.breaker.released(probe)
            raise
        self.breaker.succeeded(probe)
        return reply


class VendorClient:
    """Everything a vendor's file needs to ask its vendor."""

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        source: str,
        fetch: FetchSettings,
        rates: RateBudget,
        state: VendorState,
        raw: RawStore,
        key: str | None = None,
        key_variable: str | None = None,
        headers: Mapping[str, str] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.vendor, self.source, self.base_url = vendor, source, base_url.rstrip("/")
        self.timing = timing or Timing()
        self.key_variable = key_variable
        self._key = key.strip() if key else None
        self._headers, self._fetch = dict(headers or {}), fetch
        if self._key:
            redact.remember(self._key)
        self.budget = Budget.of(
            vendor, fingerprint(vendor, self._key), rates, state, wait_s=fetch.budget_wait_s, now=self.timing.now
        )
        self.breaker = Breaker(
            vendor, state, fetch.breaker_failures, fetch.breaker_open_s, fetch.breaker_successes, now=self.timing.now
        )
        self._wire = Wire(vendor, self.base_url, self.timing)
        read = Reading(Recorded(self._wire, vendor, raw))
        retried = Retried(Metered(read, vendor, state, self.timing), self.budget, self.breaker, fetch, self.timing)
        self._stack: Transport = Guarded(retried, self.breaker, state, self.timing)

    def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        read: Callable[[Reply], Value],
        context: str = "",
    ) -> tuple[Value, Reply]:
        """Ask for `path` below the base URL; the value that `read` makes of the reply, and the reply.

        Raises a VendorError. A missing key is told before anything is sent.
        """
        # anything else after the host could name another host, and the key would go there
        if not path.startswith("/"):
            raise BadRequest(self.vendor, f"a path starts with a slash, not {path[:80]!r}", context=context)
        self._check_key(path, context)
        query = f"?{urlencode(params)}" if params else ""
        request = Request(
            url=f"{self.base_url}{path}{query}",
            headers=self._all_headers(),
            endpoint=path.partition("?")[0],
            context=context,
            read=read,
            attempts=self._fetch.attempts,
            timeout_s=self._fetch.timeout_s,
        )
        reply = self._stack.send(request)
        return cast(Value, reply.value), reply

    def close(self) -> None:
        """Close the connection pool."""
        self._wire.close()

    def _all_headers(self) -> dict[str, str]:
        return self._headers | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def _check_key(self, path: str, context: str) -> None:
        variable = self.key_variable
        if variable is None:
            return
        if not self._key:
            raise MissingKey(
                self.vendor,
                f"needs a key and {variable} is not set; nothing was sent",
                endpoint=path,
                context=context,
                advice=f"Set {variable} in the environment, or take {self.vendor} out of the sources",
            )
        if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
            raise Unauthorized(
                self.vendor,
                f"{variable} holds characters that no key has; nothing was sent",
                endpoint=path,
                context=context,
                advice=f"Set {variable} to the key alone",
            )


def connect(
    settings: Settings,
    vendor: str,
    *,
    key_variable: str | None = None,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    rates: RateBudget | None = None,
    timing: Timing | None = None,
) -> VendorClient:
    """The client of `vendor` by the settings: live, or against the sandbox.

    The sandbox has no budget unless `rates` gives one, and is asked with the key `sandbox` where
    none is set.
    """
    state = VendorState.of(settings.home)
    sandbox = settings.vendors == "sandbox"
    configured: RateBudget = getattr(settings, vendor).budget
    return VendorClient(
        vendor,
        settings.base_url(vendor),
        source=settings.source_name(vendor),
        fetch=settings.fetch,
        rates=rates or (_NO_LIMIT if sandbox else configured),
        state=state,
        raw=RawStore.of(settings.home, state),
        key=key or (SANDBOX_KEY if sandbox and key_variable else None),
        key_variable=key_variable,
        headers=headers,
        timing=timing,
    )
