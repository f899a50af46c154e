"""`market-assets stream` as a process: one a home, stopped cleanly, refused with the reason."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from market_assets.core import clock
from market_assets.settings import Settings, load
from resources.crypto_fetch import klines_landing
from resources.stream.hot import HotReader
from tests.resources.stream.sandbox_process import SandboxProcess, sandbox_process

STREAM = [sys.executable, "-c", "from market_assets.cli import main; main()", "stream"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A sandbox whose clock is the real one."""
    with sandbox_process() as running:
        yield running


@pytest.fixture
def settings(home: Path, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two symbols of the sandbox, for this process and those it starts."""
    monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    monkeypatch.setenv("MARKET_ASSETS_SANDBOX_URL", sandbox.address)
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__SYMBOLS", '["BTCUSDT", "ETHUSDT"]')
    return load()


def started(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*STREAM, *options], stderr=subprocess.PIPE, text=True, env=os.environ.copy())


def until(process: subprocess.Popen[str], true: Callable[[], bool]) -> None:
    """Wait for something to become true while a process runs; where it ends first, what it said is shown."""
    gives_up = time.monotonic() + 30
    while not true():
        if process.poll() is not None or time.monotonic() > gives_up:
            process.kill()
            raise AssertionError(process.communicate()[1])
        time.sleep(0.05)


def shown(settings: Settings) -> bool:
    """Whether the collector listens, and has everything of two days."""
    status = HotReader.of(settings, "crypto").status()
    return status is not None and status.last_message_at is not None and status.filled_bars > 2 * 1440


def test_sigterm_stores_what_is_closed_and_ends_with_zero(settings: Settings) -> None:
    """A second one is refused with the first one's pid; SIGTERM ends the first within five seconds, all stored."""
    process = started()
    try:
        until(process, lambda: shown(settings))
        second = subprocess.run(STREAM, capture_output=True, text=True, env=os.environ.copy(), check=False)
        assert second.returncode == 1
        assert f"as process {process.pid}" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    finally:
        process.kill()
        _, said = process.communicate()
    status = HotReader.of(settings, "crypto").status()
    assert status is not None
    assert (status.running, status.unflushed_bars, status.pid) == (False, 0, process.pid)
    landed = klines_landing(settings).read("binance_usdm")
    assert landed.height == status.flushed_rows
    assert set(landed["symbol"]) == {"BTCUSDT", "ETHUSDT"}
    newest = landed["ts"].max()
    assert newest is not None
    assert clock.wall() - newest < timedelta(minutes=4)  # type: ignore[operator]
    assert "connected" in said
    assert "streams=" not in said


def test_the_stop_marker_ends_it_and_keeps_it_from_starting(settings: Settings) -> None:
    """`market-assets stop` writes a file: a running collector ends by itself, a new one says what to do."""
    process = started()
    try:
        until(process, lambda: shown(settings))
        (settings.home / "stop").touch()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.communicate()
    again = subprocess.run(STREAM, capture_output=True, text=True, env=os.environ.copy(), check=False)
    assert again.returncode == 1
    assert "`market-assets start` lets it go on" in again.stderr


def test_it_ends_by_itself_where_asked_to(settings: Settings) -> None:
    """`--once-for` collects so many seconds."""
    assert (
        subprocess.run([*STREAM, "--once-for", "0.5"], env=os.environ.copy(), check=False, timeout=30).returncode == 0
    )
    assert HotReader.of(settings, "crypto").status() is not None


def test_a_domain_without_a_stream_is_refused(settings: Settings) -> None:
    """An unknown domain names those that have one."""
    said = subprocess.run([*STREAM, "--domain", "btc"], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "no stream of 'btc': the domains with a stream are crypto" in said.stderr
