"""What readers see of the collector of bars: Redis where REDIS_URL is set, or else the file in this home.

While Redis does not answer, or has no values of a symbol, the file is looked at.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import orjson

from market_assets.settings import Settings
from resources.http import redact
from resources.stream.bars.records import DOMAIN, LIVE_BARS, TIMEFRAME, LiveBar
from resources.stream.bars.redis_hot import STATUS_KEY, bars_key, connect, features_key, unpacked
from resources.stream.bars.ring import instant
from resources.stream.bars.status import BarsStatus
from resources.stream.hot import Features, HotView, hot_path

if TYPE_CHECKING:
    from redis import Redis

Value = TypeVar("Value")
#: after a failure Redis is left alone for so long
_PAUSE_S = 1.0
_PATIENCE_S = 0.5


class HotBars:
    """The reading side, for any number of threads. Where there is no cache, nothing is known.

    A hit is a question that had an answer; `hits` and `misses` count them since the process began.
    """

    def __init__(self, path: Path, symbols: Sequence[str], client: "Redis | None" = None) -> None:
        self._file = HotView(path, LIVE_BARS)
        self._symbols, self._redis = tuple(symbols), client
        self._failures: tuple[type[Exception], ...] = ()
        if client is not None:
            import redis

            self._failures = (redis.RedisError, OSError)
        self._silent_until = 0.0
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0
        #: why Redis could not be asked; None where it could, or none is set
        self.redis_error: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The hot bars of the home and the Redis in force. Raises RedisMissing."""
        url = settings.redis_url
        client = connect(url.get_secret_value(), patience_s=_PATIENCE_S) if url else None
        return cls(hot_path(settings, DOMAIN), settings.bars.symbols, client)

    def latest(self, symbol: str) -> Features | None:
        """The newest values of a symbol; None where none are known. Their age is told by `at`, not by being here."""
        found = self._by_redis(lambda client: self._of_redis(client, [symbol]))
        return self._counted((found or {}).get(symbol) or self._file.features(symbol, TIMEFRAME))

    def latest_all(self) -> list[Features]:
        """The newest values of every symbol that has any."""
        found = {one.symbol: one for one in self._file.all_features(TIMEFRAME)}
        found |= self._by_redis(lambda client: self._of_redis(client, self._symbols)) or {}
        for symbol in self._symbols:
            self._counted(found.get(symbol))
        return [found[symbol] for symbol in self._symbols if symbol in found]

    def closed(self, symbol: str, n: int = 200, after: datetime | None = None) -> list[LiveBar]:
        """The newest `n` closed bars that opened after `after`, oldest first."""
        bodies = self._by_redis(lambda client: client.lrange(bars_key(symbol), -n, -1))
        if bodies:
            bars = [unpacked(body) for body in bodies]  # type: ignore[arg-type]
            found = bars if after is None else [bar for bar in bars if bar.ts > after]
        else:
            found = self._file.closed(symbol, n, after)
        self._counted(found or None)
        return found

    def status(self) -> BarsStatus | None:
        """What the collector says of itself; None where none ever ran."""
        body = self._by_redis(lambda client: client.get(STATUS_KEY))
        return BarsStatus.of(orjson.loads(body)) if body else self._file.status()

    def close(self) -> None:
        """Close this thread's connection, and the pool."""
        self._file.close()
        if self._redis is not None:
            self._redis.close()

    def _of_redis(self, client: "Redis", symbols: Sequence[str]) -> dict[str, Features]:
        pipe = client.pipeline(transaction=False)
        for symbol in symbols:
            pipe.hgetall(features_key(symbol))
        rows: list[dict[bytes, bytes]] = pipe.execute()
        return {symbol: _features(symbol, row) for symbol, row in zip(symbols, rows, strict=True) if row}

    def _by_redis(self, ask: Callable[["Redis"], Value]) -> Value | None:
        if self._redis is None or time.monotonic() < self._silent_until:
            return None
        try:
            found = ask(self._redis)
        except self._failures as failed:
            self._silent_until = time.monotonic() + _PAUSE_S
            self.redis_error = redact.text(str(failed)) or type(failed).__name__
            return None
        self.redis_error = None
        return found

    def count(self, *, hit: bool) -> None:
        """Count a question that was answered from what this reader had read before."""
        with self._lock:
            self.hits += hit
            self.misses += not hit

    def _counted(self, found: Value | None) -> Value | None:
        self.count(hit=found is not None)
        return found


def _features(symbol: str, row: dict[bytes, bytes]) -> Features:
    values: dict[str, Any] = {name.decode(): orjson.loads(value) for name, value in row.items()}
    return Features(symbol, TIMEFRAME, instant(values.pop("ts")), values)
