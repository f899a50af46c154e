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
from resources.bars_fetch import minutes_landing
from resources.crypto_fetch import klines_landing
from resources.http.state import VendorState
from resources.stream.bars.reading import HotBars
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
    assert "no stream of 'btc': the domains with a stream are crypto, bars" in said.stderr


def test_an_interval_is_for_domains_that_ask(settings: Settings) -> None:
    """Candles are pushed: `--interval` is refused with the domains that have one."""
    said = subprocess.run([*STREAM, "--interval", "1"], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "crypto is pushed by its venue: leave it out, or stream bars" in said.stderr


def test_bars_are_asked_for_as_often_as_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every source of the sandbox serves quotes; REST brings the tail; SIGTERM ends it with everything stored."""
    monkeypatch.setenv("MARKET_ASSETS_BARS__SYMBOLS", '["BTCUSD"]')
    monkeypatch.setenv("MARKET_ASSETS_BARS__STREAM__CACHE_BARS", "90")
    monkeypatch.setenv("MARKET_ASSETS_BARS__INDICATORS__WARM_BARS", "50")
    hot = HotBars.of(load())

    def served() -> bool:
        status, newest = hot.status(), hot.latest("BTCUSD")
        if status is None or newest is None or newest.values["price"] is None:
            return False
        return all(one.calls.get("ok", 0) > 1 for one in status.sources) and newest.values["is_warm"]

    process = started("--domain", "bars", "--interval", "0.5")
    try:
        until(process, served)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    finally:
        process.kill()
        _, said = process.communicate()
    status = hot.status()
    assert status is not None
    assert (status.running, status.unflushed_bars, status.interval_s) == (False, 0, 0.5)
    assert [one.name for one in status.sources] == ["yahoo", "alphavantage", "twelvedata", "polygon"]
    assert "twelvedata: 1 instruments every 0.5 s" in said
    landed = minutes_landing(load()).read("BTCUSD")
    assert landed.height == status.flushed_rows > 80
    assert set(landed["source"]) == {"yahoo-sandbox"}
    newest = hot.latest("BTCUSD")
    assert newest is not None
    assert newest.values["rsi_14"] is not None
    # quotes are kept in no raw store
    asked = VendorState.of(settings.home).rows("SELECT url FROM raw_responses")
    assert [
        url for (url,) in asked if "spark" in url or "snapshot" in url or "/quote" in url or "EXCHANGE_RATE" in url
    ] == []
