"""The live collector of bars under load: 100 symbols at four sources every second, with everything going wrong once.

`python -m benchmarks.bars_load --minutes 10 --symbols 100` runs the sandbox and `market-assets stream` as processes, a
real Redis beside them. Meanwhile Redis is restarted, one source is down for a minute and one answers after 5 s for
another. It prints what the collector measured of itself, and counts the minutes that are missing afterwards. It takes
as long as it says, so it is no part of `python -m benchmarks.run`.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import COMMAND, ROOT, environment, free_port, serving

_MINUTE = timedelta(minutes=1)
_OUTAGE_S = 60.0
_SLOW_S = 5
#: between one reading of the hot cache and the next
_LOOK_S = 0.25


@dataclass
class Found:
    """What was seen from outside."""

    #: seconds since the start -> resident bytes of the collector
    rss: list[tuple[float, int]] = field(default_factory=list)
    #: milliseconds that a reader took
    reads_ms: dict[str, list[float]] = field(default_factory=lambda: {"redis": [], "file": []})
    #: the oldest price that any symbol was served with, by second
    ages_s: list[float] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


def instruments(n: int) -> list[dict[str, Any]]:
    """Load instruments of the sandbox: coins that every source has."""
    names = [f"LOAD{number:03d}" for number in range(n)]
    return [
        {
            "symbol": name, "kind": "crypto", "calendar": "always", "yahoo": f"{name}-USD", "polygon": f"X:{name}USD",
            "twelvedata": f"{name}/USD", "alphavantage": f"{name},USD",
        }
        for name in names
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--no-redis", action="store_true")
    stated = parser.parse_args(arguments)
    rows = instruments(stated.symbols)
    with tempfile.TemporaryDirectory(prefix="bars-load-") as folder, _redis(Path(folder), stated.no_redis) as redis:
        home = Path(folder) / "home"
        with _sandbox(Path(folder)) as url:
            env = environment(
                home,
                MARKET_ASSETS_VENDORS="sandbox",
                MARKET_ASSETS_SANDBOX_URL=url,
                MARKET_ASSETS_BARS__SYMBOLS=json.dumps([row["symbol"] for row in rows]),
                MARKET_ASSETS_BARS__INSTRUMENTS=json.dumps(rows),
                **({"REDIS_URL": redis.url} if redis else {}),
            )
            _run(env, home, url, redis, stated.minutes, stated.symbols)


@dataclass
class _Redis:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program is not None, "needs redis-server, or --no-redis"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def _redis(folder: Path, without: bool) -> Iterator[_Redis | None]:
    if without:
        yield None
        return
    server = _Redis(folder, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _sandbox(folder: Path) -> Iterator[str]:
    """The sandbox with the clock of this machine."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment(folder / "sandbox")
    log = folder / "sandbox.log"
    with serving([*COMMAND, "sandbox", "--port", str(port)], env, f"{url}/_sandbox/health", log):
        yield url


def _run(env: dict[str, str], home: Path, url: str, redis: _Redis | None, minutes: float, n_symbols: int) -> None:
    log = home.parent / "stream.log"
    with log.open("wb") as output:
        collector = subprocess.Popen(
            [sys.executable, *COMMAND, "stream", "--domain", "bars", "--interval", "1"],
            env=env, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        found = _watched(collector, home, url, redis, minutes, n_symbols)
        collector.send_signal(signal.SIGTERM)
        began = time.monotonic()
        code = collector.wait(timeout=15)
        ended_s = time.monotonic() - began
    finally:
        collector.kill()
    if code:
        print(log.read_text()[-4000:])
    _told(home, redis, n_symbols, found, ended_s, log)


def _watched(
    collector: subprocess.Popen[bytes], home: Path, url: str, redis: _Redis | None, minutes: float, n_symbols: int
) -> Found:
    """Look at it for so long, and let things go wrong at their times."""
    import psutil  # type: ignore[import-untyped]

    process, found, began = psutil.Process(collector.pid), Found(), time.monotonic()
    whole_s = minutes * 60
    script = _script(url, redis, whole_s)
    readers = _readers(home, redis, n_symbols)
    while (at := time.monotonic() - began) < whole_s:
        assert collector.poll() is None, (home.parent / "stream.log").read_text()[-4000:]
        while script and script[0][0] <= at:
            _, what, do = script.pop(0)
            do()
            found.events.append(f"{at:5.0f} s  {what}")
        found.rss.append((at, process.memory_info().rss))
        for name, reader in readers.items():
            started = time.perf_counter()
            newest = reader.latest("LOAD000")
            found.reads_ms[name].append((time.perf_counter() - started) * 1000)
            if newest is not None and name == "file" and at > 30:
                age = datetime.now(UTC) - datetime.fromisoformat(newest.values["at"])
                found.ages_s.append(age.total_seconds())
        time.sleep(_LOOK_S)
    return found


def _readers(home: Path, redis: _Redis | None, n_symbols: int) -> dict[str, Any]:
    from resources.stream.bars.reading import HotBars
    from resources.stream.bars.redis_hot import connect

    symbols = [row["symbol"] for row in instruments(n_symbols)]
    path = home / "hot" / "bars.sqlite"
    return {
        "file": HotBars(path, symbols),
        **({"redis": HotBars(path, symbols, connect(redis.url))} if redis else {}),
    }


def _script(url: str, redis: _Redis | None, whole_s: float) -> list[tuple[float, str, Callable[[], Any]]]:
    """When what goes wrong, by shares of the run; a source recovers a minute later."""

    def fault(spec: str) -> Callable[[], Any]:
        return lambda: _ask(f"{url}/_sandbox/faults", "POST", {"spec": spec})

    def heal() -> Any:
        return _ask(f"{url}/_sandbox/faults", "DELETE")

    down, slow = 0.4 * whole_s, 0.65 * whole_s
    steps: list[tuple[float, str, Callable[[], Any]]] = [
        (down, "yahoo is down", fault("yahoo:503")),
        (down + min(_OUTAGE_S, 0.2 * whole_s), "yahoo is back", heal),
        (slow, f"polygon answers after {_SLOW_S} s", fault(f"polygon:timeout:seconds={_SLOW_S}")),
        (slow + min(_OUTAGE_S, 0.2 * whole_s), "polygon answers at once", heal),
    ]
    if redis is not None:
        steps += [
            (0.25 * whole_s, "redis is killed", redis.stop),
            (0.25 * whole_s + 5, "redis is back, and empty", redis.start),
        ]
    return sorted(steps, key=lambda step: step[0])


def _ask(url: str, method: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _told(home: Path, redis: _Redis | None, n_symbols: int, found: Found, ended_s: float, log: Path) -> None:
    from market_assets.settings import load
    from resources.bars_fetch import minutes_landing
    from resources.stream.bars.reading import HotBars

    symbols = [row["symbol"] for row in instruments(n_symbols)]
    status = HotBars(home / "hot" / "bars.sqlite", symbols).status()
    assert status is not None, log.read_text()[-4000:]
    print("\n".join(found.events))
    print(f"\ncycles {status.cycles}, missed seconds {status.missed_seconds}")
    print(
        f"cycle p50 {status.cycle_p50_ms:.1f} ms, p95 {status.cycle_p95_ms:.1f} ms, p99 {status.cycle_p99_ms:.1f} ms "
        "(goal p99 < 100 ms)"
    )
    buckets = zip((*status.cycle_ms.bounds, "more"), status.cycle_ms.counts, strict=True)
    print("cycles by ms at most: " + ", ".join(f"{bound}: {count}" for bound, count in buckets if count))
    n_updates = sum(status.update_ms.counts)
    print(f"update of a symbol's values: mean {status.update_ms.total / max(1, n_updates):.4f} ms over {n_updates}")
    for one in status.sources:
        mean = one.collect_ms.total / max(1, sum(one.collect_ms.counts))
        print(
            f"{one.name}: {one.state}, every {one.effective_interval_s or 0:.2f} s"
            f"{f' ({one.why})' if one.why else ''}, calls {one.calls}, mean answer {mean:.1f} ms"
        )
    early = [rss for at, rss in found.rss if at >= 60][:1] or [found.rss[-1][1]]
    print(f"memory {early[0] / 2**20:.0f} MiB after 1 min, {found.rss[-1][1] / 2**20:.0f} MiB at the end")
    for name, taken in found.reads_ms.items():
        if taken:
            ordered = sorted(taken)
            print(f"latest of a symbol by {name}: p50 {ordered[len(ordered) // 2]:.2f} ms, max {ordered[-1]:.2f} ms")
    print(f"latest of a symbol in process: {_in_process_ms(n_symbols):.4f} ms")
    if found.ages_s:
        print(f"oldest price served of LOAD000: {max(found.ages_s):.1f} s")
    landing = minutes_landing(load(home=home, vendors="sandbox"))
    lost, doubled, rows = _missing([landing.read(symbol) for symbol in symbols])
    print(f"landed rows {rows}, minutes lost {lost}, in more than one file {doubled}")
    if redis is not None:
        print(
            f"redis: lists that differ from what was handed over {_differing(redis, landing, symbols)} of {n_symbols}"
        )
    print(f"late quotes {status.late_bars}, out of order {status.out_of_order_quotes}, invalid {status.invalid_quotes}")
    print(f"ended {ended_s:.1f} s after SIGTERM; unflushed {status.unflushed_bars}, flush {status.flush_s or 0:.2f} s")
    print("\n".join(line for line in log.read_text().splitlines() if "WARNING" in line or "ERROR" in line)[-3000:])


def _missing(frames: Sequence[Any]) -> tuple[int, int, int]:
    """Minutes between a symbol's first and last that are not there, minutes that are there twice, and all rows."""
    lost = doubled = rows = 0
    for frame in frames:
        if frame.is_empty():
            lost += 1
            continue
        first, last = frame["ts"].min(), frame["ts"].max()
        lost += (last - first) // _MINUTE + 1 - frame["ts"].n_unique()
        doubled += frame.height - frame["ts"].n_unique()
        rows += frame.height
    return lost, doubled, rows


def _differing(redis: _Redis, landing: Any, symbols: Sequence[str]) -> int:
    from resources.stream.bars.redis_hot import bars_key, connect, unpacked

    client = connect(redis.url)
    differing = 0
    for symbol in symbols:
        there = [unpacked(body).ts for body in client.lrange(bars_key(symbol), 0, -1)]  # type: ignore[arg-type, union-attr]
        landed = landing.read(symbol)["ts"].to_list()
        differing += there[-len(landed) :] != landed or len(set(there)) != len(there)
    return differing


def _in_process_ms(n_symbols: int, times: int = 20_000) -> float:
    """Reading the latest bar of a symbol from a full memory, in this process."""
    from resources.stream.bars.records import LiveBar
    from resources.stream.bars.ring import Ring

    symbols = [row["symbol"] for row in instruments(n_symbols)]
    ring = Ring(symbols, 5000)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    bars = [
        LiveBar(symbols[0], at + n * _MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0, None, "crypto", 0, "yahoo", at)
        for n in range(5000)
    ]
    ring.insert(0, bars)
    began = time.perf_counter()
    for _ in range(times):
        ring.last(0)
    return (time.perf_counter() - began) * 1000 / times


if __name__ == "__main__":
    main()
