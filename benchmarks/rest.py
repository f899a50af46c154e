"""The latest bars over REST: 200 requests a second at one worker, on loopback.

The server is `market-assets serve` over a home of 40 symbols x 5 years from the sandbox; the client
is a process of its own (`rest_client.py`). Measured with the response cache as it is configured, and
with it switched off, so that each answer is looked up and written anew. The peer is the floor of the
stack: a FastAPI route that returns the same bytes from memory.
"""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.measure import COMMAND, ROOT, Row, asking, best, free_port, fresh, sandbox, serving

RATE, SECONDS, TIMES = 200, 10.0, 2
GOAL_MS = 10.0
_N_BARS = 20
_ASKED = f"/api/v1/historical/AAPL?start=2025-12-01&limit={_N_BARS}"
_CLIENT = str(ROOT / "benchmarks" / "rest_client.py")


def rows(home: Path, seconds: float = SECONDS) -> list[Row]:
    """p99 with and without the response cache, against a bare route."""
    from market_assets.equities.settings import EquitiesSettings

    universe = EquitiesSettings.model_validate({}).universe
    symbols = [line.symbol for line in universe if line.asset_class in {"stock", "etf"}]
    with sandbox(home / "sandbox") as url:
        env = asking(home / "ours", url)
        fresh(["-m", "benchmarks.equities", ",".join(symbols)], env)
    env["MARKET_ASSETS_API__RATE_LIMIT_PER_MINUTE"] = "1000000"
    cached, body = _measured([*COMMAND, "serve"], env, home, seconds)
    uncached, _ = _measured([*COMMAND, "serve"], {**env, "MARKET_ASSETS_API__CACHE_ENTRIES": "0"}, home, seconds / 2)
    (home / "body.json").write_bytes(body)
    bare, _ = _measured(["-m", "benchmarks.rest", str(home / "body.json")], env, home, seconds / 2)
    return [
        _row("rest_latest_bars", "as configured", cached, bare),
        _row("rest_latest_bars_uncached", "response cache off", uncached, bare),
    ]


def _row(name: str, how: str, ours: dict[str, Any], bare: dict[str, Any]) -> Row:
    return Row(
        name=name,
        what=f"latest {_N_BARS} bars, {RATE} requests/s, one worker, {how}: p99",
        ours=ours["p99_ms"],
        unit="ms",
        peer="a FastAPI route returning the same bytes",
        theirs=bare["p99_ms"],
        goal=f"p99 under {GOAL_MS:g} ms, every answer right",
        met=ours["p99_ms"] < GOAL_MS and not ours["wrong"],
        details={"ours": ours, "bare": bare},
    )


def _measured(command: list[str], env: dict[str, str], home: Path, seconds: float) -> tuple[dict[str, Any], bytes]:
    """The best of several loads of a server of its own, and the body of one answer."""
    port = free_port()
    health = f"http://127.0.0.1:{port}/api/health"
    with serving([*command, "--port", str(port)], env, health, home / "server.log") as pid:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{_ASKED}", timeout=30) as answer:
            body: bytes = answer.read()
        assert json.loads(body)["count"] == _N_BARS, f"expected {_N_BARS} bars, got {body[:300]!r}"
        return best(lambda: loaded(port, pid, env, seconds), TIMES, "p99_ms"), body


def loaded(port: int, pid: int, env: dict[str, str], seconds: float, asked: str = _ASKED) -> dict[str, Any]:
    """What the client measured, with the server's CPU per request: that does not depend on the machine's other work."""
    import psutil  # type: ignore[import-untyped]

    server = psutil.Process(pid)
    before = sum(server.cpu_times()[:2])
    found = fresh([_CLIENT, str(port), asked, str(RATE), str(seconds)], env)
    return {**found, "server_cpu_ms": (sum(server.cpu_times()[:2]) - before) / found["asked"] * 1e3}


def _serve_bare(body: bytes, port: int) -> None:
    """A FastAPI application that answers every path with `body`."""
    import uvicorn
    from fastapi import FastAPI, Response

    app = FastAPI()

    @app.get("/{path:path}")
    def same(path: str) -> Response:
        del path
        return Response(body, media_type="application/json")

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    _serve_bare(Path(sys.argv[1]).read_bytes(), int(sys.argv[3]))
