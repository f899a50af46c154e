"""The hot bars in Redis, written by a thread of its own, so that Redis never delays a cycle.

    bars:{symbol}:1m   list of MessagePack maps, one a closed bar, oldest first, the newest `keep` of them
    feat:{symbol}      hash of JSON values, gone after two intervals
    bars:status        what the collector says of itself, JSON

What has to be written follows from the bars in memory and from what Redis has: after a loss its newest bar tells where
to go on, so nothing is missing and nothing comes twice.
"""

import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from market_assets.core.errors import MarketAssetsError
from resources.http import redact
from resources.stream.bars.records import TIMEFRAME, LiveBar
from resources.stream.bars.ring import Ring, instant, micros
from resources.stream.bars.status import BarsStatus
from resources.stream.hot import Features

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

STATUS_KEY = "bars:status"
_POOL = 20
_PATIENCE_S = 2.0
_RETRY_S = 0.5
_INSTANTS = ("ts", "ingested_at")
#: bars in one command: a list that is made anew is sent in parts
_PART = 500


class RedisMissing(MarketAssetsError):
    """REDIS_URL is set, and the packages that speak to Redis are not there."""


def connect(url: str, *, patience_s: float = _PATIENCE_S) -> "Redis":
    """A client with a pool of 20 that fails at once rather than to try again. Raises RedisMissing."""
    try:
        import msgpack  # type: ignore[import-untyped]  # noqa: F401 - asked for here, so that its lack is told at the start
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as missing:
        raise RedisMissing(
            f"REDIS_URL is set, and {missing.name} is not installed: the extra `redis` has it "
            "(pip install 'market-assets[redis]'); or unset REDIS_URL"
        ) from None
    return redis.Redis.from_url(
        url,
        max_connections=_POOL,
        socket_timeout=patience_s,
        socket_connect_timeout=patience_s,
        retry=Retry(NoBackoff(), 0),
    )


def bars_key(symbol: str) -> str:
    """The list of a symbol's closed bars."""
    return f"bars:{symbol}:{TIMEFRAME}"


def features_key(symbol: str) -> str:
    """The hash of a symbol's newest values."""
    return f"feat:{symbol}"


def packed(bar: LiveBar) -> bytes:
    """A bar as it lies in Redis; instants are microseconds since 1970."""
    import msgpack

    values = {name: micros(value) if name in _INSTANTS else value for name, value in bar._asdict().items()}
    body: bytes = msgpack.packb(values)
    return body


def unpacked(body: bytes) -> LiveBar:
    """A bar that lay in Redis."""
    import msgpack

    values: dict[str, Any] = msgpack.unpackb(body)
    values |= {name: instant(values[name]) for name in _INSTANTS}
    return LiveBar(**values)


class RedisHot:
    """The writing side. `offer` never waits; the thread writes the newest of what was offered."""

    def __init__(self, client: "Redis", symbols: Sequence[str], ring: Ring, *, keep: int, ttl_s: float) -> None:
        import redis

        self._failures = (redis.RedisError, OSError)
        self._client, self._symbols, self._ring, self._keep = client, tuple(symbols), ring, keep
        self._ttl_ms = round(ttl_s * 1000)
        self._news: tuple[Sequence[Features], BarsStatus] | None = None
        self._there = threading.Event()
        self._stopping = False
        #: row -> newest bar that Redis has, and the revision of the ring that it was copied from; absent: not known
        self._sent: dict[int, tuple[int | None, int]] = {}
        self._is_first = True
        self._thread = threading.Thread(target=self._run, name="stream-redis", daemon=True)
        self.error: str | None = None
        self.write_ms: float | None = None

    @property
    def state(self) -> str:
        """ok, or error while Redis does not answer."""
        return "ok" if self.error is None else "error"

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def offer(self, features: Sequence[Features], status: BarsStatus) -> None:
        """Have this written next, in place of what was offered before and has not been written yet."""
        self._news = (features, status)
        self._there.set()

    def stop(self, patience_s: float) -> None:
        """Write what was offered last, and end."""
        self._stopping = True
        self._there.set()
        self._thread.join(patience_s)
        self._client.close()

    def _run(self) -> None:
        while True:
            self._there.wait()
            self._there.clear()
            is_last = self._stopping
            began = time.perf_counter()
            try:
                self._write()
            except self._failures as failed:
                # what of it was written is not known
                self._sent.clear()
                if self.error is None:
                    log.warning("redis: hot bars are kept in this process alone (%s)", redact.text(str(failed)))
                self.error = redact.text(str(failed)) or type(failed).__name__
                time.sleep(0.0 if is_last else _RETRY_S)
            else:
                if self.error is not None:
                    log.info("redis: hot bars are written again")
                self.error = None
                self.write_ms = (time.perf_counter() - began) * 1000
            if is_last:
                return

    def _write(self) -> None:
        if len(self._sent) < len(self._symbols):
            self._look()
        news, self._news = self._news, None
        for row in range(len(self._symbols)):
            self._write_bars(row)
        if news is None:
            return
        features, status = news
        pipe = self._client.pipeline(transaction=False)
        for one in features:
            key = features_key(one.symbol)
            pipe.hset(key, mapping={"ts": micros(one.ts), **{k: orjson.dumps(v) for k, v in one.values.items()}})
            pipe.pexpire(key, self._ttl_ms)
        pipe.set(STATUS_KEY, orjson.dumps(status))
        pipe.execute()

    def _look(self) -> None:
        """Which bar of each symbol Redis has last. What another process left there is written anew."""
        pipe = self._client.pipeline(transaction=False)
        for symbol in self._symbols:
            pipe.lindex(bars_key(symbol), -1)
        for row, body in enumerate(pipe.execute()):
            known = not self._is_first and body is not None
            revision = self._ring.revision[row] if known else -1
            self._sent[row] = (micros(unpacked(body).ts) if known else None, revision)
        self._is_first = False

    def _write_bars(self, row: int) -> None:
        newest, revision = self._sent[row]
        current, last = self._ring.revision[row], self._ring.last_ts(row)
        if revision == current and last == newest:
            return
        is_anew = revision != current
        bars = self._ring.after(row, None if is_anew else newest)
        key = bars_key(self._symbols[row])
        # readers see all of it or nothing
        pipe = self._client.pipeline(transaction=True)
        if is_anew:
            pipe.delete(key)
        for at in range(0, len(bars), _PART):
            pipe.rpush(key, *(packed(bar) for bar in bars[at : at + _PART]))
        pipe.ltrim(key, -self._keep, -1)
        pipe.execute()
        self._sent[row] = (micros(bars[-1].ts) if bars else newest, current)
