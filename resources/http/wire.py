"""The lowest layer: one request over httpx, whole within its time or not at all."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from resources.http import redact
from resources.http.errors import Truncated, Unavailable
from resources.http.transport import Reply, Request, Timing

if TYPE_CHECKING:
    import httpx


class Wire:
    """httpx, one connection pool for all threads. Redirects are answers, not instructions."""

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
            with self._client.stream(
                request.method,
                request.url,
                headers=request.headers,
                content=request.content or None,
                timeout=request.timeout_s,
            ) as answer:
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
