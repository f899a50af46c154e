"""What passes between the layers of the stack: a request down, a reply up."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from market_assets.core import clock
from resources.http import workers


@dataclass(frozen=True)
class Reply:
    """An answer. `value` is what the vendor's reader made of the body."""

    status: int
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    received_at: datetime
    #: requests made for it, retries included
    requests: int = 1
    #: time these requests took, reading included, waits between them and for the budget left out
    latency_ms: float = 0.0
    #: SHA-256 of the stored body
    digest: str = ""
    value: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Request:
    """One call: a question, so it may be asked again. `url`, `headers`, `content` may hold the key: none is shown."""

    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    #: path without query, as messages show it
    endpoint: str
    #: what it is for, as messages show it: symbol and dates
    context: str
    #: reads a reply, or raises a VendorError saying what is wrong with it
    read: Callable[[Reply], Any] = field(repr=False)
    #: most requests for this call
    attempts: int
    #: time for the next request, in seconds
    timeout_s: float
    method: str = "GET"
    #: JSON that is posted
    content: bytes = field(default=b"", repr=False)
    #: what each request takes from the budget
    cost: int = 1
    #: whether its answers are kept in the raw store
    record: bool = True

    @property
    def asked(self) -> str:
        """Where the answer came from: the URL, and behind a # what was posted to it."""
        return f"{self.url}#{self.content.decode()}" if self.content else self.url


class Transport(Protocol):
    """One layer: sends a request, gives the reply or raises a VendorError."""

    def send(self, request: Request) -> Reply:
        """Send `request` by way of the layers below."""
        ...


@dataclass(frozen=True)
class Timing:
    """Time as the stack sees it; tests put their own in its place."""

    now: Callable[[], datetime] = clock.now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = workers.sleep
    #: factor on each back-off wait
    jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)

    def wall(self) -> datetime:
        """The instant that breakers, budgets and statistics go by: it passes in a replay too."""
        return clock.wall() if self.now is clock.now else self.now()
