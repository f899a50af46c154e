"""One supervised WebSocket: it connects until it is cancelled.

A connection is left when the venue closes it, when nothing was heard for `silent_s`, when the venue
announces that it will cut it, and before the venue's own limit of a day. After a failure it waits, longer
each time, up to `max_wait_s`; what the venue asked for by Retry-After is waited for. Pings are answered
by the library. Messages and logs name the venue, never an address with its query.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from market_assets.core import clock
from resources.http import redact

log = logging.getLogger(__name__)

#: a venue cuts after 24 h
_LIFE_S = 23.5 * 3600
_OPEN_S = 10.0
#: the venue's part of a closing handshake is not worth a slow shutdown
_CLOSE_S = 1.0
#: frames that may wait to be read; the library stops reading beyond, pings included
_QUEUE = 1024
_LOCAL = {"127.0.0.1", "localhost", "::1"}
_ADVICE = {
    451: "the venue does not serve this location: set crypto.stream_url and crypto.base_url to a mirror",
    403: "a firewall refuses this address",
    404: "the path is wrong: check crypto.stream_url",
    418: "this address is banned for a while",
    429: "too many connections",
}


@dataclass(frozen=True)
class Patience:
    """How long to wait for what."""

    silent_s: float
    first_wait_s: float
    max_wait_s: float
    life_s: float = _LIFE_S

    def __post_init__(self) -> None:
        if self.max_wait_s < self.first_wait_s:
            raise ValueError(f"max_wait_s must be at least first_wait_s ({self.first_wait_s}), was {self.max_wait_s}")


@dataclass
class SocketFacts:
    """What became of the connections so far."""

    connects: int = 0
    disconnects: int = 0
    refusals: int = 0
    connected_since: datetime | None = None
    last_message_at: datetime | None = None
    last_error: str | None = None


class Socket:
    """Hands every frame to `receive`, which tells whether to stay connected.

    `connected` is called after every connect.
    """

    def __init__(
        self,
        name: str,
        url: str,
        receive: Callable[[str | bytes], bool],
        patience: Patience,
        *,
        connected: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = clock.now,
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),
    ) -> None:
        self.name, self._url = name, url
        self._receive, self._connected = receive, connected
        self._patience, self._now, self._jitter = patience, now, jitter
        self._tries = 0
        self._hurried_at: float | None = None
        self.facts = SocketFacts()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self.facts.connected_since is not None

    async def run(self) -> None:
        """Connect, listen, connect anew. Ends by being cancelled."""
        while True:
            wait_s = await self._once()
            if wait_s:
                await asyncio.sleep(wait_s)

    async def _once(self) -> float:
        """One connection from handshake to end; returns the seconds to wait before the next."""
        local = urlsplit(self._url).hostname in _LOCAL
        try:
            async with connect(
                self._url,
                open_timeout=_OPEN_S,
                close_timeout=_CLOSE_S,
                max_queue=_QUEUE,
                proxy=None if local else True,
            ) as connection:
                return await self._listen(connection)
        except InvalidStatus as refused:
            return self._refused(refused)
        except (OSError, InvalidHandshake, ConnectionClosed) as failed:
            # before there was a connection: TimeoutError is an OSError
            return self._failed(f"no connection ({type(failed).__name__}: {redact.text(str(failed))})")

    async def _listen(self, connection: ClientConnection) -> float:
        self.facts.connects += 1
        self.facts.connected_since = self._now()
        log.info("%s: connected", self.name)
        ends_at = time.monotonic() + self._patience.life_s * self._jitter()
        self._connected()
        try:
            return await self._frames(connection, ends_at)
        finally:
            self.facts.disconnects += 1
            self.facts.connected_since = None

    async def _frames(self, connection: ClientConnection, ends_at: float) -> float:
        while True:
            rest = ends_at - time.monotonic()
            if rest <= 0:
                return self._planned("its time is up")
            try:
                async with asyncio.timeout(min(self._patience.silent_s, rest)):
                    frame = await connection.recv()
            except TimeoutError:
                if time.monotonic() >= ends_at:
                    continue
                return self._failed(f"silent for {self._patience.silent_s:g} s")
            except ConnectionClosed as closed:
                return self._failed(f"connection lost ({redact.text(str(closed))})")
            self.facts.last_message_at = self._now()
            self._tries = 0
            if not self._receive(frame):
                return self._planned("the venue is about to cut it")

    def _refused(self, refused: InvalidStatus) -> float:
        status = refused.response.status_code
        self.facts.refusals += 1
        advice = _ADVICE.get(status, "")
        wait_s = self._failed(f"refused with HTTP {status}" + (f"; {advice}" if advice else ""))
        asked = refused.response.headers.get("Retry-After", "")
        return max(wait_s, float(asked)) if asked.isdecimal() else wait_s

    def _failed(self, why: str) -> float:
        """Note a failure; returns the wait that it earns."""
        wait_s: float = min(self._patience.first_wait_s * 2**self._tries, self._patience.max_wait_s) * self._jitter()
        self._tries = min(self._tries + 1, 30)
        self.facts.last_error = why
        log.warning("%s: %s; next attempt in %.1f s", self.name, why, wait_s)
        return wait_s

    def _planned(self, why: str) -> float:
        """Connect anew at once, unless that was done a moment ago: a venue may say farewell to every connection."""
        at = time.monotonic()
        if self._hurried_at is not None and at - self._hurried_at < self._patience.max_wait_s:
            return self._failed(f"{why}, again")
        self._hurried_at = at
        log.info("%s: connects anew, %s", self.name, why)
        return 0.0
