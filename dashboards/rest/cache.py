"""Answers kept while nothing they were read from has changed.

The key holds the path, the sorted query and the published versions of the tables read, so a new
publication is seen at once; the time to live bounds what depends on the clock; the least recently
used entry goes first.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CacheFacts:
    """What was measured since the process started. `hit_rate` is None before the first lookup."""

    entries: int
    hits: int
    misses: int
    evictions: int
    hit_rate: float | None
    oldest_age_s: float | None


class ResponseCache:
    """At most `most` bodies, each with its own time to live (seconds)."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._bodies: OrderedDict[str, tuple[float, float, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def get(self, key: str) -> bytes | None:
        """The body of `key` while it lives, else None."""
        with self._lock:
            stored = self._bodies.get(key)
            if stored is None or self._clock() >= stored[1]:
                self._bodies.pop(key, None)
                self._misses += 1
                return None
            self._bodies.move_to_end(key)
            self._hits += 1
            return stored[2]

    def put(self, key: str, body: bytes, ttl_s: float) -> None:
        """Keep `body` for `ttl_s`; the least recently used entry makes room."""
        if self._most == 0 or ttl_s <= 0:
            return
        now = self._clock()
        with self._lock:
            self._bodies[key] = (now, now + ttl_s, body)
            self._bodies.move_to_end(key)
            while len(self._bodies) > self._most:
                self._bodies.popitem(last=False)
                self._evictions += 1

    def clear(self) -> int:
        """Drop every body; how many there were."""
        with self._lock:
            count = len(self._bodies)
            self._bodies.clear()
            return count

    def facts(self) -> CacheFacts:
        """Counts since the process started."""
        with self._lock:
            looked = self._hits + self._misses
            oldest = min((made for made, _, _ in self._bodies.values()), default=None)
            return CacheFacts(
                entries=len(self._bodies),
                hits=self._hits,
                misses=self._misses,
                evictions=self._evictions,
                hit_rate=self._hits / looked if looked else None,
                oldest_age_s=self._clock() - oldest if oldest is not None else None,
            )
