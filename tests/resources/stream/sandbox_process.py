"""The sandbox as a process of its own, whose clock may run fast."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from market_assets.core import clock


@dataclass(frozen=True)
class SandboxProcess:
    """Where it listens, and what its clock says."""

    address: str
    http: httpx.Client
    speed: float
    at: datetime
    seen: float

    def now(self) -> datetime:
        """Its clock, without asking it."""
        return self.at + timedelta(seconds=(time.monotonic() - self.seen) * self.speed)

    def ask(self, path: str) -> Any:
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.json()

    def drop_streams(self) -> int:
        """Break every open stream; how many there were."""
        answer = self.http.post("/_sandbox/streams/drop")
        answer.raise_for_status()
        dropped: int = answer.json()["dropped"]
        return dropped


@contextmanager
def sandbox_process(
    *, speed: float = 1.0, start: datetime | None = None, replay: Path | None = None
) -> Iterator[SandboxProcess]:
    """A sandbox that runs while the block does; of recorded tables in `replay`, else of the simulated market."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begins = f"clock.instant({start.isoformat()!r})" if start else "None"
    program = (
        "from pathlib import Path; from market_assets.core import clock; from resources.sandbox.app import run\n"
        f"run({port}, seed=7, start={begins}, speed={speed}, replay={f'Path({str(replay)!r})' if replay else None})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], env=os.environ.copy())
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            yield _ready(http, f"http://127.0.0.1:{port}", speed)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _ready(http: httpx.Client, address: str, speed: float) -> SandboxProcess:
    gives_up = time.monotonic() + 30
    while True:
        try:
            asked = time.monotonic()
            said = http.get("/_sandbox/health").json()["now"]
        except httpx.ConnectError:
            assert time.monotonic() < gives_up, "the sandbox did not start within 30 s"
            time.sleep(0.05)
        else:
            return SandboxProcess(address, http, speed, clock.instant(said), (asked + time.monotonic()) / 2)
