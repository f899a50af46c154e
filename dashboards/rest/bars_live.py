"""The newest values of minute bars: `/api/v1/indicators/{symbol}`, and `/ws/live`, which pushes them every second.

What a push says of a symbol, one message each, every second:

    symbol         house symbol
    ts             open instant of the bar that the values are of: the running one while quotes come in
    price          last price
    indicators     the 16 values
    freshness_s    age of the price by its source's own instant; null while the market is closed
    state          LIVE, DELAYED, STALE, CLOSED or NO DATA
    feature_level  1 live, 2 hot and not fresh, 3 stored
    is_warm        whether enough bars stand behind the values
    demo           true where the prices come from the sandbox; absent otherwise

What the client sends is ignored. Closing codes: 1013 too many watchers, 1012 the app stops. Without a key that an open
bind asks for, or from a page of another site, the handshake is refused (403).
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, WebSocket, WebSocketDisconnect
from starlette.concurrency import run_in_threadpool

from dashboards.rest.answers import json_answer
from dashboards.rest.bars_bodies import IndicatorsBody
from dashboards.rest.bars_rows import SymbolName
from dashboards.rest.errors import RESPONSES
from dashboards.rest.requests import AsOf, ServicesOf, marked
from dashboards.rest.sockets import BUSY, FOREIGN, may_look, until_gone
from dashboards.services import Services
from market_assets.bars import readers
from market_assets.bars.standing import Latest
from market_assets.core import clock

router = APIRouter(tags=["bars"], responses=RESPONSES)

_MOST_WATCHERS = 50
_NAMES = [name for name in IndicatorsBody.model_fields if name in readers.BOARD]


@router.get("/api/v1/indicators/{symbol}", response_model=IndicatorsBody)
async def indicators(
    *,
    app: ServicesOf,
    symbol: SymbolName,
    as_of: AsOf,
    live: Annotated[bool, Query(description="By the collector where it runs; else by stored rows alone")] = True,
) -> Response:
    """The newest bar of a symbol and its 16 values, with their age and where they come from."""
    now = app.bars_now
    name = now.known(symbol)
    if live and as_of is None:
        # nothing here waits for a file or a store: the answer comes from memory
        if not now.is_ready():
            await run_in_threadpool(now.read)
        return json_answer(_told(now.latest(name), is_demo=now.is_demo))

    def stored() -> Response:
        found = readers.latest(name, live=False, as_of=as_of, store=app.data.store)
        return json_answer(marked(app, {**_told(found, is_demo=False), "as_of": as_of}))

    return await run_in_threadpool(stored)


@router.websocket("/ws/live")
async def live(socket: WebSocket) -> None:
    """Send every symbol once a second, until one side leaves."""
    app: Services = socket.app.state.services
    if not may_look(socket, app.settings.api.cors_origins):
        await socket.close(FOREIGN)
        return
    await socket.accept()
    if app.bars_now.watchers >= _MOST_WATCHERS:
        await socket.close(BUSY, f"{_MOST_WATCHERS} watch already; come back later")
        return
    try:
        await _send_every_second(socket, app)
    except WebSocketDisconnect:
        return


async def _send_every_second(socket: WebSocket, app: Services) -> None:
    now = app.bars_now
    with now.watching():
        gone = asyncio.create_task(until_gone(socket))
        try:
            while not gone.done():
                if not (now.is_ready() and now.messages):
                    await run_in_threadpool(_look, app)
                for text in now.messages:
                    await socket.send_text(text)
                await asyncio.wait({gone}, timeout=1.0 - clock.wall().timestamp() % 1.0)
        finally:
            gone.cancel()


def _look(app: Services) -> None:
    app.bars_now.read()
    app.bars_now.write()


def _told(one: Latest, *, is_demo: bool) -> dict[str, Any]:
    told = {name: getattr(one, name) for name in _NAMES}
    return {
        **told,
        "indicators": dict(one.values),
        "timestamp": clock.now(),
        **({"demo": True} if is_demo else {}),
    }
