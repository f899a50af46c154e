"""The client of `rest`, a process of its own: so many requests a second over kept connections.

    python rest_client.py PORT PATH RATE SECONDS

Requests start on a fixed timetable, whether or not the answers before have come (open loop), and
each latency counts from the moment its request was due. So a server that stalls is charged with
everybody who waited. Standard library alone; prints counts and milliseconds as JSON.
"""

import asyncio
import json
import math
import sys
import time

CONNECTIONS = 16
WARM_UP_S = 1.0


class Connection:
    """One kept connection."""

    def __init__(self, port: int, request: bytes) -> None:
        self.port, self.request = port, request
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self) -> tuple[int, int]:
        """Status and body length of one answer."""
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(self.request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        await self.reader.readexactly(length)
        return int(head.split(b" ", 2)[1]), length


async def load(port: int, path: str, rate: int, seconds: float) -> dict[str, float]:
    """Ask on the timetable; counts and latencies without the warm-up."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n".encode()
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(Connection(port, request))
    latencies: list[float] = []
    wrong = 0
    began = time.perf_counter() + 0.1
    most = int((WARM_UP_S + seconds) * rate)

    async def one(number: int) -> None:
        nonlocal wrong
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        connection = await idle.get()
        status, length = await connection.ask()
        idle.put_nowait(connection)
        wrong += status != 200 or length < 2
        if number >= WARM_UP_S * rate:
            latencies.append(time.perf_counter() - due)

    await asyncio.gather(*(one(number) for number in range(most)))
    ordered = sorted(latencies)
    return {
        "asked": most,
        "requests": len(ordered),
        "wrong": wrong,
        "per_second": len(ordered) / (time.perf_counter() - began - WARM_UP_S),
        **{f"p{share}_ms": ordered[math.ceil(share / 100 * len(ordered)) - 1] * 1e3 for share in (50, 99)},
        "max_ms": ordered[-1] * 1e3,
    }


if __name__ == "__main__":
    port, path, rate, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(load(int(port), path, int(rate), float(seconds)))))
