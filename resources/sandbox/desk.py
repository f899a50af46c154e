"""How a vendor's route answers: faults before and after the vendor's own body, and the ledger of what was asked."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resources.sandbox import sessions
from resources.sandbox.backend import Backend
from resources.sandbox.fault_kinds import VENDORS
from resources.sandbox.faults import Fault, Faults

_CONSENT_PAGE = b"<!DOCTYPE html><html><head><title>One moment</title></head><body>Please accept cookies.</body></html>"

#: what the ledger notes for a client that did not wait for its answer
CLIENT_GONE = 499

Answer = Callable[[list[Fault]], Response]


class Desk:
    """What all vendors share: the backend, the clock, the faults in force."""

    def __init__(self, backend: Backend, faults: Faults, now: Callable[[], datetime]) -> None:
        self.backend, self.faults, self.now = backend, faults, now
        self._calendar: asyncio.Task[object] | None = None

    async def ready(self) -> None:
        """Wait for the exchange calendar, which takes a second to read and is read once, beside the event loop."""
        if self._calendar is None:
            self._calendar = asyncio.create_task(asyncio.to_thread(sessions.days, "XNYS", self.now().date()))
        await asyncio.shield(self._calendar)

    async def answer(
        self,
        vendor: str,
        request: Request,
        names: Sequence[str],
        respond: Answer,
        refuse: Callable[[int], Response],
    ) -> Response:
        """The vendor's answer with the faults that strike this request.

        `names` are the ids of the symbol asked for, `refuse` makes the vendor's own error body.
        """
        struck = self.faults.take(vendor, request.url.path, names)
        for fault in struck:
            if fault.kind == "timeout" and await _gone_within(fault.seconds, request):
                return Response(status_code=CLIENT_GONE)
            if fault.status is not None:
                refusal = refuse(fault.status)
                if fault.retry_after is not None:
                    refusal.headers["Retry-After"] = f"{fault.retry_after:g}"
                if fault.reset is not None:
                    refusal.headers["x-rate-limit-reset"] = f"{fault.reset:g}"
                return refusal
        await self.ready()
        return _spoilt(respond(struck), struck)


def json_response(body: object, status: int = 200) -> Response:
    """A JSON answer; NaN becomes null."""
    return Response(orjson.dumps(body), status, media_type="application/json")


async def _gone_within(seconds: float, request: Request) -> bool:
    """Wait; whether the client hung up meanwhile."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if await request.is_disconnected():
            return True
        await asyncio.sleep(min(left, 0.05))
    return False


def _spoilt(response: Response, struck: Sequence[Fault]) -> Response:
    kinds = {fault.kind for fault in struck}
    body = bytes(response.body)
    if "not_json" in kinds:
        return Response(_CONSENT_PAGE, 200, media_type="text/html")
    if "truncated" in kinds:
        return Response(body[: len(body) // 2], response.status_code, media_type=response.media_type)
    if "disconnect" in kinds:
        return StreamingResponse(_cut(body), response.status_code, headers={"Content-Length": str(len(body))})
    return response


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    await asyncio.sleep(0.05)  # let the first half leave before the connection breaks
    raise ConnectionAbortedError("the sandbox broke this connection: fault `disconnect`")


class Ledger:
    """Counts every request to a vendor by path and status. An ASGI middleware."""

    def __init__(self, app: ASGIApp, asked: "Counter[tuple[str, str, int]]") -> None:
        self.app, self.asked = app, asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, noting the status of its answer."""
        path = scope.get("path", "")
        vendor = path.split("/")[1] if scope["type"] == "http" else ""
        if vendor not in VENDORS:
            await self.app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.asked[(vendor, path.removeprefix(f"/{vendor}"), message["status"])] += 1
            await send(message)

        await self.app(scope, receive, counted)


def entries(asked: "Counter[tuple[str, str, int]]") -> list[dict[str, Any]]:
    """The ledger as the API shows it, in order of first request."""
    return [{"vendor": v, "path": path, "status": status, "count": n} for (v, path, status), n in asked.items()]
