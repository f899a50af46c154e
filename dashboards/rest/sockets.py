"""What the WebSockets share: who may look, when a watcher is gone, and closing codes."""

from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import WebSocket

NO_SUCH_SYMBOL, BUSY, BROKEN, FOREIGN = 4404, 1013, 1011, 4403


def may_look(socket: WebSocket, origins: Collection[str]) -> bool:
    """Browsers let pages of any site open a WebSocket, so it is up to us to keep them to ours and the allowed ones."""
    origin = socket.headers.get("origin")
    return origin is None or origin in origins or urlsplit(origin).netloc == socket.headers.get("host")


async def until_gone(socket: WebSocket) -> None:
    """Return when the client has left, or the app stops."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
