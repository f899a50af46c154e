"""Live minute candles over a WebSocket, from a hot cache that a collector might have written."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from dashboards import live
from dashboards.app import create_app
from market_assets.settings import Settings
from resources.stream.candle import Update
from resources.stream.hot import Features, HotReader, hot_path

from . import crypto_home
from .crypto_home import HOUR, LAST, MINUTE, NOW, candle, status
from .served import served

PATH = "/ws/crypto/BTCUSDT"


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home."""
    return crypto_home.configure(monkeypatch)


@pytest.fixture
def client(found: Settings) -> Iterator[TestClient]:
    """A client of the app over it."""
    with TestClient(create_app(found)) as opened:
        yield opened


def next_state(socket: WebSocketTestSession) -> dict:
    found: dict = json.loads(socket.receive_text())
    return found


# --- what is sent --------------------------------------------------------------------------------------------------


def test_the_state_comes_at_once(found: Settings, client: TestClient):
    """The forming candle, the last closed ones oldest first, and how old the newest is."""
    crypto_home.stream(found)
    with client.websocket_connect("/ws/crypto/btcusdt") as socket:
        state = next_state(socket)
    assert (state["symbol"], state["timeframe"], state["state"], state["reason"]) == ("BTCUSDT", "1m", "LIVE", None)
    assert state["forming"] == {
        "ts": "2026-10-05T12:02:00Z",
        **{"open": 63_601.0, "high": 63_602.5, "low": 63_600.5, "close": 63_602.0, "volume": 10.0},
        **{"quote_volume": 636_020.0, "trade_count": 5, "taker_buy_base": 6.0, "taker_buy_quote": 381_612.0},
        **{"source": "binance_stream", "is_final": False, "at": "2026-10-05T12:02:59Z"},
    }
    assert [bar["close"] for bar in state["closed"]] == [63_599.0, 63_600.0, 63_601.0]
    assert (state["closed_age_s"], state["timestamp"]) == (60.0, "2026-10-05T12:03:00Z")
    assert "demo" not in state


def test_every_change_follows(found: Settings, client: TestClient):
    """A new price of the forming candle; then its close, of which only the new candle is sent."""
    cache = crypto_home.stream(found)
    with client.websocket_connect(PATH) as socket:
        next_state(socket)
        forming = candle("BTCUSDT", LAST + MINUTE)._replace(close=63_700.0, high=63_700.0)
        cache.write(forming=[Update(forming, False, NOW)])
        moved = next_state(socket)
        assert (moved["forming"]["close"], moved["closed"]) == (63_700.0, [])
        cache.write(closed=[forming], forming=[Update(forming, True, NOW)])
        ended = next_state(socket)
        assert [(bar["ts"], bar["close"]) for bar in ended["closed"]] == [("2026-10-05T12:02:00Z", 63_700.0)]
        assert (ended["forming"]["is_final"], ended["closed_age_s"]) == (True, 0.0)
        # what REST corrects afterwards is sent again
        cache.write(closed=[forming._replace(volume=11.0)])
        assert [bar["volume"] for bar in next_state(socket)["closed"]] == [11.0]


def test_overlays_of_the_running_candle_follow(found: Settings, client: TestClient):
    """Those of the primary timeframe, with the candle they are of; none before the collector has said some."""
    cache = crypto_home.stream(found)
    with client.websocket_connect(PATH) as socket:
        assert next_state(socket)["features"] is None
        begun = LAST.replace(minute=0)
        cache.write(features=[Features("BTCUSDT", name, begun, {"st_dir": -1}) for name in ("1h", "4h")])
        assert next_state(socket)["features"] == {
            "timeframe": "1h",
            "ts": "2026-10-05T12:00:00Z",
            "values": {"st_dir": -1},
        }
        cache.write(status=status(running=False))
        assert next_state(socket)["features"] is None


def test_a_candle_of_another_symbol_is_no_change(found: Settings, client: TestClient):
    """Each watcher hears of its own symbol alone."""
    cache = crypto_home.stream(found)
    with client.websocket_connect(PATH) as btc, client.websocket_connect("/ws/crypto/ETHUSDT") as eth:
        assert [next_state(socket)["symbol"] for socket in (btc, eth)] == ["BTCUSDT", "ETHUSDT"]
        cache.write(closed=[candle("ETHUSDT", LAST + MINUTE)])
        assert next_state(eth)["closed"][0]["ts"] == "2026-10-05T12:02:00Z"
        cache.write(closed=[candle("BTCUSDT", LAST + 2 * MINUTE)])
        # the next that is heard is its own
        assert next_state(btc)["closed"][0]["ts"] == "2026-10-05T12:03:00Z"


def test_without_a_stream_it_says_so(client: TestClient):
    """No data, and the command that starts one; nothing is made up."""
    with client.websocket_connect(PATH) as socket:
        state = next_state(socket)
    assert (state["state"], state["forming"], state["closed"], state["closed_age_s"]) == ("NO DATA", None, [], None)
    assert "market-assets stream" in state["reason"]


def test_a_stream_that_starts_is_seen(found: Settings, client: TestClient):
    """A page may be open before the collector is; when that ends, the last closed candles stay."""
    with client.websocket_connect(PATH) as socket:
        assert next_state(socket)["state"] == "NO DATA"
        cache = crypto_home.stream(found)
        state = next_state(socket)
        while state["state"] != "LIVE":  # the file may be seen while it is being made
            state = next_state(socket)
        cache.write(status=status(running=False))
        ended = next_state(socket)
        assert (ended["state"], ended["forming"], ended["closed"], ended["closed_age_s"]) == ("NO DATA", None, [], 60.0)


def test_sandbox_candles_are_marked(home: object, monkeypatch: pytest.MonkeyPatch):
    """Every message says so."""
    configured = crypto_home.configure(monkeypatch, VENDORS="sandbox")
    crypto_home.stream(configured, vendors="sandbox")
    with TestClient(create_app(configured)) as client, client.websocket_connect(PATH) as socket:
        assert next_state(socket)["demo"] is True


@pytest.mark.parametrize(
    ("told", "state", "why"),
    [
        ({}, "LIVE", None),
        ({"running": False}, "NO DATA", "no stream runs"),
        ({"at": NOW - timedelta(seconds=11)}, "NO DATA", "said nothing since 2026-10-05 12:02:49"),
        ({"symbols": ("ETHUSDT",)}, "NO DATA", "does not collect BTCUSDT"),
        ({"connected_since": None, "last_error": "refused"}, "DELAYED", "refused"),
        ({"n_closed": 0}, "DELAYED", "no candle has closed"),
    ],
)
def test_what_the_state_is(found: Settings, told: dict, state: str, why: str | None):
    """Dead, stopped and foreign collectors give no data; late ones are late."""
    crypto_home.stream(found, **told)
    view = live.view_of(HotReader.of(found, "crypto"), "BTCUSDT", "start", "1h")
    assert view.state == state
    assert why is None or why in (view.reason or "")
    assert (view.forming is None) == (state == "NO DATA")


@pytest.mark.parametrize(("seconds", "state"), [(90, "LIVE"), (91, "DELAYED"), (4000, "DELAYED")])
def test_a_late_candle_is_delayed(found: Settings, monkeypatch: pytest.MonkeyPatch, seconds: int, state: str):
    """One and a half minutes after the newest close: the collector runs, but nothing closes."""
    at = LAST + MINUTE + timedelta(seconds=seconds)
    crypto_home.stream(found, at=at, connected_since=at - HOUR)
    monkeypatch.setenv("MARKET_ASSETS_NOW", at.isoformat())
    assert live.view_of(HotReader.of(found, "crypto"), "BTCUSDT", "start", "1h").state == state


# --- who may watch -------------------------------------------------------------------------------------------------


def test_an_unknown_symbol_is_closed_with_a_reason(client: TestClient):
    """The reason fits into the frame, whatever was asked for."""
    for name in ("BTCUSD", "BTCUSDT'--", "x" * 500, "ＢＴＣ"):
        with client.websocket_connect(f"/ws/crypto/{name}") as socket, pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 4404
        assert closed.value.reason.startswith("no symbol named")
        assert len(closed.value.reason.encode()) <= 123
        assert name != "BTCUSD" or "BTCUSDT" in closed.value.reason


def test_an_open_bind_wants_a_key(found: Settings):
    """As for reads: refused before the handshake."""
    exposed = found.model_copy(update={"api": found.api.model_copy(update={"host": "0.0.0.0"})})
    with TestClient(create_app(exposed)) as client:
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(PATH):
            pass
        with client.websocket_connect(PATH, headers={"X-API-Key": crypto_home.KEY}) as socket:
            assert next_state(socket)["symbol"] == "BTCUSDT"


def test_pages_of_other_sites_may_not_watch(found: Settings):
    """A browser lets any page open a WebSocket to this machine; only ours and the allowed ones are served."""
    allowed = found.api.model_copy(update={"cors_origins": ("https://desk.example",)})
    with TestClient(create_app(found.model_copy(update={"api": allowed}))) as client:
        for origin in ("https://evil.example", "http://testserver.evil.example", "null"):
            with pytest.raises(WebSocketDisconnect), client.websocket_connect(PATH, headers={"Origin": origin}):
                pass
        for origin in ("http://testserver", "https://desk.example"):
            with client.websocket_connect(PATH, headers={"Origin": origin}) as socket:
                assert next_state(socket)["state"] == "NO DATA"


def test_so_many_and_no_more(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    """One too many is told to come back."""
    from dashboards.rest import crypto_live

    monkeypatch.setattr(crypto_live, "_MOST_WATCHERS", 1)
    with client.websocket_connect(PATH) as first:
        next_state(first)
        with client.websocket_connect(PATH) as second, pytest.raises(WebSocketDisconnect) as closed:
            second.receive_text()
    assert closed.value.code == 1013


# --- one reader for all, and how it ends ---------------------------------------------------------------------------


def until(holds, what: str) -> None:
    ends = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends, what
        time.sleep(0.01)


def test_one_thread_reads_for_all_and_ends_with_the_last(found: Settings, monkeypatch: pytest.MonkeyPatch):
    """Two watchers of one symbol cost one look at a time; without watchers nobody looks."""
    looks: list[str] = []
    real = live.view_of
    monkeypatch.setattr(live, "view_of", lambda *asked: looks.append(asked[1]) or real(*asked))
    with TestClient(create_app(found)) as client:
        board = client.app.state.services.crypto_live
        with client.websocket_connect(PATH) as one, client.websocket_connect(PATH) as other:
            assert next_state(one)["state"] == next_state(other)["state"] == "NO DATA"
            assert board.watchers == 2
            reading = board._thread
            first = len(looks)
            until(lambda: len(looks) >= first + 3, "it goes on looking")
            assert board._thread is reading
        until(lambda: board._thread is None and not reading.is_alive(), "nobody watches, and it still looks")
        assert (board.watchers, board.view("BTCUSDT")) == (0, None)
        with client.websocket_connect(PATH) as again:
            assert next_state(again)["state"] == "NO DATA"


def test_who_joins_during_a_look_is_not_forgotten(found: Settings, monkeypatch: pytest.MonkeyPatch):
    """The second watcher comes while the thread reads for the first: what is read then reaches both."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(*asked: object) -> live.View:
        begun.set()
        assert go_on.wait(10)
        return live.View("NO DATA", "as slow as it can be")

    async def join() -> None:
        with board.watching("BTCUSDT") as first:
            assert await asyncio.to_thread(begun.wait, 10)
            with board.watching("BTCUSDT") as second:
                go_on.set()
                for watch in (first, second):
                    await asyncio.wait_for(watch.changed.wait(), 10)

    monkeypatch.setattr(live, "view_of", slow)
    board = live.LiveBoard(HotReader.of(found, "crypto"), "start", "1h")
    asyncio.run(join())


def test_a_cache_that_is_broken_is_no_data(found: Settings, client: TestClient):
    """Whatever is in the file: the watcher is told, and sees the stream when it is back."""
    cache = crypto_home.stream(found)
    cache._connection().execute("UPDATE status SET body = '[1]'")
    with client.websocket_connect(PATH) as socket:
        broken = next_state(socket)
        assert (broken["state"], broken["closed"]) == ("NO DATA", [])
        cache.write(status=status())
        assert next_state(socket)["state"] == "LIVE"


def test_a_file_that_is_no_cache_is_no_data(found: Settings):
    """As where there is none."""
    path = hot_path(found, "crypto")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all")
    assert live.view_of(HotReader.of(found, "crypto"), "BTCUSDT", "start", "1h").state == "NO DATA"


def test_an_app_that_stops_says_goodbye(found: Settings):
    """Over a real socket: watchers get a closing frame, and do not keep the app from ending."""
    crypto_home.stream(found)
    app = create_app(found)
    with ExitStack() as watchers, served(app) as address:
        url = f"ws{address.removeprefix('http')}{PATH}"
        sockets = [watchers.enter_context(connect(url, proxy=None)) for _ in range(2)]
        assert [json.loads(socket.recv(timeout=10))["state"] for socket in sockets] == ["LIVE", "LIVE"]
    for socket in sockets:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    until(lambda: app.state.services.crypto_live.watchers == 0, "a watcher is left")
