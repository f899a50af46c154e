"""Streams over real WebSockets: paths, subscriptions, what is told, and the ledger that knows better."""

import json
import time
from typing import Any

import httpx
import pytest
import uvicorn

from resources.sandbox import app
from resources.sandbox.backend import Backend
from tests.resources.sandbox.hand_candles import (
    LINES,
    MINUTE_MS,
    START_MS,
    FastClock,
    HandCandles,
    HandClock,
    closed,
    end,
    listening,
    silent,
    told,
)
from tests.resources.sandbox.wire import Serve, get

BOTH = "streams=btcusdt@kline_1m/ethusdt@kline_1m"
CANDLES = HandCandles()


def ledger(address: str) -> dict[str, Any]:
    """What the sandbox knows of its streams."""
    with httpx.Client(base_url=address, timeout=30) as http:
        return get(http, "/_sandbox/streams")


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands still until it is moved."""
    return HandClock()


@pytest.fixture
def address(serve: Serve, clock: HandClock) -> str:
    """A sandbox of hand-made candles with that clock."""
    return serve(CANDLES, now=clock)


@pytest.mark.parametrize("root", ["binance_usdm/market", "binance_spot"])
def test_combined_streams_are_wrapped(address: str, root: str):
    """`/stream?streams=a/b`: each event names its stream."""
    with listening(address, f"{root}/stream?{BOTH}") as socket:
        messages = [json.loads(socket.recv(timeout=5)) for _ in range(2)]
    assert [list(message) for message in messages] == [["stream", "data"]] * 2
    assert [(m["stream"], m["data"]["s"]) for m in messages] == [
        ("btcusdt@kline_1m", "BTCUSDT"),
        ("ethusdt@kline_1m", "ETHUSDT"),
    ]


@pytest.mark.parametrize("root", ["binance_usdm/market", "binance_spot"])
def test_raw_streams_are_bare(address: str, root: str):
    """`/ws/a`: the event itself."""
    with listening(address, f"{root}/ws/btcusdt@kline_1m") as socket:
        event = json.loads(socket.recv(timeout=5))
    assert (event["e"], event["s"], event["k"]["x"]) == ("kline", "BTCUSDT", False)


def test_closed_candles_come_as_minutes_end(address: str, clock: HandClock):
    """One for each symbol and minute, those of an earlier minute first."""
    with listening(address, f"binance_usdm/market/stream?{BOTH}") as socket:
        told(socket, 2)
        clock.pass_by(minutes=2)
        assert closed(socket, 4) == [
            (symbol, START_MS + minute * MINUTE_MS) for minute in range(2) for symbol in ("BTCUSDT", "ETHUSDT")
        ]


def test_a_fast_clock_skips_nothing(serve: Serve):
    """At 3,000 times the speed of time a minute lasts 20 ms: forty in a row, none left out or doubled."""
    with listening(serve(CANDLES, now=FastClock(3000)), LINES) as socket:
        opens = [open_ms for _, open_ms in closed(socket, 40)]
    assert opens == list(range(opens[0], opens[0] + 40 * MINUTE_MS, MINUTE_MS))


@pytest.mark.parametrize(
    "path",
    [
        "binance_usdm/stream?streams=btcusdt@kline_1m",
        "binance_usdm/ws/btcusdt@kline_1m",
        "binance_usdm/market/stream?streams=BTCUSDT@kline_1m",
        "binance_usdm/market/stream?streams=nopeusdt@kline_1m",
        "binance_usdm/market/stream?streams=btcusdt@aggTrade",
        "binance_spot/ws",
    ],
)
def test_silence(address: str, clock: HandClock, path: str):
    """The old futures paths, upper-case and unknown names connect and stay silent."""
    with listening(address, path) as socket:
        clock.pass_by(minutes=2)
        assert silent(socket)


def test_subscribing_and_leaving(address: str, clock: HandClock):
    """Both are answered with their id; candles come from the one on until the other."""
    with listening(address, "binance_usdm/market/ws") as socket:
        names = ["btcusdt@kline_1m", "btcusdt@kline_1m"]
        socket.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}))
        assert told(socket, 1) == [{"result": None, "id": 1}]
        assert told(socket, 1)[0]["s"] == "BTCUSDT"
        socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 2}))
        assert told(socket, 1) == [{"result": ["btcusdt@kline_1m"], "id": 2}]
        socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": names, "id": "three"}))
        assert told(socket, 1) == [{"result": None, "id": "three"}]
        clock.pass_by(minutes=2)
        assert silent(socket)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", 3),
        ("[1]", 2),
        ('{"method": "LOGIN", "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": "btcusdt@kline_1m", "id": 1}', 2),
    ],
)
def test_requests_that_cannot_be_read(address: str, sent: str, code: int):
    """They are answered with Binance's codes, and the connection stays."""
    with listening(address, "binance_spot/ws") as socket:
        socket.send(sent)
        assert told(socket, 1)[0]["code"] == code
        socket.send('{"method": "SUBSCRIBE", "params": [], "id": 9}')
        assert told(socket, 1) == [{"result": None, "id": 9}]


def test_bytes_end_the_connection(address: str):
    """The stream speaks text."""
    with listening(address, "binance_spot/ws") as socket:
        socket.send(b"\x00")
        assert end(socket) == ([], 1003)


def test_a_connection_lives_for_a_day(address: str, clock: HandClock):
    """After 24 hours of the sandbox's clock the server goes away; every minute of them was told."""
    with listening(address) as socket:
        clock.pass_by(hours=24)
        messages, code = end(socket)
    assert code == 1001
    assert sum(message["k"]["x"] for message in messages) == 24 * 60


def test_dropping_all_streams_at_once(address: str, clock: HandClock):
    """Every client finds its connection broken, and can connect anew; what closes in between is told to nobody."""
    with listening(address) as one, listening(address, "binance_spot/ws/ethusdt@kline_1m") as other:
        clock.pass_by(minutes=1)
        closed(one, 1)
        assert httpx.post(f"{address}/_sandbox/streams/drop").json() == {"dropped": 2}
        assert ledger(address)["open"] == 0
        assert (end(one)[1], end(other)[1]) == (1011, 1011)
    clock.pass_by(minutes=1)
    with listening(address) as anew:
        clock.pass_by(minutes=1)
        assert closed(anew, 1) == [("BTCUSDT", START_MS + 2 * MINUTE_MS)]
    told_of = ledger(address)["candles"]["binance_usdm"]["BTCUSDT"]
    assert told_of["produced"] == [START_MS + minute * MINUTE_MS for minute in range(3)]
    assert told_of["sent"] == [START_MS, START_MS + 2 * MINUTE_MS]


def test_fifty_drops_are_fifty_connections(serve: Serve):
    """The ledger has each with its end; what was produced goes on without a gap."""
    address = serve(CANDLES, now=FastClock(3000))
    with httpx.Client(base_url=address, timeout=30) as http:
        for _ in range(50):
            with listening(address) as socket:
                told(socket, 1)
                assert http.post("/_sandbox/streams/drop").json() == {"dropped": 1}
                end(socket)
    found = ledger(address)
    assert found["open"] == 0
    assert [visit["code"] for visit in found["connections"]] == [1011] * 50
    produced = found["candles"]["binance_usdm"]["BTCUSDT"]["produced"]
    started_in = found["started_ms"] // MINUTE_MS * MINUTE_MS
    assert produced == list(range(started_in, produced[-1] + 1, MINUTE_MS))
    sent = found["candles"]["binance_usdm"]["BTCUSDT"]["sent"]
    assert sent == sorted(set(sent))
    assert set(sent) <= set(produced)


def test_ledger_of_connections(address: str, clock: HandClock):
    """Who listened to what, when, and how it ended; a client that leaves is no code of ours."""
    with listening(address) as socket:
        told(socket, 1)
        (visit,) = ledger(address)["connections"]
        assert visit == {
            "id": 1,
            "vendor": "binance_usdm",
            "path": "/market/stream",
            "streams": ["btcusdt@kline_1m"],
            "opened_ms": START_MS + 15_000,
            "closed_ms": None,
            "code": None,
            "events": 1,
        }
        clock.pass_by(seconds=1)
    until = time.monotonic() + 5
    while (found := ledger(address))["open"]:
        assert time.monotonic() < until
    assert (found["connections"][0]["closed_ms"], found["connections"][0]["code"]) == (START_MS + 16_000, None)
    assert found["candles"] == {"binance_usdm": {"BTCUSDT": {"produced": [], "sent": []}}}


def test_the_simulated_market_is_streamed_as_its_route_states_it(serve: Serve, market: Backend):
    """A closed candle of the stream is the row of `klines`, text for text."""
    clock = HandClock()
    address = serve(market, now=clock)
    for vendor, root, stream in (
        ("binance_usdm", "fapi/v1", "binance_usdm/market/ws/btcusdt@kline_1m"),
        ("binance_spot", "api/v3", "binance_spot/ws/btcusdt@kline_1m"),
    ):
        with listening(address, stream) as socket:
            told(socket, 1)
            clock.pass_by(minutes=1)
            (event,) = told(socket, 1)
            asked: Any = {"symbol": "BTCUSDT", "interval": "1m", "startTime": event["k"]["t"], "limit": 1}
            (row,) = httpx.get(f"{address}/{vendor}/{root}/klines", params=asked).json()
        assert event["k"]["x"]
        assert [event["k"][name] for name in "tohlcvTqnVQB"] == row


def test_pings_are_those_of_the_vendor(monkeypatch: pytest.MonkeyPatch):
    """Every 20 seconds; who does not answer within 60 is closed."""
    asked: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda _, **options: asked.update(options))
    app.run(0)
    assert (asked["ws_ping_interval"], asked["ws_ping_timeout"]) == (20, 60)
