"""A sandbox of minute bars on a real socket, whose clock and faults a test sets."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import uvicorn

from resources.sandbox.app import create_app
from resources.sandbox.backend import Backend
from tests.resources.sandbox.hand_candles import HandClock
from tests.resources.sandbox.wire import BROWSER

#: a Monday at 11:30:20 in New York: every market is open
NOW = datetime(2026, 10, 5, 15, 30, 20, tzinfo=UTC)
NOW_MS = 1_791_214_220_000
#: open instant of the running minute, and of the UTC day
MINUTE_START_MS, DAY_START_MS = 1_791_214_200_000, 1_791_158_400_000
MINUTE_MS, DAY_MS = 60_000, 86_400_000


@dataclass
class BarHost:
    """A running sandbox and its client."""

    http: httpx.Client
    clock: HandClock

    def fault(self, *specs: str) -> None:
        """Put faults in force, in place of those before."""
        self.http.delete("/_sandbox/faults").raise_for_status()
        self.http.post("/_sandbox/faults", json={"specs": list(specs)}).raise_for_status()

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        """The JSON of an answer of this status."""
        answer = self.http.get(path, params=options or None)
        assert answer.status_code == status, answer.text[:500]
        return answer.json()

    def fresh(self) -> "BarHost":
        """The same without faults, at NOW."""
        self.clock.at = NOW
        self.fault()
        return self

    def yahoo(self, symbol: str, first_ms: int, until_ms: int, **options: Any) -> dict[str, Any]:
        """The one result of a chart of minutes."""
        span = {"period1": first_ms // 1000, "period2": until_ms // 1000, "interval": "1m"}
        result: dict[str, Any] = self.get(f"/yahoo/v8/finance/chart/{symbol}", **span, **options)["chart"]["result"][0]
        return result

    def polygon(self, ticker: str, first: object, last: object, **options: Any) -> dict[str, Any]:
        """One page of minute aggregates."""
        options = {"apiKey": "some-key", **options}
        path = f"/polygon/v2/aggs/ticker/{ticker}/range/1/minute/{first}/{last}"
        body: dict[str, Any] = self.get(path, **{"adjusted": "false", "limit": 50_000, **options})
        return body

    def alphavantage(self, function: str, **options: Any) -> dict[str, Any]:
        """An answer to a key without limits, or to another one."""
        body: dict[str, Any] = self.get("/alphavantage/query", function=function, **{"apikey": "some-key", **options})
        return body

    def twelvedata(self, path: str, symbol: str, status: int = 200, **options: Any) -> dict[str, Any]:
        """The same; minutes from the newest back, by UTC."""
        asked = {"interval": "1min"} if path == "time_series" else {}
        key = {"apikey": "some-key", "timezone": "UTC"}
        body: dict[str, Any] = self.get(f"/twelvedata/{path}", status, symbol=symbol, **{**asked, **key, **options})
        return body


@contextlib.contextmanager
def hosted(backend: Backend, faults: Sequence[str] = ()) -> Iterator[BarHost]:
    """A sandbox over a backend, at NOW."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    clock = HandClock(NOW)
    app = create_app(backend, faults=faults, now=clock)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until, "the sandbox did not start within 10 s"
        time.sleep(0.005)
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30, headers=BROWSER) as http:
        yield BarHost(http, clock)
    server.should_exit = True
    thread.join(timeout=5)
