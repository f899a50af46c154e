"""The stack assembled: breaker > retry (with budget) > meter > read > record > wire.

The budget stands inside the retry, because every request costs, also the second and third of a
call; its waits do not count against the call's deadline. A breaker's probe is a single request.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import orjson

from market_assets.core.settings import FetchSettings, RateBudget
from market_assets.settings import Settings
from resources.http import redact, workers
from resources.http.breaker import Breaker
from resources.http.budget import Budget, Spacing
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    MissingKey,
    Unauthorized,
    VendorError,
)
from resources.http.raw import RawStore
from resources.http.retry import Retried
from resources.http.state import VendorState, fingerprint
from resources.http.transport import Reply, Request, Timing, Transport
from resources.http.wire import Wire

Value = TypeVar("Value")
#: the key that the sandbox is asked with where none is set
SANDBOX_KEY = "sandbox"
_NO_LIMIT = RateBudget(per_second=0, per_minute=0, per_day=0)


@dataclass(frozen=True)
class Recorded:
    """Stores every body before anything reads it, unless the request says otherwise."""

    below: Transport
    vendor: str
    raw: RawStore

    def send(self, request: Request) -> Reply:
        """Pass on, then keep the body."""
        reply = self.below.send(request)
        if not request.record:
            return reply
        digest = self.raw.put(
            self.vendor, reply.body, url=request.asked, status=reply.status, received_at=reply.received_at
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
            self.state.record_call(self.vendor, outcome, self.timing.wall(), latency_ms)


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
            self.state.record_call(self.breaker.source, outcome, self.timing.wall())
            raise held.located(request.endpoint, request.context) from None
        try:
            reply = self.below.send(replace(request, attempts=1) if probe else request)
        except VendorError as failed:
            if isinstance(failed, BudgetExhausted):
                self.state.record_call(self.breaker.source, failed.outcome, self.timing.wall())
            (self.breaker.failed if failed.counts else self.breaker.released)(probe)
            raise failed.located(request.endpoint, request.context) from None
        except BaseException:
            self.breaker.released(probe)
            raise
        self.breaker.succeeded(probe)
        return reply


class VendorClient:
    """Everything a vendor's file needs to ask its vendor. Threads may share one."""

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
        key_header: str = "Authorization",
        key_scheme: str = "Bearer",
        key_query: str | None = None,
        key_advice: str | None = None,
        headers: Mapping[str, str] | None = None,
        spacing_s: float = 0.0,
        budget_setting: str | None = None,
        lane: str = "",
        timing: Timing | None = None,
    ) -> None:
        self.vendor, self.source, self.base_url = vendor, source, base_url.rstrip("/")
        self.timing = timing or Timing()
        self.key_variable = key_variable
        self._key, self._key_header = key.strip() if key else None, key_header
        self._key_scheme, self._key_query = key_scheme, key_query
        self._key_advice = key_advice or f"or take {vendor} out of the sources"
        self._headers, self._fetch = dict(headers or {}), fetch
        # the sandbox's key is no secret, and a word of our own messages
        if self._key and self._key != SANDBOX_KEY:
            redact.remember(self._key)
        known_as = fingerprint(vendor, self._key, lane)
        self.budget = Budget.of(
            vendor,
            known_as,
            rates,
            state,
            wait_s=fetch.budget_wait_s,
            now=self.timing.wall,
            spacing=Spacing(f"{state.path} {known_as}", spacing_s, self.timing.monotonic),
            setting=budget_setting,
        )
        self.breaker = Breaker(
            vendor, state, fetch.breaker_failures, fetch.breaker_open_s, fetch.breaker_successes, now=self.timing.wall
        )
        self._wire = Wire(vendor, self.base_url, self.timing)
        read = Reading(Recorded(self._wire, vendor, raw))
        retried = Retried(Metered(read, vendor, state, self.timing), self.budget, self.breaker, fetch, self.timing)
        self._stack: Transport = Guarded(retried, self.breaker, state, self.timing)

    @property
    def is_enabled(self) -> bool:
        """Whether it can ask: the vendor needs no key, or there is one."""
        return self.key_variable is None or bool(self._key)

    def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        read: Callable[[Reply], Value],
        context: str = "",
        cost: int = 1,
        record: bool = True,
    ) -> tuple[Value, Reply]:
        """Ask for `path` below the base URL; the value that `read` makes of the reply, and the reply.

        `cost` is what the vendor counts a request as. Raises a VendorError. A missing key is told
        before anything is sent. Answers that are asked for every second and never read again need no `record`.
        """
        return self._ask("GET", path, params or {}, b"", read, context, cost, record)

    def post(
        self,
        path: str,
        json: Mapping[str, Any],
        *,
        read: Callable[[Reply], Value],
        context: str = "",
        cost: int = 1,
    ) -> tuple[Value, Reply]:
        """Ask as `get` does, by posting `json`: a question put that way, repeated like any other."""
        return self._ask("POST", path, {}, orjson.dumps(dict(json)), read, context, cost)

    def close(self) -> None:
        """Close the connection pool."""
        self._wire.close()

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        content: bytes,
        read: Callable[[Reply], Value],
        context: str,
        cost: int,
        record: bool = True,
    ) -> tuple[Value, Reply]:
        workers.check()
        # anything else after the host could name another host, and the key would go there
        if not path.startswith("/"):
            raise BadRequest(self.vendor, f"a path starts with a slash, not {path[:80]!r}", context=context)
        self._check_key(path, context)
        asked = dict(params)
        if self._key and self._key_query:
            asked[self._key_query] = self._key
        request = Request(
            url=f"{self.base_url}{path}" + (f"?{urlencode(asked)}" if asked else ""),
            headers=self._all_headers() | ({"Content-Type": "application/json"} if content else {}),
            endpoint=path.partition("?")[0],
            context=context,
            read=read,
            attempts=self._fetch.attempts,
            timeout_s=self._fetch.timeout_s,
            method=method,
            content=content,
            cost=cost,
            record=record,
        )
        reply = self._stack.send(request)
        return cast(Value, reply.value), reply

    def _all_headers(self) -> dict[str, str]:
        if not self._key or self._key_query:
            return self._headers
        scheme = f"{self._key_scheme} " if self._key_header == "Authorization" else ""
        return self._headers | {self._key_header: f"{scheme}{self._key}"}

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
                advice=f"Set {variable} in the environment, {self._key_advice}",
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
    base_url: str | None = None,
    key_variable: str | None = None,
    key: str | None = None,
    key_header: str = "Authorization",
    key_scheme: str = "Bearer",
    key_query: str | None = None,
    key_advice: str | None = None,
    headers: Mapping[str, str] | None = None,
    fetch: FetchSettings | None = None,
    rates: RateBudget | None = None,
    spaced: bool = False,
    budget_setting: str | None = None,
    lane: str = "",
    timing: Timing | None = None,
) -> VendorClient:
    """The client of `vendor` by the settings: live, or against the sandbox.

    The sandbox has no budget unless `rates` gives one, and is asked with the key `sandbox` where
    none is set. `base_url` replaces the address of the settings, `fetch` the common rules of asking. A
    `spaced` vendor's requests start as far apart as its rate per second, or else per minute, says. A `key_header`
    other than Authorization holds the key bare, Authorization after the `key_scheme`; a vendor that reads it in no
    header has it in the query, as `key_query`.
    A `lane` has a budget of its own (`rates`, or the vendor's) beside the vendor's other lanes; breaker,
    statistics and raw store are those of the vendor.
    """
    state = VendorState.of(settings.home)
    sandbox = settings.vendors == "sandbox"
    allowed = rates or (_NO_LIMIT if sandbox else settings.vendor(vendor).budget)
    return VendorClient(
        vendor,
        base_url or settings.base_url(vendor),
        source=settings.source_name(vendor),
        fetch=fetch or settings.fetch,
        rates=allowed,
        state=state,
        raw=RawStore.of(settings.home, state),
        key=key or (SANDBOX_KEY if sandbox and key_variable else None),
        key_variable=key_variable,
        key_header=key_header,
        key_scheme=key_scheme,
        key_query=key_query,
        key_advice=key_advice,
        headers=headers,
        spacing_s=_apart_s(allowed) if spaced else 0.0,
        budget_setting=budget_setting,
        lane=lane,
        timing=timing,
    )


def _apart_s(rates: RateBudget) -> float:
    if rates.per_second:
        return 1 / rates.per_second
    return 60 / rates.per_minute if rates.per_minute else 0.0
