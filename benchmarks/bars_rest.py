"""The latest values of a symbol from the hot cache over REST: 200 requests a second at one worker, on loopback.

The sandbox, `market-assets stream --domain bars` over 100 symbols and `market-assets serve` run as processes; the
client is a process of its own (`rest_client.py`). The peer is the floor of the stack, a FastAPI route that returns the
same bytes from memory.
"""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.bars_load import instruments
from benchmarks.measure import COMMAND, Row, asking, best, free_port, sandbox, serving
from benchmarks.rest import GOAL_MS, RATE, SECONDS, TIMES, loaded

N_SYMBOLS = 100
_ASKED = "/api/v1/indicators/LOAD000?live=true"
_START_S = 60.0


def rows(home: Path, seconds: float = SECONDS, n_symbols: int = N_SYMBOLS) -> list[Row]:
    """p99 of the live answer against a bare route."""
    listed = instruments(n_symbols)
    with sandbox(home / "sandbox") as url:
        env = asking(home / "ours", url) | {
            "MARKET_ASSETS_BARS__SYMBOLS": json.dumps([row["symbol"] for row in listed]),
            "MARKET_ASSETS_BARS__INSTRUMENTS": json.dumps(listed),
            "MARKET_ASSETS_BARS__SOURCES": json.dumps(["yahoo", "polygon"]),
            "MARKET_ASSETS_API__RATE_LIMIT_PER_MINUTE": "1000000",
        }
        port = free_port()
        app = f"http://127.0.0.1:{port}"
        stream = [*COMMAND, "stream", "--domain", "bars", "--interval", "1"]
        with (
            serving([*COMMAND, "serve", "--port", str(port)], env, f"{app}/api/health", home / "server.log") as pid,
            serving(stream, env, f"{app}/api/health", home / "stream.log"),
        ):
            body = _live(app)
            ours = best(lambda: loaded(port, pid, env, seconds, _ASKED), TIMES, "p99_ms")
            bare = _bare(body, env, home, seconds / 2)
    return [
        Row(
            name="bars_rest_latest",
            what=f"latest values of one of {n_symbols} live symbols, {RATE} requests/s, one worker: p99",
            ours=ours["p99_ms"],
            unit="ms",
            peer="a FastAPI route returning the same bytes",
            theirs=bare["p99_ms"],
            goal=f"p99 under {GOAL_MS:g} ms, every answer right",
            met=ours["p99_ms"] < GOAL_MS and not ours["wrong"],
            details={"ours": ours, "bare": bare},
        )
    ]


def _bare(body: bytes, env: dict[str, str], home: Path, seconds: float) -> dict[str, Any]:
    """The same of a route that does nothing, while the collector runs on."""
    (home / "body.json").write_bytes(body)
    port = free_port()
    bare_route = ["-m", "benchmarks.rest", str(home / "body.json"), "--port", str(port)]
    with serving(bare_route, env, f"http://127.0.0.1:{port}/", home / "bare.log") as pid:
        return best(lambda: loaded(port, pid, env, seconds, _ASKED), TIMES, "p99_ms")


def _live(app: str) -> bytes:
    """One answer, once the collector has brought a price and its history."""
    give_up = time.monotonic() + _START_S
    while True:
        try:
            with urllib.request.urlopen(f"{app}{_ASKED}", timeout=10) as answer:
                body: bytes = answer.read()
            told: dict[str, Any] = json.loads(body)
            if told["feature_level"] == 1 and told["is_warm"]:
                return body
        except OSError as not_yet:
            told = {"error": str(not_yet)}
        assert time.monotonic() < give_up, f"nothing live within {_START_S:.0f} s: {told}"
        time.sleep(0.5)
