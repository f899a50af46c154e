"""The newest values of minute bars over REST and a WebSocket, from a hot cache that a collector might have written."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from dashboards import bars_now
from dashboards.app import create_app
from dashboards.rest import bars_live
from market_assets.settings import Settings
from resources.stores.lake import LakeStore

from . import bars_home
from .bars_home import NOW, features

PATH = "/api/v1/indicators/BTCUSD"
SECOND = timedelta(seconds=1)


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home with stored bars, and a look every few milliseconds."""
    monkeypatch.setattr(bars_now, "_POLL_S", 0.01)
    monkeypatch.setattr(bars_now, "_LINGER_S", 0.2)
    return bars_home.filled(monkeypatch)


@pytest.fixture
def client(found: Settings) -> Iterator[TestClient]:
    """A client of the app over it."""
    with TestClient(create_app(found)) as opened:
        yield opened


def until(true: Callable[[], bool]) -> None:
    """Wait for it, five seconds at most."""
    patience = time.monotonic() + 5
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.01)


def pushed(socket: WebSocketTestSession, n: int = 3) -> dict[str, dict]:
    """The next messages by symbol."""
    found = [json.loads(socket.receive_text()) for _ in range(n)]
    return {one["symbol"]: one for one in found}


def test_the_latest_bar_comes_from_the_hot_cache(found: Settings, client: TestClient):
    """Price, age, where it comes from, and the 16 values of the forming bar; a new quote follows at once."""
    cache = bars_home.stream(found)
    body = client.get(PATH).json()
    assert (body["price"], body["age_s"], body["state"], body["feature_level"]) == (65_000.0, 2.0, "LIVE", 1)
    assert (body["ts"], body["at"], body["source"]) == ("2026-10-05T12:03:00Z", "2026-10-05T12:02:58Z", "yahoo")
    assert (body["indicators"]["ema_9"], len(body["indicators"])) == (65_000.0, 16)
    cache.write(features=[features("BTCUSD", NOW - SECOND, 65_001.0)])
    until(lambda: client.get(PATH).json()["price"] == 65_001.0)
    hot = client.app.state.services.bars_hot
    assert hot.hits > 1
    assert client.get("/api/v1/indicators/EURUSD").json()["feature_level"] == 3
    assert hot.misses == 1


def test_a_live_answer_reads_no_store(found: Settings, client: TestClient, monkeypatch: pytest.MonkeyPatch):
    """Once a look has been taken, an answer waits for neither a file nor a table."""
    bars_home.stream(found, *(features(symbol, NOW - SECOND, 100.0) for symbol in bars_home.SYMBOLS))

    def refuse(*_args: object, **_asked: object) -> None:
        raise AssertionError("a store was asked")

    for name in ("read", "partitions", "manifests", "manifest"):
        monkeypatch.setattr(LakeStore, name, refuse)
    for name in ("BTCUSD", "eurusd", "US100"):
        assert client.get(f"/api/v1/indicators/{name}").json()["price"] == 100.0


def test_stored_values_are_told_as_such(found: Settings, client: TestClient):
    """Without a collector, and where only those are asked for: level 3, with their age."""
    bars_home.stream(found)
    stored = client.get(f"{PATH}?live=false").json()
    assert (stored["feature_level"], stored["price"], stored["age_s"]) == (3, 62_161.0, 60.0)
    bars_home.stream(found, features("BTCUSD", NOW - 3600 * SECOND, 65_000.0), running=False)
    until(lambda: client.get(PATH).json()["feature_level"] == 3)


def test_every_symbol_is_pushed_every_second(found: Settings, client: TestClient):
    """One message each: what is live by its quote, the rest by stored rows; a closed market does not age."""
    cache = bars_home.stream(found)
    with client.websocket_connect("/ws/live") as socket:
        first = pushed(socket)
        assert set(first) == set(bars_home.SYMBOLS)
        btc = first["BTCUSD"]
        assert (btc["price"], btc["ts"], btc["freshness_s"]) == (65_000.0, "2026-10-05T12:03:00Z", 2.0)
        assert (len(btc["indicators"]), btc["indicators"]["ema_9"], "demo" in btc) == (16, 65_000.0, False)
        assert (first["NAS100"]["state"], first["NAS100"]["freshness_s"]) == ("CLOSED", None)
        assert (first["EURUSD"]["feature_level"], first["EURUSD"]["freshness_s"]) == (3, 1320.0)
        socket.send_text("whatever is sent is ignored")
        cache.write(features=[features("BTCUSD", NOW, 65_002.0)])
        time.sleep(0.1)
        assert pushed(socket)["BTCUSD"]["price"] == 65_002.0
    until(lambda: client.app.state.services.bars_now.watchers == 0)


def test_so_many_may_watch(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    """One more is told to come back; pages of other sites may not look at all."""
    monkeypatch.setattr(bars_live, "_MOST_WATCHERS", 1)
    with client.websocket_connect("/ws/live") as first:
        pushed(first)
        with client.websocket_connect("/ws/live") as second, pytest.raises(WebSocketDisconnect) as refused:
            second.receive_text()
    assert refused.value.code == 1013
    foreign = {"origin": "https://elsewhere.example"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/live", headers=foreign):
        pass


def test_a_cache_that_is_unreadable_leaves_what_is_stored(found: Settings, client: TestClient):
    """Watchers and askers get stored values, not an error."""
    bars_home.stream(found, features("BTCUSD", NOW, 65_000.0)._replace(values={"odd": 1})).close()
    assert client.get(PATH).json()["feature_level"] == 3


def test_clearing_the_cache_drops_hot_reads(found: Settings, client: TestClient):
    """What was read is read anew; stored data stay."""
    client.get(PATH)
    until(lambda: client.app.state.services.bars_now._thread is None)
    answer = client.post("/api/cache/clear", headers={"X-API-Key": bars_home.KEY})
    assert answer.json()["entries_cleared"] >= 3
    assert client.app.state.services.bars_now._look is None
    assert client.get(PATH).json()["price"] == 62_161.0
