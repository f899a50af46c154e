"""A sandbox on a real socket, and the market most of its tests ask."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import httpx
import pytest
import uvicorn

from resources.sandbox.app import create_app
from resources.sandbox.backend import Backend
from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.bar_host import BarHost, hosted
from tests.resources.sandbox.wire import EVENING, HEADERS, Serve


@pytest.fixture(scope="session")
def market() -> SyntheticBackend:
    """One simulated market for all tests: symbols are simulated once, the calendar is read before anyone waits."""
    backend = SyntheticBackend(seed=7)
    backend.bars("AAPL", "polygon", EVENING)
    return backend


@pytest.fixture
def serve(market: SyntheticBackend) -> Iterator[Serve]:
    """Start a sandbox on a free port of 127.0.0.1 and give its address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(
        backend: Backend = market, *, faults: Sequence[str] = (), now: datetime | Callable[[], datetime] = EVENING
    ) -> str:
        app = create_app(backend, faults=faults, now=now if callable(now) else lambda: now)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < until, "the sandbox did not start within 10 s"
            time.sleep(0.005)
        running.append((server, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join(timeout=5)


@pytest.fixture
def client(serve: Serve) -> Iterator[httpx.Client]:
    """A client of a sandbox without faults, with a key and a browser's user agent."""
    with httpx.Client(base_url=serve(), headers=HEADERS, timeout=30) as http:
        yield http


@pytest.fixture(scope="session")
def _bar_host(market: SyntheticBackend) -> Iterator[BarHost]:
    with hosted(market) as host:
        yield host


@pytest.fixture
def bars(_bar_host: BarHost) -> BarHost:
    """A sandbox of minute bars without faults, at the instant its tests ask at."""
    return _bar_host.fresh()


@pytest.fixture
def new_bars(market: SyntheticBackend) -> Iterator[BarHost]:
    """The same for one test alone: its minute of budgets has just begun."""
    with hosted(market) as host:
        yield host
