"""Vendors' answers kept in memory, so that what follows them can be done once more without asking."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from resources.http.client import Guarded, Recorded
from resources.http.transport import Reply, Request


class Replies:
    """Answers by request. The last one to a request counts."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, bytes], Reply] = {}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep every answer that a vendor client of this process gets meanwhile."""
        send = Recorded.send

        def keeping(layer: Recorded, request: Request) -> Reply:
            reply = self._kept[request.url, request.content] = send(layer, request)
            return reply

        Recorded.send = keeping  # type: ignore[method-assign]
        try:
            yield
        finally:
            Recorded.send = send  # type: ignore[method-assign]

    @contextmanager
    def served(self) -> Iterator[None]:
        """Give the kept answers in place of asking. Raises KeyError for a request that was never made."""
        send = Guarded.send

        def serving(_: Guarded, request: Request) -> Reply:
            reply = self._kept[request.url, request.content]
            return replace(reply, value=request.read(reply))

        Guarded.send = serving  # type: ignore[method-assign]
        try:
            yield
        finally:
            Guarded.send = send  # type: ignore[method-assign]
