"""`/ws/crypto/{symbol}`: the newest minute candles as they form, from the collector on this machine.

Every message is the whole state of the symbol:

    state      LIVE, DELAYED or NO DATA, and why in `reason`
    forming    the newest candle that was pushed, with `is_final` and the venue's instant `at`; null without a stream
    closed     closed candles, oldest first: in the first message the last ones, later those that are new or corrected
    features   overlays of the running candle of `timeframe`, which opened at `ts`: they change until it closes, and
               alignment is not among them; null without a stream
    demo       true where the candles come from the sandbox; absent otherwise

A message comes at once and then with every change. What the client sends is ignored. Closing codes: 4404 no such
symbol, 1013 too many watchers, 1011 the store does not answer, 1012 the app stops. Without a key that an open bind
asks for, or from a page of another site, the handshake is refused (403).
"""

import asyncio
from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.concurrency import run_in_threadpool

from dashboards.live import View
from dashboards.rest.answers import encode
from dashboards.rest.crypto_rows import known_symbol
from dashboards.rest.sockets import BROKEN, BUSY, FOREIGN, NO_SUCH_SYMBOL, may_look, until_gone
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.errors import MarketAssetsError, UnknownName
from resources.stream.candle import MINUTE, Candle

router = APIRouter()

_MOST_WATCHERS = 200
#: bytes that a closing frame has for its reason
_REASON = 123


@router.websocket("/ws/crypto/{symbol}")
async def live(socket: WebSocket, symbol: str) -> None:
    """Send the state of a symbol, and again with every change, until one side leaves."""
    app: Services = socket.app.state.services
    if not may_look(socket, app.settings.api.cors_origins):
        await socket.close(FOREIGN)
        return
    await socket.accept()
    if app.crypto_live.watchers >= _MOST_WATCHERS:
        await socket.close(BUSY, f"{_MOST_WATCHERS} watch already; come back later")
        return
    try:
        name = await run_in_threadpool(known_symbol, app, symbol)
    except MarketAssetsError as refused:
        code = NO_SUCH_SYMBOL if isinstance(refused, UnknownName) else BROKEN
        await socket.close(code, _short(str(refused)))
        return
    try:
        await _send_changes(socket, app, name)
    except WebSocketDisconnect:
        return


async def _send_changes(socket: WebSocket, app: Services, symbol: str) -> None:
    sent: Collection[Candle] = frozenset()
    with app.crypto_live.watching(symbol) as watch:
        gone = asyncio.create_task(until_gone(socket))
        try:
            while await _first(watch.changed, gone):
                watch.changed.clear()
                view = app.crypto_live.view(symbol)
                if view is None:
                    continue
                is_demo = "sandbox" in (app.settings.vendors, view.vendors)
                await socket.send_text(encode(_message(symbol, view, sent, is_demo=is_demo)).decode())
                sent = frozenset(view.closed)
        finally:
            gone.cancel()


async def _first(changed: asyncio.Event, gone: "asyncio.Task[None]") -> bool:
    """Wait for a change; False where the client leaves before one."""
    waiting = asyncio.create_task(changed.wait())
    try:
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return not gone.done()


def _message(symbol: str, view: View, sent: Collection[Candle], *, is_demo: bool) -> dict[str, Any]:
    now, forming, features = clock.now(), view.forming, view.features
    last = view.closed[-1].ts + MINUTE if view.closed else None
    return {
        "symbol": symbol,
        "timeframe": "1m",
        "state": view.state,
        "reason": view.reason,
        "forming": forming and {**_candle(forming.candle), "is_final": forming.is_final, "at": forming.at},
        "closed": [_candle(candle) for candle in view.closed if candle not in sent],
        "features": features and {"timeframe": features.timeframe, "ts": features.ts, "values": features.values},
        "closed_age_s": None if last is None else (now - last).total_seconds(),
        "timestamp": now,
        **({"demo": True} if is_demo else {}),
    }


def _candle(candle: Candle) -> dict[str, Any]:
    return {name: value for name, value in candle._asdict().items() if name not in ("symbol", "ingested_at")}


def _short(text: str) -> str:
    return text.encode()[:_REASON].decode(errors="ignore")
