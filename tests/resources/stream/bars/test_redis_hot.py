"""The hot bars in a real Redis: written beside the loop, read by others, whole again after a loss."""

import builtins
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from resources.stream.bars.reading import HotBars
from resources.stream.bars.records import LIVE_BARS
from resources.stream.bars.redis_hot import RedisHot, RedisMissing, bars_key, connect, features_key, packed, unpacked
from resources.stream.bars.ring import Ring
from resources.stream.candle import MINUTE
from resources.stream.hot import Features, HotWriter
from tests.resources.stream.bars.bar_series import bar, series
from tests.resources.stream.bars.redis_server import RedisServer, redis_server
from tests.resources.stream.bars.scripted_source import START
from tests.resources.stream.bars.test_status import status

SYMBOLS = ("BTCUSD", "EURUSD")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as running:
        yield running


def until(true: Callable[[], bool]) -> None:
    gives_up = time.monotonic() + 10
    while not true():
        assert time.monotonic() < gives_up
        time.sleep(0.01)


def features(price: float) -> Sequence[Features]:
    return [Features("BTCUSD", "1m", START, {"price": price, "rsi_14": None, "reasons": ["no_quote"]})]


def test_a_bar_is_packed_as_it_is() -> None:
    """Unknown fields included."""
    one = bar("BTCUSD", volume=None, origin="rest")
    assert unpacked(packed(one)) == one


def test_bars_and_values_are_there_for_others(server: RedisServer, tmp_path: Path) -> None:
    """The list holds the newest bars in order, the values are gone after their time, and a loss of Redis loses nothing.

    Bars that close while it is away, and one that REST brought into the middle, are there afterwards, each once; what
    another process had left there is not.
    """
    ring = Ring(SYMBOLS, keep=50)
    bars = series("BTCUSD", 60)
    ring.insert(0, [*bars[:20], *bars[21:40]])
    client = redis.Redis.from_url(server.url)
    client.rpush(bars_key("BTCUSD"), packed(bar("BTCUSD", START + 999 * MINUTE)))
    hot = RedisHot(connect(server.url), SYMBOLS, ring, keep=50, ttl_s=0.3)
    reader = HotBars(tmp_path / "none.sqlite", SYMBOLS, connect(server.url, patience_s=0.2))
    hot.start()
    hot.offer(features(5.0), status())
    until(lambda: hot.write_ms is not None)
    assert reader.closed("BTCUSD", 100) == [*bars[:20], *bars[21:40]]
    assert reader.closed("BTCUSD", 3) == bars[37:40]
    assert reader.closed("BTCUSD", 3, bars[38].ts) == bars[39:40]
    assert reader.latest("BTCUSD") == features(5.0)[0]
    assert reader.status() == status()
    assert (reader.hits, reader.misses) == (4, 0)
    until(lambda: not client.exists(features_key("BTCUSD")))
    assert reader.latest("BTCUSD") is None
    assert reader.misses == 1

    server.stop()
    ring.append(0, bars[40])
    hot.offer(features(6.0), status())
    until(lambda: hot.state == "error")
    assert hot.error
    assert reader.closed("BTCUSD") == []
    assert reader.redis_error
    for one in bars[41:]:
        ring.append(0, one)
    ring.insert(0, [bars[20]])
    server.start()
    hot.offer(features(7.0), status())
    until(lambda: hot.state == "ok")
    until(lambda: client.llen(bars_key("BTCUSD")) > 0)
    assert [unpacked(body) for body in client.lrange(bars_key("BTCUSD"), 0, -1)] == bars[-50:]  # type: ignore[union-attr]
    hot.stop(5.0)
    reader.close()


def test_what_redis_kept_is_gone_on_with(server: RedisServer) -> None:
    """Where the connection alone was lost, only what is newer than its newest bar is written."""
    ring = Ring(["BTCUSD"], keep=50)
    bars = series("BTCUSD", 30)
    ring.insert(0, bars[:20])
    client = redis.Redis.from_url(server.url)
    hot = RedisHot(connect(server.url), ["BTCUSD"], ring, keep=50, ttl_s=2.0)
    hot.start()
    hot.offer([], status())
    until(lambda: client.llen(bars_key("BTCUSD")) == 20)
    hot._sent.clear()
    for one in bars[20:]:
        ring.append(0, one)
    hot.offer([], status())
    until(lambda: client.llen(bars_key("BTCUSD")) == 30)
    hot.stop(5.0)
    assert [unpacked(body) for body in client.lrange(bars_key("BTCUSD"), 0, -1)] == bars  # type: ignore[union-attr]


def test_without_redis_the_file_is_read(tmp_path: Path) -> None:
    """Where none is set, and where it does not answer."""
    bars = [*series("BTCUSD", 4), bar("BTCUSD", START, volume=None, trade_count=3, origin="rest")]
    written = HotWriter(tmp_path / "bars.sqlite", 50, LIVE_BARS)
    written.write(closed=bars, features=features(5.0), status=status())
    for client in (None, connect("redis://127.0.0.1:1/0", patience_s=0.2)):
        reader = HotBars(tmp_path / "bars.sqlite", SYMBOLS, client)
        assert reader.latest_all() == features(5.0)
        assert reader.closed("BTCUSD", 2) == bars[-2:]
        assert reader.status() == status()
        assert (reader.hits, reader.misses) == (2, 1)
        assert (reader.redis_error is None) == (client is None)


def test_its_packages_are_named_where_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """With REDIS_URL and without them there is nothing to go on with."""
    imports = builtins.__import__

    def lacking(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "msgpack":
            raise ImportError(name=name)
        return imports(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(RedisMissing, match=r"msgpack is not installed: the extra `redis` has it"):
        connect("redis://127.0.0.1:1/0")
