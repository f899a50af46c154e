"""How things are measured here: rows of the table, fresh processes, a real sandbox, time apart from waiting."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: where the clock stands in every benchmark that asks vendors: 2025 is complete, nothing is announced
NOW = "2026-01-01T12:00:00Z"
FIRST_YEAR, LAST_YEAR = 2021, 2025

#: the `market-assets` command of this environment, as arguments of Python
COMMAND = ("-c", "from market_assets.cli import main; main()")

Number = float | int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. Times are in `unit`; a smaller number is better in both columns."""

    name: str
    what: str
    ours: Number
    unit: str
    #: what one would use instead, and its number in the same run; None where there is only a limit
    peer: str | None = None
    theirs: Number | None = None
    #: the goal in words, and whether it was met; None where there is no goal
    goal: str | None = None
    met: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times the peer needs what ours needs."""
        return None if self.theirs is None or not self.ours else self.theirs / self.ours


@dataclass
class Meter:
    """Seconds of one stretch of work in this process."""

    wall_s: float = 0.0
    #: of all threads
    cpu_s: float = 0.0
    #: in which this thread neither computed nor was ready to: it waited for the server
    waiting_s: float = 0.0

    @property
    def own_wall_s(self) -> float:
        """Wall time apart from waiting."""
        return self.wall_s - self.waiting_s

    def as_dict(self) -> dict[str, float]:
        """For a result on standard output."""
        return {
            "wall_s": self.wall_s,
            "cpu_s": self.cpu_s,
            "waiting_s": self.waiting_s,
            "own_wall_s": self.own_wall_s,
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall_s += time.perf_counter() - wall
            self.cpu_s += time.process_time() - cpu

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count what this thread does not compute inside as waiting."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.waiting_s += (time.perf_counter() - wall) - (time.thread_time() - cpu)


@contextmanager
def our_requests(meter: Meter) -> Iterator[None]:
    """Have `meter` count the waiting of every request that our vendor clients send."""
    from resources.http.wire import Wire

    send = Wire.send

    def timed(self: Wire, request: Any) -> Any:
        with meter.waiting():
            return send(self, request)

    Wire.send = timed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Wire.send = send  # type: ignore[method-assign]


def environment(home: Path, **variables: str) -> dict[str, str]:
    """This environment without settings of the user, with `home` and the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MARKET_ASSETS_", "DAGSTER_"))}
    return {**kept, "MARKET_ASSETS_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), **variables}


def fresh(arguments: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    """Run Python with `arguments` in a process of its own; the JSON object of its last line of output.

    Raises RuntimeError with the end of its errors where it fails.
    """
    done = subprocess.run(
        [sys.executable, *arguments], env=dict(env), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments[:3])} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def best(run: Callable[[], Mapping[str, Any]], times: int, by: str) -> dict[str, Any]:
    """The result with the smallest `by` of several: other work on the machine only ever adds."""
    return dict(min((run() for _ in range(times)), key=lambda result: float(result[by])))


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(arguments: Sequence[str], env: Mapping[str, str], url: str, log: Path) -> Iterator[int]:
    """A server of ours as a process of its own, until it answers at `url`; its process id."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], env=dict(env), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _await(process, url, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def sandbox(home: Path) -> Iterator[str]:
    """A real sandbox process at the benchmarks' instant; its address."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment(home, MARKET_ASSETS_NOW=NOW)
    with serving([*COMMAND, "sandbox", "--port", str(port)], env, f"{url}/_sandbox/health", home / "sandbox.log"):
        yield url


def asking(home: Path, url: str, **variables: str) -> dict[str, str]:
    """The environment of a process of ours that asks the sandbox at `url`."""
    return environment(
        home, MARKET_ASSETS_NOW=NOW, MARKET_ASSETS_VENDORS="sandbox", MARKET_ASSETS_SANDBOX_URL=url, **variables
    )


def _await(process: "subprocess.Popen[bytes]", url: str, log: Path, most_s: float = 60.0) -> None:
    until = time.monotonic() + most_s
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing answered at {url} within {most_s:.0f} s:\n{log.read_text()[-2000:]}")
