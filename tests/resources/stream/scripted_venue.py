"""A venue on loopback whose minutes pass in a fraction of a second, with a ledger of what it produced."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.protocol import State

from resources.stream.candle import MINUTE, Candle

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class FastClock:
    """A clock that runs `speed` times as fast as time does."""

    speed: float = 1200.0
    start: datetime = START
    began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=(time.monotonic() - self.began) * self.speed)


def candle(symbol: str, ts: datetime, source: str = "scripted", at: datetime | None = None) -> Candle:
    """The one candle that this venue has of a minute: its prices tell symbol and minute."""
    price = 100.0 + len(symbol) + ((ts - _EPOCH) // MINUTE) % 1000 / 10
    return Candle(
        symbol=symbol,
        ts=ts,
        open=price,
        high=price + 1.0,
        low=price - 1.0,
        close=price + 0.5,
        volume=10.0,
        quote_volume=1000.0,
        trade_count=7,
        taker_buy_base=4.0,
        taker_buy_quote=400.0,
        source=source,
        ingested_at=at or ts + MINUTE,
    )


def kline(one: Candle, *, is_final: bool, at: datetime | None = None) -> dict[str, Any]:
    """A candle as Binance words it."""
    opened = (one.ts - _EPOCH) // timedelta(milliseconds=1)
    said = (at - _EPOCH) // timedelta(milliseconds=1) if at else opened + 60_000
    numbers = {
        "o": one.open, "h": one.high, "l": one.low, "c": one.close, "v": one.volume, "q": one.quote_volume,
        "V": one.taker_buy_base, "Q": one.taker_buy_quote,
    }  # fmt: skip
    k = {name: str(value) for name, value in numbers.items()}
    k |= {"t": opened, "T": opened + 59_999, "s": one.symbol, "i": "1m", "n": one.trade_count, "x": is_final, "B": "0"}
    return {
        "stream": f"{one.symbol.lower()}@kline_1m",
        "data": {"e": "kline", "E": said, "s": one.symbol, "k": k},
    }


class ScriptedVenue:
    """Pushes every minute as it closes, and a forming candle in between; answers REST from the same ledger."""

    def __init__(self, symbols: Sequence[str], clock: FastClock) -> None:
        self.symbols, self.clock = tuple(symbols), clock
        self.url = ""
        self.connections: set[ServerConnection] = set()
        self.asked: list[tuple[str, datetime, datetime]] = []
        #: minutes that REST does not have
        self.holes: set[datetime] = set()
        #: frames sent with each closed minute, before it
        self.beside: list[str] = []
        self.repeats = 1
        self.rest_error: Exception | None = None
        self.is_mute = False

    def closed(self, first: datetime, until: datetime) -> Iterator[datetime]:
        """The minutes of a window that are over."""
        at = first
        while at < until and at + MINUTE <= self.clock.now():
            yield at
            at += MINUTE

    def fill(self, symbol: str, first: datetime, until: datetime) -> list[Candle]:
        """What REST answers."""
        self.asked.append((symbol, first, until))
        if self.rest_error is not None:
            raise self.rest_error
        return [
            candle(symbol, ts, "rest", self.clock.now()) for ts in self.closed(first, until) if ts not in self.holes
        ]

    async def drop(self) -> int:
        """Break every connection, without a farewell."""
        broken = list(self.connections)
        for connection in broken:
            connection.transport.abort()
        return len(broken)

    async def say(self, text: str) -> None:
        """Send a frame to everyone."""
        for connection in list(self.connections):
            with contextlib.suppress(Exception):
                await connection.send(text)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["ScriptedVenue"]:
        """The venue while it is open."""
        async with serve(self._serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            names = "/".join(f"{symbol.lower()}@kline_1m" for symbol in self.symbols)
            self.url = f"ws://127.0.0.1:{port}/market/stream?streams={names}"
            yield self

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections.add(connection)
        told = self.clock.now().replace(second=0, microsecond=0)
        with contextlib.suppress(Exception):
            while connection.state is State.OPEN:
                running = self.clock.now().replace(second=0, microsecond=0)
                while told < running and not self.is_mute:
                    for text in self.beside:
                        await connection.send(text)
                    for symbol in self.symbols:
                        for _ in range(self.repeats):
                            await connection.send(json.dumps(kline(candle(symbol, told), is_final=True)))
                    told += MINUTE
                if not self.is_mute:
                    for symbol in self.symbols:
                        text = json.dumps(kline(candle(symbol, running), is_final=False, at=self.clock.now()))
                        await connection.send(text)
                await asyncio.sleep(0.01)
        self.connections.discard(connection)


@asynccontextmanager
async def saying(
    *frames: str | bytes, then_close: bool = False, wait_s: float = 0.0
) -> AsyncIterator[tuple[str, list[float]]]:
    """A server that says these frames to each client and then nothing; its address, and when clients came."""
    came: list[float] = []

    async def talk(connection: ServerConnection) -> None:
        came.append(time.monotonic())
        with contextlib.suppress(Exception):
            for frame in frames:
                await connection.send(frame)
            if then_close:
                await asyncio.sleep(wait_s)
                return
            await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream?streams=btcusdt@kline_1m", came


@asynccontextmanager
async def refusing(status: int, **headers: str) -> AsyncIterator[tuple[str, list[float]]]:
    """A server that refuses every handshake."""
    came: list[float] = []

    def refuse(connection: ServerConnection, request: Request) -> Response:
        came.append(time.monotonic())
        response = connection.respond(HTTPStatus(status), "no\n")
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    async def never(connection: ServerConnection) -> None:
        raise AssertionError("no handshake is accepted")

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream?streams=btcusdt@kline_1m", came
