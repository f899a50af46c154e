"""Streams that misbehave on request."""

import json
import time

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from resources.sandbox.faults import UnknownFault, parse
from tests.resources.sandbox.hand_candles import (
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
from tests.resources.sandbox.wire import Serve

CANDLES = HandCandles()
ETHER = "binance_usdm/market/ws/ethusdt@kline_1m"


def test_refused_handshake(serve: Serve):
    """`ws_refuse:code=451:times=1`: one handshake fails with the status, the next one succeeds."""
    address = serve(CANDLES, faults=["binance_usdm:ws_refuse:code=451:times=1"], now=HandClock())
    with pytest.raises(InvalidStatus) as refused, listening(address):
        pass
    assert refused.value.response.status_code == 451
    with listening(address) as socket:
        assert told(socket, 1)[0]["s"] == "BTCUSDT"
    assert len(httpx.get(f"{address}/_sandbox/streams").json()["connections"]) == 1


def test_silent_stream(serve: Serve):
    """It opens and nothing comes; the other market is not struck."""
    clock = HandClock()
    address = serve(CANDLES, faults=["binance_usdm:ws_silent"], now=clock)
    with listening(address) as socket, listening(address, "binance_spot/ws/btcusdt@kline_1m") as spot:
        clock.pass_by(minutes=1)
        assert closed(spot, 1) == [("BTCUSDT", START_MS)]
        assert silent(socket)


def test_drop_after_some_events(serve: Serve):
    """`after=3`: exactly three events, though more are due, then the connection breaks; the next one too."""
    clock = HandClock()
    address = serve(CANDLES, faults=["binance_usdm:ws_drop:after=3"], now=clock)
    for _ in range(2):
        with listening(address) as socket:
            told(socket, 1)
            clock.pass_by(minutes=5)
            messages, code = end(socket)
        assert (len(messages), code) == (2, 1011)


def test_drop_after_some_seconds(serve: Serve):
    """`seconds=0.2` of real time, whatever was told."""
    address = serve(CANDLES, faults=["binance_usdm:ws_drop:seconds=0.2"], now=HandClock())
    began = time.monotonic()
    with listening(address) as socket:
        messages, code = end(socket)
    assert (len(messages), code) == (1, 1011)
    assert time.monotonic() - began >= 0.2


def test_faults_of_one_symbol(serve: Serve):
    """Only streams that have the symbol, by its name or its base, are struck."""
    faults = ["binance_usdm:ws_drop:after=1:symbol=ETH", "binance_usdm:ws_drop:after=1:symbol=BTCUSDT"]
    for fault, struck, spared in ((faults[0], ETHER, None), (faults[1], None, ETHER)):
        address = serve(CANDLES, faults=[fault], now=FastClock(3000))
        with listening(address, *[struck] * bool(struck)) as socket:
            assert end(socket)[1] == 1011
        with listening(address, *[spared] * bool(spared)) as socket:
            assert len(told(socket, 3)) == 3


def test_announced_shutdown(serve: Serve):
    """`serverShutdown` comes after two events, candles still come for a second, then the server goes away."""
    clock = HandClock()
    address = serve(CANDLES, faults=["binance_usdm:ws_shutdown:after=2"], now=clock)
    with listening(address) as socket:
        told(socket, 1)
        clock.pass_by(seconds=46)
        assert told(socket, 1)[0]["k"]["x"]
        announced = json.loads(socket.recv(timeout=5))
        assert announced == {
            "stream": "!serverShutdown",
            "data": {"e": "serverShutdown", "E": START_MS + 61_000},
        }
        clock.pass_by(minutes=1)
        messages, code = end(socket)
    told_of = [(message["k"]["t"], message["k"]["x"]) for message in messages]
    assert told_of[0] == (START_MS + MINUTE_MS, False)
    assert (START_MS + MINUTE_MS, True) in told_of
    assert code == 1001


def test_garbage_before_a_closed_candle(serve: Serve):
    """A frame that is no JSON; the candle follows unharmed, and running candles are spared."""
    clock = HandClock()
    address = serve(CANDLES, faults=["binance_usdm:ws_garbage:times=1"], now=clock)
    with listening(address) as socket:
        told(socket, 1)
        clock.pass_by(minutes=1)
        with pytest.raises(json.JSONDecodeError):
            json.loads(socket.recv(timeout=5))
        assert closed(socket, 1) == [("BTCUSDT", START_MS)]


def test_duplicate_closed_candle(serve: Serve):
    """The same closed event twice, once; a fault put in force while the stream is open strikes it."""
    clock = HandClock()
    address = serve(CANDLES, now=clock)
    with listening(address) as socket:
        told(socket, 1)
        httpx.post(f"{address}/_sandbox/faults", json={"spec": "binance_usdm:ws_duplicate:times=1"}).raise_for_status()
        clock.pass_by(minutes=2)
        one, two, next_one = told(socket, 3)
    assert one == two
    assert (one["k"]["t"], next_one["k"]["t"]) == (START_MS, START_MS + MINUTE_MS)


def test_faults_of_streams_and_of_requests_keep_apart(serve: Serve):
    """A status is for requests, a drop for streams: neither uses up the other."""
    faults = ["binance_usdm:503:times=1", "binance_usdm:ws_drop:after=1:times=1"]
    address = serve(CANDLES, faults=faults, now=HandClock())
    with listening(address) as socket:
        assert end(socket)[1] == 1011
    route = f"{address}/binance_usdm/fapi/v1/klines?symbol=BTCUSDT&interval=1m"
    assert [httpx.get(route).status_code for _ in range(2)] == [503, 200]
    struck = httpx.get(f"{address}/_sandbox/faults").json()
    assert [(fault["seen"], fault["struck"]) for fault in struck] == [(2, 1), (1, 1)]


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("bybit:ws_drop", "binance_usdm, binance_spot, not of bybit"),
        ("binance_usdm:ws_refuse:code=200", "code is a status from 400 to 599"),
        ("binance_usdm:ws_drop:after=many", "cannot be read"),
        ("binance_usdm:ws_silent:after=1", "ws_silent takes the options symbol"),
    ],
)
def test_what_streams_cannot_have(spec: str, named: str):
    """Wrong vendors and options are refused by name."""
    with pytest.raises(UnknownFault, match=named):
        parse(spec)
