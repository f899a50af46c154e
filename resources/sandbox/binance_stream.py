"""Binance's streams of minute candles, as real WebSockets, and `/_sandbox/streams` to watch and to drop them.

Market streams of futures are under `/market` since 2026; the old paths still connect and stay silent. Names of
streams are lower-case; one that is unknown, or that is no `kline_1m`, gets no events, without an error. A connection
lives for 24 hours of the sandbox's clock. Pings are the server's business (`PING_S`, `PONG_S`).
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from resources.sandbox.desk import Desk
from resources.sandbox.exchange_desk import milliseconds
from resources.sandbox.fault_kinds import EVENT_KINDS, STREAM_KINDS
from resources.sandbox.faults import Fault
from resources.sandbox.kline_events import Event, Feed, streamed_symbol
from resources.sandbox.minutes import DAY_MS, Coin
from resources.sandbox.stream_ledger import StreamLedger

#: seconds between pings of the server, and until a connection that does not answer them is closed
PING_S, PONG_S = 20.0, 60.0
#: seconds between two looks at the sandbox's clock
TICK_S = 0.02
#: seconds from the announcement of the server's end to the end
GRACE_S = 1.0
#: how a connection is closed: the server goes away, was sent bytes, or breaks
GOING_AWAY, NOT_TEXT, BROKEN = 1001, 1003, 1011

_SHUTDOWN = "!serverShutdown"
_NO_JSON = '{"e":"kline","E":'


@dataclass(frozen=True)
class Place:
    """Where a market's streams are."""

    vendor: str
    root: str
    #: whether candles are told there
    live: bool = True


PLACES = (
    Place("binance_usdm", "/market"),
    Place("binance_usdm", "", live=False),
    Place("binance_spot", ""),
)


def router(desk: Desk) -> APIRouter:
    """The streams of both markets, and the routes that steer them."""
    streams = Streams(desk)
    routes = APIRouter()
    for place in PLACES:
        root = f"/{place.vendor}{place.root}"
        for path in ("/stream", "/ws", "/ws/{names:path}"):
            endpoint = streams.endpoint(place, combined=path == "/stream")
            routes.add_api_websocket_route(f"{root}{path}", endpoint)

    @routes.get("/_sandbox/streams")
    async def ledger() -> dict[str, Any]:
        """Connections, and the closed candles of every symbol that was ever asked for."""
        return streams.ledger.describe()

    @routes.post("/_sandbox/streams/drop")
    async def drop() -> dict[str, int]:
        """Break every open stream."""
        return {"dropped": await streams.drop()}

    return routes


class Streams:
    """All open streams."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.ledger = desk, StreamLedger(desk)
        self.open: set[Connection] = set()

    def endpoint(self, place: Place, *, combined: bool) -> Any:
        """Where the handshakes of one path arrive."""

        async def connect(socket: WebSocket) -> None:
            asked = socket.query_params.get("streams", "") if combined else socket.path_params.get("names", "")
            await self._connected(socket, place, [name for name in asked.split("/") if name], combined=combined)

        return connect

    async def drop(self) -> int:
        """Break every open stream, and wait until all are gone; how many there were."""
        dropped = list(self.open)
        for connection in dropped:
            connection.end(BROKEN)
        await asyncio.gather(*(connection.gone.wait() for connection in dropped))
        return len(dropped)

    async def _connected(self, socket: WebSocket, place: Place, names: list[str], *, combined: bool) -> None:
        coins = {coin.symbol: coin for coin in self.desk.backend.coins(place.vendor, self.desk.now())}
        asked = [coins[symbol] for name in names if (symbol := streamed_symbol(name)) in coins]
        called = [name for coin in asked for name in (coin.symbol, coin.base)]
        struck = self.desk.faults.take(place.vendor, socket.url.path, called, STREAM_KINDS)
        refusal = next((fault for fault in struck if fault.kind == "ws_refuse"), None)
        if refusal is not None:
            await socket.send_denial_response(Response(status_code=refusal.code))
            return
        connection = Connection(self, socket, place, coins, struck, combined=combined)
        connection.follow(names)
        self.open.add(connection)
        try:
            await connection.serve()
        finally:
            self.open.discard(connection)
            connection.gone.set()


class Connection:
    """One open stream."""

    def __init__(
        self,
        streams: Streams,
        socket: WebSocket,
        place: Place,
        coins: dict[str, Coin],
        struck: Sequence[Fault],
        *,
        combined: bool,
    ) -> None:
        self.streams, self.socket, self.place, self.coins = streams, socket, place, coins
        self.combined = combined
        self.struck = {fault.kind: fault for fault in struck}
        self.desk = streams.desk
        path = socket.url.path.removeprefix(f"/{place.vendor}")
        self.visit = streams.ledger.opened(place.vendor, path)
        self.feed = Feed(self.desk.backend, place.vendor)
        self.gone = asyncio.Event()
        #: the code to close with; None where the client has left
        self._ending: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        #: when it ends after the announcement that it will (`time.monotonic`)
        self._ends_s: float | None = None

    def end(self, code: int | None) -> None:
        """Close with a code."""
        if not self._ending.done():
            self._ending.set_result(code)

    def follow(self, names: Sequence[str]) -> None:
        """Tell the candles of these streams from now on, as far as they are known."""
        for name in names:
            self.visit.streams += [name] * (name not in self.visit.streams)
            coin = self.coins.get(streamed_symbol(name) or "")
            if coin is not None and self.place.live:
                self.feed.follow(coin, self.desk.now())
                self.streams.ledger.followed(self.place.vendor, coin.symbol)

    def leave(self, names: Sequence[str]) -> None:
        """Tell the candles of these streams no more."""
        self.visit.streams = [name for name in self.visit.streams if name not in names]
        for name in names:
            self.feed.leave(streamed_symbol(name) or "")

    async def serve(self) -> None:
        """Accept, then tell and listen until either side ends it."""
        code: int | None = None
        try:
            await self.socket.accept()
            async with asyncio.TaskGroup() as tasks:
                work = [tasks.create_task(self._listen()), tasks.create_task(self._tell())]
                code = await self._ending
                for task in work:
                    task.cancel()
            if code is not None:
                await self.socket.close(code)
        finally:
            self.streams.ledger.closed(self.visit, code)

    async def _listen(self) -> None:
        """Answer what the client asks for."""
        try:
            while True:
                await self._send(orjson.dumps(self._answer(await self.socket.receive_text())).decode())
        except WebSocketDisconnect:
            self.end(None)
        except KeyError:  # the client sent bytes
            self.end(NOT_TEXT)

    def _answer(self, text: str) -> dict[str, Any]:
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}
        request = request if isinstance(request, dict) else {}
        method, names = request.get("method"), request.get("params", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return {"code": 2, "msg": "Invalid request: property name must be a string"}
        if method == "SUBSCRIBE":
            self.follow(names)
        elif method == "UNSUBSCRIBE":
            self.leave(names)
        elif method != "LIST_SUBSCRIPTIONS":
            expected = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`"
            return {"code": 2, "msg": f"Invalid request: unknown variant {method}, expected one of {expected}"}
        return {"result": self.visit.streams if method == "LIST_SUBSCRIPTIONS" else None, "id": request.get("id")}

    async def _tell(self) -> None:
        """Tell candles as the clock moves on, until the connection has lived long enough or a fault ends it."""
        began_s = time.monotonic()
        while not self._ending.done():
            at = self.desk.now()
            for event in [] if "ws_silent" in self.struck else self.feed.due(at):
                if self._ending.done():
                    break
                await self._tell_one(event)
                await self._fail(began_s)
            await self._fail(began_s)
            if milliseconds(at) - self.visit.opened_ms >= DAY_MS:
                self.end(GOING_AWAY)
            await asyncio.sleep(TICK_S)

    async def _fail(self, began_s: float) -> None:
        """End, or announce the end, where a fault wants it by now."""
        now_s = time.monotonic()
        if self._ends_s is not None:
            if now_s >= self._ends_s:
                self.end(GOING_AWAY)
            return
        for fault in (self.struck[kind] for kind in ("ws_drop", "ws_shutdown") if kind in self.struck):
            if now_s - began_s < fault.seconds and (fault.after is None or self.visit.events < fault.after):
                continue
            if fault.kind == "ws_drop":
                self.end(BROKEN)
                return
            self._ends_s = now_s + GRACE_S
            await self._send(self._text(_SHUTDOWN, {"e": "serverShutdown", "E": milliseconds(self.desk.now())}))

    async def _tell_one(self, event: Event) -> None:
        struck: set[str] = set()
        if event.closed:
            called = [event.symbol, self.coins[event.symbol].base]
            faults = self.desk.faults.take(self.place.vendor, self.socket.url.path, called, EVENT_KINDS)
            struck = {fault.kind for fault in faults}
        if "ws_garbage" in struck:
            await self._send(_NO_JSON)
        for _ in range(2 if "ws_duplicate" in struck else 1):
            await self._send(self._text(event.stream, event.body))
            if event.closed:
                self.streams.ledger.sent(self.place.vendor, event.symbol, event.open_ms)
        self.visit.events += 1

    def _text(self, stream: str, body: dict[str, Any]) -> str:
        return orjson.dumps({"stream": stream, "data": body} if self.combined else body).decode()

    async def _send(self, text: str) -> None:
        try:
            await self.socket.send_text(text)
        except WebSocketDisconnect:
            self.end(None)
