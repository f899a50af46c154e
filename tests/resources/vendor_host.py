"""A scripted vendor on a real socket, and a clock that only moves when someone sleeps."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from market_assets.settings import Settings, load
from resources.http.transport import Timing

START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


class Asked(NamedTuple):
    """One request as the host saw it."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    #: what was posted
    content: bytes = b""


class Says(NamedTuple):
    """One answer: a body (JSON unless bytes), a status, headers."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = {}
    #: bytes of the body to send before the connection is cut
    cut_after: int | None = None


class Host:
    """Answers with `script`: a list (its last entry repeats), or a function of the request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: list[Says] | Callable[[Asked], Says] = [Says({"status": "OK"})]
        self._lock = threading.Lock()
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # headers and body leave in one packet: no 40 ms of Nagle against delayed ACK
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                says = host.answer(self.path, dict(self.headers.items()), content)
                body = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
                self.send_response(says.status)
                for name, value in {"Content-Type": "application/json", **says.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: says.cut_after])
                self.wfile.flush()
                if says.cut_after is not None:
                    self.close_connection = True

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, headers: dict[str, str], content: bytes = b"") -> Says:
        parts = urlsplit(path)
        asked = Asked(unquote(parts.path), dict(parse_qsl(parts.query)), headers, content)
        with self._lock:
            self.asked.append(asked)
            if not callable(self.script):
                return self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return self.script(asked)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class StillTime:
    """Time that passes only by sleeping. `slept` is the list of waits."""

    at: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_(seconds)

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    @property
    def timing(self) -> Timing:
        return Timing(self.now, self.monotonic, self.sleep, jitter=lambda: 1.0)


def live_settings(host: Host, **overrides: Any) -> Settings:
    """Settings in live mode whose vendors are all at `host`, with a key."""
    given: dict[str, Any] = {
        "vendors": "live",
        "polygon": {"base_url": host.url, "budget": {}},
        "yahoo": {"base_url": host.url, "budget": {}},
        "POLYGON_API_KEY": "test-key-0001",
    }
    return load(**{**given, **overrides})
