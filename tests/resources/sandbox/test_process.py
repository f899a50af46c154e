"""The sandbox as a process of its own: starts fast, answers fast, stops cleanly."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from typer.testing import CliRunner

from market_assets.cli import app
from resources.sandbox.app import running_clock
from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.wire import HEADERS, Serve, aggregates, get


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_process_serves_and_stops():
    """`run` answers health, keeps to MARKET_ASSETS_NOW and its faults, and ends on SIGTERM."""
    port = free_port()
    program = f"from resources.sandbox.app import run; run({port}, seed=3, faults=['yahoo:500:times=1'])"
    environment = {**os.environ, "MARKET_ASSETS_NOW": "2024-06-14T23:00:00Z"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=30) as http:
            until = time.monotonic() + 30
            while True:
                try:
                    health = get(http, "/_sandbox/health")
                    break
                except httpx.ConnectError:
                    assert time.monotonic() < until
                    time.sleep(0.05)
            assert (health["status"], health["backend"], health["now"]) == (
                "ok",
                "synthetic",
                "2024-06-14T23:00:00+00:00",
            )
            newest = aggregates(http, "AAPL", "2024-06-10", "2024-12-31")["results"][-1]
            assert newest["t"] == 1718337600000  # midnight of 2024-06-14 in New York
            assert http.get("/yahoo/v8/finance/chart/AAPL?range=5d").status_code == 500
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) in {0, -signal.SIGTERM}


def test_an_own_clock_begins_where_it_is_told_and_runs_as_fast():
    """A minute a second: recorded minutes close sixty times as fast as they did."""
    start = datetime(2025, 5, 5, tzinfo=UTC)
    ticks = iter([1000.0, 1000.0, 1002.5])
    clock = running_clock(start, speed=60.0, elapsed=lambda: next(ticks))
    assert (clock(), clock()) == (start, start + timedelta(seconds=150))


def test_the_command_takes_a_start_and_a_speed(monkeypatch: pytest.MonkeyPatch):
    """As an instant; a local time without an offset is refused."""
    asked: list[dict[str, object]] = []
    monkeypatch.setattr("resources.sandbox.app.run", lambda **options: asked.append(options))
    done = CliRunner().invoke(app, ["sandbox", "--start", "2025-05-05T00:00:00Z", "--speed", "60"])
    assert done.exit_code == 0, done.output
    assert (asked[0]["start"], asked[0]["speed"]) == (datetime(2025, 5, 5, tzinfo=UTC), 60.0)
    assert CliRunner().invoke(app, ["sandbox", "--start", "2025-05-05T00:00:00"]).exit_code == 2
    assert CliRunner().invoke(app, ["sandbox", "--speed", "0"]).exit_code == 2
    assert len(asked) == 1


def test_ledger_counts_by_path_and_status(serve: Serve):
    """Equal questions are one line with their count; the sandbox's own routes are not in it."""
    with httpx.Client(base_url=serve(), headers=HEADERS, timeout=30) as http:
        aggregates(http, "AAPL", "2024-01-02", "2024-01-03")
        aggregates(http, "AAPL", "2024-01-02", "2024-01-03", limit=1)
        http.get("/yahoo/v8/finance/chart/ZZZZ?range=5d")
        http.get("/polygon/v9/nothing")
        assert get(http, "/_sandbox/ledger") == [
            {
                "vendor": "polygon",
                "path": "/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-01-03",
                "status": 200,
                "count": 2,
            },
            {"vendor": "yahoo", "path": "/v8/finance/chart/ZZZZ", "status": 404, "count": 1},
            {"vendor": "polygon", "path": "/v9/nothing", "status": 404, "count": 1},
        ]
        http.delete("/_sandbox/ledger")
        assert get(http, "/_sandbox/ledger") == []


def test_equal_questions_get_equal_bytes(serve: Serve, market: SyntheticBackend):
    """No random ids: a raw-response store keeps one copy."""
    path = "/polygon/v2/aggs/ticker/T123/range/1/day/2023-01-01/2024-06-14"
    bodies = {httpx.get(serve(market) + path, headers=HEADERS).content for _ in range(2)}
    assert len(bodies) == 1
