"""Processes that a test starts, waits for and ends."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, seconds: float, lacking: Callable[[], object], log: Path, every_s: float = 1.0) -> None:
    """Ask again and again until nothing is lacking; fails with what still is and the end of the log."""
    until = time.monotonic() + seconds
    while missing := lacking():
        if time.monotonic() > until:
            shown = log.read_text(errors="replace")[-3000:]
            pytest.fail(f"not within {seconds:.0f} s: {what}; lacking {missing}\n{shown}")
        time.sleep(every_s)


@contextlib.contextmanager
def process(log: Path, tool: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the environment in a process group of its own, ended at the end with all that it started."""
    command = [str(Path(sys.executable).parent / tool), *arguments]
    with log.open("ab") as output:
        started = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield started
        finally:
            _end_group(started, 15)
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                _end_group(started, 9)
                started.wait()


def _end_group(started: subprocess.Popen[bytes], signal: int) -> None:
    """Signal what is left of the group, also where its first process has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal)
